// Finds where a target lies before a byte is restored: at which record PostgreSQL would stop, which backup it must begin
// from, and what is kept and what given up. A target that cannot be reached is refused here (target-refusal.ts).
//
// The method: play recovery through on the archived WAL (target-replay.ts), from the newest backup, then from older ones,
// and take the first backup from which it stops at or after the backup's end. So PostgreSQL's own rules, oddities
// included, are applied to exactly the records that PostgreSQL would see. The WAL index will answer the same questions
// without reading WAL, behind the same function.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import { isFailure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { describeInstant } from "../model/timestamp.ts";
import { segmentNumberBefore } from "../model/wal-segment.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { TargetAnswer, TargetQuestion } from "../restore/choose-backup.ts";
import { segmentNames } from "./target-path.ts";
import {
  afterEndOfArchive,
  archiveEndsInBackup,
  beforeOldestBackup,
  type RefusedTarget,
  targetNotFound,
  transactionRolledBack,
} from "./target-refusal.ts";
import { playThrough, type Replayed, type ReplayEnd, type ReplayStop } from "./target-replay.ts";
import {
  type RestorePointEvent,
  scanHistory,
  type ScanProgress,
  type TransactionEndEvent,
} from "./target-scan.ts";

/** What is asked. */
export interface ResolveQuestion extends TargetQuestion {
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** A commit that is kept or given up. */
export interface CommitFact {
  readonly xid: number;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** What is on both sides of the place where recovery stops. */
export interface Neighbours {
  /** The last commit that is kept, if there is one behind the beginning of the backup. */
  readonly commitBefore: CommitFact | undefined;
  /** The first commit that is given up, if there is one in the archive. */
  readonly commitAfter: CommitFact | undefined;
  /** Global identifiers of transactions that are left prepared, and hold their locks after a promotion. */
  readonly prepared: readonly string[];
}

/** Where a target lies. */
export interface ResolvedTarget extends TargetAnswer, Neighbours {
  /** Whether the record at `stopLsn` is replayed, too. */
  readonly isApplied: boolean;
  /**
   * Whether PostgreSQL would promote there although it was told to pause, because nobody could connect to look
   * (rules.md D-II). The action shutdown is safe.
   */
  readonly pauseWouldPromote: boolean;
}

/** The place where recovery stops, and the backup it begins from. */
interface Found {
  readonly backup: ManifestHeader;
  readonly stopLsn: Lsn;
  /** The end of the record that decides: PostgreSQL must have read it. */
  readonly neededEnd: Lsn;
  readonly isApplied: boolean;
  readonly replayed: Replayed;
}

/**
 * Resolves a target along a timeline.
 *
 * @param question its candidates are complete backups on the path of its history, oldest first, at least one.
 * @throws {HindsightError} `TARGET_UNREACHABLE` when it lies before the end of every backup or after the end of the
 *   archive; `TARGET_INVALID` for a transaction that is not there, was rolled back, or is part of another one, and for a
 *   restore point that is not there; `WAL_SEGMENT_MISSING`, `WAL_SEGMENT_INVALID`, `OBJECT_CORRUPT` when WAL on the way
 *   is missing or damaged.
 */
export async function resolveTarget(
  question: ResolveQuestion,
  context: Context,
): Promise<ResolvedTarget> {
  const found = await findStop(question, context);
  const after = await lookBehind(question, found, context);
  const { backup, stopLsn, isApplied, replayed } = found;
  const { segmentSizeBytes } = question.archive.record;
  const [lastSegment = backup.lastSegment] = segmentNames(
    question,
    segmentNumberBefore(found.neededEnd, segmentSizeBytes),
  );
  const neighbours: Neighbours = {
    commitBefore: replayed.lastCommit && commitFact(replayed.lastCommit),
    commitAfter: after.commit && commitFact(after.commit),
    prepared: [...replayed.prepared.values()],
  };
  return {
    backup: backup.label,
    stopLsn,
    lastSegment,
    isApplied,
    ...neighbours,
    pauseWouldPromote: !replayed.canPause,
    notes: [...describeNeighbours(neighbours, zoneOf(question)), ...after.notes],
  };
}

function findStop(question: ResolveQuestion, context: Context): Promise<Found> {
  const { target } = question;
  switch (target.kind) {
    case "default":
    case "immediate":
      return findEnd(question, target.kind, context);
    case "time":
    case "lsn":
      return findPosition(question, context);
    case "xid":
    case "name":
      return findRecord(question, context);
  }
}

/** The end of the archive, or of the newest backup. */
async function findEnd(
  question: ResolveQuestion,
  kind: "default" | "immediate",
  context: Context,
): Promise<Found> {
  const backup = newest(question.candidates);
  const until = kind === "immediate" ? backup.stopLsn : undefined;
  const replay = await playThrough({ ...question, backup, until }, context);
  if (replay.kind === "stopped") throw new TypeError(`a target of kind ${kind} stops nowhere`);
  requireConsistent(backup, replay);
  const { end, replayed } = replay;
  return kind === "default" && end?.lastRecord !== undefined
    ? { backup, stopLsn: end.lastRecord, neededEnd: end.lsn, isApplied: true, replayed }
    : { backup, stopLsn: backup.stopLsn, neededEnd: backup.stopLsn, isApplied: false, replayed };
}

/** A place on the way: any backup that began before it leads there, if recovery does not stop before its end. */
async function findPosition(question: ResolveQuestion, context: Context): Promise<Found> {
  const { target, candidates } = question;
  const earlier = candidates.filter((backup) => beginsBefore(backup, target));
  let tooEarly: ReplayStop | undefined;
  for (const backup of earlier.toReversed()) {
    const replay = await playThrough({ ...question, backup }, context);
    if (replay.kind === "ended") {
      requireConsistent(backup, replay);
      throw afterEndOfArchive(about(question), replay);
    }
    if (replay.event.lsn >= backup.stopLsn) return foundAt(backup, replay);
    tooEarly = replay;
  }
  throw beforeOldestBackup(about(question), oldest(candidates), tooEarly);
}

/**
 * Whether a backup can lead to a target at all. Recovery from a backup that began after the instant would stop too, at
 * its first transaction, but with everything that was committed in between.
 */
function beginsBefore(backup: ManifestHeader, target: RecoveryTarget): boolean {
  if (target.kind === "lsn") return backup.stopLsn <= target.lsn;
  if (target.kind !== "time") return true;
  return Temporal.Instant.compare(backup.startTime, target.time.instant) <= 0;
}

/**
 * A certain record, which may be anywhere: looked for behind the newest backup, then between it and the one before, and
 * so on, so that nothing is read twice.
 */
async function findRecord(question: ResolveQuestion, context: Context): Promise<Found> {
  const { candidates } = question;
  let until: Lsn | undefined;
  let tooEarly: ReplayStop | undefined;
  let parent: Replayed | undefined;
  let unreadable: HindsightError | undefined;
  for (const backup of candidates.toReversed()) {
    try {
      const replay = await playThrough({ ...question, backup, until }, context);
      if (replay.kind === "stopped") {
        requireCommitted(question, replay);
        if (replay.event.lsn >= backup.stopLsn) return foundAt(backup, replay);
        tooEarly = replay;
        until = replay.event.endLsn;
        continue;
      }
      if (replay.replayed.parent) parent ??= replay.replayed;
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      // The record may lie before the damage all the same, where an older backup leads to it.
      unreadable ??= error;
    }
    until = backup.startLsn;
  }
  if (tooEarly) throw beforeOldestBackup(about(question), oldest(candidates), tooEarly);
  if (unreadable) throw unreadable;
  throw targetNotFound(about(question), oldest(candidates), parent);
}

function isUnreadable(error: unknown): error is HindsightError {
  return isFailure(
    error,
    "WAL_SEGMENT_MISSING",
    "WAL_SEGMENT_INVALID",
    "WAL_SEGMENT_FOREIGN",
    "WAL_RECORD_INVALID",
    "OBJECT_CORRUPT",
  );
}

function foundAt(backup: ManifestHeader, { event, isApplied, replayed }: ReplayStop): Found {
  return { backup, stopLsn: event.lsn, neededEnd: event.endLsn, isApplied, replayed };
}

function requireCommitted(question: ResolveQuestion, { event }: ReplayStop): void {
  if (event.kind === "transactionEnd" && event.transaction.kind === "abort") {
    throw transactionRolledBack(about(question), event);
  }
}

function requireConsistent(backup: ManifestHeader, { end }: ReplayEnd): void {
  if (end && end.lsn < backup.stopLsn) throw archiveEndsInBackup(backup, end.lsn);
}

/** What is given up: the first commit behind the stop, and later restore points of the same name. */
async function lookBehind(
  question: ResolveQuestion,
  { backup, stopLsn, isApplied }: Found,
  context: Context,
): Promise<{ readonly commit?: TransactionEndEvent; readonly notes: readonly string[] }> {
  const { archive, history, target } = question;
  if (target.kind === "default" || target.kind === "immediate") return { notes: [] };
  const name = target.kind === "name" ? target.name : undefined;
  const notes: string[] = [];
  let commit: TransactionEndEvent | undefined;
  try {
    const scan = { archive, history, begin: stopLsn, blockSizeBytes: backup.blockSizeBytes };
    for await (const event of scanHistory(scan, context)) {
      if (isApplied && event.lsn <= stopLsn) continue;
      if (event.kind === "transactionEnd" && event.transaction.kind === "commit") commit ??= event;
      if (event.kind === "restorePoint" && event.point.name === name) {
        notes.push(describeTwin(event, zoneOf(question)));
      }
      if (commit && name === undefined) break;
    }
  } catch (error) {
    // Damage behind the target is no reason to refuse it.
    if (!isUnreadable(error)) throw error;
    notes.push(`What was archived after the target cannot be read to the end: ${error.message}.`);
  }
  return commit ? { commit, notes } : { notes };
}

function describeTwin({ lsn, point }: RestorePointEvent, timeZone: string): string {
  return `Restore point "${point.name}" is there again at ${describeInstant(point.at, timeZone)}; a recovery by name stops at the first, --type=lsn --target=${formatLsn(lsn)} leads to that one.`;
}

function describeNeighbours(
  { commitBefore, commitAfter, prepared }: Neighbours,
  timeZone: string,
): readonly string[] {
  const describe = ({ xid, at }: CommitFact): string =>
    `transaction ${xid}, committed at ${describeInstant(at, timeZone)}`;
  const notes: string[] = [];
  if (commitBefore) notes.push(`The last that is kept is ${describe(commitBefore)}.`);
  if (commitAfter) notes.push(`The first that is given up is ${describe(commitAfter)}.`);
  for (const identifier of prepared) {
    notes.push(
      `Transaction "${identifier}" is left prepared and holds its locks: after the promotion end it with COMMIT PREPARED or ROLLBACK PREPARED.`,
    );
  }
  return notes;
}

function commitFact({ lsn, transaction }: TransactionEndEvent): CommitFact {
  return { xid: transaction.xid, lsn, at: transaction.at };
}

function about({ target, candidates, history }: ResolveQuestion): RefusedTarget {
  return { target, history, timeZone: newest(candidates).settings["TimeZone"] ?? "UTC" };
}

function zoneOf(question: ResolveQuestion): string {
  return about(question).timeZone;
}

function oldest(candidates: readonly ManifestHeader[]): ManifestHeader {
  const [first] = candidates;
  if (!first) throw new RangeError("a target cannot be resolved without a backup");
  return first;
}

function newest(candidates: readonly ManifestHeader[]): ManifestHeader {
  return candidates.at(-1) ?? oldest(candidates);
}
