// Why a target cannot be reached, in words, with the nearest that can.
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { describeHistory, type TimelineHistory } from "../model/timeline.ts";
import { describeInstant } from "../model/timestamp.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { describeTarget } from "../restore/choose-backup.ts";
import type { Replayed, ReplayEnd, ReplayStop } from "./target-replay.ts";
import type { TransactionEndEvent } from "./target-scan.ts";

/** What a refusal is about. */
export interface RefusedTarget {
  /** The path that was searched. */
  readonly history: TimelineHistory;
  readonly target: RecoveryTarget;
  /** The cluster's zone. */
  readonly timeZone: string;
}

/**
 * The target lies before the end of every backup that could be used.
 *
 * @param oldest the backup that ends first.
 * @param stop where recovery from it would stop, if that was found out.
 */
export function beforeOldestBackup(
  { target, timeZone }: RefusedTarget,
  oldest: ManifestHeader,
  stop: ReplayStop | undefined,
): Error {
  const subject = describeTarget(target, timeZone);
  const place = stop === undefined ? "" : ` at ${formatLsn(stop.event.lsn)}`;
  const nearest = `${describeInstant(oldest.stopTime, timeZone)} (LSN ${formatLsn(oldest.stopLsn)})`;
  return failure(
    "TARGET_UNREACHABLE",
    `${subject} lies${place} before the end of the oldest usable backup, ${oldest.label}`,
    {
      hint: `The earliest that can be reached is ${nearest}.`,
      context: { backup: oldest.label, stopLsn: formatLsn(oldest.stopLsn) },
    },
  );
}

/** Nothing in the archive is late enough to stop recovery: PostgreSQL would end with an error. */
export function afterEndOfArchive(
  { target, timeZone }: RefusedTarget,
  { end, replayed }: ReplayEnd,
): Error {
  const subject = describeTarget(target, timeZone);
  const { lastTransaction } = replayed;
  const context = {
    archiveEnd: end && formatLsn(end.lsn),
    lastTransaction: lastTransaction && lastTransaction.transaction.at.toString(),
  };
  if (target.kind === "lsn") {
    const last = end?.lastRecord === undefined ? "none" : formatLsn(end.lastRecord);
    return failure(
      "TARGET_UNREACHABLE",
      `${subject} lies past the end of the archive: the last record begins at ${last}`,
      { hint: `The latest that can be reached is LSN ${last}, or --type=default.`, context },
    );
  }
  const last = lastTransaction
    ? `the last transaction in the archive ended at ${describeInstant(lastTransaction.transaction.at, timeZone)}`
    : "no transaction has ended since the backup";
  return failure("TARGET_UNREACHABLE", `${subject} lies after everything archived: ${last}`, {
    hint: "PostgreSQL stops only at a transaction that ended later. To recover all that is archived, use --type=default; to recover more, archive more WAL first.",
    context,
  });
}

/** No transaction of that id ended, or no restore point of that name is, behind any backup. */
export function targetNotFound(
  { target, timeZone, history }: RefusedTarget,
  oldest: ManifestHeader,
  replayed: Replayed | undefined,
): Error {
  const subject = describeTarget(target, timeZone);
  const parent = replayed?.parent?.transaction;
  if (parent) {
    return failure(
      "TARGET_INVALID",
      `${subject} is a subtransaction of ${parent.xid}, which committed at ${describeInstant(parent.at, timeZone)}`,
      { hint: `Recover to the whole transaction: --type=xid --target=${parent.xid}.` },
    );
  }
  const what =
    target.kind === "name"
      ? "Look at its spelling, also at upper and lower case"
      : "It may not have written anything, or be running or prepared still";
  return failure(
    "TARGET_INVALID",
    `${subject} is not in the archive after ${oldest.label}, the oldest usable backup`,
    {
      hint: `${what}; the WAL that has it may not be archived yet. Searched was ${describeHistory(history)}; --target-timeline=N searches another branch.`,
    },
  );
}

/** The transaction did not commit. PostgreSQL would stop at its rollback, which nobody means. */
export function transactionRolledBack(
  { target, timeZone }: RefusedTarget,
  { lsn, transaction }: TransactionEndEvent,
): Error {
  const subject = describeTarget(target, timeZone);
  return failure(
    "TARGET_INVALID",
    `${subject} was rolled back at ${describeInstant(transaction.at, timeZone)} (LSN ${formatLsn(lsn)})`,
    { hint: `To recover to that moment use --type=lsn --target=${formatLsn(lsn)}.` },
  );
}

/** The archive does not even have what makes a backup consistent. */
export function archiveEndsInBackup(backup: ManifestHeader, end: Lsn): Error {
  return failure(
    "WAL_SEGMENT_MISSING",
    `the archive ends at ${formatLsn(end)}, before the end of backup ${backup.label} at ${formatLsn(backup.stopLsn)}`,
    { hint: `The backup needs the WAL segments ${backup.firstSegment} to ${backup.lastSegment}.` },
  );
}
