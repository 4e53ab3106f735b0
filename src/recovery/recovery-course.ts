// How far a recovery has come, collected from its log event by event. Pure: the attempt feeds it lines as they come, the
// reports read the times from it, and tests feed it captured logs.
import type { Lsn } from "../model/lsn.ts";
import { maxLsn } from "../model/lsn.ts";
import type { Timeline } from "../model/timeline.ts";
import type { RecoveryLogEntry, RecoveryStop } from "../postgres/recovery-log.ts";

/** A setting that must be raised before recovery can go on. */
export interface RequiredSetting {
  readonly name: string;
  readonly required: number;
}

/** What one start of a recovering server has said so far; undefined: not yet. Times are those of its log, in UTC. */
export interface RecoveryCourse {
  readonly serverStartedAt: Temporal.Instant | undefined;
  readonly recoveryStartedAt: Temporal.Instant | undefined;
  /** In PostgreSQL's words. */
  readonly target: string | undefined;
  readonly redoStartedAt: Temporal.Instant | undefined;
  readonly redoStartLsn: Lsn | undefined;
  readonly consistentAt: Temporal.Instant | undefined;
  /** Hot standby takes queries. */
  readonly readOnlyAt: Temporal.Instant | undefined;
  /** The last segment that restore_command delivered, by name. */
  readonly lastSegment: string | undefined;
  readonly segmentCount: number;
  /** At least up to here WAL was replayed. */
  readonly replayedLsn: Lsn | undefined;
  /** The target was reached. */
  readonly stop: RecoveryStop | undefined;
  readonly stoppedAt: Temporal.Instant | undefined;
  /** PostgreSQL says that it pauses at the target. */
  readonly isPausing: boolean;
  /** Redo has ended, and PostgreSQL goes on to leave recovery. */
  readonly redoDoneLsn: Lsn | undefined;
  readonly redoDoneAt: Temporal.Instant | undefined;
  readonly lastTransactionTime: Temporal.Instant | undefined;
  readonly newTimeline: Timeline | undefined;
  readonly isComplete: boolean;
  /** The server takes writes. */
  readonly readyAt: Temporal.Instant | undefined;
  readonly requiredSetting: RequiredSetting | undefined;
  /** Why WAL could not be read further, when that was no normal end. */
  readonly walDamage: string | undefined;
  readonly shutDownAtTarget: boolean;
}

/** Before the first line. */
export const COURSE_BEGIN: RecoveryCourse = {
  serverStartedAt: undefined,
  recoveryStartedAt: undefined,
  target: undefined,
  redoStartedAt: undefined,
  redoStartLsn: undefined,
  consistentAt: undefined,
  readOnlyAt: undefined,
  lastSegment: undefined,
  segmentCount: 0,
  replayedLsn: undefined,
  stop: undefined,
  stoppedAt: undefined,
  isPausing: false,
  redoDoneLsn: undefined,
  redoDoneAt: undefined,
  lastTransactionTime: undefined,
  newTimeline: undefined,
  isComplete: false,
  readyAt: undefined,
  requiredSetting: undefined,
  walDamage: undefined,
  shutDownAtTarget: false,
};

const SEGMENT_NAME = /^[0-9A-F]{24}$/;

/** The course after one more event. */
export function advanceCourse(
  course: RecoveryCourse,
  { at, event }: RecoveryLogEntry,
): RecoveryCourse {
  switch (event.kind) {
    case "serverStarted":
      return { ...course, serverStartedAt: at };
    case "recoveryStarted":
      return { ...course, recoveryStartedAt: at, target: event.target };
    case "segmentRestored":
      if (!SEGMENT_NAME.test(event.name) || event.name === course.lastSegment) return course;
      return { ...course, lastSegment: event.name, segmentCount: course.segmentCount + 1 };
    case "redoStarted":
      return { ...replayedTo(course, event.lsn), redoStartedAt: at, redoStartLsn: event.lsn };
    case "consistent":
      return { ...replayedTo(course, event.lsn), consistentAt: at };
    case "redoProgress":
      return replayedTo(course, event.lsn);
    case "readyReadOnly":
      return { ...course, readOnlyAt: at };
    case "stopping":
      return { ...course, stop: event, stoppedAt: at };
    case "paused":
      return { ...course, isPausing: event.atTarget };
    case "redoDone":
      return { ...replayedTo(course, event.lsn), redoDoneLsn: event.lsn, redoDoneAt: at };
    case "lastTransaction":
      return { ...course, lastTransactionTime: event.time };
    case "timelineSelected":
      return { ...course, newTimeline: event.timeline };
    case "recoveryComplete":
      return { ...course, isComplete: true };
    case "ready":
      return { ...course, readyAt: at };
    case "settingTooLow":
      return { ...course, requiredSetting: { name: event.name, required: event.required } };
    case "walEnded":
      return event.expected ? course : { ...course, walDamage: event.reason };
    case "shutdown":
      return event.step === "atTarget" ? { ...course, shutDownAtTarget: true } : course;
    case "interrupted":
    case "syncing":
    case "redoNotRequired":
    case "fatal":
      return course;
  }
}

function replayedTo(course: RecoveryCourse, lsn: Lsn): RecoveryCourse {
  const { replayedLsn } = course;
  return { ...course, replayedLsn: replayedLsn === undefined ? lsn : maxLsn(replayedLsn, lsn) };
}
