// Targets, commits and the places around a target as JSON, for every command that names them.
import type { HindsightError } from "../../base/errors.ts";
import { formatLsn } from "../../model/lsn.ts";
import type { RecoveryTarget } from "../../model/recovery-target.ts";
import type { Timeline } from "../../model/timeline.ts";
import { formatInstant } from "../../model/timestamp.ts";
import type { CommitFact } from "../../restore/choose-backup.ts";
import { targetSetting } from "../../restore/recovery-settings.ts";
import type { JsonValue } from "./json.ts";

/** A target as cli.md has it; `target` is empty for one without value. */
export interface TargetJson {
  readonly [key: string]: JsonValue;
  readonly type: string;
  readonly target: string;
  readonly exclusive: boolean;
  readonly timeline: number;
}

/** @param timeline the pinned one. */
export function targetValue(target: RecoveryTarget, timeline: Timeline): TargetJson {
  const value = target.kind === "immediate" ? "" : (targetSetting(target)?.value ?? "");
  const exclusive = "exclusive" in target && target.exclusive;
  return { type: target.kind, target: value, exclusive, timeline };
}

/** Null when there is none. */
export function commitJson(commit: CommitFact | undefined): JsonValue {
  if (!commit) return null;
  const { xid, lsn, at } = commit;
  return { xid: String(xid), lsn: formatLsn(lsn), time: formatInstant(at) };
}

/** The nearest places that can be reached, out of the facts of a refusal (recovery/target-refusal.ts). */
export function nearestJson({ context }: HindsightError): JsonValue {
  const { earlierTime, earlierLsn, laterTime, laterLsn } = context;
  return {
    earlier: earlierLsn === undefined ? null : { time: earlierTime ?? null, lsn: earlierLsn },
    later: laterLsn === undefined ? null : { time: laterTime ?? null, lsn: laterLsn },
  };
}
