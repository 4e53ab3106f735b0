// The WAL index of one archived segment: made from its bytes and from what the segment before left unfinished. Where
// that comes from, in this order: the index of the segment before; that segment itself, and further ones before it when
// a record is longer than a segment. What an index holds: wal/index-content.ts.
import type { Context } from "../base/context.ts";
import { GIB } from "../base/limits.ts";
import { isFailure } from "../model/failure.ts";
import type { Timeline } from "../model/timeline.ts";
import {
  formatSegmentName,
  parseSegmentName,
  segmentBegin,
  type WalSegment,
} from "../model/wal-segment.ts";
import { getWalIndex, putWalIndex } from "../repository/wal-index.ts";
import { getWalFile, type WalArchive } from "../repository/wal-archive.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { buildWalIndex, indexRest, type IndexRest } from "../wal/index-builder.ts";
import {
  isPageSize,
  LONG_PAGE_HEADER_BYTES,
  PAGE_FLAGS,
  parseLongPageHeader,
  parsePageHeader,
  SHORT_PAGE_HEADER_BYTES,
} from "../wal/page.ts";
import { type ReaderRest, type WalEnd, WalReader } from "../wal/reader.ts";

/** A segment to be indexed. */
export interface SegmentToIndex {
  readonly archive: WalArchive;
  /** 24 digits. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Size of a relation's page. */
  readonly blockSizeBytes: number;
  /** The index of the segment before, if the caller has it at hand. */
  readonly previous?: WalIndex | undefined;
  /** Gives a segment before this one, if it is nearer than the archive. */
  readonly readSegment?: ((name: string) => Promise<Buffer | undefined>) | undefined;
}

/** The index of a segment, and what it lacks. */
export interface SegmentIndex {
  readonly index: WalIndex;
  /** Whether the segment begins inside a record whose beginning is not there, so that the index lacks that record. */
  readonly isHeadMissing: boolean;
}

/** What became of storing the index of a segment. */
export type StoredIndex =
  | { readonly kind: "stored"; readonly index: WalIndex }
  /** It would lack the record that the segment begins inside of. */
  | { readonly kind: "headMissing"; readonly index: WalIndex }
  /**
   * WAL ends inside the segment, although PostgreSQL archives segments that are full: it would lack what is behind. That
   * is damage, or a size of pages that is not the cluster's, and in both cases a better index may be made one day.
   */
  | { readonly kind: "ended"; readonly index: WalIndex; readonly end: WalEnd };

/** How far back a record can begin: it has at most 1020 MiB, and pages have headers. */
const REACH_MAX_BYTES: number = GIB;

/**
 * Makes the index of a segment.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID` for damage in the segment, and what the store throws.
 */
export async function makeSegmentIndex(
  source: SegmentToIndex,
  context: Context,
): Promise<SegmentIndex> {
  const { archive, name, bytes, previous } = source;
  const segment = parseSegmentName(name, archive.record.segmentSizeBytes);
  const known = previous && indexRest(previous);
  const index = known && build(source, segment, known);
  if (index) return { index, isHeadMissing: false };
  const header = parsePageHeader(bytes);
  const timelines = new Set([segment.timeline, header.timeline as Timeline]);
  for (const timeline of timelines) {
    const before = { timeline, number: segment.number - 1n };
    const rest = await restOf(source, before, context);
    const found = rest && build(source, segment, rest);
    if (found) return { index: found, isHeadMissing: false };
  }
  const bare = build(source, segment, undefined);
  if (!bare) throw new TypeError("an index that skips the rest of a record is always made");
  // Nothing is missing where the segment begins with a record of its own.
  const isHeadMissing = (header.flags & PAGE_FLAGS.firstIsContinuation) !== 0;
  return { index: bare, isHeadMissing };
}

/**
 * Makes the index of a segment and stores it beside it. One that would mislead is not stored.
 *
 * @param mayEnd whether WAL may end inside the segment at that place, because a younger timeline goes on from there;
 *   never when undefined.
 * @throws {HindsightError} what {@link makeSegmentIndex} throws.
 */
export async function storeSegmentIndex(
  source: SegmentToIndex,
  context: Context,
  mayEnd?: (end: WalEnd) => Promise<boolean>,
): Promise<StoredIndex> {
  return await storeMadeIndex(source, await makeSegmentIndex(source, context), context, mayEnd);
}

/** {@link storeSegmentIndex} for an index that was made already. */
export async function storeMadeIndex(
  source: Pick<SegmentToIndex, "archive" | "name">,
  { index, isHeadMissing }: SegmentIndex,
  context: Context,
  mayEnd?: (end: WalEnd) => Promise<boolean>,
): Promise<StoredIndex> {
  if (isHeadMissing) return { kind: "headMissing", index };
  const { first, end } = index;
  if (end !== undefined) {
    const isAllowed = first !== undefined && (await mayEnd?.(end)) === true;
    if (!isAllowed) return { kind: "ended", index, end };
  }
  await putWalIndex(source.archive, { name: source.name, index }, context);
  return { kind: "stored", index };
}

function build(
  { archive: { record }, bytes, blockSizeBytes }: SegmentToIndex,
  segment: WalSegment,
  previous: IndexRest | undefined,
): WalIndex | undefined {
  return buildWalIndex(bytes, {
    segmentNumber: segment.number,
    segmentSizeBytes: record.segmentSizeBytes,
    layout: { majorVersion: record.majorVersion, blockSizeBytes },
    systemIdentifier: record.systemIdentifier,
    previous,
    skipsRest: previous === undefined,
  });
}

/** What a segment leaves to the next one. */
async function restOf(
  source: SegmentToIndex,
  segment: WalSegment,
  context: Context,
): Promise<IndexRest | undefined> {
  if (segment.number < 0n) return undefined;
  const { archive } = source;
  const name = formatSegmentName(segment, archive.record.segmentSizeBytes);
  const index = await readableIndex(archive, name, context);
  const rest = index && indexRest(index);
  if (rest) return rest;
  const read = await readRest(source, segment, context);
  return read && { ...read, nextXid: index?.nextXid, classFiles: index?.classFiles };
}

/** A damaged index is as good as none: the segment is still there. */
export async function readableIndex(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<WalIndex | undefined> {
  try {
    return await getWalIndex(archive, name, context);
  } catch (error) {
    if (isFailure(error, "OBJECT_CORRUPT")) return undefined;
    throw error;
  }
}

/** Damage of a segment is its own; of the one behind it only the first record is lost. */
async function readableSegment(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<Buffer | undefined> {
  try {
    return await getWalFile(archive, name, context);
  } catch (error) {
    if (isFailure(error, "OBJECT_CORRUPT")) return undefined;
    throw error;
  }
}

/**
 * Reads back to a segment in which a record begins, or behind which an index knows the beginning of the record, and then
 * forward to the segment's end. Each segment is read twice at most, and none is kept.
 */
async function readRest(
  source: SegmentToIndex,
  segment: WalSegment,
  context: Context,
): Promise<ReaderRest | undefined> {
  const { archive, blockSizeBytes } = source;
  const { segmentSizeBytes, systemIdentifier, majorVersion } = archive.record;
  const start = await findStart(source, segment, context);
  if (!start) return undefined;
  const reader = new WalReader({
    begin: segmentBegin(start.number, segmentSizeBytes),
    segmentSizeBytes,
    systemIdentifier,
    layout: { majorVersion, blockSizeBytes },
    skipsRest: start.rest === undefined,
    resume: start.rest,
  });
  for (let { number } = start; number <= segment.number; number += 1n) {
    const bytes = await bytesOf(source, { ...segment, number }, context);
    if (!bytes || reader.read(bytes, () => undefined)) return undefined;
  }
  return reader.rest;
}

/** The segment to begin with, and what the one before it left, if that is known. */
async function findStart(
  source: SegmentToIndex,
  segment: WalSegment,
  context: Context,
): Promise<{ readonly number: bigint; readonly rest: IndexRest | undefined } | undefined> {
  const { archive } = source;
  const { segmentSizeBytes } = archive.record;
  for (let { number } = segment; number >= 0n; number -= 1n) {
    const reachBytes = (segment.number - number) * BigInt(segmentSizeBytes);
    if (reachBytes > BigInt(REACH_MAX_BYTES)) return undefined;
    const bytes = await bytesOf(source, { ...segment, number }, context);
    if (!bytes) return undefined;
    if (!isInsideRecord(bytes)) return { number, rest: undefined };
    const name = formatSegmentName({ ...segment, number: number - 1n }, segmentSizeBytes);
    const index = number === 0n ? undefined : await readableIndex(archive, name, context);
    const rest = index && indexRest(index);
    if (rest) return { number, rest };
  }
  return undefined;
}

async function bytesOf(
  { archive, readSegment }: SegmentToIndex,
  segment: WalSegment,
  context: Context,
): Promise<Buffer | undefined> {
  context.signal.throwIfAborted();
  const name = formatSegmentName(segment, archive.record.segmentSizeBytes);
  return (await readSegment?.(name)) ?? (await readableSegment(archive, name, context));
}

/** Whether no record begins in a segment, because one that began earlier goes on to its end; its first page says so. */
function isInsideRecord(bytes: Buffer): boolean {
  const { flags, remainingBytes, blockSizeBytes } = parseLongPageHeader(bytes);
  if ((flags & PAGE_FLAGS.firstIsContinuation) === 0 || !isPageSize(blockSizeBytes)) return false;
  const pageCount = bytes.length / blockSizeBytes;
  const headerBytes = LONG_PAGE_HEADER_BYTES + (pageCount - 1) * SHORT_PAGE_HEADER_BYTES;
  return remainingBytes >= bytes.length - headerBytes;
}
