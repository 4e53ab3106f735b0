// For tests: plans of attempts without a restore, and courses of captured logs.
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { recognise } from "../postgres/recovery-log.ts";
import { readSample } from "../postgres/recovery-log-samples/read-sample.fixture.ts";
import type { AttemptPlan } from "./attempt-request.ts";
import type { RecoveryInstants } from "./metrics.ts";
import { advanceCourse, COURSE_BEGIN, type RecoveryCourse } from "./recovery-course.ts";

/** A plan for a cluster with segments of 1 MiB, to be paused at a transaction unless told otherwise. */
export function samplePlan(changes: Partial<AttemptPlan> = {}): AttemptPlan {
  return {
    type: "xid",
    target: { kind: "xid", xid: 730n, exclusive: true },
    targetAction: "pause",
    timeline: timeline(1),
    stopLsn: undefined,
    archiveMode: "off",
    backup: {
      startLsn: lsn(0x700028n),
      majorVersion: 18,
      segmentSizeBytes: 1024 * 1024,
      settings: {},
    },
    wal: { last: "00000001000000000000000E" },
    destination: { path: "/srv/restored" },
    ...changes,
  };
}

/** The course after all lines of a captured log. */
export function courseOf(lines: readonly string[]): RecoveryCourse {
  return lines
    .flatMap((line) => recognise(line) ?? [])
    .reduce((course, entry) => advanceCourse(course, entry), COURSE_BEGIN);
}

/** The course of a captured log; see postgres/recovery-log-samples. */
export function sampleCourse(file: string, name: string): RecoveryCourse {
  return courseOf(readSample(file, name));
}

/** Nothing was measured. */
export const NO_INSTANTS: RecoveryInstants = {
  incidentAt: undefined,
  detectedAt: undefined,
  firstAttemptAt: undefined,
  restoreBeganAt: undefined,
  restoredAt: undefined,
  recoveryStartedAt: undefined,
  readyAt: undefined,
  verifiedAt: undefined,
};
