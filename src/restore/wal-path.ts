// Which WAL a recovery reads, and whether all of it is stored. Nothing is read but names.
//
// A recovery follows the path of one timeline. The segment in which a timeline was left exists twice, under the parent's
// name and under the child's; the child's repeats what the parent wrote before the switch, so it is the one that counts
// (and PostgreSQL asks for it first). The parent's often never becomes complete.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { type TimelineHistory, timelinePath, type TimelineStretch } from "../model/timeline.ts";
import {
  formatSegmentName,
  parseSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { listGaps, listSegments, type WalArchive } from "../repository/wal-archive.ts";

/** The segments a recovery reads, by name; both ends are stored. */
export interface WalPlan {
  readonly first: string;
  readonly last: string;
  readonly segmentCount: number;
  /** Whether `last` is the last one of the path that is stored. */
  readonly isEndOfArchive: boolean;
  /** The first segment that is not stored; only with reach `some`. */
  readonly missing: string | undefined;
  /**
   * Where the path leaves `last`, when that is a parent's segment because nothing of its child is stored: what is behind
   * was given up, and PostgreSQL would replay it all the same.
   */
  readonly leftAt: Lsn | undefined;
}

/**
 * How far the WAL must reach.
 *
 * - `backup`: to the stop of the backup, nothing more is known or needed.
 * - `position`: to the segment that holds this LSN.
 * - `segment`: to this segment, named on any timeline of the path.
 * - `end`: to the last stored segment of the path.
 * - `some`: as far as it goes; PostgreSQL will say whether it found its target.
 */
export type WalReach =
  | { readonly kind: "backup" | "end" | "some" }
  | { readonly kind: "position"; readonly lsn: Lsn }
  | { readonly kind: "segment"; readonly name: string };

/** Which WAL does a restore need: from the backup's start to its stop, and on to where it shall reach. */
export interface WalQuestion {
  readonly history: TimelineHistory;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly reach: WalReach;
}

/** One stretch of the path and which of its segments are stored, by number. */
interface StoredStretch {
  readonly stretch: TimelineStretch;
  readonly firstNumber: bigint;
  readonly stored: ReadonlySet<bigint>;
}

/**
 * Names the first and last segment and proves that every one between them is stored.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` naming the first one that is not; `TARGET_UNREACHABLE` when the reach
 *   lies past the end of the archive.
 */
export async function planWal(
  archive: WalArchive,
  question: WalQuestion,
  context: Context,
): Promise<WalPlan> {
  const path = await storedPath(archive, question, context);
  const segmentSizeBytes = archive.record.segmentSizeBytes;
  const nameOf = (number: bigint): string =>
    formatSegmentName(
      { timeline: ownerOf(path, number).stretch.timeline, number },
      segmentSizeBytes,
    );
  const first = segmentNumberAt(question.startLsn, segmentSizeBytes);
  const stop = segmentNumberBefore(question.stopLsn, segmentSizeBytes);
  const end = endOf(path, first);
  const wanted = wantedEnd(question.reach, { stop, end, segmentSizeBytes });
  if (wanted > end && wanted > stop) {
    throw beyondEnd(question, end < first ? undefined : nameOf(end));
  }
  const missing = firstMissing(path, first, wanted);
  if (missing !== undefined && (question.reach.kind !== "some" || missing <= stop)) {
    throw await segmentMissing(archive, { name: nameOf(missing), number: missing }, context);
  }
  return {
    first: nameOf(first),
    last: nameOf(wanted),
    segmentCount: Number(wanted - first + 1n),
    isEndOfArchive: wanted === end,
    missing: missing === undefined ? undefined : nameOf(missing),
    leftAt: leftAt(ownerOf(path, wanted), wanted, segmentSizeBytes),
  };
}

function wantedEnd(
  reach: WalReach,
  { stop, end, segmentSizeBytes }: { stop: bigint; end: bigint; segmentSizeBytes: number },
): bigint {
  const atLeastStop = (number: bigint): bigint => (number > stop ? number : stop);
  switch (reach.kind) {
    case "backup":
      return stop;
    case "end":
    case "some":
      return atLeastStop(end);
    case "position":
      return atLeastStop(segmentNumberAt(reach.lsn, segmentSizeBytes));
    case "segment":
      return atLeastStop(parseSegmentName(reach.name, segmentSizeBytes).number);
  }
}

/** The path from the backup on, without trailing timelines of which nothing is stored yet. */
async function storedPath(
  archive: WalArchive,
  { history, startLsn }: WalQuestion,
  context: Context,
): Promise<readonly StoredStretch[]> {
  const segmentSizeBytes = archive.record.segmentSizeBytes;
  const start = segmentNumberAt(startLsn, segmentSizeBytes);
  const path: StoredStretch[] = [];
  for (const stretch of timelinePath(history)) {
    if (stretch.end !== undefined && stretch.end <= startLsn) continue;
    const begin = segmentNumberAt(stretch.begin, segmentSizeBytes);
    const firstNumber = begin > start ? begin : start;
    path.push({
      stretch,
      firstNumber,
      stored: await storedNumbers(archive, { stretch, firstNumber }, context),
    });
  }
  while (path.length > 1 && path.at(-1)?.stored.size === 0) path.pop();
  return path;
}

async function storedNumbers(
  archive: WalArchive,
  { stretch, firstNumber }: Pick<StoredStretch, "stretch" | "firstNumber">,
  context: Context,
): Promise<ReadonlySet<bigint>> {
  const { timeline, end } = stretch;
  const segmentSizeBytes = archive.record.segmentSizeBytes;
  const from = formatSegmentName({ timeline, number: firstNumber }, segmentSizeBytes);
  const lastNumber = end === undefined ? undefined : segmentNumberBefore(end, segmentSizeBytes);
  const numbers = new Set<bigint>();
  for await (const name of listSegments(archive, { timeline, from }, context)) {
    const { number } = parseSegmentName(name, segmentSizeBytes);
    // What a timeline wrote after it was left is not on the path.
    if (lastNumber !== undefined && number > lastNumber) break;
    numbers.add(number);
  }
  return numbers;
}

/** The stretch whose name a segment has: the youngest one that has begun in it. */
function ownerOf(path: readonly StoredStretch[], number: bigint): StoredStretch {
  const owner = path.findLast((candidate) => candidate.firstNumber <= number) ?? path[0];
  if (!owner) throw new Error("a path has at least one stretch");
  return owner;
}

/** Where a timeline is left inside of a segment. */
function leftAt(
  { stretch: { end } }: StoredStretch,
  number: bigint,
  segmentSizeBytes: number,
): Lsn | undefined {
  return end !== undefined && segmentNumberAt(end, segmentSizeBytes) === number ? end : undefined;
}

/** The last stored segment of the path, or the one before `first` when nothing is stored. */
function endOf(path: readonly StoredStretch[], first: bigint): bigint {
  let end = first - 1n;
  for (const number of path.at(-1)?.stored ?? []) if (number > end) end = number;
  return end;
}

function firstMissing(
  path: readonly StoredStretch[],
  first: bigint,
  last: bigint,
): bigint | undefined {
  for (let number = first; number <= last; number += 1n) {
    if (!ownerOf(path, number).stored.has(number)) return number;
  }
  return undefined;
}

async function segmentMissing(
  archive: WalArchive,
  { name, number }: { name: string; number: bigint },
  context: Context,
): Promise<Error> {
  const { segmentSizeBytes } = archive.record;
  const begin = segmentBegin(number, segmentSizeBytes);
  const { timeline } = parseSegmentName(name, segmentSizeBytes);
  const gaps = await listGaps(archive, context);
  const gap = gaps.find(
    (each) => each.timeline === timeline && each.begin <= begin && begin < each.end,
  );
  const cause = gap ? ": it was given up when the archive queue overflowed" : "";
  return failure(
    "WAL_SEGMENT_MISSING",
    `WAL segment ${name} is needed and not in the archive${cause}`,
    {
      hint: `Targets before ${formatLsn(begin)} can be reached; the segment itself may still be in pg_wal of the cluster or of a standby, from where \`hindsight archive-push\` stores it.`,
      context: { segment: name, stanza: archive.stanza },
    },
  );
}

function beyondEnd({ reach, history }: WalQuestion, lastName: string | undefined): Error {
  const subject =
    reach.kind === "position"
      ? `LSN ${formatLsn(reach.lsn)}`
      : `segment ${reach.kind === "segment" ? reach.name : ""}`;
  return failure(
    "TARGET_UNREACHABLE",
    `${subject} lies past the end of the archive on timeline ${history.timeline}, which is ${lastName ?? "empty"}`,
    {
      hint: "If the cluster still runs, `select pg_switch_wal()` archives what it wrote last; otherwise choose an earlier target.",
    },
  );
}
