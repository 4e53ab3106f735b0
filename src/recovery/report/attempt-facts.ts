// What an attempt measured, as facts for a report: instants from the server's log, the last thing replayed, and the lines
// that say so.
import { formatLsn } from "../../model/lsn.ts";
import { recognise, type RecoveryEvent, type RecoveryStop } from "../../postgres/recovery-log.ts";
import type { AttemptResult } from "../attempt-request.ts";
import { readServerLog } from "../attempt-server.ts";
import type { RecoveryInstants } from "../metrics.ts";
import type { RecoveryFacts } from "./facts.ts";

/** The instants that an attempt's own log tells. */
export function attemptInstants(
  result: AttemptResult,
): Pick<RecoveryInstants, "recoveryStartedAt" | "readyAt"> {
  const { course } = result;
  return { recoveryStartedAt: course.recoveryStartedAt, readyAt: readyAt(result) };
}

/** A paused server is ready when it takes queries and has reached the target, whichever comes later. */
function readyAt({ state, course }: AttemptResult): Temporal.Instant | undefined {
  const { stoppedAt, readOnlyAt } = course;
  if (state === "promoted") return course.readyAt;
  if (state === "shutdown" || !readOnlyAt || !stoppedAt) return stoppedAt;
  return Temporal.Instant.compare(stoppedAt, readOnlyAt) < 0 ? readOnlyAt : stoppedAt;
}

/** What only the restore before the attempt, and the WAL index, know. */
export interface AttemptSurroundings {
  readonly restoredBytes: number | undefined;
  readonly restoredFiles: number | undefined;
  /** The last commit before the accident. */
  readonly lastGoodAt: Temporal.Instant | undefined;
}

/** @param logLines see {@link readDecisiveLines}. */
export function attemptFacts(
  result: AttemptResult,
  surroundings: AttemptSurroundings,
  logLines: readonly string[],
): RecoveryFacts {
  const { socketDirectory, port, lastReplayed, course, raised, state } = result;
  return {
    ...surroundings,
    method: `point-in-time recovery, ${describeStop(result.stop)}, ${state}`,
    walSegments: course.segmentCount,
    lastKept: lastReplayed,
    connection: state === "shutdown" ? "" : `psql -h ${socketDirectory} -p ${port}`,
    raised,
    logLines,
  };
}

/** Where recovery stopped, as a clause. */
export function describeStop(stop: RecoveryStop | undefined): string {
  if (stop === undefined) return "to the end of the archive";
  const side = stop.before ? "stopped before" : "stopped after";
  switch (stop.reason) {
    case "commit":
    case "abort":
      return `${side} the ${stop.reason} of transaction ${stop.xid}`;
    case "restorePoint":
      return `${side} restore point ${stop.name}`;
    case "lsn":
      return `${side} LSN ${stop.lsn === undefined ? "" : formatLsn(stop.lsn)}`;
    case "immediate":
      return "stopped when the backup was consistent";
  }
}

const DECISIVE: ReadonlySet<RecoveryEvent["kind"]> = new Set([
  "recoveryStarted",
  "redoStarted",
  "consistent",
  "readyReadOnly",
  "stopping",
  "paused",
  "redoDone",
  "lastTransaction",
  "timelineSelected",
  "recoveryComplete",
  "ready",
  "fatal",
]);

/** The lines of a log that decide about a recovery, in order. */
export function decisiveLines(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => {
    const kind = recognise(line)?.event.kind;
    return kind !== undefined && DECISIVE.has(kind);
  });
}

/** {@link decisiveLines} of a file. */
export async function readDecisiveLines(logFile: string): Promise<readonly string[]> {
  return decisiveLines(await readServerLog(logFile));
}
