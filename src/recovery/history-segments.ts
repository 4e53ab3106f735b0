// The WAL indexes along the path of a timeline, in order, with everything that is wrong on the way as data: whoever asks
// decides whether a gap is an error. An index that is not stored, or is damaged, is made from its segment, so that the
// answer is the same, only later. Bounded memory: a few indexes are read ahead.
import type { Context } from "../base/context.ts";
import { errorMessage, type HindsightError } from "../base/errors.ts";
import { isFailure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import { timelinePath } from "../model/timeline.ts";
import {
  formatSegmentName,
  parseSegmentName,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { Continuity, cutError, endOnPath, isEndOfWriting } from "./history-continuity.ts";
import { makeSegmentIndex } from "../archive/segment-index.ts";
import { getWalIndex, listIndexedSegments } from "../repository/wal-index.ts";
import { getWalFile } from "../repository/wal-archive.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import type { WalEnd } from "../wal/reader.ts";
import type { ArchivePath } from "./target-path.ts";

/** What to read. */
export interface HistoryRange extends ArchivePath {
  /** Numbers of segments, both inclusive. Undefined: from the first that is stored, to the last one. */
  readonly first?: bigint | undefined;
  readonly last?: bigint | undefined;
  /** Size of a relation's page. */
  readonly blockSizeBytes: number;
}

/** A segment as the path has it. */
export interface PathSegment {
  readonly name: string;
  readonly number: bigint;
  /** Where the path leaves this segment: what is behind was written on a branch that was given up. */
  readonly limit: Lsn | undefined;
  readonly isIndexed: boolean;
}

/** A segment with its index. */
export interface IndexedSegment extends PathSegment {
  readonly kind: "segment";
  readonly index: WalIndex;
  /** Whether the segment begins inside a record whose beginning is not there: the index lacks that record. */
  readonly isHeadMissing: boolean;
}

/** One step along the path. */
export type HistoryStep =
  | IndexedSegment
  /** Segments that are not stored, both inclusive, although a later one is. */
  | { readonly kind: "missing"; readonly first: bigint; readonly last: bigint }
  /** A segment that has no index and cannot be read. */
  | (PathSegment & { readonly kind: "unreadable"; readonly error: HindsightError })
  | BrokenStep;

/**
 * Records are missing although the segments are there: behind the step of a segment inside which WAL ends, or before the
 * step of one that does not go on where the one before it ends.
 */
export type BrokenStep = PathSegment & { readonly kind: "broken"; readonly error: HindsightError };

/** Indexes read ahead of the one that is asked for. */
const READ_AHEAD_COUNT = 8;

/**
 * The steps along a path. Nothing follows the last stored segment, also when `last` lies behind it.
 *
 * @throws {HindsightError} what the store throws.
 */
export async function* historySteps(
  range: HistoryRange,
  context: Context,
): AsyncGenerator<HistoryStep, void, undefined> {
  const continuity = new Continuity();
  let before: IndexedSegment | undefined;
  let expected = range.first;
  for await (const { segment, index } of readAhead(range, context)) {
    const cut = before && cutOf(before);
    if (cut) {
      yield cut.step;
      continuity.reset();
    }
    // The rest of a segment in which a timeline was left is in the child's, which is missing when something follows.
    const isLeft = before?.limit !== undefined;
    const first = isLeft ? before?.number : expected;
    if (first !== undefined && segment.number > first) {
      yield { kind: "missing", first, last: segment.number - 1n };
      continuity.reset();
      before = undefined;
    }
    expected = segment.number + 1n;
    const previous = before?.index;
    const step = await settle(range, { segment, stored: await index, previous }, context);
    before = step.kind === "segment" ? step : undefined;
    const problem = before ? continuity.take(before) : continuity.reset();
    if (problem) yield brokenStep(segment, problem);
    yield step;
  }
  const cut = before && cutOf(before);
  if (cut && !isEndOfWriting(cut.end)) yield cut.step;
}

/** A segment inside which WAL ends before the path leaves it. */
function cutOf(
  segment: IndexedSegment,
): { readonly end: WalEnd; readonly step: BrokenStep } | undefined {
  const end = endOnPath(segment);
  return end && { end, step: brokenStep(segment, cutError(segment.name, end)) };
}

function brokenStep(segment: PathSegment, error: HindsightError): BrokenStep {
  const { name, number, limit, isIndexed } = segment;
  return { kind: "broken", name, number, limit, isIndexed, error };
}

interface Ahead {
  readonly segment: PathSegment;
  readonly index: Promise<WalIndex | undefined>;
}

async function* readAhead(
  range: HistoryRange,
  context: Context,
): AsyncGenerator<Ahead, void, undefined> {
  const abandoned = new AbortController();
  const inner = { ...context, signal: AbortSignal.any([context.signal, abandoned.signal]) };
  const ahead: Ahead[] = [];
  try {
    for await (const segment of pathSegments(range, context)) {
      const index = segment.isIndexed
        ? readIndex(range, segment.name, inner)
        : Promise.resolve(undefined);
      // Its failure is met when its turn comes, if it comes.
      index.catch(() => undefined);
      ahead.push({ segment, index });
      const next = ahead.length > READ_AHEAD_COUNT ? ahead.shift() : undefined;
      if (next) yield next;
    }
    yield* ahead;
  } finally {
    abandoned.abort();
  }
}

async function readIndex(
  { archive }: HistoryRange,
  name: string,
  context: Context,
): Promise<WalIndex | undefined> {
  try {
    return await getWalIndex(archive, name, context);
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
    const reason = errorMessage(error);
    context.log.warn("a WAL index is damaged and is made again in memory", { name, reason });
    return undefined;
  }
}

/** Takes the stored index, or makes one. */
async function settle(
  { archive, blockSizeBytes }: HistoryRange,
  found: {
    readonly segment: PathSegment;
    readonly stored: WalIndex | undefined;
    readonly previous: WalIndex | undefined;
  },
  context: Context,
): Promise<HistoryStep> {
  const { segment, stored, previous } = found;
  if (stored) return { kind: "segment", ...segment, index: stored, isHeadMissing: false };
  const bare = { ...segment, isIndexed: false };
  const { name } = segment;
  try {
    const bytes = await getWalFile(archive, name, context);
    if (!bytes) return { kind: "missing", first: segment.number, last: segment.number };
    checkSegmentHeader(bytes, { ...archive.record, name });
    const source = { archive, name, bytes, blockSizeBytes, previous };
    return { kind: "segment", ...bare, ...(await makeSegmentIndex(source, context)) };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { kind: "unreadable", ...bare, error };
  }
}

/** Whether reading failed because of what is stored, not because the store did not answer. */
export function isDamage(error: unknown): error is HindsightError {
  return isFailure(
    error,
    "WAL_SEGMENT_MISSING",
    "WAL_SEGMENT_INVALID",
    "WAL_SEGMENT_FOREIGN",
    "WAL_RECORD_INVALID",
    "WAL_INDEX_TOO_LARGE",
    "OBJECT_CORRUPT",
  );
}

/**
 * The stored segments along a path. A segment in which a timeline was left exists under two names; the child's repeats
 * what its parent wrote before, so it is taken, as PostgreSQL asks for it first; while it is not stored, the parent's
 * serves up to the switch.
 */
export async function* pathSegments(
  range: HistoryRange,
  context: Context,
): AsyncGenerator<PathSegment, void, undefined> {
  const { segmentSizeBytes } = range.archive.record;
  let held: PathSegment | undefined;
  for (const { timeline, begin, end } of timelinePath(range.history)) {
    const first = bigger(segmentNumberAt(begin, segmentSizeBytes), range.first ?? 0n);
    const stretchLast = end === undefined ? undefined : segmentNumberBefore(end, segmentSizeBytes);
    const last = smaller(stretchLast, range.last);
    if (last !== undefined && last < first) continue;
    const nameOf = (number: bigint): string =>
      formatSegmentName({ timeline, number }, segmentSizeBytes);
    const names = {
      timeline,
      from: nameOf(first),
      to: last === undefined ? undefined : nameOf(last),
    };
    for await (const { name, isIndexed } of listIndexedSegments(range.archive, names, context)) {
      const { number } = parseSegmentName(name, segmentSizeBytes);
      if (held && held.number < number) yield held;
      held = undefined;
      const isLeft = end !== undefined && segmentNumberAt(end, segmentSizeBytes) === number;
      const segment = { name, number, limit: isLeft ? end : undefined, isIndexed };
      if (isLeft) held = segment;
      else yield segment;
    }
  }
  if (held) yield held;
}

function bigger(left: bigint, right: bigint): bigint {
  return left > right ? left : right;
}

function smaller(left: bigint | undefined, right: bigint | undefined): bigint | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}
