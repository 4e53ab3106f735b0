// The windows and gaps along the path of one timeline. All paths of a stanza together: window.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { Lsn } from "../model/lsn.ts";
import { isOnPath, type Timeline, type TimelineHistory } from "../model/timeline.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { WalArchive, WalGap } from "../repository/wal-archive.ts";
import { type Gap, gapOfCut, gapsBehind, gapsBetween } from "./window-gaps.ts";
import { type IslandPart, type Reach, surveyIsland } from "./window-island.ts";
import type { SegmentLook } from "./window-look.ts";
import { pathIslands, type StoredWal } from "./window-path.ts";

/** An instant that recovery can reach, and where it lies. */
export interface WindowEdge {
  readonly time: Temporal.Instant;
  readonly lsn: Lsn;
}

/** Every instant from `earliest` to `latest` can be reached. */
export interface RecoveryWindow {
  /** The timeline to follow. */
  readonly timeline: Timeline;
  /** Where the oldest backup was complete. */
  readonly earliest: WindowEdge;
  /** The last transaction that ended; the end of the newest backup when none did since. */
  readonly latest: WindowEdge;
  /** What ended at `latest`; undefined for a backup. */
  readonly transaction: { readonly kind: "commit" | "abort"; readonly xid: number } | undefined;
  /** Backups that lead into it, in the order of their ends; never empty. */
  readonly backups: readonly BackupLabel[];
  /** Whether WAL behind it is stored, or was, that it does not reach. */
  readonly endsAtGap: boolean;
}

/** What all paths have in common. */
export interface Survey {
  readonly archive: WalArchive;
  /** Complete backups of the cluster, in the order of their ends. */
  readonly backups: readonly ManifestHeader[];
  readonly stored: StoredWal;
  readonly recorded: readonly WalGap[];
  readonly seen: Map<string, SegmentLook>;
}

/** What was found along one path. */
export interface SurveyedPath {
  readonly history: TimelineHistory;
  readonly windows: readonly (RecoveryWindow & { readonly isOwn: boolean })[];
  readonly gaps: readonly Gap[];
}

/**
 * Surveys the path of one timeline.
 *
 * @throws {HindsightError} what the store throws.
 */
export async function surveyPath(
  survey: Survey,
  history: TimelineHistory,
  context: Context,
): Promise<SurveyedPath> {
  const { archive, stored, recorded, seen } = survey;
  const path = { archive, history };
  const islands = pathIslands(stored, history, archive.record.segmentSizeBytes);
  const backups = survey.backups.filter(({ timeline, stopLsn }) =>
    isOnPath(history, timeline, stopLsn),
  );
  const gaps = [
    ...gapsBetween(path, islands, recorded),
    ...gapsBehind(path, islands, { recorded, stored }),
  ];
  const [{ blockSizeBytes } = { blockSizeBytes: 0 }] = backups;
  const parts: IslandPart[] = [];
  for (const [index, island] of islands.entries()) {
    const question = { island, isLast: index === islands.length - 1 };
    const all = { ...path, stored, backups, blockSizeBytes, seen };
    parts.push(...(await surveyIsland(all, question, context)));
  }
  for (const part of parts) if (part.kind === "cut") gaps.push(gapOfCut(path, part));
  const windows = parts
    .filter((part) => part.kind === "reach")
    .map((part) => ({
      ...windowOf(history, part, gaps),
      isOwn: part.island.runs.some(({ timeline }) => timeline === history.timeline),
    }));
  return { history, windows, gaps };
}

function windowOf(
  { timeline }: TimelineHistory,
  { backups, lastEnd }: Reach,
  gaps: readonly Gap[],
): RecoveryWindow {
  const [oldest] = backups;
  const newest = backups.at(-1);
  if (!oldest || !newest) throw new TypeError("a window begins with a backup");
  const latest = lastEnd
    ? { time: lastEnd.transaction.at, lsn: lastEnd.lsn }
    : { time: newest.stopTime, lsn: newest.stopLsn };
  return {
    timeline,
    earliest: { time: oldest.stopTime, lsn: oldest.stopLsn },
    latest,
    transaction: lastEnd && { kind: lastEnd.transaction.kind, xid: lastEnd.transaction.xid },
    backups: backups.map(({ label }) => label),
    endsAtGap: gaps.some(({ begin }) => begin >= latest.lsn),
  };
}
