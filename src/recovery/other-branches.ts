// WAL of other branches than the one that is looked at: whoever does not find a transaction must know where else it may be.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import type { Timeline } from "../model/timeline.ts";
import { formatSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { listSegments } from "../repository/wal-archive.ts";
import type { ArchivePath } from "./target-path.ts";

/** WAL that is in the archive and not on the path. */
export interface OtherBranch {
  readonly timeline: Timeline;
  /** Where the path left it; undefined for a timeline that the path was never on. */
  readonly behind: Lsn | undefined;
}

/**
 * Ancestors with WAL behind the place where the path left them, and timelines that it never was on.
 *
 * @param known every timeline of the archive.
 * @throws {HindsightError} what the store throws.
 */
export async function otherBranches(
  { archive, history }: ArchivePath,
  known: readonly Timeline[],
  context: Context,
): Promise<readonly OtherBranch[]> {
  const branches: OtherBranch[] = [];
  for (const { timeline: id, switchLsn } of history.ancestors) {
    const number = segmentNumberAt(switchLsn, archive.record.segmentSizeBytes);
    const from = formatSegmentName({ timeline: id, number }, archive.record.segmentSizeBytes);
    const next = await listSegments(archive, { timeline: id, from }, context).next();
    if (next.done !== true) branches.push({ timeline: id, behind: switchLsn });
  }
  const path = [...history.ancestors.map((each) => each.timeline), history.timeline];
  const others = known.filter((id) => !path.includes(id));
  return [...branches, ...others.map((id) => ({ timeline: id, behind: undefined }))];
}
