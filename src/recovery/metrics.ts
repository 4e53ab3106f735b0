// How long a recovery took and what it lost, measured: RTO from instants that logs and the incident's journal hold, RPO
// from commits and row counts. What was not measured stays undefined, and reports say so; nothing is estimated here.

/** The instants of a recovery, as far as they are known. */
export interface RecoveryInstants {
  /** The commit of the accident. */
  readonly incidentAt: Temporal.Instant | undefined;
  readonly detectedAt: Temporal.Instant | undefined;
  /** The first attempt's begin, when there were several. */
  readonly firstAttemptAt: Temporal.Instant | undefined;
  /** The begin of the attempt that counts. */
  readonly restoreBeganAt: Temporal.Instant | undefined;
  /** Its files are written. */
  readonly restoredAt: Temporal.Instant | undefined;
  /** The server's log: "starting point-in-time recovery". */
  readonly recoveryStartedAt: Temporal.Instant | undefined;
  /** The server's log: it takes queries, at the target. */
  readonly readyAt: Temporal.Instant | undefined;
  readonly verifiedAt: Temporal.Instant | undefined;
}

/** The stretches of a recovery, in order of time. */
export const PHASES = ["detect", "decide", "retry", "restore", "replay", "verify"] as const;
export type PhaseName = (typeof PHASES)[number];

/** One stretch of the recovery; `seconds` is undefined when one of its ends is not known. */
export interface Phase {
  readonly name: PhaseName;
  readonly seconds: number | undefined;
}

/** How long it took, in seconds. */
export interface RtoMeasure {
  /** In order of time; `retry` only when there was an earlier attempt. */
  readonly phases: readonly Phase[];
  /** From the incident, or the first instant that is known, to the end of the checks, or to the server being ready. */
  readonly totalSeconds: number | undefined;
  /** What `totalSeconds` is counted from. */
  readonly countedFrom: "incident" | "detection" | "restore" | undefined;
  /** Between the two lines of the server's log: "starting point-in-time recovery" and ready. */
  readonly logSeconds: number | undefined;
  readonly objectiveSeconds: number;
  /** Undefined when there is no total. */
  readonly isMet: boolean | undefined;
}

/** The objective of the documents: 15 minutes. */
export const RTO_OBJECTIVE_SECONDS: number = 15 * 60;

/** Measures durations between the instants that are known. */
export function measureRto(
  instants: RecoveryInstants,
  objectiveSeconds: number = RTO_OBJECTIVE_SECONDS,
): RtoMeasure {
  const { incidentAt, detectedAt, firstAttemptAt, restoreBeganAt, restoredAt } = instants;
  const { readyAt, verifiedAt, recoveryStartedAt } = instants;
  const begin = incidentAt ?? detectedAt ?? firstAttemptAt ?? restoreBeganAt;
  const totalSeconds = secondsBetween(begin, verifiedAt ?? readyAt);
  const retried =
    firstAttemptAt !== undefined &&
    restoreBeganAt !== undefined &&
    !firstAttemptAt.equals(restoreBeganAt);
  return {
    phases: [
      { name: "detect", seconds: secondsBetween(incidentAt, detectedAt) },
      { name: "decide", seconds: secondsBetween(detectedAt, firstAttemptAt ?? restoreBeganAt) },
      ...(retried
        ? [{ name: "retry" as const, seconds: secondsBetween(firstAttemptAt, restoreBeganAt) }]
        : []),
      { name: "restore", seconds: secondsBetween(restoreBeganAt, restoredAt) },
      { name: "replay", seconds: secondsBetween(restoredAt, readyAt) },
      { name: "verify", seconds: secondsBetween(readyAt, verifiedAt) },
    ],
    totalSeconds,
    countedFrom: totalSeconds === undefined ? undefined : originOf(instants),
    logSeconds: secondsBetween(recoveryStartedAt, readyAt),
    objectiveSeconds,
    isMet: totalSeconds === undefined ? undefined : totalSeconds <= objectiveSeconds,
  };
}

function originOf(instants: RecoveryInstants): RtoMeasure["countedFrom"] {
  if (instants.incidentAt) return "incident";
  return instants.detectedAt ? "detection" : "restore";
}

/** @returns undefined when an end is unknown, or the clocks that told them disagree about their order. */
function secondsBetween(
  begin: Temporal.Instant | undefined,
  end: Temporal.Instant | undefined,
): number | undefined {
  if (!begin || !end) return undefined;
  const seconds = end.since(begin).total("seconds");
  return seconds < 0 ? undefined : seconds;
}

/** Rows of one table, counted on the recovered server. */
export interface RowCount {
  /** Such as `public.orders`. */
  readonly relation: string;
  readonly recovered: number;
  /** Rows that were there before the accident; undefined: nobody counted. */
  readonly shouldExist: number | undefined;
  /** Rows that came after the target and must not be there; undefined: not counted. */
  readonly shouldNotExist: number | undefined;
  /** Rows in production now; undefined: not counted. */
  readonly production: number | undefined;
}

/** What is known about the commits around the target. */
export interface RpoInput {
  /** The commit of the accident. */
  readonly incidentAt: Temporal.Instant | undefined;
  /** The last commit before it, by the WAL index. */
  readonly lastGoodAt: Temporal.Instant | undefined;
  /** The last commit that was replayed, by the recovered server. */
  readonly lastKeptAt: Temporal.Instant | undefined;
  readonly counts: readonly RowCount[];
}

/** What was lost. */
export interface RpoMeasure {
  /** Good work that was lost, as time; undefined: not measured. */
  readonly seconds: number | undefined;
  /** Whether the loss may be smaller than `seconds`, because it is not known when the last good commit was. */
  readonly isUpperBound: boolean;
  readonly missingRows: number | undefined;
  readonly unwantedRows: number | undefined;
  /** Share of the rows that should exist, 0 to 1. */
  readonly recoveredShare: number | undefined;
}

/**
 * Measures the loss. When the last commit before the accident is among those that were replayed, nothing was lost,
 * however long before the accident it was.
 */
export function measureRpo({ incidentAt, lastGoodAt, lastKeptAt, counts }: RpoInput): RpoMeasure {
  const known = counts.filter((count) => count.shouldExist !== undefined);
  const expected = sum(known.map((count) => count.shouldExist ?? 0));
  const missing = sum(
    known.map((count) => Math.max(0, (count.shouldExist ?? 0) - count.recovered)),
  );
  const unwanted = counts.flatMap((count) => count.shouldNotExist ?? []);
  return {
    ...timeLost({ incidentAt, lastGoodAt, lastKeptAt }),
    missingRows: known.length === 0 ? undefined : missing,
    unwantedRows: unwanted.length === 0 ? undefined : sum(unwanted),
    recoveredShare:
      known.length === 0 || expected === 0 ? undefined : (expected - missing) / expected,
  };
}

function timeLost({
  incidentAt,
  lastGoodAt,
  lastKeptAt,
}: Omit<RpoInput, "counts">): Pick<RpoMeasure, "seconds" | "isUpperBound"> {
  if (!lastKeptAt) return { seconds: undefined, isUpperBound: false };
  if (lastGoodAt) {
    const lost = lastGoodAt.since(lastKeptAt).total("seconds");
    return { seconds: Math.max(0, lost), isUpperBound: false };
  }
  return { seconds: secondsBetween(lastKeptAt, incidentAt), isUpperBound: true };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
