// WAL indexes in the repository: one object beside each segment, derived from it and made again when it is lost. What an
// index holds: wal/index-content.ts; its bytes before compression: wal/index-encoding.ts.
//
// Fields of the header (format 1):
// offset  size  type   meaning
// 0       8     u64    size of the plain index
// 8       8     u64    system identifier
// 16      4     u32    timeline in the segment's name
// 20      4     u32    WAL segment size
// The body is the plain index in frames of at most 16 MiB, tag WIDX.
import type { Context } from "../base/context.ts";
import { GIB, MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { isFailure } from "../model/failure.ts";
import { formatTimeline, parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import { listAll, listNames, type ObjectKey, type PutOutcome } from "../storage/object-store.ts";
import { INDEX_BUILDER_VERSION, type WalIndex } from "../wal/index-content.ts";
import { decodeWalIndex, encodeWalIndex } from "../wal/index-encoding.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { archivePrefix, walIndexKey } from "./keys.ts";
import { encodeFrame, FRAME_SIZE_MAX_BYTES, FrameReader } from "./object-frame.ts";
import { encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import { archiveId } from "./stanza.ts";
import type { WalArchive } from "./wal-archive.ts";

const FIELDS_BYTES = 24;
const PLAIN_SIZE_MAX_BYTES: number = GIB;
const READ_WINDOW_BYTES: number = MIB;
/** Columns of small numbers: more effort gains little. */
const COMPRESSION: CompressionChoice = { kind: "zstd", level: 3 };

const SEGMENT_FOLDER = /^[0-9A-F]{16}\/$/;
const SEGMENT_OR_INDEX = /\/([0-9A-F]{24})(?:\.index-([1-9][0-9]{0,8}))?$/;

/**
 * Stores the index of a segment under the version of its builder.
 *
 * @param name of the segment, 24 digits.
 * @returns `exists` when there is one already, whatever it holds: it was made from the same segment.
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID`, and what the store throws.
 * @throws {RangeError} for an index that no reader would accept. Nothing is stored then.
 */
export async function putWalIndex(
  archive: WalArchive,
  { name, index }: { readonly name: string; readonly index: WalIndex },
  context: Context,
): Promise<PutOutcome> {
  const { repository } = archive;
  const key = walIndexKey(prefixOf(archive), name, index.builderVersion);
  const plain = encodeWalIndex(index);
  // Whoever cannot read it has no other, and it would be there for ever: the reader's own parser is the judge.
  decodeWalIndex(plain);
  const bytes = encodeIndexObject(archive, { key, name, plain });
  return await repository.store.put(key, bytes, { signal: context.signal });
}

/**
 * Reads the index of a segment.
 *
 * @returns undefined when there is none of a builder that this release trusts.
 * @throws {HindsightError} `OBJECT_CORRUPT`, `WAL_SEGMENT_NAME_INVALID`, and what the store throws.
 */
export async function getWalIndex(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<WalIndex | undefined> {
  const { repository } = archive;
  const key = walIndexKey(prefixOf(archive), name, INDEX_BUILDER_VERSION);
  const options = { windowSizeBytes: READ_WINDOW_BYTES };
  const reader = await ObjectReader.open(repository.store, key, { options, context });
  if (!reader) return undefined;
  const header = reader.takeHeader({
    type: "WIDX",
    key,
    repositoryId: repository.id,
    fieldsSizeBytes: FIELDS_BYTES,
    sealer: repository.sealer,
  });
  const plainSizeBytes = takePlainSize(archive, name, header);
  const frames = new FrameReader(reader, header);
  const pieces: Buffer[] = [];
  for (let rest = plainSizeBytes; rest > 0;) {
    const { plain } = await frames.next({ WIDX: Math.min(rest, FRAME_SIZE_MAX_BYTES) });
    if (plain.length === 0) throw corrupt(key, "a frame is empty");
    pieces.push(plain);
    rest -= plain.length;
  }
  await reader.expectEnd();
  const { buffer, byteOffset, length } = Buffer.concat(pieces);
  const index = parseStored(key, () => decodeWalIndex(new Uint8Array(buffer, byteOffset, length)));
  requireSegment(archive, name, { key, index });
  return index;
}

/** Whether there is an index of a builder that this release trusts; it is not read. */
export async function hasWalIndex(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<boolean> {
  const key = walIndexKey(prefixOf(archive), name, INDEX_BUILDER_VERSION);
  return (await archive.repository.store.stat(key, { signal: context.signal })) !== undefined;
}

/**
 * Removes an index that cannot be read, so that it can be made again. It holds nothing that its segment does not.
 *
 * @returns whether it was removed: one that is whole stays.
 */
export async function removeDamagedIndex(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<boolean> {
  try {
    await getWalIndex(archive, name, context);
    return false;
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
  }
  const key = walIndexKey(prefixOf(archive), name, INDEX_BUILDER_VERSION);
  await archive.repository.store.remove(key, { signal: context.signal });
  return true;
}

/** A stored segment and whether it has an index that this release trusts. */
export interface ListedSegment {
  readonly name: string;
  readonly isIndexed: boolean;
}

/**
 * The stored segments, sorted by name, by one listing.
 *
 * @param options `timeline`: only that one; `from` and `to`: names of segments, both inclusive.
 */
export async function* listIndexedSegments(
  archive: WalArchive,
  options: {
    readonly timeline?: Timeline | undefined;
    readonly from?: string | undefined;
    readonly to?: string | undefined;
  },
  context: Context,
): AsyncGenerator<ListedSegment, void, undefined> {
  const { store } = archive.repository;
  const prefix = prefixOf(archive);
  const { from = "", to = "G" } = options;
  const digits = options.timeline === undefined ? "" : formatTimeline(options.timeline);
  for (const folder of await listNames(store, prefix + digits, { signal: context.signal })) {
    const folderName = digits + folder;
    if (!SEGMENT_FOLDER.test(folderName)) continue;
    if (folderName.slice(0, 16) < from.slice(0, 16) || folderName.slice(0, 16) > to) continue;
    const indexed = new Set<string>();
    const segments: string[] = [];
    for await (const { key } of listAll(store, prefix + folderName, { signal: context.signal })) {
      const [, name, version] = SEGMENT_OR_INDEX.exec(key) ?? [];
      if (name === undefined || name < from || name > to) continue;
      if (version === undefined) segments.push(name);
      else if (Number(version) === INDEX_BUILDER_VERSION) indexed.add(name);
    }
    for (const name of segments) yield { name, isIndexed: indexed.has(name) };
  }
}

function encodeIndexObject(
  { repository, record }: WalArchive,
  {
    key,
    name,
    plain,
  }: { readonly key: ObjectKey; readonly name: string; readonly plain: Uint8Array },
): Buffer {
  const fields = Buffer.alloc(FIELDS_BYTES);
  fields.writeBigUInt64LE(BigInt(plain.length), 0);
  fields.writeBigUInt64LE(record.systemIdentifier, 8);
  fields.writeUInt32LE(parseTimelineDigits(name.slice(0, 8)), 16);
  fields.writeUInt32LE(record.segmentSizeBytes, 20);
  const header: ObjectHeader = {
    type: "WIDX",
    compression: COMPRESSION.kind,
    repositoryId: repository.id,
    key,
    fields,
  };
  const { bytes, seal } = encodeObjectHeader(header, repository.sealer);
  const style = { seal, compression: COMPRESSION };
  const pieces: Uint8Array[] = [bytes];
  for (let number = 0; number * FRAME_SIZE_MAX_BYTES < plain.length; number += 1) {
    const begin = number * FRAME_SIZE_MAX_BYTES;
    const part = plain.subarray(begin, begin + FRAME_SIZE_MAX_BYTES);
    pieces.push(...encodeFrame("WIDX", part, { style, number }));
  }
  return Buffer.concat(pieces);
}

function takePlainSize({ record }: WalArchive, name: string, header: ObjectHeader): number {
  const { key, fields } = header;
  const size = fields.readBigUInt64LE(0);
  const isOurs =
    fields.readBigUInt64LE(8) === record.systemIdentifier &&
    fields.readUInt32LE(16) === parseTimelineDigits(name.slice(0, 8)) &&
    fields.readUInt32LE(20) === record.segmentSizeBytes;
  if (!isOurs) throw corrupt(key, "its header names another cluster or timeline");
  if (size > BigInt(PLAIN_SIZE_MAX_BYTES)) throw corrupt(key, "it claims an impossible size");
  return Number(size);
}

/** The content must be of the segment that the name says. */
function requireSegment(
  { record }: WalArchive,
  name: string,
  { key, index }: { readonly key: ObjectKey; readonly index: WalIndex },
): void {
  const { number } = parseSegmentName(name, record.segmentSizeBytes);
  if (index.segmentNumber === number && index.segmentSizeBytes === record.segmentSizeBytes) return;
  throw corrupt(key, "it describes another segment");
}

function prefixOf(archive: WalArchive): string {
  return archivePrefix(archive.stanza, archiveId(archive.record));
}
