// Which backups exist. A label goes through these states, each made by creating one object and none by the clock:
//
//   unfinished   intent           → committed or revoked, whoever creates the outcome first
//   committed    + outcome        → removed
//   revoked      + outcome        the backup can never be committed any more
//   removed      + tombstone      hidden; its data goes after a grace period
//
// A label whose outcome cannot be read is damaged: an error for that label, and no reason to hide the others.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import { forEachLimited } from "../base/limits.ts";
import { type BackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import { putFact, readFact } from "./fact.ts";
import { backupKey, type BackupPart, backupsPrefix, parseBackupKey } from "./keys.ts";
import type { Repository } from "./repository.ts";
import { type JsonFields, JsonShapeError } from "./strict-json.ts";

/** What an intent says. */
export interface BackupIntent {
  /** The backup that this one builds on; it must not be removed meanwhile. */
  readonly prior: BackupLabel | undefined;
  readonly host: string;
  readonly startedAt: Temporal.Instant;
}

/** How a backup ended. */
export type BackupOutcome =
  | {
      readonly state: "committed";
      /** Of the whole manifest object, 64 lower-case hexadecimal digits. */
      readonly manifestSha256: string;
      readonly decidedAt: Temporal.Instant;
    }
  | { readonly state: "revoked"; readonly decidedAt: Temporal.Instant };

/** A label whose state cannot be told. */
export interface DamagedBackup {
  readonly label: BackupLabel;
  /** `OBJECT_CORRUPT` or `REPOSITORY_FORMAT_UNKNOWN`. */
  readonly error: HindsightError;
}

/** Every label of a stanza, by its state; each list is sorted, oldest first. */
export interface BackupSet {
  readonly committed: readonly BackupLabel[];
  readonly unfinished: readonly BackupLabel[];
  readonly revoked: readonly BackupLabel[];
  readonly removed: readonly BackupLabel[];
  readonly damaged: readonly DamagedBackup[];
}

const OUTCOME_READ_CONCURRENCY_MAX = 8;

/**
 * Reserves a label.
 *
 * @returns false when another backup has it: take another label.
 * @throws {HindsightError} what the store throws, or `OBJECT_CORRUPT` when the intent that is there cannot be read.
 */
// oxlint-disable-next-line max-params -- what names the object, what goes into it, and the context
export async function createIntent(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  facts: BackupIntent,
  context: Context,
): Promise<boolean> {
  const key = backupKey(stanza, label, "intent");
  const nonce = context.random.bytes(16).toString("hex");
  const value = {
    nonce,
    prior: facts.prior ?? null,
    host: facts.host,
    startedAt: facts.startedAt.toString(),
  };
  if ((await putFact(repository, key, { value, context })) === "created") return true;
  // "exists" may be the answer to our own put, repeated because its first answer was lost.
  const stored = await readFact(repository, key, { parse: parseIntent, context });
  return stored?.nonce === nonce;
}

/**
 * What the intent of a label says; undefined when nobody reserved it.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readIntent(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<BackupIntent | undefined> {
  const key = backupKey(stanza, label, "intent");
  const stored = await readFact(repository, key, { parse: parseIntent, context });
  if (!stored) return undefined;
  const { prior, host, startedAt } = stored;
  return { prior, host, startedAt };
}

/**
 * Commits a backup: from here on it exists. Committing the same manifest again changes nothing.
 *
 * @param manifestSha256 as {@link writeManifest} gave it.
 * @throws {HindsightError} `BACKUP_REVOKED` when another outcome was there first, `OBJECT_MISSING` without a manifest.
 */
// oxlint-disable-next-line max-params -- what names the object, what goes into it, and the context
export async function commitBackup(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  manifestSha256: string,
  context: Context,
): Promise<void> {
  const manifestKey = backupKey(stanza, label, "manifest");
  const manifest = await repository.store.stat(manifestKey, { signal: context.signal });
  if (!manifest) throw failure("OBJECT_MISSING", `${manifestKey} is not there to be committed`);
  const key = backupKey(stanza, label, "outcome");
  const decidedAt = context.clock.now().toString();
  const value = { state: "committed", manifestSha256, decidedAt };
  if ((await putFact(repository, key, { value, context })) === "created") return;
  const outcome = await readOutcome(repository, stanza, label, context);
  if (outcome?.state === "committed" && outcome.manifestSha256 === manifestSha256) return;
  throw failure("BACKUP_REVOKED", `backup ${label} was revoked before it was committed`, {
    hint: "It took so long that it was given up, or another process used its label. Nothing of it is listed; take a new backup.",
    context: { stanza, label },
  });
}

/**
 * Makes sure that a backup can never be committed. Does nothing to a label that has an outcome already.
 *
 * @returns the outcome that counts: `committed` when the backup was faster.
 */
export async function revokeBackup(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<BackupOutcome["state"]> {
  const key = backupKey(stanza, label, "outcome");
  const decidedAt = context.clock.now().toString();
  const value = { state: "revoked", manifestSha256: null, decidedAt };
  if ((await putFact(repository, key, { value, context })) === "created") return "revoked";
  const outcome = await readOutcome(repository, stanza, label, context);
  if (!outcome) throw corrupt(key, "it was there but cannot be found");
  return outcome.state;
}

/** Hides a backup. Doing it again changes nothing. What is to be checked before: rules of retention/. */
export async function createTombstone(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { reason, context }: { readonly reason: string; readonly context: Context },
): Promise<void> {
  const key = backupKey(stanza, label, "tombstone");
  const value = { reason, createdAt: context.clock.now().toString() };
  await putFact(repository, key, { value, context });
}

/** Whether a backup is on its way out. Ask only after the intent that names it was created. */
export async function isRemoved(
  { store }: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { signal }: Context,
): Promise<boolean> {
  return (await store.stat(backupKey(stanza, label, "tombstone"), { signal })) !== undefined;
}

/**
 * How a backup ended; undefined while it is unfinished.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export function readOutcome(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<BackupOutcome | undefined> {
  const key = backupKey(stanza, label, "outcome");
  return readFact(repository, key, { parse: parseOutcome, context });
}

/** The state of every label. Only failures of the store are thrown; damage is part of the answer. */
export async function readBackupSet(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<BackupSet> {
  const set = { committed: [], unfinished: [], revoked: [], removed: [], damaged: [] } as {
    -readonly [State in keyof BackupSet]: BackupSet[State][number][];
  };
  const parts = await listParts(repository, stanza, context);
  await forEachLimited(parts, OUTCOME_READ_CONCURRENCY_MAX, async ([label, present]) => {
    if (present.has("tombstone")) set.removed.push(label);
    else if (present.has("outcome")) await sortByOutcome(label);
    else set.unfinished.push(label);
  });
  const byTime = (left: BackupLabel, right: BackupLabel): number => compareLabels(left, right);
  for (const state of ["committed", "unfinished", "revoked", "removed"] as const) {
    set[state].sort(byTime);
  }
  set.damaged.sort((left, right) => compareLabels(left.label, right.label));
  return set;

  async function sortByOutcome(label: BackupLabel): Promise<void> {
    try {
      const outcome = await readOutcome(repository, stanza, label, context);
      set[outcome?.state ?? "unfinished"].push(label);
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT", "REPOSITORY_FORMAT_UNKNOWN")) throw error;
      set.damaged.push({ label, error });
    }
  }
}

/**
 * The backups that can be restored: committed and not removed, oldest first. Labels whose outcome is damaged are left
 * out with a warning; {@link readBackupSet} gives them.
 */
export async function listBackups(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<readonly BackupLabel[]> {
  const { committed, damaged } = await readBackupSet(repository, stanza, context);
  for (const { label, error } of damaged) {
    context.log.warn("a backup is left out because its outcome is damaged", {
      label,
      reason: error.message,
    });
  }
  return committed;
}

/** The newest label, whatever became of it; for making the next one. */
export async function newestLabel(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<BackupLabel | undefined> {
  const parts = await listParts(repository, stanza, context);
  return [...parts.keys()].toSorted(compareLabels).at(-1);
}

async function listParts(
  repository: Repository,
  stanza: StanzaName,
  { signal }: Context,
): Promise<ReadonlyMap<BackupLabel, ReadonlySet<BackupPart>>> {
  const parts = new Map<BackupLabel, Set<BackupPart>>();
  for await (const { key } of listAll(repository.store, backupsPrefix(stanza), { signal })) {
    const found = parseBackupKey(stanza, key);
    if (!found) continue;
    const present = parts.get(found.label) ?? new Set();
    parts.set(found.label, present.add(found.part));
  }
  return parts;
}

/** Order of beginning: a label's own time is its last part, whatever full backup it builds on. */
function compareLabels(left: BackupLabel, right: BackupLabel): number {
  const own = (label: BackupLabel): string => label.slice(-16) + label;
  return own(left) < own(right) ? -1 : own(left) > own(right) ? 1 : 0;
}

function parseIntent(fields: JsonFields): BackupIntent & { readonly nonce: string } {
  return {
    nonce: fields.textOf("nonce", /^[0-9a-f]{32}$/),
    prior: fields.optional("prior", (from, key) => parseBackupLabel(from.text(key))),
    host: fields.text("host"),
    startedAt: fields.instant("startedAt"),
  };
}

function parseOutcome(fields: JsonFields): BackupOutcome {
  const state = fields.text("state");
  const decidedAt = fields.instant("decidedAt");
  const manifestSha256 = fields.optional("manifestSha256", (from, key) => from.sha256(key));
  if (state === "committed" && manifestSha256 !== undefined) {
    return { state, manifestSha256, decidedAt };
  }
  if (state === "revoked" && manifestSha256 === undefined) return { state, decidedAt };
  throw new JsonShapeError(`"${state}" is not an outcome`);
}
