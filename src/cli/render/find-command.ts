// The command that brings back the instant before a transaction, or why there is none.
import { formatLsn } from "../../model/lsn.ts";
import type { Timeline } from "../../model/timeline.ts";
import { segmentNumberAt } from "../../model/wal-segment.ts";
import type { SegmentSpan } from "../../recovery/find.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import { restoreCommandLine } from "./command-line.ts";

/** What the command depends on beside the transaction. */
export interface FindAdvice {
  /** Complete backups on the path, oldest first. */
  readonly backups: readonly ManifestHeader[];
  /** Segments that are missing or cannot be read. */
  readonly gaps: readonly SegmentSpan[];
  readonly segmentSizeBytes: number;
  /**
   * The timeline that was searched. A transaction of an ancestor is reached along it, because what its segment held may be
   * archived under the younger one's name only.
   */
  readonly timeline: Timeline;
  /** The name of a segment on the path that was searched. */
  readonly nameOf: (number: bigint) => string;
  /** Options that this command was given and the next one needs. */
  readonly options: readonly string[];
}

/** One of both. */
export type RestoreAnswer =
  | { readonly command: string; readonly obstacle?: undefined }
  /** Why the instant before cannot be reached, as a clause. */
  | { readonly command?: undefined; readonly obstacle: string };

/** Ready to be typed; it restores beside the cluster, never over it. */
export function restoreAnswer(
  { stopBefore }: Pick<FoundTransaction, "stopBefore">,
  { backups, gaps, segmentSizeBytes, timeline, nameOf, options }: FindAdvice,
): RestoreAnswer {
  const backup = backups.findLast(({ stopLsn }) => stopLsn <= stopBefore.lsn);
  if (!backup) return { obstacle: "no backup was complete by then" };
  // Every older backup would have to cross the same gap.
  const [begin, end] = [backup.startLsn, stopBefore.lsn].map((lsn) =>
    segmentNumberAt(lsn, segmentSizeBytes),
  ) as [bigint, bigint];
  const gap = gaps.find(({ first, last }) => first <= end && last >= begin);
  if (gap) {
    return {
      obstacle: `WAL segment ${nameOf(gap.first)} is missing or damaged, and backup ${backup.label} needs it`,
    };
  }
  const target = ["--type=lsn", `--target=${formatLsn(stopBefore.lsn)}`, "--target-exclusive"];
  const advice = { following: options, target, timeline, backup: backup.label };
  return { command: restoreCommandLine(advice) };
}
