// Why a target cannot be reached, in words, with the nearest places on both sides that can. They stand in the hint for
// people and in the context (earlierTime, earlierLsn, laterTime, laterLsn) for scripts. What lies in a gap: target-gap.ts.
import type { ErrorContext } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { describeHistory, type TimelineHistory } from "../model/timeline.ts";
import { describeInstant, formatInstant, formatInZone, otherReading } from "../model/timestamp.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { describeTarget } from "../restore/choose-backup.ts";
import type { ReplayEnd, ReplayStop } from "./target-replay.ts";
import { fullXid } from "./full-xid.ts";
import { type Replayed, shortXid } from "./target-replayed.ts";
import type { TransactionEndEvent } from "./history-events.ts";

/** What a refusal is about. */
export interface RefusedTarget {
  /** The path that was searched. */
  readonly history: TimelineHistory;
  readonly target: RecoveryTarget;
  /** The cluster's zone. */
  readonly timeZone: string;
}

/** A place that can be reached, by `--type=lsn`. */
export interface ReachablePlace {
  readonly lsn: Lsn;
  /** The commit there, or the end of the backup; undefined when no transaction ended before. */
  readonly at: Temporal.Instant | undefined;
}

/** The nearest places before and behind a target; undefined where there is none. */
export interface NearestPlaces {
  readonly earlier?: ReachablePlace | undefined;
  readonly later?: ReachablePlace | undefined;
}

/** The places as facts of an error. */
export function nearestContext({ earlier, later }: NearestPlaces): ErrorContext {
  return {
    earlierTime: earlier?.at && formatInstant(earlier.at),
    earlierLsn: earlier && formatLsn(earlier.lsn),
    laterTime: later?.at && formatInstant(later.at),
    laterLsn: later && formatLsn(later.lsn),
  };
}

/** `2025-11-19 11:49:45.123456+00:00 (LSN 0/15000028)` */
export function describePlace({ at, lsn }: ReachablePlace, timeZone: string): string {
  const position = `LSN ${formatLsn(lsn)}`;
  return at ? `${describeInstant(at, timeZone)} (${position})` : position;
}

/** The end of a backup: the first place that it leads to. */
export function endOfBackup({ stopTime, stopLsn }: ManifestHeader): ReachablePlace {
  return { at: stopTime, lsn: stopLsn };
}

/** The last commit that was replayed, else the end of the backup. */
export function lastKept({ lastCommit }: Replayed, backup: ManifestHeader): ReachablePlace {
  return lastCommit && lastCommit.lsn >= backup.stopLsn
    ? { at: lastCommit.transaction.at, lsn: lastCommit.lsn }
    : endOfBackup(backup);
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
  const later = endOfBackup(oldest);
  const reading = describeOtherReading({ target, timeZone }, { from: oldest.stopTime });
  return failure(
    "TARGET_UNREACHABLE",
    `${subject} lies${place} before the end of the oldest usable backup, ${oldest.label}`,
    {
      hint: `The earliest that can be reached is ${describePlace(later, timeZone)}.${reading}`,
      context: { backup: oldest.label, ...nearestContext({ later }) },
    },
  );
}

/**
 * Nothing in the archive is late enough to stop recovery: PostgreSQL would end with an error.
 *
 * @param oldest the backup that ends first.
 */
export function afterEndOfArchive(
  { target, timeZone }: RefusedTarget,
  { end, replayed }: ReplayEnd,
  oldest: ManifestHeader,
): Error {
  const subject = describeTarget(target, timeZone);
  const ended = replayed.lastTransaction?.transaction.at;
  if (target.kind === "lsn") {
    const last = end?.lastRecord === undefined ? "none" : formatLsn(end.lastRecord);
    const earlier = end?.lastRecord === undefined ? undefined : { at: ended, lsn: end.lastRecord };
    return failure(
      "TARGET_UNREACHABLE",
      `${subject} lies past the end of the archive: the last record begins at ${last}`,
      {
        hint: `The latest that can be reached is LSN ${last}, or --type=default.`,
        context: nearestContext({ earlier }),
      },
    );
  }
  const earlier = lastKept(replayed, oldest);
  const last = ended
    ? `the last transaction in the archive ended at ${describeInstant(ended, timeZone)}`
    : "no transaction has ended since the backup";
  const reading = describeOtherReading({ target, timeZone }, { from: oldest.stopTime, to: ended });
  return failure("TARGET_UNREACHABLE", `${subject} lies after everything archived: ${last}`, {
    hint: `PostgreSQL stops only at a transaction that ended later. The latest that can be reached is ${describePlace(earlier, timeZone)}; to recover all that is archived, use --type=default; to recover more, archive more WAL first.${reading}`,
    context: nearestContext({ earlier }),
  });
}

/** A time that cannot be reached was often meant by another clock; said only where that one can be reached. */
function describeOtherReading(
  { target, timeZone }: Pick<RefusedTarget, "target" | "timeZone">,
  { from, to }: { readonly from: Temporal.Instant; readonly to?: Temporal.Instant | undefined },
): string {
  const other = target.kind === "time" ? otherReading(target.time, timeZone) : undefined;
  if (!other || target.kind !== "time") return "";
  const isWithin =
    Temporal.Instant.compare(other.instant, from) >= 0 &&
    (to === undefined || Temporal.Instant.compare(other.instant, to) < 0);
  if (!isWithin) return "";
  return ` It was read in ${target.time.zone}; if the clock of ${other.zone} was meant, write ${formatInZone(other.instant, other.zone)}.`;
}

/**
 * No transaction of that id ended, or no restore point of that name is, behind any backup.
 *
 * @param kin what was replayed where something was met that is nearly the target.
 */
export function targetNotFound(
  refused: RefusedTarget,
  oldest: ManifestHeader,
  kin: Replayed | undefined,
): Error {
  const { target, timeZone, history } = refused;
  const relative = target.kind === "xid" && kin ? describeKin(refused, target, kin) : undefined;
  if (relative) return relative;
  const what =
    target.kind === "name"
      ? "Look at its spelling, also at upper and lower case"
      : "It may not have written anything, or be running still";
  return failure(
    "TARGET_INVALID",
    `${describeTarget(target, timeZone)} is not in the archive after ${oldest.label}, the oldest usable backup`,
    {
      hint: `${what}; the WAL that has it may not be archived yet. Searched was ${describeHistory(history)}; --target-timeline=N searches another branch.`,
    },
  );
}

type XidTarget = Extract<RecoveryTarget, { kind: "xid" }>;

/** A transaction that is there, but not as a transaction that recovery could stop at. */
function describeKin(
  { timeZone }: RefusedTarget,
  { xid, exclusive }: XidTarget,
  { parent, namesake, prepared, nextXid, lastCommit }: Replayed,
): Error | undefined {
  const option = (id: bigint): string =>
    `--type=xid --target=${id}${exclusive ? " --target-exclusive" : ""}`;
  const to = exclusive ? "stop before" : "recover to";
  if (parent) {
    const { lsn, transaction } = parent;
    const whole = fullXid(transaction.xid, nextXid);
    return failure(
      "TARGET_INVALID",
      `transaction ${xid} is a subtransaction of ${whole}, which committed at ${describeInstant(transaction.at, timeZone)}`,
      {
        hint: `They commit together; to ${to} the whole transaction: ${option(whole)}.`,
        context: nearestContext({ later: { at: transaction.at, lsn } }),
      },
    );
  }
  const identifier = prepared.get(shortXid(xid));
  if (identifier !== undefined) {
    return failure(
      "TARGET_INVALID",
      `transaction ${xid} was prepared as "${identifier}" and has not ended`,
      {
        hint: "Until COMMIT PREPARED nothing of it is to be seen, wherever recovery stops; in the archive it is prepared to the end.",
        context: nearestContext({
          earlier: lastCommit && { at: lastCommit.transaction.at, lsn: lastCommit.lsn },
        }),
      },
    );
  }
  if (!namesake) return undefined;
  const id = fullXid(namesake.transaction.xid, nextXid);
  return failure(
    "TARGET_INVALID",
    `transaction ${xid} is of another epoch: the archive has transaction ${id}, which ended at ${describeInstant(namesake.transaction.at, timeZone)}`,
    { hint: `If that one is meant: ${option(id)}.` },
  );
}

/**
 * The transaction did not commit. PostgreSQL would stop at its rollback, which nobody means.
 *
 * @param replayed what recovery has replayed there.
 */
export function transactionRolledBack(
  { target, timeZone }: RefusedTarget,
  { lsn, transaction }: TransactionEndEvent,
  { lastCommit }: Replayed,
): Error {
  const subject = describeTarget(target, timeZone);
  const earlier = lastCommit && { at: lastCommit.transaction.at, lsn: lastCommit.lsn };
  return failure(
    "TARGET_INVALID",
    `${subject} was rolled back at ${describeInstant(transaction.at, timeZone)} (LSN ${formatLsn(lsn)})`,
    {
      hint: `Nothing of it was ever to be seen. To recover to that moment use --type=lsn --target=${formatLsn(lsn)}.`,
      context: nearestContext({ earlier, later: { at: transaction.at, lsn } }),
    },
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
