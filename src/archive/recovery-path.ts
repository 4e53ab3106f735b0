// Where a segment stands on the path of a recovery. A recovery to timeline P follows P's history: each ancestor up to its
// switch point, then P itself. PostgreSQL asks for a segment on the timelines of that path from the youngest to the
// oldest and takes the first it gets; it does not look where a parent was left. If the child's file is not archived yet,
// it takes the parent's, and the parent may have gone on without the child: by a split brain, or because the child was
// made by a recovery that stopped just before an accident. Seen on 18.4: with only 00000002.history archived of timeline
// 2, a recovery to timeline 2 replayed the accident from timeline 1 and promoted. So segments that are not on the path
// are not handed out, although they are there.
import { type TimelineHistory, timelinePath } from "../model/timeline.ts";
import { segmentBegin, segmentNumberAt, type WalSegment } from "../model/wal-segment.ts";

/** What is known of the recovery's path in view of one segment's timeline. */
export type Following =
  /** The timeline is an ancestor of the pinned one, whose history this is. */
  | { readonly kind: "ancestor"; readonly history: TimelineHistory }
  /** The timeline is the pinned one: it is followed as far as it goes. */
  | { readonly kind: "pinned" }
  /** No timeline is pinned, or the segment's is not on its path. */
  | { readonly kind: "unknown" };

/**
 * - `before`: the timeline began in a later segment.
 * - `within`: every byte belongs to the path, as far as the timeline got.
 * - `switch`: the timeline was left inside this segment; the child's file of the same number repeats the shared part.
 * - `after`: the timeline had been left before this segment began.
 * - `off`: the timeline is not on the path.
 */
export type PathPosition = "before" | "within" | "switch" | "after" | "off";

/**
 * Finds the place of a segment on the path that a history describes.
 *
 * @source PostgreSQL src/backend/access/transam/xlogrecovery.c, XLogFileReadAnyTLI
 */
export function pathPosition(
  history: TimelineHistory,
  segment: WalSegment,
  segmentSizeBytes: number,
): PathPosition {
  const stretch = timelinePath(history).find(({ timeline }) => timeline === segment.timeline);
  if (stretch === undefined) return "off";
  if (segment.number < segmentNumberAt(stretch.begin, segmentSizeBytes)) return "before";
  if (stretch.end === undefined) return "within";
  if (segmentBegin(segment.number, segmentSizeBytes) >= stretch.end) return "after";
  return segment.number === segmentNumberAt(stretch.end, segmentSizeBytes) ? "switch" : "within";
}

/** Whether `left` stands before, at or after `right` in the order of names: by timeline, then by number. */
export function compareSegments(left: WalSegment, right: WalSegment): number {
  if (left.timeline !== right.timeline) return left.timeline - right.timeline;
  return left.number < right.number ? -1 : left.number > right.number ? 1 : 0;
}
