// Where a timeline ends for good. A segment in which WAL ends is damaged, with one exception: the last one of a timeline
// that a promotion left there, when somebody archived what the old primary had of it.
import type { Context } from "../base/context.ts";
import { isFailure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import { formatSegmentName, parseSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { listHistories, readHistory, type WalArchive } from "../repository/wal-archive.ts";
import { listIndexedSegments } from "../repository/wal-index.ts";

/**
 * Whether WAL may end in a segment: nothing later is stored of its timeline, and another timeline goes on from a place in
 * it at which nothing is missing.
 *
 * @param options `lsn`: where WAL ends in the segment.
 * @throws {HindsightError} what the store throws.
 */
export async function endsTimeline(
  archive: WalArchive,
  name: string,
  { lsn, context }: { readonly lsn: Lsn; readonly context: Context },
): Promise<boolean> {
  const { segmentSizeBytes } = archive.record;
  const { timeline, number } = parseSegmentName(name, segmentSizeBytes);
  const from = formatSegmentName({ timeline, number: number + 1n }, segmentSizeBytes);
  for await (const _ of listIndexedSegments(archive, { timeline, from }, context)) return false;
  for (const id of await listHistories(archive, context)) {
    const history = id > timeline ? await readableHistory(archive, id, context) : undefined;
    const left = history?.ancestors.find((ancestor) => ancestor.timeline === timeline);
    const isHere = left && segmentNumberAt(left.switchLsn, segmentSizeBytes) === number;
    if (isHere === true && left !== undefined && left.switchLsn <= lsn) return true;
  }
  return false;
}

async function readableHistory(
  archive: WalArchive,
  id: Parameters<typeof readHistory>[1],
  context: Context,
): ReturnType<typeof readHistory> {
  try {
    return await readHistory(archive, id, context);
  } catch (error) {
    if (isFailure(error, "HISTORY_INVALID", "OBJECT_CORRUPT")) return undefined;
    throw error;
  }
}
