// Does what was planned, in the order of docs/retention.md: hide, look again, revoke, read everything anew, delete. It can
// be interrupted anywhere: what is hidden stays hidden, what is needed is never touched, and another run finishes.
//
// State     entered by                      left by
// planned   the plan                        every tombstone is created
// hidden    tombstones                      holds and intents were listed again; needed backups are shown again
// revoked   outcomes of dead backups        the whole state is read anew and does not contradict the first
// deleting  the sweep of the new state      nothing that it names is left
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import {
  createTombstone,
  removeBackupFacts,
  removeRevokedFacts,
  removeTombstone,
} from "../repository/backup-removal.ts";
import { readBackupSet, readIntent, revokeBackup } from "../repository/backup-set.ts";
import { listHolds } from "../repository/hold.ts";
import { removeCatalogues } from "../repository/catalogue.ts";
import { archiveId } from "../repository/stanza.ts";
import { removePacks } from "../repository/stored-packs.ts";
import type { LabelReason } from "./choose-backups.ts";
import { type ExpirePlan, planExpire } from "./plan.ts";
import type { ExpireRequest } from "./rules.ts";
import { readState, type RetentionState } from "./state.ts";
import { ManifestMemory, type RetentionPlace } from "./survey.ts";
import { planSweep, requireCertainty, requireSameLabels, type Sweep } from "./sweep.ts";
import { type GoneWal, sweepWal } from "./sweep-wal.ts";

/** What was done, or would be. */
export interface ExpireResult {
  readonly hidden: readonly LabelReason[];
  /** Backups that the rules would have let go, and what keeps them. */
  readonly spared: readonly LabelReason[];
  readonly shown: readonly LabelReason[];
  readonly revoked: readonly LabelReason[];
  /** What was deleted. */
  readonly deleted: DeletedObjects;
}

/** What was deleted, or would be. */
export interface DeletedObjects {
  readonly backups: readonly BackupLabel[];
  readonly packCount: number;
  readonly packBytes: number;
  /** By the archive's id, such as `18-1`. */
  readonly wal: ReadonlyMap<string, GoneWal>;
  readonly catalogueCount: number;
}

/** Plans and does it. */
export async function performExpire(
  place: RetentionPlace,
  request: ExpireRequest,
  context: Context,
): Promise<ExpireResult> {
  requireReliableStore(place);
  const memory = new ManifestMemory();
  const plan = await planExpire(place, request, { context, memory });
  for (const { label } of plan.shown) {
    await removeTombstone(place.repository, place.stanza, label, context);
  }
  const { hidden, spared } = await hideBackups(place, plan, context);
  const revoked = await revokeDead(place, plan, context);
  const state = await readState(place, memory, context);
  requireSameLabels(plan.state, state);
  requireCertainty(state);
  const sweep = planSweep(state, request, context.clock.now());
  const deleted = await sweepAway(place, sweep, { removes: true, context });
  return {
    hidden,
    spared: [...plan.choice.spared, ...spared],
    shown: plan.shown,
    revoked,
    deleted,
  };
}

/** What a plan comes to, without doing it. */
export async function previewExpire(
  place: RetentionPlace,
  { plan, sweep }: { readonly plan: ExpirePlan; readonly sweep: Sweep },
  context: Context,
): Promise<ExpireResult> {
  const { choice, shown, revoked } = plan;
  const deleted = await sweepAway(place, sweep, { removes: false, context });
  return { hidden: choice.going, spared: choice.spared, shown, revoked, deleted };
}

/** @throws {HindsightError} `REPOSITORY_DENIED` for a store whose listings and creations cannot be relied on. */
function requireReliableStore({ repository }: RetentionPlace): void {
  const { putIfAbsent, listing } = repository.record.probe;
  if (putIfAbsent && listing) return;
  throw failure("REPOSITORY_DENIED", "this repository's store cannot be expired from safely", {
    hint: "When the repository was made, its store did not keep what it promises: see `probe` in repository.json. Use another store.",
  });
}

/** Newest first, so that no listed backup ever builds on a hidden one, however this ends. */
async function hideBackups(
  { repository, stanza }: RetentionPlace,
  { choice, state }: ExpirePlan,
  context: Context,
): Promise<{ readonly hidden: readonly LabelReason[]; readonly spared: readonly LabelReason[] }> {
  if (choice.going.length === 0) return { hidden: [], spared: [] };
  const created = new Set<BackupLabel>();
  for (const { label, reason } of choice.going.toReversed()) {
    const outcome = await createTombstone(repository, stanza, label, { reason, context });
    if (outcome === "created") created.add(label);
  }
  const pins = await findPins({ repository, stanza }, state, context);
  const spared: LabelReason[] = [];
  for (const { label } of choice.going) {
    const reason = pins.get(label);
    if (reason === undefined || !created.has(label)) continue;
    await removeTombstone(repository, stanza, label, context);
    spared.push({ label, reason });
  }
  const isSpared = (label: BackupLabel): boolean => spared.some((each) => each.label === label);
  return { hidden: choice.going.filter(({ label }) => !isSpared(label)), spared };
}

/** Who needs what by now: looked at after the tombstones were created, and so by whoever did not see them. */
async function findPins(
  { repository, stanza }: RetentionPlace,
  { survey }: RetentionState,
  context: Context,
): Promise<ReadonlyMap<BackupLabel, string>> {
  const priors = new Map(survey.backups.map(({ label, prior }) => [label, prior]));
  const pins = new Map<BackupLabel, string>();
  const pin = (label: BackupLabel | undefined, reason: string): void => {
    if (label === undefined || pins.has(label)) return;
    pins.set(label, reason);
    pin(priors.get(label), `${label}, which stays, builds on it`);
  };
  for (const { label } of await listHolds(repository, stanza, context)) pin(label, "it is held");
  const set = await readBackupSet(repository, stanza, context);
  const newborn = set.committed.filter((label) => !priors.has(label));
  for (const label of [...set.unfinished, ...newborn]) {
    const intent = await readIntent(repository, stanza, label, context);
    if (!intent) throw failure("OBJECT_MISSING", `the intent of backup ${label} is not there`);
    pin(intent.prior, `backup ${label} builds on it`);
  }
  return pins;
}

async function revokeDead(
  { repository, stanza }: RetentionPlace,
  { revoked }: ExpirePlan,
  context: Context,
): Promise<readonly LabelReason[]> {
  const done: LabelReason[] = [];
  for (const each of revoked) {
    const outcome = await revokeBackup(repository, stanza, each.label, context);
    if (outcome === "revoked") done.push(each);
  }
  return done;
}

/** Data first, then the facts that say what it was. */
async function sweepAway(
  { repository, stanza }: RetentionPlace,
  sweep: Sweep,
  { removes, context }: { readonly removes: boolean; readonly context: Context },
): Promise<DeletedObjects> {
  const wal = new Map<string, GoneWal>();
  for (const each of sweep.archives) {
    wal.set(archiveId(each.stored.archive.record), await sweepWal(each, { removes }, context));
  }
  if (removes) {
    await removeCatalogues(repository, stanza, { places: sweep.catalogues, context });
    await removePacks(repository, stanza, { packs: sweep.packs, context });
    for (const label of sweep.finished) await removeBackupFacts(repository, stanza, label, context);
    for (const label of sweep.revoked) await removeRevokedFacts(repository, stanza, label, context);
  }
  return {
    backups: sweep.finished,
    packCount: sweep.packs.length,
    packBytes: sweep.packs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    wal,
    catalogueCount: sweep.catalogues.length,
  };
}
