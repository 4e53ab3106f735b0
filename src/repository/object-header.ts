// The header that every object begins with: what it is, how its body is stored, and where it belongs. An object that
// was copied over another one, or into another repository, is found out here. What follows the header: object-frame.ts
// for most objects, pack-format.ts for packs.
//
// offset     size  type   meaning (format 1)
// 0          4     ASCII  HSGT
// 4          4     ASCII  type
// 8          2     u16    format number
// 10         1     u8     compression id
// 11         1     u8     seal id
// 12         2     u16    K, length of the key
// 14         2     u16    T, length of the type's fields
// 16         16    bytes  repository id
// 32         32    bytes  salt, zeros without seal
// 64         16    bytes  key check value, zeros without seal
// 80         K     ASCII  key
// 80+K       T            fields of the type
// 80+K+T     4     u32    CRC-32C of everything before
import type { Compression } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import { failure } from "../model/failure.ts";
import { isObjectKey, type ObjectKey } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";

/** Every kind of object: small record, WAL file, pack, manifest, WAL index, catalogue snapshot. */
const OBJECT_TYPES = ["FACT", "WALF", "PACK", "MANI", "WIDX", "CATL"] as const;
export type ObjectType = (typeof OBJECT_TYPES)[number];

/** The format that this release writes, and the only one it reads. */
export const FORMAT_NUMBER = 1;

/** Longest possible header: a read of this many bytes from an object's beginning contains it. */
export const HEADER_SIZE_MAX_BYTES: number = 80 + 512 + 1024 + 4;

/** What an object says about itself. */
export interface ObjectHeader {
  readonly type: ObjectType;
  readonly compression: Compression;
  /** 32 lower-case hexadecimal digits. */
  readonly repositoryId: string;
  readonly key: ObjectKey;
  /** What the type adds. */
  readonly fields: Buffer;
}

/** A header as it was read. */
export interface DecodedHeader extends ObjectHeader {
  /** Where the body begins. */
  readonly sizeBytes: number;
  /** The header's own checksum. */
  readonly checksum: number;
}

/** What a reader knows about an object before it looks. */
export interface ExpectedObject {
  readonly type: ObjectType;
  readonly key: ObjectKey;
  /** Undefined only for the object that says it: repository.json. */
  readonly repositoryId: string | undefined;
  readonly fieldsSizeBytes: number;
}

const MAGIC = "HSGT";
const FIXED_SIZE_BYTES = 80;
const CHECKSUM_SIZE_BYTES = 4;
const KEY_SIZE_MAX_BYTES = 512;
const FIELDS_SIZE_MAX_BYTES = 1024;
const SEAL_NONE = 0;

const COMPRESSION_IDS: Readonly<Record<Compression, number>> = {
  none: 0,
  zstd: 1,
  gzip: 2,
  lz4: 3,
};

/** The number that stands for a compression in headers and directories. */
export function compressionId(kind: Compression): number {
  return COMPRESSION_IDS[kind];
}

/** The inverse of {@link compressionId}; undefined for a number that no release has given. */
export function compressionOf(id: number): Compression | undefined {
  switch (id) {
    case 0:
      return "none";
    case 1:
      return "zstd";
    case 2:
      return "gzip";
    case 3:
      return "lz4";
    default:
      return undefined;
  }
}

/** Lays out a header. */
export function encodeObjectHeader(header: ObjectHeader): Buffer {
  const fieldsBegin = FIXED_SIZE_BYTES + header.key.length;
  const checksumBegin = fieldsBegin + header.fields.length;
  const bytes = Buffer.alloc(checksumBegin + CHECKSUM_SIZE_BYTES);
  bytes.write(MAGIC + header.type, 0, "ascii");
  bytes.writeUInt16LE(FORMAT_NUMBER, 8);
  bytes.writeUInt8(compressionId(header.compression), 10);
  bytes.writeUInt8(SEAL_NONE, 11);
  bytes.writeUInt16LE(header.key.length, 12);
  bytes.writeUInt16LE(header.fields.length, 14);
  bytes.write(header.repositoryId, 16, "hex");
  bytes.write(header.key, FIXED_SIZE_BYTES, "ascii");
  header.fields.copy(bytes, fieldsBegin);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, checksumBegin)), checksumBegin);
  return bytes;
}

/**
 * Reads and checks a header.
 *
 * @param bytes the object's beginning: at least {@link HEADER_SIZE_MAX_BYTES}, or all there is.
 * @throws {HindsightError} `OBJECT_CORRUPT` when it is damaged or belongs elsewhere; `REPOSITORY_FORMAT_UNKNOWN` when
 *   it is whole but a newer release wrote it.
 */
export function decodeObjectHeader(bytes: Buffer, expected: ExpectedObject): DecodedHeader {
  const { key } = expected;
  const sizeBytes = checkedSize(bytes, key);
  const checksum = bytes.readUInt32LE(sizeBytes - CHECKSUM_SIZE_BYTES);
  // The checksum comes before the format number: else a flipped bit would pass for a newer release.
  if (checksum !== crc32c(bytes.subarray(0, sizeBytes - CHECKSUM_SIZE_BYTES))) {
    throw corrupt(key, "its header does not match its checksum", { offsetBytes: 0 });
  }
  const compression = checkedFormat(bytes, key);
  checkPlace(bytes, expected);
  const keySizeBytes = bytes.readUInt16LE(12);
  return {
    type: expected.type,
    compression,
    repositoryId: bytes.toString("hex", 16, 32),
    key,
    fields: Buffer.from(
      bytes.subarray(FIXED_SIZE_BYTES + keySizeBytes, sizeBytes - CHECKSUM_SIZE_BYTES),
    ),
    sizeBytes,
    checksum,
  };
}

/** The context that a piece of an object is sealed for. */
export function sealContext(
  header: Pick<ObjectHeader, "repositoryId" | "type" | "key">,
  piece: string,
): string {
  return `${header.repositoryId}|${header.type}|${header.key}|${piece}`;
}

function checkedSize(bytes: Buffer, key: ObjectKey): number {
  if (bytes.length < FIXED_SIZE_BYTES) {
    throw corrupt(key, `it ends after ${bytes.length} bytes, within its header`);
  }
  if (bytes.toString("latin1", 0, 4) !== MAGIC) {
    throw corrupt(key, "it does not begin like an object of this repository", { offsetBytes: 0 });
  }
  const keySizeBytes = bytes.readUInt16LE(12);
  const fieldsSizeBytes = bytes.readUInt16LE(14);
  if (keySizeBytes > KEY_SIZE_MAX_BYTES || fieldsSizeBytes > FIELDS_SIZE_MAX_BYTES) {
    throw corrupt(key, "its header claims to be longer than any header", { offsetBytes: 12 });
  }
  const sizeBytes = FIXED_SIZE_BYTES + keySizeBytes + fieldsSizeBytes + CHECKSUM_SIZE_BYTES;
  if (bytes.length >= sizeBytes) return sizeBytes;
  throw corrupt(key, `it ends after ${bytes.length} bytes, within its header`);
}

function checkedFormat(bytes: Buffer, key: ObjectKey): Compression {
  const format = bytes.readUInt16LE(8);
  if (format !== FORMAT_NUMBER) throw unknownFormat(key, `has format ${format}`);
  const compression = compressionOf(bytes.readUInt8(10));
  if (!compression) throw unknownFormat(key, `has compression ${bytes.readUInt8(10)}`);
  if (bytes.readUInt8(11) !== SEAL_NONE)
    throw unknownFormat(key, `has seal ${bytes.readUInt8(11)}`);
  if (bytes.subarray(32, FIXED_SIZE_BYTES).some((byte) => byte !== 0)) {
    throw corrupt(key, "its header has a salt but no seal", { offsetBytes: 32 });
  }
  return compression;
}

function checkPlace(bytes: Buffer, expected: ExpectedObject): void {
  const { key, repositoryId } = expected;
  const type = bytes.toString("latin1", 4, 8);
  if (type !== expected.type) {
    throw corrupt(key, `it is a ${showText(type)} object instead of ${expected.type}`);
  }
  const ownKey = bytes.toString(
    "latin1",
    FIXED_SIZE_BYTES,
    FIXED_SIZE_BYTES + bytes.readUInt16LE(12),
  );
  if (ownKey !== key) {
    throw corrupt(
      key,
      `it is the object ${isObjectKey(ownKey) ? ownKey : showText(ownKey)}, copied here`,
    );
  }
  const ownRepository = bytes.toString("hex", 16, 32);
  if (repositoryId !== undefined && ownRepository !== repositoryId) {
    throw corrupt(key, `it belongs to repository ${ownRepository}, not to ${repositoryId}`);
  }
  if (bytes.readUInt16LE(14) !== expected.fieldsSizeBytes) {
    throw corrupt(
      key,
      `its header has ${bytes.readUInt16LE(14)} bytes of fields instead of ${expected.fieldsSizeBytes}`,
    );
  }
}

/** Text from damaged bytes, safe to print. */
function showText(text: string): string {
  return JSON.stringify(text.replaceAll(/[^\x20-\x7e]/g, "?"));
}

function unknownFormat(key: ObjectKey, what: string): Error {
  return failure("REPOSITORY_FORMAT_UNKNOWN", `${key} ${what}, which this release does not know`, {
    hint: "A newer release of Hindsight wrote it; use that release or a later one.",
    context: { key },
  });
}
