// The flags of archive-get in restore_command: what the plan knows and archive-get must know too, so that it can tell the
// end of the plan from an outage, and an ending from a promotion that nobody asked for.
import type { RestoreType, TargetAction } from "../model/recovery-target.ts";
import type { Timeline } from "../model/timeline.ts";

/**
 * What keeps an attempt from promoting (rules.md D3).
 *
 * - `none`: nothing; PostgreSQL promotes when told to.
 * - `pause`: until the server takes queries, recovery ends in an error instead of a promotion; then a DBA may promote.
 * - `strict`: as `pause`, and only the file hindsight.allow-promotion lifts it.
 */
export type Interlock = "none" | "pause" | "strict";

/**
 * - `--standby-form`: a standby asks again, so an outage must not end it.
 * - `--last`: no segment up to this one may be absent.
 * - `--nothing-after-last`: the target lies in that segment, so later ones do not matter, damaged or not.
 * - `--pin-timeline`: the path that is followed. History files above it are refused, without which PostgreSQL cannot
 *   promote, until what `--pin-mode` says lifts the pin; with mode `path`, for a recovery that is told to promote, they
 *   are not.
 * - `--spool`: WAL was fetched ahead, and the launcher takes it from there.
 */
export function restoreCommandFlags({
  type,
  targetAction,
  interlock,
  timeline,
  lastSegment,
  isTargetInLast,
  isWalAhead,
}: {
  readonly type: RestoreType;
  readonly targetAction: TargetAction;
  readonly interlock: Interlock;
  readonly timeline: Timeline;
  readonly lastSegment: string | undefined;
  /** Whether there is an explicit target and it is known to lie in the last segment. */
  readonly isTargetInLast: boolean;
  /** Whether WAL is fetched ahead. */
  readonly isWalAhead: boolean;
}): readonly string[] {
  if (type === "standby") return ["--standby-form"];
  const last = lastSegment === undefined ? [] : [`--last=${lastSegment}`];
  const bound = lastSegment !== undefined && isTargetInLast ? ["--nothing-after-last"] : [];
  const mode = targetAction === "promote" || interlock === "none" ? "path" : interlock;
  return [
    ...last,
    ...bound,
    `--pin-timeline=${timeline.toString(10)}`,
    ...(mode === "strict" ? [] : [`--pin-mode=${mode}`]),
    ...(isWalAhead ? ["--spool"] : []),
  ];
}
