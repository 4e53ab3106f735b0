// Gaps along a path, with their reason in plain words: segments that are not stored, WAL that was given up, segments that
// cannot be read, and WAL that ends too early. What can be done about one: cli/render/window-text.ts.
import { errorMessage } from "../base/errors.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { formatLsn, type Lsn, lsn } from "../model/lsn.ts";
import { historyFileName, type Timeline, timelineAt, timelinePath } from "../model/timeline.ts";
import {
  formatSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import type { WalArchive, WalGap } from "../repository/wal-archive.ts";
import { type ArchivePath, segmentNames } from "./target-path.ts";
import type { IslandCut } from "./window-island.ts";
import {
  firstNumber,
  type Island,
  islandEnd,
  lastNumber,
  type StoredTimeline,
  type StoredWal,
} from "./window-path.ts";

/**
 * - `missing`: segments are not stored, although later ones are.
 * - `givenUp`: segments are not stored and never will be, as was recorded.
 * - `damaged`: a segment cannot be read.
 * - `ended`: WAL ends inside a segment, although a later one is stored.
 * - `historyMissing`: a timeline's history file is not stored or cannot be read, so that nothing of the timeline can be
 *   recovered.
 */
export type GapKind = "missing" | "givenUp" | "damaged" | "ended" | "historyMissing";

/** WAL that no recovery can pass. */
export interface Gap {
  readonly kind: GapKind;
  readonly timeline: Timeline;
  readonly begin: Lsn;
  readonly end: Lsn;
  /** Names, both inclusive. */
  readonly segments: { readonly first: string; readonly last: string; readonly count: number };
  /** A sentence without capital and stop. */
  readonly reason: string;
}

/** A gap, and what it does to the windows. */
export interface RecoveryGap extends Gap {
  /** Whether a window ends at it: some instant before it can be reached. */
  readonly hasWindowBefore: boolean;
  /** The oldest backup from which WAL behind it can be reached. */
  readonly backupBehind: BackupLabel | undefined;
  /** Whether it lies on the path of the newest timeline. */
  readonly isOnNewestPath: boolean;
}

/** The holes between the islands of a path. */
export function gapsBetween(
  path: ArchivePath,
  islands: readonly Island[],
  recorded: readonly WalGap[],
): readonly Gap[] {
  const { segmentSizeBytes } = path.archive.record;
  return islands.slice(1).map((next, index) => {
    const before = islands[index] ?? next;
    const begin = islandEnd(before, segmentSizeBytes);
    const end = segmentBegin(firstNumber(next), segmentSizeBytes);
    const timeline = timelineAt(path.history, lsn(end - 1n));
    // Where the path leaves a segment whose child's is not stored, that one is the first that is missing.
    const first = before.end === undefined ? lastNumber(before) + 1n : lastNumber(before);
    const segments = namesOf(path, first, firstNumber(next) - 1n);
    const isRecorded = recorded.some(
      (gap) => gap.timeline === timeline && gap.begin < end && begin < gap.end,
    );
    return isRecorded
      ? { kind: "givenUp", timeline, begin, end, segments, reason: givenUp(segments) }
      : { kind: "missing", timeline, begin, end, segments, reason: missing(segments) };
  });
}

/** Recorded gaps on the path behind everything that is stored of it: no hole shows them. */
export function gapsBehind(
  path: ArchivePath,
  islands: readonly Island[],
  { recorded, stored }: { readonly recorded: readonly WalGap[]; readonly stored: StoredWal },
): readonly Gap[] {
  const { segmentSizeBytes } = path.archive.record;
  const last = islands.at(-1);
  const pathEnd = last ? islandEnd(last, segmentSizeBytes) : lsn(0n);
  return timelinePath(path.history).flatMap((stretch) =>
    recorded
      .filter(
        ({ timeline, begin, end }) =>
          timeline === stretch.timeline &&
          end > pathEnd &&
          (stretch.end === undefined || begin < stretch.end) &&
          !isStored(stored.get(timeline), begin, { end, segmentSizeBytes }),
      )
      .map(({ timeline, begin, end }) => {
        const first = segmentNumberAt(begin, segmentSizeBytes);
        const segments = namesOf(path, first, segmentNumberBefore(end, segmentSizeBytes));
        return { kind: "givenUp", timeline, begin, end, segments, reason: givenUp(segments) };
      }),
  );
}

/** Whether all segments of a recorded gap came to the archive after all. */
function isStored(
  stored: StoredTimeline | undefined,
  begin: Lsn,
  { end, segmentSizeBytes }: { readonly end: Lsn; readonly segmentSizeBytes: number },
): boolean {
  const first = segmentNumberAt(begin, segmentSizeBytes);
  const last = segmentNumberBefore(end, segmentSizeBytes);
  return stored?.runs.some((run) => run.first <= first && last <= run.last) ?? false;
}

/** The gap that a flaw makes. */
export function gapOfCut(path: ArchivePath, { begin, end, segment, flaw }: IslandCut): Gap {
  const timeline = timelineAt(path.history, lsn(end - 1n));
  const place = { timeline, begin, end, segments: { first: segment, last: segment, count: 1 } };
  switch (flaw.kind) {
    case "damaged": {
      const reason = `WAL segment ${segment} cannot be read: ${errorMessage(flaw.error)}`;
      return { kind: "damaged", ...place, reason };
    }
    case "broken":
      return { kind: "damaged", ...place, reason: errorMessage(flaw.error) };
    case "gone":
      return { kind: "missing", ...place, reason: missing(place.segments) };
    case "ended": {
      const behind =
        flaw.end.reason === "zeros" ? "there are only zeros" : "there is no valid record";
      const reason = `WAL ends inside segment ${segment}, although later ones are stored: at ${formatLsn(begin)} ${behind}`;
      return { kind: "ended", ...place, reason };
    }
  }
}

/** The gap that a timeline is whose way back is not known. */
export function gapOfTimeline(
  { record }: WalArchive,
  { runs }: StoredTimeline,
  problem: string,
): Gap | undefined {
  const [first] = runs;
  const last = runs.at(-1);
  if (!first || !last) return undefined;
  const { segmentSizeBytes } = record;
  const { timeline } = first;
  const nameOf = (number: bigint): string =>
    formatSegmentName({ timeline, number }, segmentSizeBytes);
  const count = runs.reduce((sum, run) => sum + Number(run.last - run.first + 1n), 0);
  return {
    kind: "historyMissing",
    timeline,
    begin: segmentBegin(first.first, segmentSizeBytes),
    end: segmentBegin(last.last + 1n, segmentSizeBytes),
    segments: { first: nameOf(first.first), last: nameOf(last.last), count },
    reason: `${historyFileName(timeline)} ${problem}, so that nobody knows where timeline ${timeline} came from`,
  };
}

function namesOf(path: ArchivePath, first: bigint, last: bigint): Gap["segments"] {
  const nameOf = (number: bigint): string => segmentNames(path, number)[0] ?? "";
  return { first: nameOf(first), last: nameOf(last), count: Number(last - first + 1n) };
}

function missing(segments: Gap["segments"]): string {
  return `${describeSegments(segments)} not stored, although later ones are`;
}

function givenUp(segments: Gap["segments"]): string {
  return `${describeSegments(segments)} not stored and never will be: that WAL was given up`;
}

function describeSegments({ first, last, count }: Gap["segments"]): string {
  return count === 1
    ? `WAL segment ${first} is`
    : `${count} WAL segments, from ${first} to ${last}, are`;
}
