// Which timeline recovery follows. PostgreSQL would decide by itself ("latest" is looked up when recovery starts, and
// again later); a plan decides once, says so, and pins the number.
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { TimelineChoice } from "../model/recovery-target.ts";
import {
  describeHistory,
  isOnPath,
  timeline as toTimeline,
  type Timeline,
  type TimelineHistory,
} from "../model/timeline.ts";

/** What the choice of a timeline and of a backup needs to know about a backup; a manifest's header has it. */
export interface BackupFacts {
  readonly label: BackupLabel;
  readonly timeline: Timeline;
  readonly stopLsn: Lsn;
  readonly stopTime: Temporal.Instant;
}

/** The timeline and the backups that lie on its path, oldest first. */
export interface TimelinePlan<Backup extends BackupFacts> {
  readonly history: TimelineHistory;
  /** Never empty. */
  readonly candidates: readonly Backup[];
}

/** Which timeline did the user mean, given what the archive knows and which backups there are? */
export interface TimelineQuestion<Backup extends BackupFacts> {
  readonly choice: TimelineChoice;
  /** Histories of every timeline that is known, timeline 1 included, in any order. */
  readonly histories: readonly TimelineHistory[];
  /** Complete backups of this cluster; never empty. */
  readonly backups: readonly Backup[];
  /** The backup that the user named. */
  readonly set: Backup | undefined;
}

/**
 * Pins the timeline and says which backups can be recovered along it.
 *
 * - a number: that timeline.
 * - `latest`: the newest one; with a named backup, the newest one whose path contains it.
 * - `current`: the timeline on which the named backup, else the newest one, was taken.
 *
 * @throws {HindsightError} `TIMELINE_UNREACHABLE` when the timeline is unknown or no backup lies on its path.
 */
export function chooseTimeline<Backup extends BackupFacts>(
  question: TimelineQuestion<Backup>,
): TimelinePlan<Backup> {
  const history = chooseHistory(question);
  const eligible = question.set ? [question.set] : question.backups;
  const candidates = eligible
    .filter((backup) => isOnPath(history, backup.timeline, backup.stopLsn))
    .toSorted(comparePosition);
  if (candidates.length === 0) throw offPath(question, history);
  return { history, candidates };
}

function chooseHistory<Backup extends BackupFacts>(
  question: TimelineQuestion<Backup>,
): TimelineHistory {
  const { choice, histories, backups, set } = question;
  if (choice === "latest") {
    const newestFirst = histories.toSorted((left, right) => right.timeline - left.timeline);
    const containing = newestFirst.find(
      (history) => set === undefined || isOnPath(history, set.timeline, set.stopLsn),
    );
    if (containing) return containing;
  }
  const wanted =
    typeof choice === "number" ? toTimeline(choice) : (set ?? newest(backups)).timeline;
  const found = histories.find((history) => history.timeline === wanted);
  if (found) return found;
  const known = histories
    .map((history) => history.timeline)
    .toSorted((left, right) => left - right);
  throw failure("TIMELINE_UNREACHABLE", `timeline ${wanted} has no history file in the archive`, {
    hint: `Timelines in the archive: ${known.join(", ")}. Choose one with --target-timeline=N.`,
  });
}

function newest<Backup extends BackupFacts>(backups: readonly Backup[]): Backup {
  return backups.reduce((best, backup) =>
    Temporal.Instant.compare(backup.stopTime, best.stopTime) >= 0 ? backup : best,
  );
}

function offPath<Backup extends BackupFacts>(
  { histories, backups, set }: TimelineQuestion<Backup>,
  history: TimelineHistory,
): Error {
  const eligible = set ? [set] : backups;
  const reachable = histories
    .filter((other) => eligible.some((backup) => isOnPath(other, backup.timeline, backup.stopLsn)))
    .map((other) => other.timeline)
    .toSorted((left, right) => left - right);
  const subject = set
    ? `backup ${set.label} (timeline ${set.timeline}, complete at ${formatLsn(set.stopLsn)}) is not`
    : "no backup is";
  return failure(
    "TIMELINE_UNREACHABLE",
    `${subject} on the path of timeline ${history.timeline}: ${describeHistory(history)}`,
    {
      hint:
        reachable.length === 0
          ? "Take a backup of the running cluster; its timeline cannot be recovered from an older one."
          : `Recovery is possible along timeline ${reachable.join(" or ")}: choose with --target-timeline=N.`,
      context: { timeline: history.timeline, backup: set?.label },
    },
  );
}

/** Order along one path: by the position at which a backup became complete, then by label. */
function comparePosition(left: BackupFacts, right: BackupFacts): number {
  if (left.stopLsn !== right.stopLsn) return left.stopLsn < right.stopLsn ? -1 : 1;
  return left.label < right.label ? -1 : left.label > right.label ? 1 : 0;
}
