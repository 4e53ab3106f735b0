// Which backup a recovery begins from: the newest one that was complete at or before the target. What the headers of
// backups can tell is decided here; where a transaction or a restore point lies, only reading WAL can tell, and whoever
// did that answers through a TargetResolver.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import type { TimelineHistory } from "../model/timeline.ts";
import { describeInstant } from "../model/timestamp.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import type { BackupFacts } from "./choose-timeline.ts";

/** Where on this path does the target lie, and which of these backups lie before it? */
export interface TargetQuestion {
  readonly archive: WalArchive;
  readonly target: RecoveryTarget;
  /** The path of the pinned timeline. */
  readonly history: TimelineHistory;
  /** Backups on that path, oldest first, never empty; one only when the user named it. */
  readonly candidates: readonly ManifestHeader[];
}

/** A commit that is kept or given up. */
export interface CommitFact {
  /** With its epoch, as far as a checkpoint near it told. */
  readonly xid: bigint;
  /** Where its record begins. */
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** What reading WAL found out about a target. */
export interface TargetAnswer {
  /** The backup to begin from. */
  readonly backup: BackupLabel;
  /** Start of the record at which recovery stops, at or after the backup's stop. */
  readonly stopLsn: Lsn;
  /** Whether that record is replayed, too. */
  readonly isApplied: boolean;
  /**
   * The target as PostgreSQL is told. A time is always told as the position that it leads to; a transaction and a restore
   * point as they were asked for, because they were found.
   */
  readonly compiled: RecoveryTarget;
  /** The last commit that is kept, if there is one behind the beginning of the backup or shortly before it. */
  readonly commitBefore: CommitFact | undefined;
  /** The first commit that is given up, if there is one in the archive. */
  readonly commitAfter: CommitFact | undefined;
  /** The last WAL segment that PostgreSQL must read to know that it arrived. */
  readonly lastSegment: string;
  /** What the user should know, such as the commits just before and after; one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Finds a target in WAL. Handed in by the caller, because it belongs to a layer above.
 *
 * @throws {HindsightError} `TARGET_UNREACHABLE` or `TARGET_INVALID` when no record matches; what reading WAL throws.
 */
export type TargetResolver = (question: TargetQuestion, context: Context) => Promise<TargetAnswer>;

/** The backup that a restore begins with, and the reason for a reader. */
export interface BackupChoice<Backup extends BackupFacts> {
  readonly backup: Backup;
  /** Why this one, as a clause: `it is the newest backup that was complete before the target`. */
  readonly why: string;
}

/**
 * Takes the answer of whoever read WAL, else chooses by headers alone: exact for `lsn`, `default` and `immediate`; for
 * `time` by the clock of the server that was backed up; for `xid` and `name` the newest backup, because headers do not
 * know where those lie.
 *
 * @param candidates backups on the path of the pinned timeline, oldest first, never empty.
 * @param timeZone the cluster's zone, for messages.
 * @throws {HindsightError} `TARGET_UNREACHABLE` with the earliest point that can be reached.
 */
export function chooseBackup<Backup extends BackupFacts>(
  target: RecoveryTarget,
  candidates: readonly Backup[],
  { answer, isNamed, timeZone }: ChoiceOptions,
): BackupChoice<Backup> {
  const backup = candidates.findLast((candidate) =>
    answer ? candidate.label === answer.backup : isBefore(candidate, target),
  );
  if (!backup) throw tooEarly(target, candidates, timeZone);
  if (isNamed) return { backup, why: "it was named by --set" };
  return { backup, why: answer ? COMPLETE_AT_TARGET : reason(target) };
}

/** What decides between the candidates. */
export interface ChoiceOptions {
  readonly answer: TargetAnswer | undefined;
  /** Whether the user named the backup. */
  readonly isNamed: boolean;
  readonly timeZone: string;
}

const COMPLETE_AT_TARGET = "it is the newest backup that was complete at the target";

function isBefore(backup: BackupFacts, target: RecoveryTarget): boolean {
  switch (target.kind) {
    case "lsn":
      return backup.stopLsn <= target.lsn;
    case "time":
      return Temporal.Instant.compare(backup.stopTime, target.time.instant) <= 0;
    default:
      return true;
  }
}

function reason(target: RecoveryTarget): string {
  switch (target.kind) {
    case "lsn":
    case "time":
      return COMPLETE_AT_TARGET;
    case "xid":
    case "name":
      return "it is the newest backup on the path, and where the target lies was not looked up";
    default:
      return "it is the newest backup on the path";
  }
}

function tooEarly(
  target: RecoveryTarget,
  candidates: readonly BackupFacts[],
  timeZone: string,
): Error {
  const first = candidates[0];
  const subject = describeTarget(target, timeZone);
  if (!first) return failure("BACKUP_NONE", `no backup can be recovered to ${subject}`);
  const earliest = `${describeInstant(first.stopTime, timeZone)} (${formatLsn(first.stopLsn)})`;
  return failure(
    "TARGET_UNREACHABLE",
    `${subject} lies before the end of backup ${first.label}, the ${candidates.length === 1 ? "only one that can be used" : "oldest one"}`,
    {
      hint: `The earliest point that can be reached is ${earliest}; \`hindsight info\` lists the backups.`,
      context: { backup: first.label, stopLsn: formatLsn(first.stopLsn) },
    },
  );
}

/** The target in words, as in `the end of the archive` or `transaction 4711`. */
export function describeTarget(target: RecoveryTarget, timeZone: string): string {
  const edge = "exclusive" in target && target.exclusive ? "just before " : "";
  switch (target.kind) {
    case "default":
      return "the end of the archive";
    case "immediate":
      return "the end of the backup";
    case "time":
      return edge + describeInstant(target.time.instant, timeZone);
    case "xid":
      return `${edge}transaction ${target.xid}`;
    case "name":
      return `restore point "${target.name}"`;
    case "lsn":
      return `${edge}LSN ${formatLsn(target.lsn)}`;
  }
}
