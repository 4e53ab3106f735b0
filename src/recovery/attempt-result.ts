// What an attempt answers, from what the log said and what a connection confirmed; and the same as JSON.
import { formatLsn } from "../model/lsn.ts";
import { formatInstant } from "../model/timestamp.ts";
import type { RecoveryStop } from "../postgres/recovery-log.ts";
import type { AttemptRequest, AttemptResult, LastReplayed } from "./attempt-request.ts";
import type { Launch } from "./attempt-server.ts";
import type { RecoveryCourse } from "./recovery-course.ts";
import type { RecoveryView } from "./recovery-view.ts";

/** How the last start ended. */
export interface AttemptEnding {
  readonly state: AttemptResult["state"];
  readonly pid: number;
  readonly course: RecoveryCourse;
  /** Undefined when there is no server to be asked. */
  readonly view: RecoveryView | undefined;
}

/** Puts the result together. */
export function attemptResult(
  request: AttemptRequest,
  { state, pid, course, view }: AttemptEnding,
  measured: {
    readonly launch: Launch;
    readonly replaySeconds: number;
    readonly totalSeconds: number;
  },
): AttemptResult {
  return {
    state,
    pid,
    port: request.start.port,
    socketDirectory: measured.launch.files.socketDirectory,
    logFile: measured.launch.files.logFile,
    timeline: view?.timeline ?? course.newTimeline ?? request.plan.timeline,
    stop: course.stop,
    lastReplayed: lastReplayed(request, course, view),
    replaySeconds: measured.replaySeconds,
    totalSeconds: measured.totalSeconds,
    raised: measured.launch.raised,
    course,
  };
}

function lastReplayed(
  { commitBefore }: AttemptRequest,
  course: RecoveryCourse,
  view: RecoveryView | undefined,
): LastReplayed {
  const { stop } = course;
  const included = stop !== undefined && !stop.before && stop.reason === "commit";
  const time =
    view?.lastTransactionTime ?? (included ? stop.time : undefined) ?? course.lastTransactionTime;
  // Only a transaction that ended at that very microsecond is taken for the one that was expected.
  const expected = commitBefore && time && commitBefore.at.equals(time) ? commitBefore : undefined;
  return {
    xid: expected?.xid ?? (included && stop.xid !== undefined ? BigInt(stop.xid) : undefined),
    lsn: expected?.lsn,
    replayedLsn: view?.replayedLsn ?? course.replayedLsn,
    time,
  };
}

/** From the start of redo to the target or the end of WAL, by the log. */
export function replaySeconds(course: RecoveryCourse): number {
  const end = course.stoppedAt ?? course.redoDoneAt;
  if (!course.redoStartedAt || !end) return 0;
  return end.since(course.redoStartedAt).total("seconds");
}

/** The `recovery` object of `restore --output=json`; docs/cli.md. */
export interface RecoveryJson {
  readonly state: "promoted" | "paused" | "shutdown";
  readonly port: number;
  readonly socketDirectory: string;
  readonly timeline: number;
  /** What recovery stopped before; null when it stopped after something, or at the end of the archive. */
  readonly stoppedBefore: StoppedBeforeJson | null;
  readonly lastReplayed: {
    readonly xid: string | null;
    /** Where the record of the transaction's end begins. */
    readonly lsn: string | null;
    readonly time: string | null;
    /** WAL before this position is applied: an end, where another LSN of Hindsight is a record's beginning. */
    readonly replayedLsn: string | null;
  };
  readonly replaySeconds: number;
  readonly totalSeconds: number;
  readonly logFile: string;
  readonly raised: Readonly<Record<string, number>>;
}

/** What recovery stopped before: a transaction's end with its time, or the record at an LSN. */
export interface StoppedBeforeJson {
  readonly reason: RecoveryStop["reason"];
  readonly xid: string | null;
  readonly lsn: string | null;
  readonly time: string | null;
}

/** @param totalSeconds the whole restore, where there was one before the attempt. */
export function recoveryJson(
  result: AttemptResult,
  totalSeconds: number = result.totalSeconds,
): RecoveryJson {
  const { stop, lastReplayed: last } = result;
  return {
    state: result.state,
    port: result.port,
    socketDirectory: result.socketDirectory,
    timeline: result.timeline,
    stoppedBefore: stop?.before
      ? {
          reason: stop.reason,
          xid: stop.xid === undefined ? null : String(stop.xid),
          lsn: stop.lsn === undefined ? null : formatLsn(stop.lsn),
          time: stop.time === undefined ? null : formatInstant(stop.time),
        }
      : null,
    lastReplayed: {
      xid: last.xid === undefined ? null : String(last.xid),
      lsn: last.lsn === undefined ? null : formatLsn(last.lsn),
      time: last.time === undefined ? null : formatInstant(last.time),
      replayedLsn: last.replayedLsn === undefined ? null : formatLsn(last.replayedLsn),
    },
    replaySeconds: round(result.replaySeconds),
    totalSeconds: round(totalSeconds),
    logFile: result.logFile,
    raised: result.raised,
  };
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
