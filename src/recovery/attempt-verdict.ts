// What follows from the course of a recovery: go on watching, believe that it has ended (once a connection confirms it),
// start again with a higher setting, or refuse the result. Pure, so that each rule is tested with a captured log.
import { failure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import type { AttemptPlan } from "./attempt-request.ts";
import type { RecoveryCourse, RequiredSetting } from "./recovery-course.ts";

/** What is to be done about a recovery now. */
export type Verdict =
  | { readonly kind: "goOn" }
  | { readonly kind: "confirmPause" }
  | { readonly kind: "confirmPromotion" }
  | { readonly kind: "raise"; readonly setting: RequiredSetting }
  /** The server must be stopped at once: what it does now is wrong. */
  | { readonly kind: "refuse"; readonly error: Error };

/** Judges a recovery by what its log has said so far. */
export function judgeCourse(course: RecoveryCourse, plan: AttemptPlan): Verdict {
  if (course.requiredSetting) return { kind: "raise", setting: course.requiredSetting };
  if (course.newTimeline !== undefined && plan.targetAction !== "promote") {
    return { kind: "refuse", error: leftRecovery(plan) };
  }
  if (course.redoDoneLsn !== undefined) {
    const problem = endProblem(course, plan);
    if (problem !== undefined) return { kind: "refuse", error: endedEarly(problem) };
  }
  if (course.isPausing && plan.targetAction !== "promote") return { kind: "confirmPause" };
  if (course.readyAt !== undefined) return { kind: "confirmPromotion" };
  return { kind: "goOn" };
}

/**
 * A recovery to the end of the archive has no target that PostgreSQL could miss: it takes whatever stops it for the end
 * and promotes. So the end is compared with the plan: the last segment must have been fetched, and nothing in it may
 * have been unreadable.
 *
 * @returns what is wrong, or undefined.
 */
export function endProblem(course: RecoveryCourse, plan: AttemptPlan): string | undefined {
  if (plan.target.kind !== "default" || !plan.wal || course.stop) return undefined;
  const at = course.redoDoneLsn === undefined ? "" : ` after ${formatLsn(course.redoDoneLsn)}`;
  if (course.walDamage !== undefined) return `WAL${at} could not be read: ${course.walDamage}`;
  const { segmentSizeBytes } = plan.backup;
  const reached =
    course.lastSegment !== undefined &&
    parseSegmentName(course.lastSegment, segmentSizeBytes).number >=
      parseSegmentName(plan.wal.last, segmentSizeBytes).number;
  if (reached) return undefined;
  const last = course.lastSegment ?? "no segment at all";
  return `replay ended${at}: the last segment it fetched was ${last}, and the archive goes on to ${plan.wal.last}`;
}

function endedEarly(problem: string): Error {
  return failure(
    "RECOVERY_WAL_DAMAGED",
    `recovery did not reach the end of the archive: ${problem}`,
    {
      hint: "Nothing in the archive was changed: put back a good copy of what is damaged and restore again, or restore to a target before the damage.",
    },
  );
}

/** PostgreSQL promoted although it must not; the directory is spent. */
export function leftRecovery(plan: AttemptPlan): Error {
  return failure(
    "RECOVERY_PROMOTED",
    `PostgreSQL left recovery in ${plan.destination.path} although it was to ${plan.targetAction} at its target`,
    {
      hint: "The server was stopped; this directory has begun a timeline of its own and cannot go on in recovery: restore again from the backup, which is untouched.",
    },
  );
}
