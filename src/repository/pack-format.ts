// The bytes of a pack: a header, blobs, their page hashes, a directory and a footer. A pack is written front to back
// and read from its footer. Writing: pack-writer.ts; reading: pack-reader.ts.
//
// Fields of the header (format 1):        Footer, at the very end:
// offset size type  meaning               offset size type  meaning
// 0      4    u32   kind of page hash: 1  0      8    ASCII HSGTPEND
// 4      4    u32   page size             8      8    u64   offset of the page hashes
//                                         16     8    u64   offset of the directory
// Directory, for each blob:               24     4    u32   stored size of the directory
// 0      8    u64   offset of the blob    28     4    u32   number of blobs
// 8      4    u32   stored size           32     4    u32   CRC-32C of the stored directory
// 12     4    u32   plain size            36     4    u32   CRC-32C of the header
// 16     1    u8    compression id        40     4          zeros
// 17     3          zeros                 44     4    u32   CRC-32C of bytes 0 to 43
// 20     4    u32   CRC-32C of the stored bytes
// 24     32   bytes SHA-256 of the plaintext
// 56     4    u32   stored size of the page hashes
// 60     4    u32   CRC-32C of the stored page hashes
import type { Compression } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { CHUNK_SIZE_MAX_BYTES } from "./blob.ts";
import { corrupt } from "./corrupt.ts";
import { compressionId, compressionOf } from "./object-header.ts";

/** A pack as manifests name it. */
export interface PackEntry {
  readonly label: BackupLabel;
  /** Within the label, from 0. */
  readonly number: number;
  /** Of the whole object. */
  readonly sizeBytes: number;
  /** Of the whole object, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly blobCount: number;
}

/** What names a pack. */
export type PackName = Pick<PackEntry, "label" | "number">;

/** What a pack knows about one of its blobs. */
export interface DirectoryEntry {
  readonly offsetBytes: number;
  readonly storedSizeBytes: number;
  readonly plainSizeBytes: number;
  readonly compression: Compression;
  readonly checksum: number;
  readonly sha256: Buffer;
  readonly hashesSizeBytes: number;
  readonly hashesChecksum: number;
}

/** A directory entry as it was read, with the place of its page hashes. */
export interface PlacedEntry extends DirectoryEntry {
  readonly hashesOffsetBytes: number;
}

/** What the last bytes of a pack say; see the table above. */
export interface PackFooter {
  readonly hashesOffsetBytes: number;
  readonly directoryOffsetBytes: number;
  readonly directorySizeBytes: number;
  readonly blobCount: number;
  readonly directoryChecksum: number;
  readonly headerChecksum: number;
}

/** Blobs of one pack at most. */
export const PACK_BLOB_COUNT_MAX = 65_536;
/** Numbers of packs are below it, so that their keys sort as numbers. */
export const PACK_NUMBER_END = 100_000_000;
/** Size of the fields that a pack's header adds. */
export const PACK_FIELDS_BYTES = 8;
/** Size of the directory's entry for one blob. */
export const DIRECTORY_ENTRY_BYTES = 64;
/** Size of the footer. */
export const FOOTER_BYTES = 48;

const PAGE_HASH_KIND = 1;
const PAGE_SIZE_MIN_BYTES = 512;
const PAGE_SIZE_MAX_BYTES = 65_536;
const FOOTER_MAGIC = "HSGTPEND";

/**
 * The fields that a pack's header adds.
 *
 * @throws {RangeError} for a page size that no pack has.
 */
export function encodePackFields(pageSizeBytes: number): Buffer {
  if (!isPageSize(pageSizeBytes)) throw new RangeError(`no page size: ${pageSizeBytes}`);
  const bytes = Buffer.alloc(PACK_FIELDS_BYTES);
  bytes.writeUInt32LE(PAGE_HASH_KIND, 0);
  bytes.writeUInt32LE(pageSizeBytes, 4);
  return bytes;
}

/**
 * The inverse of {@link encodePackFields}.
 *
 * @returns the page size.
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function decodePackFields(fields: Buffer, key: ObjectKey): number {
  const pageSizeBytes = fields.readUInt32LE(4);
  if (fields.readUInt32LE(0) === PAGE_HASH_KIND && isPageSize(pageSizeBytes)) return pageSizeBytes;
  throw corrupt(key, "its header names page hashes that do not exist");
}

/** Lays out a directory, not sealed yet. */
export function encodeDirectory(entries: readonly DirectoryEntry[]): Buffer {
  const bytes = Buffer.alloc(entries.length * DIRECTORY_ENTRY_BYTES);
  for (const [blob, entry] of entries.entries()) {
    const at = blob * DIRECTORY_ENTRY_BYTES;
    bytes.writeBigUInt64LE(BigInt(entry.offsetBytes), at);
    bytes.writeUInt32LE(entry.storedSizeBytes, at + 8);
    bytes.writeUInt32LE(entry.plainSizeBytes, at + 12);
    bytes.writeUInt8(compressionId(entry.compression), at + 16);
    bytes.writeUInt32LE(entry.checksum, at + 20);
    bytes.set(entry.sha256, at + 24);
    bytes.writeUInt32LE(entry.hashesSizeBytes, at + 56);
    bytes.writeUInt32LE(entry.hashesChecksum, at + 60);
  }
  return bytes;
}

/**
 * Reads a directory and checks that blobs and page hashes fill the pack without gap or overlap.
 *
 * @param headerSizeBytes where the first blob must begin.
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function decodeDirectory(
  bytes: Buffer,
  place: { readonly footer: PackFooter; readonly headerSizeBytes: number; readonly key: ObjectKey },
): readonly PlacedEntry[] {
  const { footer, key } = place;
  if (bytes.length !== footer.blobCount * DIRECTORY_ENTRY_BYTES) {
    throw corrupt(key, `its directory has ${bytes.length} bytes for ${footer.blobCount} blobs`);
  }
  const entries: PlacedEntry[] = [];
  let blobsEnd = place.headerSizeBytes;
  let hashesEnd = footer.hashesOffsetBytes;
  for (let at = 0; at < bytes.length; at += DIRECTORY_ENTRY_BYTES) {
    const entry = decodeEntry(bytes.subarray(at, at + DIRECTORY_ENTRY_BYTES));
    if (!entry || entry.offsetBytes !== blobsEnd) {
      throw corrupt(key, `its directory entry ${entries.length} is impossible`, {
        offsetBytes: footer.directoryOffsetBytes + at,
      });
    }
    blobsEnd += entry.storedSizeBytes;
    entries.push({ ...entry, hashesOffsetBytes: hashesEnd });
    hashesEnd += entry.hashesSizeBytes;
  }
  if (blobsEnd !== footer.hashesOffsetBytes || hashesEnd !== footer.directoryOffsetBytes) {
    throw corrupt(key, "its blobs and page hashes do not fill it");
  }
  return entries;
}

function decodeEntry(bytes: Buffer): DirectoryEntry | undefined {
  const offset = bytes.readBigUInt64LE(0);
  const plainSizeBytes = bytes.readUInt32LE(12);
  const compression = compressionOf(bytes.readUInt8(16));
  const isPossible =
    offset <= BigInt(Number.MAX_SAFE_INTEGER) &&
    plainSizeBytes > 0 &&
    plainSizeBytes <= CHUNK_SIZE_MAX_BYTES &&
    bytes.readUIntLE(17, 3) === 0;
  if (!compression || !isPossible) return undefined;
  return {
    offsetBytes: Number(offset),
    storedSizeBytes: bytes.readUInt32LE(8),
    plainSizeBytes,
    compression,
    checksum: bytes.readUInt32LE(20),
    sha256: Buffer.from(bytes.subarray(24, 56)),
    hashesSizeBytes: bytes.readUInt32LE(56),
    hashesChecksum: bytes.readUInt32LE(60),
  };
}

/** Lays out a footer. */
export function encodeFooter(footer: PackFooter): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  bytes.write(FOOTER_MAGIC, 0, "ascii");
  bytes.writeBigUInt64LE(BigInt(footer.hashesOffsetBytes), 8);
  bytes.writeBigUInt64LE(BigInt(footer.directoryOffsetBytes), 16);
  bytes.writeUInt32LE(footer.directorySizeBytes, 24);
  bytes.writeUInt32LE(footer.blobCount, 28);
  bytes.writeUInt32LE(footer.directoryChecksum, 32);
  bytes.writeUInt32LE(footer.headerChecksum, 36);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 44)), 44);
  return bytes;
}

/**
 * Reads a footer and checks that it fits the object.
 *
 * @param bytes the last {@link FOOTER_BYTES} bytes of the object.
 * @param object its size, and the number of blobs that the manifest promises.
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function decodeFooter(
  bytes: Buffer,
  object: { readonly key: ObjectKey; readonly sizeBytes: number; readonly blobCount: number },
): PackFooter {
  const offsetBytes = object.sizeBytes - FOOTER_BYTES;
  const isWhole =
    bytes.toString("latin1", 0, 8) === FOOTER_MAGIC &&
    bytes.readUInt32LE(44) === crc32c(bytes.subarray(0, 44)) &&
    bytes.readUInt32LE(40) === 0;
  if (!isWhole)
    throw corrupt(object.key, "its footer does not match its checksum", { offsetBytes });
  const footer: PackFooter = {
    hashesOffsetBytes: Number(bytes.readBigUInt64LE(8)),
    directoryOffsetBytes: Number(bytes.readBigUInt64LE(16)),
    directorySizeBytes: bytes.readUInt32LE(24),
    blobCount: bytes.readUInt32LE(28),
    directoryChecksum: bytes.readUInt32LE(32),
    headerChecksum: bytes.readUInt32LE(36),
  };
  const isPossible =
    footer.hashesOffsetBytes <= footer.directoryOffsetBytes &&
    footer.directoryOffsetBytes + footer.directorySizeBytes === offsetBytes &&
    footer.blobCount === object.blobCount &&
    footer.blobCount > 0 &&
    footer.blobCount <= PACK_BLOB_COUNT_MAX;
  if (!isPossible) throw corrupt(object.key, "its footer is impossible", { offsetBytes });
  return footer;
}

function isPageSize(sizeBytes: number): boolean {
  return sizeBytes >= PAGE_SIZE_MIN_BYTES && sizeBytes <= PAGE_SIZE_MAX_BYTES;
}
