// The segments of a timeline's path as they are found in the archive, read ahead in order.
//
// A segment in which a timeline was left exists under two names; the child's repeats what its parent wrote before, so it
// counts first, as PostgreSQL asks for it first. While the child's is not archived yet, the parent's serves up to the
// switch.
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import type { Lsn } from "../model/lsn.ts";
import { type TimelineHistory, timelinePath, type TimelineStretch } from "../model/timeline.ts";
import {
  formatSegmentName,
  parseSegmentName,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { getWalFile, listSegments, type WalArchive } from "../repository/wal-archive.ts";

/** A path through an archive. */
export interface ArchivePath {
  readonly archive: WalArchive;
  /** The timeline to follow, by its ancestors. */
  readonly history: TimelineHistory;
}

/** A segment as the archive holds it. */
export interface StoredSegment {
  readonly name: string;
  readonly number: bigint;
  /**
   * Where the path leaves this segment, when it is the parent's and the child's is not stored: what is behind was written
   * on a branch that was given up.
   */
  readonly limit: Lsn | undefined;
  readonly bytes: Buffer;
}

/** So many segments are read ahead, but for the first one not more than these bytes. */
const READ_AHEAD_COUNT_MAX = 4;
const READ_AHEAD_BYTES: number = 64 * MIB;

/** The names that a segment of the path can have, the one to ask for first in front. */
export function segmentNames(path: ArchivePath, number: bigint): readonly string[] {
  const { segmentSizeBytes } = path.archive.record;
  return stretchesOf(path, number).map(({ timeline }) =>
    formatSegmentName({ timeline, number }, segmentSizeBytes),
  );
}

/** The stretches that have a part of a segment, youngest first. */
function stretchesOf(path: ArchivePath, number: bigint): readonly TimelineStretch[] {
  const { segmentSizeBytes } = path.archive.record;
  return timelinePath(path.history)
    .filter(
      ({ begin, end }) =>
        segmentNumberAt(begin, segmentSizeBytes) <= number &&
        (end === undefined || number <= segmentNumberBefore(end, segmentSizeBytes)),
    )
    .toReversed();
}

/**
 * The segments from `first` on, up to the first one that is not stored, or that the path leaves.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, and what the store throws.
 */
export async function* storedSegments(
  path: ArchivePath,
  first: bigint,
  context: Context,
): AsyncGenerator<StoredSegment, void, undefined> {
  const { segmentSizeBytes } = path.archive.record;
  const aheadCount = Math.min(
    READ_AHEAD_COUNT_MAX,
    Math.max(1, Math.floor(READ_AHEAD_BYTES / segmentSizeBytes)),
  );
  // Reads that nobody will want any more are given up.
  const abandoned = new AbortController();
  const signal = AbortSignal.any([context.signal, abandoned.signal]);
  const reads: Promise<StoredSegment | undefined>[] = [];
  try {
    for (let number = first; ; number += 1n) {
      while (reads.length < aheadCount) {
        const read = readSegment(path, number + BigInt(reads.length), { ...context, signal });
        // Its failure is met when its turn comes, if it comes.
        read.catch(() => undefined);
        reads.push(read);
      }
      const segment = await reads.shift();
      if (segment === undefined) return;
      yield segment;
      if (segment.limit !== undefined) return;
    }
  } finally {
    abandoned.abort();
  }
}

async function readSegment(
  path: ArchivePath,
  number: bigint,
  context: Context,
): Promise<StoredSegment | undefined> {
  const { archive } = path;
  const { segmentSizeBytes } = archive.record;
  for (const { timeline, end } of stretchesOf(path, number)) {
    const name = formatSegmentName({ timeline, number }, segmentSizeBytes);
    const bytes = await getWalFile(archive, name, context);
    if (!bytes) continue;
    const leaves = end !== undefined && segmentNumberAt(end, segmentSizeBytes) === number;
    return { name, number, limit: leaves ? end : undefined, bytes };
  }
  return undefined;
}

/** The first stored segment of the path behind `number`, by name. */
export async function nextStoredSegment(
  path: ArchivePath,
  number: bigint,
  context: Context,
): Promise<string | undefined> {
  const { archive, history } = path;
  const { segmentSizeBytes } = archive.record;
  for (const { timeline, begin, end } of timelinePath(history)) {
    const beginNumber = segmentNumberAt(begin, segmentSizeBytes);
    const from = beginNumber > number + 1n ? beginNumber : number + 1n;
    const last = end === undefined ? undefined : segmentNumberBefore(end, segmentSizeBytes);
    if (last !== undefined && last < from) continue;
    const name = formatSegmentName({ timeline, number: from }, segmentSizeBytes);
    for await (const found of listSegments(archive, { timeline, from: name }, context)) {
      if (last === undefined || parseSegmentName(found, segmentSizeBytes).number <= last) {
        return found;
      }
      break;
    }
  }
  return undefined;
}
