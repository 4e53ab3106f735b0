// The recovery windows of a stanza: from which instant to which it can be recovered, along each timeline, and where WAL is
// missing in between. A window begins where a backup was complete and ends with the last transaction that ended, because
// PostgreSQL compares a time with nothing else. Recovery passes no gap, so behind one another backup begins another window.
//
// What is stored is known from names (window-path.ts); only the last segments before an end are looked into
// (window-island.ts). One path: window-survey.ts; reasons of gaps: window-gaps.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { TimelineHistory } from "../model/timeline.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { listGaps, type WalArchive } from "../repository/wal-archive.ts";
import type { Gap, RecoveryGap } from "./window-gaps.ts";
import { readHistories } from "./window-histories.ts";
import { listStoredWal, type SegmentRun } from "./window-path.ts";
import {
  type RecoveryWindow,
  type Survey,
  type SurveyedPath,
  surveyPath,
} from "./window-survey.ts";

/** What can be reached along one timeline. */
export interface TimelineWindows {
  readonly history: TimelineHistory;
  /** WAL that was written on this timeline itself; undefined when none is stored. */
  readonly ownWal: SegmentRun | undefined;
  /**
   * In order. Those that end on an ancestor are left out, because they are the ancestor's too; unless there is no other,
   * then the last one of them is here.
   */
  readonly windows: readonly RecoveryWindow[];
}

/** What of a stanza can be reached. */
export interface RecoveryWindows {
  /** Ascending: every timeline of which WAL is stored or to which a backup leads, and the newest, which a restore follows. */
  readonly timelines: readonly TimelineWindows[];
  /** By timeline and begin; each once, however many paths lead through it. */
  readonly gaps: readonly RecoveryGap[];
  /** Complete backups from which nothing can be recovered, because WAL that they need is not all stored. */
  readonly strandedBackups: readonly BackupLabel[];
}

/** What is asked. */
export interface WindowQuestion {
  readonly archive: WalArchive;
  /** Complete backups of the stanza, in any order. */
  readonly backups: readonly ManifestHeader[];
}

/**
 * Finds what can be recovered.
 *
 * @throws {HindsightError} what the store throws, and `OBJECT_CORRUPT` for a recorded gap without a gap's name. Damage of
 *   a segment or of a history file is a gap.
 */
export async function readRecoveryWindows(
  { archive, backups }: WindowQuestion,
  context: Context,
): Promise<RecoveryWindows> {
  const survey: Survey = {
    archive,
    backups: backups.filter((backup) => isOfCluster(backup, archive)).toSorted(compareEnds),
    stored: await listStoredWal(archive, context),
    recorded: await listGaps(archive, context),
    seen: new Map(),
  };
  const { histories, gaps } = await readHistories(survey, context);
  const paths: SurveyedPath[] = [];
  for (const history of histories) paths.push(await surveyPath(survey, history, context));
  const reaching = new Set(paths.flatMap(({ windows }) => windows).flatMap((each) => each.backups));
  return {
    timelines: paths
      .map((path) => timelineWindows(survey, path))
      .filter((each, place) => place === paths.length - 1 || isOfInterest(each)),
    gaps: [...mergeGaps(paths), ...gaps].toSorted(comparePlaces),
    strandedBackups: survey.backups
      .map(({ label }) => label)
      .filter((label) => !reaching.has(label)),
  };
}

function isOfCluster(header: ManifestHeader, { record }: WalArchive): boolean {
  return (
    header.systemIdentifier === record.systemIdentifier &&
    header.majorVersion === record.majorVersion
  );
}

function compareEnds(left: ManifestHeader, right: ManifestHeader): number {
  if (left.stopLsn !== right.stopLsn) return left.stopLsn < right.stopLsn ? -1 : 1;
  return left.label < right.label ? -1 : 1;
}

function timelineWindows({ stored }: Survey, { history, windows }: SurveyedPath): TimelineWindows {
  const runs = stored.get(history.timeline)?.runs ?? [];
  const [first] = runs;
  const last = runs.at(-1);
  const own = windows.filter(({ isOwn }) => isOwn);
  return {
    history,
    ownWal: first && last && { ...first, last: last.last },
    windows: own.length > 0 ? own : windows.slice(-1),
  };
}

function isOfInterest({ ownWal, windows }: TimelineWindows): boolean {
  return ownWal !== undefined || windows.length > 0;
}

/** Each gap once, with what it does to the windows of the youngest path that has a window behind it. */
function mergeGaps(paths: readonly SurveyedPath[]): readonly RecoveryGap[] {
  const merged = new Map<string, RecoveryGap>();
  for (const { windows, gaps } of paths) {
    for (const gap of gaps) {
      const key = `${gap.timeline} ${gap.begin} ${gap.end}`;
      const before = merged.get(key);
      const behind = windows.find(({ earliest }) => earliest.lsn >= gap.end);
      merged.set(key, {
        ...gap,
        hasWindowBefore:
          before?.hasWindowBefore === true || windows.some(({ latest }) => latest.lsn <= gap.begin),
        backupBehind: behind?.backups[0] ?? before?.backupBehind,
        isOnNewestPath: paths.at(-1)?.gaps.includes(gap) === true,
      });
    }
  }
  return [...merged.values()];
}

function comparePlaces(left: Gap, right: Gap): number {
  if (left.timeline !== right.timeline) return left.timeline - right.timeline;
  return left.begin === right.begin ? 0 : left.begin < right.begin ? -1 : 1;
}
