// Whether a segment is kept: it makes a kept backup consistent, or it can be replayed from a backup at or behind the floor,
// along any timeline. Timelines are compared by their histories; where one is not known, its WAL stays. Pure.
import type { Lsn } from "../model/lsn.ts";
import { isOnPath, type Timeline, type TimelineHistory } from "../model/timeline.ts";
import { parseSegmentName, segmentNumberBefore } from "../model/wal-segment.ts";
import type { ArchiveFloor } from "./archive-floor.ts";
import type { RetentionBackup } from "./survey.ts";

/** Tells whether the segment of that number on that timeline stays. */
export type KeptWal = (timeline: Timeline, number: bigint) => boolean;

/** What decides. */
export interface KeptWalQuestion {
  readonly floor: ArchiveFloor;
  readonly segmentSizeBytes: number;
  /** Of every timeline that has WAL; undefined for one whose history is missing or unreadable. */
  readonly histories: ReadonlyMap<Timeline, TimelineHistory | undefined>;
  /** Every backup that is kept: the WAL that makes them consistent stays. */
  readonly consistent: readonly RetentionBackup[];
  /** WAL before this segment goes, but for what backups need to be consistent; a name of 24 digits. */
  readonly before: string | undefined;
  /** Backups whose WAL stays whatever `before` says. */
  readonly held: readonly RetentionBackup[];
}

/** Builds the rule for one cluster's archive. */
export function keptWal(question: KeptWalQuestion): KeptWal {
  const byFloor = keptByFloor(question);
  const { before, segmentSizeBytes, histories } = question;
  if (before === undefined) return byFloor;
  const limit = parseSegmentName(before, segmentSizeBytes);
  const history = histories.get(limit.timeline);
  const isConsistent = consistentWal(question);
  const heldPath = question.held.map((backup) => replayFrom(backup, question));
  const isBefore = (timeline: Timeline, number: bigint): boolean => {
    if (number >= limit.number) return false;
    if (timeline === limit.timeline) return true;
    const left = history?.ancestors.find((ancestor) => ancestor.timeline === timeline);
    return left !== undefined && number <= segmentNumberBefore(left.switchLsn, segmentSizeBytes);
  };
  return (timeline, number) =>
    isConsistent(timeline, number) ||
    heldPath.some((isReached) => isReached(timeline, number)) ||
    (byFloor(timeline, number) && !isBefore(timeline, number));
}

function keptByFloor(question: KeptWalQuestion): KeptWal {
  const { floor, histories } = question;
  if (floor.kind === "all") return () => true;
  if (floor.kind === "nothing") return () => false;
  const isConsistent = consistentWal(question);
  const paths = floor.replayed.map((backup) => replayFrom(backup, question));
  const [oldest] = floor.replayed;
  return (timeline, number) =>
    isConsistent(timeline, number) ||
    paths.some((isReached) => isReached(timeline, number)) ||
    (histories.get(timeline) === undefined && timeline !== 1) ||
    // A younger timeline that no backup leads to may be the one that the cluster is on.
    (oldest !== undefined && timeline > oldest.timeline && !isRelated(timeline, question));
}

function isRelated(timeline: Timeline, { floor, histories }: KeptWalQuestion): boolean {
  const history = histories.get(timeline);
  if (floor.kind !== "from" || !history) return false;
  return floor.replayed.some((backup) => isOnPath(history, backup.timeline, backup.stopLsn));
}

function consistentWal({ consistent, segmentSizeBytes }: KeptWalQuestion): KeptWal {
  const ranges = consistent.map(({ firstSegment, lastSegment }) => ({
    first: parseSegmentName(firstSegment, segmentSizeBytes),
    last: parseSegmentName(lastSegment, segmentSizeBytes),
  }));
  return (timeline, number) =>
    ranges.some(
      ({ first, last }) =>
        (timeline === first.timeline || timeline === last.timeline) &&
        number >= first.number &&
        number <= last.number,
    );
}

function replayFrom(backup: RetentionBackup, question: KeptWalQuestion): KeptWal {
  const { segmentSizeBytes, histories } = question;
  const { number: first } = parseSegmentName(backup.firstSegment, segmentSizeBytes);
  const isReached = memoize((timeline: Timeline) => {
    const history = histories.get(timeline);
    return timeline === backup.timeline || isDescendant(history, backup.timeline, backup.stopLsn);
  });
  return (timeline, number) => number >= first && isReached(timeline);
}

function isDescendant(
  history: TimelineHistory | undefined,
  timeline: Timeline,
  stopLsn: Lsn,
): boolean {
  return history !== undefined && isOnPath(history, timeline, stopLsn);
}

function memoize<Key, Value>(compute: (key: Key) => Value): (key: Key) => Value {
  const known = new Map<Key, Value>();
  return (key) => {
    const value = known.get(key) ?? compute(key);
    known.set(key, value);
    return value;
  };
}
