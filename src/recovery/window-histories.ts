// Which timelines there are, and how each came to be. One whose history file is lost or damaged cannot be recovered,
// however much of its WAL is stored.
import type { Context } from "../base/context.ts";
import { isFailure } from "../model/failure.ts";
import { type Timeline, timeline as toTimeline, type TimelineHistory } from "../model/timeline.ts";
import { listHistories, readHistory, type WalArchive } from "../repository/wal-archive.ts";
import { gapOfTimeline, type RecoveryGap } from "./window-gaps.ts";
import type { Survey } from "./window-survey.ts";

/** Timelines that can be followed, and those that cannot. */
export interface KnownHistories {
  /** Ascending. */
  readonly histories: readonly TimelineHistory[];
  /** One for each timeline of which WAL is stored and no history. */
  readonly gaps: readonly RecoveryGap[];
}

/**
 * Reads the histories of all timelines of which anything is stored.
 *
 * @throws {HindsightError} what the store throws; damage of a history file is a gap.
 */
export async function readHistories(
  { archive, stored }: Survey,
  context: Context,
): Promise<KnownHistories> {
  const listed = await listHistories(archive, context);
  const known = new Set([toTimeline(1), ...listed, ...stored.keys()]);
  const histories: TimelineHistory[] = [];
  const gaps: RecoveryGap[] = [];
  for (const id of [...known].toSorted((left, right) => left - right)) {
    const found = await readKnownHistory(archive, id, context);
    if (typeof found !== "string") {
      histories.push(found);
      continue;
    }
    context.log.debug("a timeline cannot be followed", { timeline: id, reason: found });
    const wal = stored.get(id);
    const gap = wal && gapOfTimeline(archive, wal, found);
    const facts = { hasWindowBefore: false, backupBehind: undefined, isOnNewestPath: false };
    if (gap) gaps.push({ ...gap, ...facts });
  }
  return { histories, gaps };
}

/** The history, or what is wrong with it. */
async function readKnownHistory(
  archive: WalArchive,
  id: Timeline,
  context: Context,
): Promise<TimelineHistory | string> {
  try {
    return (await readHistory(archive, id, context)) ?? "is not stored";
  } catch (error) {
    if (!isFailure(error, "HISTORY_INVALID", "OBJECT_CORRUPT")) throw error;
    return `cannot be read (${error.message})`;
  }
}
