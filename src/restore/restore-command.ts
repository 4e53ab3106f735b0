// The flags of archive-get in restore_command: what the plan knows and archive-get must know too, so that it can tell the
// end of the plan from an outage, and an ending from a promotion that nobody asked for.
import type { RestoreType, TargetAction } from "../model/recovery-target.ts";
import type { Timeline } from "../model/timeline.ts";

/**
 * What keeps an attempt from promoting (rules.md D3).
 *
 * - `none`: nothing; PostgreSQL promotes when told to.
 * - `pause`: until the server takes queries, recovery ends in an error instead of a promotion; then a DBA may promote.
 * - `strict`: as `pause`, and only `hindsight incident accept` lifts it.
 */
export type Interlock = "none" | "pause" | "strict";

/**
 * - `--standby-form`: a standby asks again, so an outage must not end it.
 * - `--last`: no segment up to this one may be absent.
 * - `--pin-timeline`, `--pin-mode`: history files above it are refused, without which PostgreSQL cannot promote. Not for
 *   an attempt that is told to promote.
 */
export function restoreCommandFlags({
  type,
  targetAction,
  interlock,
  timeline,
  lastSegment,
}: {
  readonly type: RestoreType;
  readonly targetAction: TargetAction;
  readonly interlock: Interlock;
  readonly timeline: Timeline;
  readonly lastSegment: string | undefined;
}): readonly string[] {
  if (type === "standby") return ["--standby-form"];
  const last = lastSegment === undefined ? [] : [`--last=${lastSegment}`];
  if (targetAction === "promote" || interlock === "none") return last;
  const pin = [`--pin-timeline=${timeline.toString(10)}`];
  return [...last, ...pin, ...(interlock === "pause" ? ["--pin-mode=pause"] : [])];
}
