// The names of a path's segments. A segment in which a timeline was left exists under two; the child's counts first, as
// PostgreSQL asks for it first. What is stored: history-segments.ts.
import type { Context } from "../base/context.ts";
import { type TimelineHistory, timelinePath, type TimelineStretch } from "../model/timeline.ts";
import {
  formatSegmentName,
  parseSegmentName,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { listSegments, type WalArchive } from "../repository/wal-archive.ts";

/** A path through an archive. */
export interface ArchivePath {
  readonly archive: WalArchive;
  /** The timeline to follow, by its ancestors. */
  readonly history: TimelineHistory;
}

/** The names that a segment of the path can have, the one to ask for first in front. */
export function segmentNames(path: ArchivePath, number: bigint): readonly string[] {
  const { segmentSizeBytes } = path.archive.record;
  return stretchesOf(path, number).map(({ timeline }) =>
    formatSegmentName({ timeline, number }, segmentSizeBytes),
  );
}

/** The stretches that have a part of a segment, youngest first. */
function stretchesOf(path: ArchivePath, number: bigint): readonly TimelineStretch[] {
  const { segmentSizeBytes } = path.archive.record;
  return timelinePath(path.history)
    .filter(
      ({ begin, end }) =>
        segmentNumberAt(begin, segmentSizeBytes) <= number &&
        (end === undefined || number <= segmentNumberBefore(end, segmentSizeBytes)),
    )
    .toReversed();
}

/** The first stored segment of the path behind `number`, by name. */
export async function nextStoredSegment(
  path: ArchivePath,
  number: bigint,
  context: Context,
): Promise<string | undefined> {
  const { archive, history } = path;
  const { segmentSizeBytes } = archive.record;
  for (const { timeline, begin, end } of timelinePath(history)) {
    const beginNumber = segmentNumberAt(begin, segmentSizeBytes);
    const from = beginNumber > number + 1n ? beginNumber : number + 1n;
    const last = end === undefined ? undefined : segmentNumberBefore(end, segmentSizeBytes);
    if (last !== undefined && last < from) continue;
    const name = formatSegmentName({ timeline, number: from }, segmentSizeBytes);
    for await (const found of listSegments(archive, { timeline, from: name }, context)) {
      if (last === undefined || parseSegmentName(found, segmentSizeBytes).number <= last) {
        return found;
      }
      break;
    }
  }
  return undefined;
}
