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
// 80+K       T            fields of the type, sealed
// 80+K+T     4     u32    CRC-32C of everything before
import type { Compression } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import {
  KEY_VALUE_BYTES,
  type ObjectSeal,
  type Piece,
  SALT_BYTES,
  type Sealer,
  type SealKind,
} from "../codec/seal.ts";
import { failure } from "../model/failure.ts";
import { isObjectKey, type ObjectKey } from "../storage/object-store.ts";
import { corrupt, parseStored } from "./corrupt.ts";

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
  /** Opens the object's pieces. */
  readonly seal: PieceSeal;
}

/** A header's bytes, and what seals the pieces that follow. */
export interface EncodedHeader {
  readonly bytes: Buffer;
  readonly checksum: number;
  readonly seal: PieceSeal;
}

/** What a reader knows about an object before it looks. */
export interface ExpectedObject {
  readonly type: ObjectType;
  readonly key: ObjectKey;
  /** Undefined only for the object that says it: repository.json. */
  readonly repositoryId: string | undefined;
  /** Without what a seal adds. */
  readonly fieldsSizeBytes: number;
  /** How the objects of the repository are sealed: one that is sealed otherwise is none of them. */
  readonly sealer: Sealer;
}

const MAGIC = "HSGT";
const FIXED_SIZE_BYTES = 80;
const CHECKSUM_SIZE_BYTES = 4;
const KEY_SIZE_MAX_BYTES = 512;
const FIELDS_SIZE_MAX_BYTES = 1024;

const SEAL_IDS: Readonly<Record<SealKind, number>> = { none: 0, "aes-256-gcm": 1 };
const SALT_BEGIN = 32;
const KEY_VALUE_BEGIN: number = SALT_BEGIN + SALT_BYTES;

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

/** Seals and opens the pieces of one object, each bound to the object's whole header. */
export class PieceSeal {
  /** Bytes that sealing adds to a piece. */
  readonly overheadBytes: number;
  readonly #seal: ObjectSeal;
  readonly #header: Uint8Array;

  constructor(seal: ObjectSeal, overheadBytes: number, header: Uint8Array) {
    this.#seal = seal;
    this.overheadBytes = overheadBytes;
    this.#header = header;
  }

  /** @param head what is stored in plain before the piece and belongs to it. */
  seal(plain: Uint8Array, piece: PieceName, head?: Uint8Array): Uint8Array {
    return this.#seal.seal(plain, this.#bind(piece, head));
  }

  /** @throws {HindsightError} `OBJECT_CORRUPT` */
  open(sealed: Uint8Array, piece: PieceName, head?: Uint8Array): Uint8Array {
    return this.#seal.open(sealed, this.#bind(piece, head));
  }

  #bind(piece: PieceName, head: Uint8Array | undefined): Piece {
    return { ...piece, bound: head ? Buffer.concat([this.#header, head]) : this.#header };
  }
}

/** Which piece of an object. */
export type PieceName = Omit<Piece, "bound">;

/** Lays out the header of a new object, which gets a seal of its own. */
export function encodeObjectHeader(header: ObjectHeader, sealer: Sealer): EncodedHeader {
  const seal = sealer.begin(placeOf(header));
  const fieldsBegin = FIXED_SIZE_BYTES + header.key.length;
  const checksumBegin = fieldsBegin + header.fields.length + sealer.overheadBytes;
  const bytes = Buffer.alloc(checksumBegin + CHECKSUM_SIZE_BYTES);
  bytes.write(MAGIC + header.type, 0, "ascii");
  bytes.writeUInt16LE(FORMAT_NUMBER, 8);
  bytes.writeUInt8(compressionId(header.compression), 10);
  bytes.writeUInt8(SEAL_IDS[sealer.kind], 11);
  bytes.writeUInt16LE(header.key.length, 12);
  bytes.writeUInt16LE(checksumBegin - fieldsBegin, 14);
  bytes.write(header.repositoryId, 16, "hex");
  bytes.set(seal.mark.salt, SALT_BEGIN);
  bytes.set(seal.mark.keyValue, KEY_VALUE_BEGIN);
  bytes.write(header.key, FIXED_SIZE_BYTES, "ascii");
  const fields = { kind: "fields", number: 0, bound: bytes.subarray(0, fieldsBegin) } as const;
  bytes.set(seal.seal(header.fields, fields), fieldsBegin);
  const checksum = crc32c(bytes.subarray(0, checksumBegin));
  bytes.writeUInt32LE(checksum, checksumBegin);
  return { bytes, checksum, seal: new PieceSeal(seal, sealer.overheadBytes, bytes) };
}

/**
 * Reads and checks a header.
 *
 * @param bytes the object's beginning: at least {@link HEADER_SIZE_MAX_BYTES}, or all there is.
 * @throws {HindsightError} `OBJECT_CORRUPT` when it is damaged or belongs elsewhere; `REPOSITORY_FORMAT_UNKNOWN` when
 *   it is whole but a newer release wrote it.
 */
export function decodeObjectHeader(bytes: Buffer, expected: ExpectedObject): DecodedHeader {
  const { key, type } = expected;
  const sizeBytes = checkedSize(bytes, key);
  const checksum = bytes.readUInt32LE(sizeBytes - CHECKSUM_SIZE_BYTES);
  // The checksum comes before the format number: else a flipped bit would pass for a newer release.
  if (checksum !== crc32c(bytes.subarray(0, sizeBytes - CHECKSUM_SIZE_BYTES))) {
    throw corrupt(key, "its header does not match its checksum", { offsetBytes: 0 });
  }
  const compression = checkedFormat(bytes, key);
  checkPlace(bytes, expected);
  const repositoryId = bytes.toString("hex", 16, 32);
  const seal = resumeSeal(bytes, { type, key, repositoryId }, expected.sealer);
  return {
    type,
    compression,
    repositoryId,
    key,
    fields: openFields(bytes.subarray(0, sizeBytes - CHECKSUM_SIZE_BYTES), key, seal),
    sizeBytes,
    checksum,
    // A copy: the reader's window must not be kept for it.
    seal: new PieceSeal(
      seal,
      expected.sealer.overheadBytes,
      Buffer.from(bytes.subarray(0, sizeBytes)),
    ),
  };
}

/** What an object's key is derived for. */
function placeOf({ repositoryId, type, key }: ObjectPlace): string {
  return `${repositoryId}|${type}|${key}`;
}

type ObjectPlace = Pick<ObjectHeader, "repositoryId" | "type" | "key">;

function resumeSeal(bytes: Buffer, place: ObjectPlace, sealer: Sealer): ObjectSeal {
  const mark = {
    salt: Buffer.from(bytes.subarray(SALT_BEGIN, KEY_VALUE_BEGIN)),
    keyValue: Buffer.from(bytes.subarray(KEY_VALUE_BEGIN, KEY_VALUE_BEGIN + KEY_VALUE_BYTES)),
  };
  const seal = sealer.resume(placeOf(place), mark);
  if (seal) return seal;
  throw corrupt(place.key, "it was not sealed for this place with the key of this repository", {
    offsetBytes: KEY_VALUE_BEGIN,
  });
}

/** @param bytes the header without its checksum. */
function openFields(bytes: Buffer, key: ObjectKey, seal: ObjectSeal): Buffer {
  const begin = FIXED_SIZE_BYTES + key.length;
  const piece = { kind: "fields", number: 0, bound: bytes.subarray(0, begin) } as const;
  return parseStored(key, () => Buffer.from(seal.open(bytes.subarray(begin), piece)));
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
  const sealId = bytes.readUInt8(11);
  if (!Object.values(SEAL_IDS).includes(sealId)) throw unknownFormat(key, `has seal ${sealId}`);
  const hasMark = bytes.subarray(SALT_BEGIN, FIXED_SIZE_BYTES).some((byte) => byte !== 0);
  if (sealId === SEAL_IDS.none && hasMark) {
    throw corrupt(key, "its header has a salt but no seal", { offsetBytes: SALT_BEGIN });
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
  checkSealKind(bytes, expected);
  const fieldsSizeBytes = expected.fieldsSizeBytes + expected.sealer.overheadBytes;
  if (bytes.readUInt16LE(14) !== fieldsSizeBytes) {
    throw corrupt(
      key,
      `its header has ${bytes.readUInt16LE(14)} bytes of fields instead of ${fieldsSizeBytes}`,
    );
  }
}

/** What has no seal where everything is sealed was put there by somebody without the key. */
function checkSealKind(bytes: Buffer, { key, sealer }: ExpectedObject): void {
  if (bytes.readUInt8(11) === SEAL_IDS[sealer.kind]) return;
  const what =
    sealer.kind === "none"
      ? "it is sealed, but the repository is not encrypted"
      : "it is not sealed, but the repository is encrypted";
  throw corrupt(key, what, { offsetBytes: 11 });
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
