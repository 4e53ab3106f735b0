// The command that brings back the instant before a transaction, or why there is none.
import { formatLsn } from "../../model/lsn.ts";
import { formatSegmentName, segmentNumberAt } from "../../model/wal-segment.ts";
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
  { stopBefore, timeline }: Pick<FoundTransaction, "stopBefore" | "timeline">,
  { backups, gaps, segmentSizeBytes, options }: FindAdvice,
): RestoreAnswer {
  const backup = backups.findLast(({ stopLsn }) => stopLsn <= stopBefore.lsn);
  if (!backup) return { obstacle: "no backup was complete by then" };
  // Every older backup would have to cross the same gap.
  const [begin, end] = [backup.startLsn, stopBefore.lsn].map((lsn) =>
    segmentNumberAt(lsn, segmentSizeBytes),
  ) as [bigint, bigint];
  const gap = gaps.find(({ first, last }) => first <= end && last >= begin);
  if (gap) {
    const name = formatSegmentName({ timeline, number: gap.first }, segmentSizeBytes);
    return {
      obstacle: `WAL segment ${name} is missing or damaged, and backup ${backup.label} needs it`,
    };
  }
  const target = ["--type=lsn", `--target=${formatLsn(stopBefore.lsn)}`, "--target-exclusive"];
  const advice = { following: options, target, timeline, backup: backup.label };
  return { command: restoreCommandLine(advice) };
}
