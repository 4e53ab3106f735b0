// Compiles a target before a byte is restored: at which record PostgreSQL will stop, which backup it must begin from, what
// is kept and what given up, and how PostgreSQL is told. A target that cannot be reached is refused.
//
// The method: play recovery through on the archived WAL (target-find.ts, target-replay.ts). So PostgreSQL's own rules,
// oddities included, are applied to exactly the records that PostgreSQL would see, and a time becomes the position of the
// one record that it leads to (docs/decisions/0015-times-become-positions.md).
import type { Context } from "../base/context.ts";
import { isFailure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { describeInstant } from "../model/timestamp.ts";
import { segmentNumberBefore } from "../model/wal-segment.ts";
import type { CommitFact, TargetAnswer } from "../restore/choose-backup.ts";
import { lastCommitBefore } from "./target-ahead.ts";
import { commitOf, earlierTwins, lookBehind } from "./target-behind.ts";
import { about, findStop, type Found, type ResolveQuestion } from "./target-find.ts";
import type { Destruction } from "./target-irreversible.ts";
import { segmentNames } from "./target-path.ts";

export type { ResolveQuestion } from "./target-find.ts";

/** Where a target lies. */
export interface ResolvedTarget extends TargetAnswer {
  /** Global identifiers of transactions that are left prepared, and hold their locks after a promotion. */
  readonly prepared: readonly string[];
  /**
   * Whether PostgreSQL would promote there although it was told to pause, because nobody could connect to look
   * (rules.md D-II). The action shutdown is safe.
   */
  readonly pauseWouldPromote: boolean;
}

/**
 * Resolves a target along a timeline.
 *
 * @param question its candidates are complete backups on the path of its history, oldest first, at least one.
 * @throws {HindsightError} `TARGET_UNREACHABLE` when it lies before the end of every backup or after the end of the
 *   archive; `TARGET_INVALID` for a transaction that is not there, was rolled back, or is part of another one, and for a
 *   restore point that is not there; `WAL_SEGMENT_MISSING`, `WAL_SEGMENT_INVALID`, `OBJECT_CORRUPT` when WAL on the way
 *   is missing or damaged. The nearest places that can be reached stand in their context (target-refusal.ts).
 */
export async function resolveTarget(
  question: ResolveQuestion,
  context: Context,
): Promise<ResolvedTarget> {
  const { found, isMoved, notes } = await spareFiles(
    question,
    await findStop(question, context),
    context,
  );
  const after = await lookBehind(question, found, context);
  const twins = await earlierTwins(question, found, context);
  const { backup, stopLsn, isApplied, replayed } = found;
  const { segmentSizeBytes } = question.archive.record;
  const [lastSegment = backup.lastSegment] = segmentNames(
    question,
    segmentNumberBefore(found.neededEnd, segmentSizeBytes),
  );
  const neighbours = {
    commitBefore: replayed.lastCommit
      ? commitOf(replayed.lastCommit, replayed.nextXid)
      : await lastCommitBefore(question, backup.startLsn, context),
    commitAfter: after.commit,
    prepared: [...replayed.prepared.values()],
  };
  const { timeZone } = about(question);
  return {
    backup: backup.label,
    stopLsn,
    lastSegment,
    isApplied,
    compiled: compile(question.target, found, isMoved),
    ...neighbours,
    pauseWouldPromote: !replayed.canPause,
    notes: [
      ...(isMoved ? [] : describeTime(question.target, found, timeZone)),
      ...describeNeighbours(neighbours, timeZone),
      ...notes,
      ...after.notes,
      ...twins,
    ],
  };
}

/** What PostgreSQL is told: a time is never handed on. */
function compile(
  target: RecoveryTarget,
  { stopLsn, isApplied }: Found,
  isMoved: boolean,
): RecoveryTarget {
  const isPosition = isMoved || target.kind === "time" || (target.kind === "default" && isApplied);
  return isPosition ? { kind: "lsn", lsn: stopLsn, exclusive: !isApplied } : target;
}

/** Where recovery stops when files that are already gone are taken into account. */
interface Spared {
  readonly found: Found;
  /** Whether it stops earlier than it was asked to. */
  readonly isMoved: boolean;
  readonly notes: readonly string[];
}

/**
 * Stops before the record that removed the files of a database or tablespace, where the transaction that did so is the
 * one to stop before, or where no commit is given up by it (rules.md D1). Otherwise it is told.
 */
async function spareFiles(
  question: ResolveQuestion,
  found: Found,
  context: Context,
): Promise<Spared> {
  const { target } = question;
  const { stopLsn, isApplied, replayed } = found;
  const destroyed = replayed.irreversible.openAt(stopLsn, isApplied);
  const own = destroyed.filter(({ xid }) => isToStopBefore(target, xid));
  const lastCommit = replayed.lastCommit?.lsn;
  const free = destroyed.filter(({ lsn }) => lastCommit === undefined || lastCommit < lsn);
  const spared = target.kind === "time" ? free : own;
  const [first] = spared.toSorted((left, right) => (left.lsn < right.lsn ? -1 : 1));
  if (!first) return { found, isMoved: false, notes: destroyed.map(describeDestroyed) };
  const position = { kind: "lsn", lsn: first.lsn, exclusive: true } as const;
  try {
    const earlier = await findStop({ ...question, target: position }, context);
    const rest = earlier.replayed.irreversible.openAt(earlier.stopLsn, false);
    const notes = [describeSpared(first), ...rest.map(describeDestroyed)];
    return { found: earlier, isMoved: true, notes };
  } catch (error) {
    // It lies before the end of the backup that was being taken meanwhile.
    if (!isFailure(error, "TARGET_UNREACHABLE")) throw error;
    return { found, isMoved: false, notes: destroyed.map(describeDestroyed) };
  }
}

function isToStopBefore(target: RecoveryTarget, xid: number): boolean {
  return (
    target.kind === "xid" && target.exclusive && BigInt.asUintN(32, target.xid) === BigInt(xid)
  );
}

function describeSpared({ xid, lsn, what, oid }: Destruction): string {
  return `Recovery stops at LSN ${formatLsn(lsn)}, before transaction ${xid} removed the files of the ${what} with OID ${oid}: that did not wait for its commit.`;
}

function describeDestroyed({ xid, lsn, what, oid }: Destruction): string {
  return `The ${what} with OID ${oid} cannot be used there: transaction ${xid} has removed its files and not committed yet. --type=lsn --target=${formatLsn(lsn)} --target-exclusive stops before that.`;
}

function describeTime(
  target: RecoveryTarget,
  { stopLsn }: Found,
  timeZone: string,
): readonly string[] {
  if (target.kind !== "time") return [];
  const { time, exclusive } = target;
  const limit = exclusive ? "then or later" : "later";
  return [
    `${describeInstant(time.instant, timeZone)} means LSN ${formatLsn(stopLsn)}, exclusive: there is the first transaction that ended ${limit}.`,
  ];
}

function describeNeighbours(
  {
    commitBefore,
    commitAfter,
    prepared,
  }: Pick<ResolvedTarget, "commitBefore" | "commitAfter" | "prepared">,
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
