// What is stored along the paths of timelines, from one listing of the archive: nothing is read but names. A path is cut
// into islands, which are runs of segments without a hole; between two islands there is a gap. Pure, but for the listing.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import { type Timeline, type TimelineHistory, timelinePath } from "../model/timeline.ts";
import {
  parseSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { listIndexedSegments } from "../repository/wal-index.ts";
import type { WalArchive } from "../repository/wal-archive.ts";

/** Segments of one timeline that follow each other, by number, both inclusive. */
export interface SegmentRun {
  readonly timeline: Timeline;
  readonly first: bigint;
  readonly last: bigint;
}

/** What is stored of one timeline. */
export interface StoredTimeline {
  /** Ascending, with a hole between any two. */
  readonly runs: readonly SegmentRun[];
  /** Segments that have no index, ascending. */
  readonly unindexed: readonly bigint[];
}

/** What is stored, by timeline. */
export type StoredWal = ReadonlyMap<Timeline, StoredTimeline>;

/** Segments along a path of which none is missing. */
export interface Island {
  /** Never empty; the first number of each follows the last one of the one before. */
  readonly runs: readonly SegmentRun[];
  /**
   * Where recovery ends inside of the last segment: the path leaves it there and goes on in one that is not stored, or
   * WAL ends there. Undefined when it reaches to the segment's end, as far as is known.
   */
  readonly end: Lsn | undefined;
}

/** Lists the archive once. */
export async function listStoredWal(archive: WalArchive, context: Context): Promise<StoredWal> {
  const stored = new Map<Timeline, { runs: SegmentRun[]; unindexed: bigint[] }>();
  for await (const { name, isIndexed } of listIndexedSegments(archive, {}, context)) {
    const { timeline, number } = parseSegmentName(name, archive.record.segmentSizeBytes);
    const entry = stored.get(timeline) ?? { runs: [], unindexed: [] };
    stored.set(timeline, entry);
    addSegment(entry.runs, timeline, number);
    if (!isIndexed) entry.unindexed.push(number);
  }
  return stored;
}

function addSegment(runs: SegmentRun[], timeline: Timeline, number: bigint): void {
  const before = runs.at(-1);
  if (before?.last === number - 1n) runs[runs.length - 1] = { ...before, last: number };
  else runs.push({ timeline, first: number, last: number });
}

/** The islands along a path, in order. */
export function pathIslands(
  stored: StoredWal,
  history: TimelineHistory,
  segmentSizeBytes: number,
): readonly Island[] {
  const islands: { runs: SegmentRun[]; end: Lsn | undefined }[] = [];
  for (const { run, leftAt } of pathRuns(stored, history, segmentSizeBytes)) {
    const before = islands.at(-1);
    if (before && before.end === undefined && lastNumber(before) === run.first - 1n) {
      before.runs.push(run);
      before.end = leftAt;
    } else {
      islands.push({ runs: [run], end: leftAt });
    }
  }
  return islands;
}

interface PathRun {
  readonly run: SegmentRun;
  /** Where the path leaves the last segment of the run. */
  readonly leftAt: Lsn | undefined;
}

/**
 * The runs that lie on the path. A segment in which a timeline was left can be stored under the names of both: the
 * child's repeats what its parent wrote before, so it takes the place of the parent's, as in history-segments.ts.
 */
function pathRuns(
  stored: StoredWal,
  history: TimelineHistory,
  segmentSizeBytes: number,
): readonly PathRun[] {
  const path: PathRun[] = [];
  for (const { timeline, begin, end } of timelinePath(history)) {
    const first = segmentNumberAt(begin, segmentSizeBytes);
    const last = end === undefined ? undefined : segmentNumberBefore(end, segmentSizeBytes);
    for (const run of stored.get(timeline)?.runs ?? []) {
      const clipped = clipRun(run, first, last);
      if (!clipped) continue;
      const before = path.at(-1);
      if (before?.run.last === clipped.first) {
        path.pop();
        const shorter = clipRun(before.run, before.run.first, clipped.first - 1n);
        if (shorter) path.push({ run: shorter, leftAt: undefined });
      }
      const isLeft = end !== undefined && segmentNumberAt(end, segmentSizeBytes) === clipped.last;
      path.push({ run: clipped, leftAt: isLeft ? end : undefined });
    }
  }
  return path;
}

/** The part of a run from `first` to `last`, both inclusive. */
function clipRun(run: SegmentRun, first: bigint, last: bigint | undefined): SegmentRun | undefined {
  const clipped = {
    timeline: run.timeline,
    first: run.first < first ? first : run.first,
    last: last !== undefined && last < run.last ? last : run.last,
  };
  return clipped.first > clipped.last ? undefined : clipped;
}

/** The part of an island from `first` to `last`, both inclusive; `end` is the end inside of `last`. */
export function clipIsland(
  { runs }: Island,
  {
    first,
    last,
    end,
  }: { readonly first: bigint; readonly last: bigint; readonly end?: Lsn | undefined },
): Island | undefined {
  const clipped = runs
    .map((run) => clipRun(run, first, last))
    .filter((run): run is SegmentRun => run !== undefined);
  return clipped.length === 0 ? undefined : { runs: clipped, end };
}

/** The number of an island's first segment. */
export function firstNumber({ runs }: Pick<Island, "runs">): bigint {
  return edge(runs[0]).first;
}

/** The number of an island's last segment. */
export function lastNumber({ runs }: Pick<Island, "runs">): bigint {
  return edge(runs.at(-1)).last;
}

function edge(run: SegmentRun | undefined): SegmentRun {
  if (!run) throw new TypeError("an island has at least one run");
  return run;
}

/** The end of what an island holds. */
export function islandEnd(island: Island, segmentSizeBytes: number): Lsn {
  return island.end ?? segmentBegin(lastNumber(island) + 1n, segmentSizeBytes);
}

/** The segments of an island from `first` on that have no index, ascending. */
export function unindexedNumbers(
  stored: StoredWal,
  island: Island,
  first: bigint,
): readonly bigint[] {
  return island.runs.flatMap((run) =>
    (stored.get(run.timeline)?.unindexed ?? []).filter(
      (number) => number >= first && number >= run.first && number <= run.last,
    ),
  );
}
