// Timelines and their history files. A promotion ends one timeline at a switch point and begins the next; a history
// file lists the ancestors of one timeline and where each was left.
import { failure } from "./failure.ts";
import { formatLsn, LSN_ZERO, type Lsn, parseLsn } from "./lsn.ts";

declare const timelineBrand: unique symbol;

/** A timeline id, 1 ≤ id < 2^32. Names carry it as 8 hexadecimal digits, settings as a decimal number. */
export type Timeline = number & { readonly [timelineBrand]: true };

/** One ancestor: WAL up to, not including, `switchLsn` belongs to `timeline`. */
export interface TimelineSwitch {
  readonly timeline: Timeline;
  readonly switchLsn: Lsn;
  readonly reason: string;
}

/** The ancestors of `timeline`, oldest first. Empty for timeline 1. */
export interface TimelineHistory {
  readonly timeline: Timeline;
  readonly ancestors: readonly TimelineSwitch[];
}

/** One stretch of a timeline's path: [begin, end) was written on `timeline`; the last one has no end. */
export interface TimelineStretch {
  readonly timeline: Timeline;
  readonly begin: Lsn;
  readonly end: Lsn | undefined;
}

/** @throws {HindsightError} `TIMELINE_INVALID` outside 1 … 2^32-1 or when not an integer. */
export function timeline(value: number): Timeline {
  if (!Number.isInteger(value) || value < 1 || value > 0xffffffff) {
    throw failure("TIMELINE_INVALID", `${value} is not a timeline`, {
      hint: "Timelines are counted from 1; names of WAL files show them in hexadecimal.",
    });
  }
  return value as Timeline;
}

/** Eight upper-case hexadecimal digits, as in file names. */
export function formatTimeline(id: Timeline): string {
  return id.toString(16).toUpperCase().padStart(8, "0");
}

/**
 * Reads a timeline from eight hexadecimal digits of a file name.
 *
 * @throws {HindsightError} `TIMELINE_INVALID`
 */
export function parseTimelineDigits(digits: string): Timeline {
  if (!/^[0-9A-F]{8}$/.test(digits)) {
    throw failure("TIMELINE_INVALID", `"${digits}" is not eight hexadecimal digits of a timeline`);
  }
  return timeline(Number.parseInt(digits, 16));
}

/** `0000000A.history` */
export function historyFileName(id: Timeline): string {
  return `${formatTimeline(id)}.history`;
}

/**
 * Reads the content of a history file.
 *
 * @param id the timeline the file is named after.
 * @param text lines of `parent-id TAB switch-lsn TAB reason`; `#` begins a comment.
 * @throws {HindsightError} `HISTORY_INVALID` when a line is malformed or ids do not increase towards `id`.
 * @source PostgreSQL src/backend/access/transam/timeline.c, readTimeLineHistory
 */
export function parseHistory(id: Timeline, text: string): TimelineHistory {
  const ancestors: TimelineSwitch[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const [, parent, position, reason] =
      /^\s*([0-9]+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)\s*(.*)$/.exec(line) ?? [];
    const previous = ancestors.at(-1)?.timeline ?? 0;
    if (
      parent === undefined ||
      position === undefined ||
      Number(parent) <= previous ||
      Number(parent) >= id
    ) {
      throw failure(
        "HISTORY_INVALID",
        `${historyFileName(id)} has a line that cannot be understood: "${line}"`,
      );
    }
    ancestors.push({
      timeline: timeline(Number(parent)),
      switchLsn: parseLsn(position),
      reason: reason ?? "",
    });
  }
  return { timeline: id, ancestors };
}

/** The path that leads to the history's timeline, oldest stretch first, without gaps. */
export function timelinePath(history: TimelineHistory): readonly TimelineStretch[] {
  const path: TimelineStretch[] = [];
  let begin = LSN_ZERO;
  for (const ancestor of history.ancestors) {
    path.push({ timeline: ancestor.timeline, begin, end: ancestor.switchLsn });
    begin = ancestor.switchLsn;
  }
  path.push({ timeline: history.timeline, begin, end: undefined });
  return path;
}

/**
 * The timeline on which the byte at `position` was written, along this history.
 * A position at a switch point belongs to the younger timeline.
 */
export function timelineAt(history: TimelineHistory, position: Lsn): Timeline {
  for (const stretch of timelinePath(history)) {
    if (stretch.end === undefined || position < stretch.end) return stretch.timeline;
  }
  return history.timeline;
}

/**
 * Whether WAL of timeline `id` up to `end` lies on the path of this history: what was written there by then is not on
 * an abandoned branch.
 */
export function isOnPath(history: TimelineHistory, id: Timeline, end: Lsn): boolean {
  const stretch = timelinePath(history).find((candidate) => candidate.timeline === id);
  return stretch !== undefined && (stretch.end === undefined || end <= stretch.end);
}

/** A line such as `timeline 1 until 0/3000148, then timeline 2`, for plans and messages. */
export function describeHistory(history: TimelineHistory): string {
  const steps = history.ancestors.map(
    (step) => `timeline ${step.timeline} until ${formatLsn(step.switchLsn)}, then `,
  );
  return `${steps.join("")}timeline ${history.timeline}`;
}
