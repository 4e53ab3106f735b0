// What may be deleted now: what no backup needs and no restore can be reading any more. Pure; the state was read after the
// tombstones were created, and must be read again before each run.
import type { BackupLabel } from "../model/backup-label.ts";
import type { CataloguePlace } from "../model/catalogue.ts";
import { failure } from "../model/failure.ts";
import { lsn, type Lsn } from "../model/lsn.ts";
import type { Timeline } from "../model/timeline.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import { type ArchiveFloor, archiveFloor, backupsOf, isOlder } from "./archive-floor.ts";
import { type KeptWal, keptWal } from "./kept-wal.ts";
import type { ExpireRequest } from "./rules.ts";
import type { StoredPack } from "../repository/stored-packs.ts";
import type { RetentionState, SegmentRun, StoredArchive } from "./state.ts";

/** What goes. */
export interface Sweep {
  /** Hidden backups whose grace is over: all that is theirs alone. */
  readonly finished: readonly BackupLabel[];
  /** Revoked backups: all but the outcome. */
  readonly revoked: readonly BackupLabel[];
  readonly packs: readonly StoredPack[];
  readonly archives: readonly ArchiveSweep[];
  readonly catalogues: readonly CataloguePlace[];
}

/** What is kept of the WAL of one cluster; the rest goes. */
export interface ArchiveSweep {
  readonly stored: StoredArchive;
  readonly floor: ArchiveFloor;
  readonly keeps: KeptWal;
}

/** Plans the sweep of a state. */
export function planSweep(
  state: RetentionState,
  request: ExpireRequest,
  now: Temporal.Instant,
): Sweep {
  const { survey } = state;
  const { graceMs } = request.rules;
  const pinned = new Set<BackupLabel>([
    ...survey.holds.map(({ label }) => label),
    ...survey.unfinished.flatMap(({ prior }) => prior ?? []),
  ]);
  const finished = survey.hidden
    .filter(({ label, since }) => since && isOlder(since, now, graceMs) && !pinned.has(label))
    .map(({ label }) => label);
  const revoked = survey.revoked
    .filter(({ since }) => isOlder(since, now, graceMs))
    .map(({ label }) => label);
  const gone = new Set([...finished, ...revoked]);
  const archives = state.archives.map((stored) => sweepArchive(stored, state, { request, now }));
  return {
    finished,
    revoked,
    packs: unneededPacks(state, gone),
    archives,
    catalogues: unneededCatalogues(state, archives),
  };
}

/**
 * Refuses to delete anything while it is not certain who needs what.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`, `REPOSITORY_FORMAT_UNKNOWN` as they were found;
 *   `OBJECT_MISSING` when packs are there and no backup at all.
 */
export function requireCertainty({ survey, packs }: RetentionState): void {
  const [damage] = survey.damaged;
  if (damage) {
    const { error, label } = damage;
    throw failure(
      error.code === "REPOSITORY_FORMAT_UNKNOWN" ? "REPOSITORY_FORMAT_UNKNOWN" : "OBJECT_CORRUPT",
      `nothing was deleted, because nobody knows what backup ${label} needs: ${error.message}`,
      {
        hint: `\`hindsight expire --set=${label}\` gives that backup up; then the others can be expired again.`,
        context: error.context,
        cause: error,
      },
    );
  }
  for (const { label, prior } of survey.unfinished) {
    const hidden = survey.hidden.find((each) => each.label === prior);
    if (hidden && !hidden.backup) {
      throw failure(
        "OBJECT_CORRUPT",
        `nothing was deleted, because backup ${label} is being built on ${prior}, whose manifest cannot be read`,
        { hint: "Wait for the end of that backup, then try again." },
      );
    }
  }
  const labelCount = [survey.backups, survey.hidden, survey.unfinished, survey.revoked].flat()
    .length;
  if (labelCount === 0 && packs.size > 0) {
    throw failure(
      "OBJECT_MISSING",
      `nothing was deleted: there are packs, but no backup is listed`,
      {
        hint: "The store answers wrongly, or somebody removed the backups' facts. Check the storage first.",
      },
    );
  }
}

/**
 * Refuses to go on when two listings contradict each other: what was listed before is there still, and what is new is
 * newer.
 *
 * @throws {HindsightError} `REPOSITORY_UNREACHABLE`
 */
export function requireSameLabels(before: RetentionState, after: RetentionState): void {
  const old = labelsOf(before);
  const now = labelsOf(after);
  const newest = [...old].map(ownTime).toSorted().at(-1) ?? "";
  const vanished = [...old].find((label) => !now.has(label));
  const appeared = [...now].find((label) => !old.has(label) && ownTime(label) <= newest);
  const label = vanished ?? appeared;
  if (label === undefined) return;
  const what = vanished === undefined ? "appeared in" : "vanished from";
  throw failure(
    "REPOSITORY_UNREACHABLE",
    `nothing was deleted, because backup ${label} ${what} the listing of backups meanwhile`,
    { hint: "Another expire is at work, or the store does not list reliably. Run expire again." },
  );
}

/** A backup's own time, whatever full backup it builds on. */
function ownTime(label: BackupLabel): string {
  return label.slice(-16, -1);
}

function labelsOf({ survey }: RetentionState): ReadonlySet<BackupLabel> {
  const lists = [survey.backups, survey.hidden, survey.unfinished, survey.revoked, survey.damaged];
  return new Set(lists.flat().map(({ label }) => label));
}

/** Packs that no manifest names, of labels that nobody will ever write or commit. */
function unneededPacks(
  { survey, packs }: RetentionState,
  gone: ReadonlySet<BackupLabel>,
): readonly StoredPack[] {
  const hidden = survey.hidden.filter(({ label }) => !gone.has(label));
  const needed = new Set(
    [...survey.backups, ...hidden.flatMap(({ backup }) => backup ?? [])].flatMap(
      (each) => each.packs,
    ),
  );
  const alive = new Set<BackupLabel>(
    [
      survey.backups,
      survey.unfinished,
      survey.damaged,
      hidden,
      survey.revoked.filter(({ label }) => !gone.has(label)),
    ]
      .flat()
      .map(({ label }) => label),
  );
  return [...packs]
    .filter(([name, { label }]) => !needed.has(name) && !alive.has(label))
    .map(([, pack]) => pack);
}

function sweepArchive(
  stored: StoredArchive,
  { survey }: RetentionState,
  { request, now }: { readonly request: ExpireRequest; readonly now: Temporal.Instant },
): ArchiveSweep {
  const { record } = stored.archive;
  const question = { survey, staying: survey.backups, rules: request.rules, now };
  const floor = archiveFloor(record, question);
  const consistent = backupsOf(record, question);
  const heldLabels = new Set(survey.holds.map(({ label }) => label));
  const isCurrent = record.number === survey.records.at(-1)?.number;
  const keeps = keptWal({
    floor,
    segmentSizeBytes: record.segmentSizeBytes,
    histories: stored.histories,
    consistent,
    held: consistent.filter(({ label }) => heldLabels.has(label)),
    before: isCurrent ? request.archiveBefore : undefined,
  });
  return { stored, floor, keeps };
}

/** For each timeline: all but the newest of the catalogues that are older than its oldest kept WAL. */
function unneededCatalogues(
  { catalogues, archives }: RetentionState,
  sweeps: readonly ArchiveSweep[],
): readonly CataloguePlace[] {
  const isUncertain = archives.some(({ histories }) => [...histories.values()].includes(undefined));
  if (isUncertain || sweeps.every(({ floor }) => floor.kind === "all")) return [];
  const needs = neededFrom(sweeps);
  const newest = Math.max(0, ...needs.keys());
  return catalogues.filter(({ timeline, lsn: position }) => {
    const from = needs.get(timeline);
    if (from === undefined) return timeline < newest;
    return catalogues.some(
      (other) => other.timeline === timeline && other.lsn > position && other.lsn <= from,
    );
  });
}

/** From which position on catalogues of a timeline explain WAL that is kept: its own, or that of a timeline from it. */
function neededFrom(sweeps: readonly ArchiveSweep[]): ReadonlyMap<Timeline, Lsn> {
  const needs = new Map<Timeline, Lsn>();
  const need = (timeline: Timeline, position: Lsn): void => {
    const known = needs.get(timeline);
    if (known === undefined || position < known) needs.set(timeline, position);
  };
  for (const { stored, keeps } of sweeps) {
    const { segmentSizeBytes } = stored.archive.record;
    for (const [timeline, runs] of stored.runs) {
      const first = firstKept(runs, (number) => keeps(timeline, number));
      if (first === undefined) continue;
      need(timeline, segmentBegin(first, segmentSizeBytes));
      for (const ancestor of stored.histories.get(timeline)?.ancestors ?? []) {
        need(ancestor.timeline, lsn(ancestor.switchLsn));
      }
    }
  }
  return needs;
}

function firstKept(
  runs: readonly SegmentRun[],
  keeps: (number: bigint) => boolean,
): bigint | undefined {
  for (const { first, last } of runs) {
    for (let number = first; number <= last; number += 1n) if (keeps(number)) return number;
  }
  return undefined;
}
