// From settings to the history that find and its kin look at: which archive, along which timeline, from where.
import type { Context } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import {
  describeHistory,
  isOnPath,
  timeline,
  type Timeline,
  type TimelineHistory,
} from "../model/timeline.ts";
import { segmentNumberAt } from "../model/wal-segment.ts";
import type { FindRange } from "../recovery/find.ts";
import { type OtherBranch, otherBranches } from "../recovery/other-branches.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { listHistories, readHistory, type WalArchive } from "../repository/wal-archive.ts";
import { BLOCK_SIZE_DEFAULT_BYTES } from "../wal/block-reference.ts";
import { firstRepository, openArchive } from "./repositories.ts";
import { readTimeline } from "./restore-target.ts";

/** A stretch of history, and what else is known about it. */
export interface HistoryView extends FindRange {
  /** Complete backups on the path, oldest first. */
  readonly backups: readonly ManifestHeader[];
  /** The cluster's zone, as the newest backup recorded it. */
  readonly timeZone: string;
  readonly branches: readonly OtherBranch[];
}

/**
 * Opens the archive of the settings and chooses the timeline: that of --target-timeline, else the newest one.
 *
 * @throws {HindsightError} `TIMELINE_UNREACHABLE` for a timeline that is not in the archive; what opening throws.
 */
export async function historyView(settings: Settings, context: Context): Promise<HistoryView> {
  const archive = await openArchive(settings, firstRepository(settings), context);
  const { repository, stanza, record } = archive;
  const all = await listBackupHeaders(repository, stanza, context);
  const ours = all.filter((backup) => backup.systemIdentifier === record.systemIdentifier);
  const known = [timeline(1), ...(await listHistories(archive, context))];
  const history = await chosenHistory(settings, { archive, known, newest: ours.at(-1) }, context);
  const backups = ours.filter((backup) => isOnPath(history, backup.timeline, backup.stopLsn));
  const newest = ours.at(-1);
  return {
    archive,
    history,
    backups,
    timeZone: newest?.settings["TimeZone"] ?? "UTC",
    blockSizeBytes: newest?.blockSizeBytes ?? BLOCK_SIZE_DEFAULT_BYTES,
    branches: await otherBranches({ archive, history }, known, context),
  };
}

/**
 * A segment before which nothing lies that ended at an instant or later: where the newest backup begins that was complete
 * by then. A backup's own start is no measure, because its clock is read before PostgreSQL's checkpoint, which takes
 * minutes.
 */
export function firstSegmentFor(view: HistoryView, from: Temporal.Instant): bigint | undefined {
  const earlier = view.backups.findLast(
    ({ stopTime }) => Temporal.Instant.compare(stopTime, from) < 0,
  );
  return earlier && segmentNumberAt(earlier.startLsn, view.archive.record.segmentSizeBytes);
}

async function chosenHistory(
  settings: Settings,
  {
    archive,
    known,
    newest,
  }: {
    readonly archive: WalArchive;
    readonly known: readonly Timeline[];
    readonly newest: ManifestHeader | undefined;
  },
  context: Context,
): Promise<TimelineHistory> {
  const choice = readTimeline(settings) ?? "latest";
  const wanted =
    choice === "latest"
      ? known.at(-1)
      : choice === "current"
        ? (newest?.timeline ?? known.at(-1))
        : timeline(choice);
  const history = wanted && known.includes(wanted) && (await readHistory(archive, wanted, context));
  if (history) {
    context.log.detail("looking at history", { path: describeHistory(history) });
    return history;
  }
  throw failure("TIMELINE_UNREACHABLE", `timeline ${String(wanted)} is not in the archive`, {
    hint: `There is ${known.join(", ")}: choose with --target-timeline=N.`,
  });
}
