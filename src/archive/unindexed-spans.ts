// Which archived WAL has no index. Everything that looks into history reads the segments themselves there, which takes
// long; so whoever shows the state of an archive says it, and `hindsight index --rebuild` mends it.
import type { Context } from "../base/context.ts";
import { parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import { type ListedSegment, listIndexedSegments } from "../repository/wal-index.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { SegmentRuns } from "./segment-runs.ts";

/** What a person types to have missing indexes made. */
export const REBUILD_COMMAND = "hindsight index --rebuild";

/** Stored segments, one after the other, of which none has an index. */
export interface UnindexedSpan {
  readonly timeline: Timeline;
  /** The name of the first and of the last segment. */
  readonly first: string;
  readonly last: string;
  readonly segmentCount: number;
  /**
   * Whether it is one segment before which nothing is stored. When it begins inside a record, nobody can make its index:
   * the beginning of that record was never archived.
   */
  readonly beginsArchive: boolean;
}

/** Which part of an archive is looked at. */
export interface SpanRange {
  readonly timeline?: Timeline | undefined;
  /** Names of segments, both inclusive. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Whether the newest segment may still lack its index: it is made right after the segment was stored. */
  readonly sparesNewest?: boolean | undefined;
}

interface GrowingSpan {
  readonly timeline: Timeline;
  readonly first: string;
  last: string;
  segmentCount: number;
  readonly follows: boolean;
}

/** How far an archive is indexed. */
export interface IndexCoverage {
  readonly segmentCount: number;
  readonly indexedCount: number;
  /** Sorted by name, thus by timeline. */
  readonly unindexed: readonly UnindexedSpan[];
}

/**
 * The spans of stored segments without an index; empty when all have one.
 *
 * @throws {HindsightError} as {@link indexCoverage}.
 */
export async function unindexedSpans(
  archive: WalArchive,
  range: SpanRange,
  context: Context,
): Promise<readonly UnindexedSpan[]> {
  return (await indexCoverage(archive, range, context)).unindexed;
}

/**
 * Counts stored segments and indexes by one listing; nothing is read.
 *
 * @throws {HindsightError} what the store throws; `WAL_SEGMENT_NAME_INVALID` for a name that no segment of this size has.
 */
export async function indexCoverage(
  archive: WalArchive,
  range: SpanRange,
  context: Context,
): Promise<IndexCoverage> {
  const runs = new SegmentRuns(archive.record.segmentSizeBytes);
  const spans: GrowingSpan[] = [];
  let segmentCount = 0;
  let indexedCount = 0;
  let open: GrowingSpan | undefined;
  const listed = listIndexedSegments(archive, range, context);
  for await (const { name, isIndexed } of range.sparesNewest ? withoutNewest(listed) : listed) {
    const follows = runs.add(name);
    const timeline = parseTimelineDigits(name.slice(0, 8));
    segmentCount += 1;
    if (isIndexed) {
      indexedCount += 1;
      open = undefined;
    } else if (open && follows && open.timeline === timeline) {
      open.last = name;
      open.segmentCount += 1;
    } else {
      open = { timeline, first: name, last: name, segmentCount: 1, follows };
      spans.push(open);
    }
  }
  return { segmentCount, indexedCount, unindexed: spans.map(finishSpan) };
}

function finishSpan({ follows, ...span }: GrowingSpan): UnindexedSpan {
  return { ...span, beginsArchive: !follows && span.segmentCount === 1 };
}

/** All but the last one, unless that has its index. */
async function* withoutNewest(
  listed: AsyncIterable<ListedSegment>,
): AsyncGenerator<ListedSegment, void, undefined> {
  let held: ListedSegment | undefined;
  for await (const segment of listed) {
    if (held) yield held;
    held = segment;
  }
  if (held?.isIndexed === true) yield held;
}
