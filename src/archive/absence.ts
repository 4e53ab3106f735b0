// When "the archive does not have it" may be said to PostgreSQL, which takes it for the end of WAL and promotes. That a
// key is missing is not enough: something may have been lost. Everything else the archive holds is asked whether it
// proves that the file existed; if it does, the file is missing, and recovery must stop instead.
//
// A segment N of timeline T, whose key is missing in every archive, is missing (WAL_SEGMENT_MISSING) when
//   1. T was left later than in N: the history of the pinned timeline says that T's WAL went on. Where no timeline is
//      pinned any stored history may say so; where T itself is pinned nobody is asked, because the operator chose T as
//      the archive has it, and the plan showed how far that is;
//   2. it is not past the plan's last segment, in the order of names (timeline, then number). Restore proved every
//      segment up to there. The order of names is that of the path: timelines only grow along it;
//   3. a later segment of T is stored: T's WAL went on;
//   4. a recorded gap covers it: it is known to be lost.
// It is absent, whatever else is stored, when it is not on the path: N lies before the segment in which T begins (checked
// here by T's own history), or the pinned path left T before N (get.ts does not even look for that one). And it is
// absent when none of the four holds: T ends here, as far as the archive knows.
//
// The segment in which T was left (`switch`) is the one case that looks odd: it is rarely archived whole, because the
// promoted server archives it as T's .partial file and again, whole, on the child timeline. PostgreSQL asks for the
// child's file first, so rules 2 and 3 have judged that one before T's is asked for; T's own is judged by 2, 3 and 4.
//
// A history file T.history is missing when T is pinned, or when a segment of T or above or a history above T is stored:
// whoever made a later timeline saw this one. A timeline that was wrongly said to be free would be used twice. Timeline
// 1 has no history file. A .partial or .backup file is absent when its key is: nothing depends on them.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { addLsn, type LsnRange } from "../model/lsn.ts";
import {
  formatTimeline,
  historyFileName,
  type Timeline,
  type TimelineHistory,
} from "../model/timeline.ts";
import {
  formatSegmentName,
  segmentBegin,
  segmentNumberAt,
  type WalSegment,
} from "../model/wal-segment.ts";
import {
  listGaps,
  listHistories,
  listSegments,
  readHistory,
  type WalArchive,
} from "../repository/wal-archive.ts";
import { firstAnswer } from "./first-answer.ts";
import { compareSegments, type Following, pathPosition } from "./recovery-path.ts";

/** A segment whose key is missing, and what is known of the recovery that asks for it. */
export interface MissingSegment {
  readonly segment: WalSegment;
  readonly segmentSizeBytes: number;
  /** The plan's last segment. */
  readonly last: WalSegment | undefined;
  readonly following: Following;
}

/**
 * Returns when the segment, which its timeline's part of the path does not exclude, is proven absent.
 *
 * @param archives every archive of the stanza, all opened in this call.
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` naming the proof that it existed; the store's errors.
 */
export async function proveSegmentAbsent(
  missing: MissingSegment,
  archives: readonly WalArchive[],
  context: Context,
): Promise<void> {
  const { segment, segmentSizeBytes, last, following } = missing;
  if (following.kind !== "ancestor" && (await beginsLater(missing, archives, context))) return;
  const name = formatSegmentName(segment, segmentSizeBytes);
  if (last !== undefined && compareSegments(segment, last) <= 0) {
    const lastName = formatSegmentName(last, segmentSizeBytes);
    throw missingFile(name, `the plan of this recovery goes on to ${lastName}`);
  }
  if (following.kind === "ancestor") assertLeftBy(following.history, missing, name);
  for (const archive of archives) {
    if (following.kind === "unknown") {
      for await (const history of allHistories(archive, context)) {
        assertLeftBy(history, missing, name);
      }
    }
    await assertNothingLater(archive, missing, { name, context });
    await assertNoGap(archive, missing, { name, context });
  }
}

/**
 * Returns when the history file of a timeline is proven absent.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` naming the proof that it existed; the store's errors.
 */
export async function proveHistoryAbsent(
  request: { readonly timeline: Timeline; readonly pinnedTimeline: Timeline | undefined },
  archives: readonly WalArchive[],
  context: Context,
): Promise<void> {
  const { timeline, pinnedTimeline } = request;
  if (timeline === 1) return;
  const name = historyFileName(timeline);
  if (timeline === pinnedTimeline) throw missingFile(name, "this recovery follows that timeline");
  for (const archive of archives) {
    const above = (await listHistories(archive, context)).find((other) => other > timeline);
    if (above !== undefined) {
      throw missingFile(name, `${historyFileName(above)} is stored`);
    }
    const from = `${formatTimeline(timeline)}${"0".repeat(16)}`;
    for await (const segmentName of listSegments(archive, { from }, context)) {
      throw missingFile(name, `${segmentName} is stored`);
    }
  }
}

/** Whether the segment's timeline began in a later segment, by its own history. */
async function beginsLater(
  { segment, segmentSizeBytes }: MissingSegment,
  archives: readonly WalArchive[],
  context: Context,
): Promise<boolean> {
  const history = await firstAnswer(archives, context, (archive) =>
    readHistory(archive, segment.timeline, context),
  );
  return history !== undefined && pathPosition(history, segment, segmentSizeBytes) === "before";
}

/** Rule 1: fails when the history says that the timeline went on past the segment. */
function assertLeftBy(history: TimelineHistory, missing: MissingSegment, name: string): void {
  const { segment, segmentSizeBytes } = missing;
  const left = history.ancestors.find(({ timeline }) => timeline === segment.timeline);
  if (left === undefined) return;
  if (segment.number >= segmentNumberAt(left.switchLsn, segmentSizeBytes)) return;
  throw missingFile(
    name,
    `${historyFileName(history.timeline)} says that timeline ${segment.timeline} went on`,
  );
}

/** Rule 3: fails when a later segment of the timeline is stored. */
async function assertNothingLater(
  archive: WalArchive,
  { segment, segmentSizeBytes }: MissingSegment,
  { name, context }: { readonly name: string; readonly context: Context },
): Promise<void> {
  const { timeline, number } = segment;
  const from = formatSegmentName({ timeline, number: number + 1n }, segmentSizeBytes);
  for await (const later of listSegments(archive, { timeline, from }, context)) {
    throw missingFile(name, `${later} is stored`);
  }
}

/** Rule 4: fails when a recorded gap covers any part of the segment. */
async function assertNoGap(
  archive: WalArchive,
  { segment, segmentSizeBytes }: MissingSegment,
  { name, context }: { readonly name: string; readonly context: Context },
): Promise<void> {
  const begin = segmentBegin(segment.number, segmentSizeBytes);
  const range: LsnRange = { begin, end: addLsn(begin, BigInt(segmentSizeBytes)) };
  for (const gap of await listGaps(archive, context)) {
    const covers =
      gap.timeline === segment.timeline && gap.begin < range.end && range.begin < gap.end;
    if (covers) throw missingFile(name, "it lies in a recorded gap");
  }
}

async function* allHistories(
  archive: WalArchive,
  context: Context,
): AsyncGenerator<TimelineHistory, void, undefined> {
  for (const timeline of await listHistories(archive, context)) {
    const history = await readHistory(archive, timeline, context);
    if (history !== undefined) yield history;
  }
}

function missingFile(name: string, proof: string): Error {
  return failure("WAL_SEGMENT_MISSING", `${name} is in no archive, although ${proof}`, {
    hint: "Recovery stops here instead of ending early: bring the file back, or recover to a target before it.",
    context: { name },
  });
}
