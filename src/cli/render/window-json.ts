// The JSON of recovery windows and gaps, of `hindsight window` and of `hindsight info`.
import { formatLsn } from "../../model/lsn.ts";
import { formatInstant } from "../../model/timestamp.ts";
import type { RecoveryWindows, TimelineWindows } from "../../recovery/window.ts";
import type { RecoveryGap } from "../../recovery/window-gaps.ts";
import type { RecoveryWindow, WindowEdge } from "../../recovery/window-survey.ts";
import type { JsonValue } from "./json.ts";
import { roundSeconds } from "./units.ts";
import { gapAdvice } from "./window-advice.ts";

interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** The keys that cli.md fixes, and more; `recovery` of info has the same. */
export function windowsJson(windows: RecoveryWindows): Readonly<
  Record<"windows" | "gaps" | "timelines", readonly JsonObject[]>
> & {
  readonly strandedBackups: readonly string[];
} {
  return {
    windows: windows.timelines.flatMap((each) => each.windows).map(windowJson),
    gaps: windows.gaps.map(gapJson),
    timelines: windows.timelines.map(timelineJson),
    strandedBackups: windows.strandedBackups,
  };
}

function windowJson(window: RecoveryWindow): JsonObject {
  const { earliest, latest, backups, transaction } = window;
  const milliseconds = latest.time.epochMilliseconds - earliest.time.epochMilliseconds;
  return {
    timeline: window.timeline,
    earliest: edgeJson(earliest),
    latest: edgeJson(latest),
    seconds: roundSeconds(milliseconds / 1000),
    backup: backups[0],
    backups,
    lastTransaction: transaction ? { xid: String(transaction.xid), kind: transaction.kind } : null,
    endsAtGap: window.endsAtGap,
  };
}

function edgeJson({ time, lsn }: WindowEdge): JsonValue {
  return { time: formatInstant(time), lsn: formatLsn(lsn) };
}

function gapJson(gap: RecoveryGap): JsonObject {
  return {
    timeline: gap.timeline,
    begin: formatLsn(gap.begin),
    end: formatLsn(gap.end),
    kind: gap.kind,
    reason: gap.reason,
    advice: gapAdvice(gap),
    segments: { ...gap.segments },
    backupBehind: gap.backupBehind ?? null,
  };
}

function timelineJson({ history, ownWal }: TimelineWindows): JsonObject {
  const parent = history.ancestors.at(-1);
  return {
    timeline: history.timeline,
    parent: parent?.timeline ?? null,
    switchLsn: parent ? formatLsn(parent.switchLsn) : null,
    hasWal: ownWal !== undefined,
  };
}
