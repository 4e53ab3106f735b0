// Where the bytes of a file are: extents, in the file's manifest line while they are few, else in a map, which is a blob
// of its own. A map names packs by label and number and not by a place in some manifest's table, so that the map of an
// unchanged file serves the next backup as it is.
//
// offset  size  type   meaning of a map's plaintext (format 1)
// 0       4     ASCII  XMAP
// 4       2     u16    format number
// 6       2     u16    N, number of packs
// 8       4     u32    number of extents
// 12      …     N ×    u8 length of the label, the label, u32 number of the pack
// …       20 ×         u64 length, u32 pack (4294967295: a hole), u32 blob, u32 offset in the blob
import type { Context } from "../base/context.ts";
import { isBackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { CHUNK_SIZE_MAX_BYTES } from "./blob.ts";
import type { PackName } from "./pack-format.ts";
import type { PackReader } from "./pack-reader.ts";
import type { BlobRef, PackWriter } from "./pack-writer.ts";

/** A range of a file and where its bytes are; it may run over several consecutive blobs of one pack. */
export interface Extent {
  readonly fileOffsetBytes: number;
  readonly lengthBytes: number;
  /** Undefined for a hole, which reads as zeros. */
  readonly source: ExtentSource | undefined;
}

/** Where an extent begins: a place in the plaintext of a blob. */
export interface ExtentSource {
  /** Index in the manifest's pack table. */
  readonly pack: number;
  readonly blob: number;
  readonly blobOffsetBytes: number;
}

/** The blob that holds a file's extents. */
export interface ExtentMapRef {
  /** Index in the manifest's pack table. */
  readonly pack: number;
  readonly blob: number;
  /** The packs that its extents name, ascending, so that who keeps packs need not read the map. */
  readonly uses: readonly number[];
}

/** A file's extents, in order and without gap; or the map that holds them. */
export type FileExtents = readonly Extent[] | ExtentMapRef;

/** Extents that a manifest line may hold at most. */
export const EXTENTS_INLINE_MAX_COUNT = 1024;
/** With more than so many a writer stores a map: lines are read in whole, maps only when they are needed. */
export const EXTENTS_INLINE_AIM_COUNT = 64;
/** Extents that fit in one map, whatever the number of packs. */
export const EXTENTS_MAP_MAX_COUNT = 50_000;

const MAGIC = "XMAP";
const FORMAT_NUMBER = 1;
const HEAD_BYTES = 12;
const EXTENT_BYTES = 20;
const HOLE = 0xffffffff;
const PACKS_MAX_COUNT = 0xffff;

/** Tells a map from a list. */
export function isExtentMapRef(extents: FileExtents): extents is ExtentMapRef {
  return !Array.isArray(extents);
}

/**
 * Lays out an extent map.
 *
 * @param extents from the file's beginning to its end.
 * @param packs the table that the extents' indexes count in; those that are used become the map's own list.
 * @returns at most 1 MiB, so that it fits in one blob.
 * @throws {RangeError} for more extents than that (about 52 000): whoever made so many must store the file afresh.
 */
export function encodeExtentMap(extents: readonly Extent[], packs: readonly PackName[]): Buffer {
  const names = usedPacks(extents, packs);
  const places = new Map(names.map((name, place) => [name.index, place]));
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(MAGIC, 0, "ascii");
  head.writeUInt16LE(FORMAT_NUMBER, 4);
  head.writeUInt16LE(names.length, 6);
  head.writeUInt32LE(extents.length, 8);
  const body = Buffer.alloc(extents.length * EXTENT_BYTES);
  for (const [index, extent] of extents.entries()) {
    const at = index * EXTENT_BYTES;
    const { source } = extent;
    body.writeBigUInt64LE(BigInt(extent.lengthBytes), at);
    body.writeUInt32LE(source ? (places.get(source.pack) ?? HOLE) : HOLE, at + 8);
    body.writeUInt32LE(source?.blob ?? 0, at + 12);
    body.writeUInt32LE(source?.blobOffsetBytes ?? 0, at + 16);
  }
  const bytes = Buffer.concat([head, ...names.map(encodePackName), body]);
  if (bytes.length <= CHUNK_SIZE_MAX_BYTES) return bytes;
  throw new RangeError(`${extents.length} extents do not fit in one map`);
}

/**
 * Reads an extent map.
 *
 * @param packs the manifest's pack table; the result's indexes count in it.
 * @throws {HindsightError} `OBJECT_CORRUPT`, also for a pack that the table does not have.
 */
export function decodeExtentMap(bytes: Uint8Array, packs: readonly PackName[]): readonly Extent[] {
  const map = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isMap = map.length >= HEAD_BYTES && map.toString("latin1", 0, 4) === MAGIC;
  if (!isMap) throw damaged("the blob is no extent map");
  if (map.readUInt16LE(4) !== FORMAT_NUMBER) {
    throw failure("REPOSITORY_FORMAT_UNKNOWN", `an extent map has format ${map.readUInt16LE(4)}`, {
      hint: "A newer release of Hindsight wrote it; use that release or a later one.",
    });
  }
  const table = new Map(packs.map((pack, index) => [`${pack.label}/${pack.number}`, index]));
  const { indexes, endBytes } = decodePackNames(map, table);
  const extentCount = map.readUInt32LE(8);
  if (map.length !== endBytes + extentCount * EXTENT_BYTES) throw damaged("it has another length");
  const extents: Extent[] = [];
  let fileOffsetBytes = 0;
  for (let at = endBytes; at < map.length; at += EXTENT_BYTES) {
    const extent = decodeExtent(map.subarray(at, at + EXTENT_BYTES), indexes, fileOffsetBytes);
    fileOffsetBytes += extent.lengthBytes;
    extents.push(extent);
  }
  const fault = findExtentFault(extents, { sizeBytes: fileOffsetBytes, packCount: packs.length });
  if (fault !== undefined) throw damaged(fault);
  return extents;
}

/** Where extent maps are read from. */
export interface ExtentPlace {
  /** The manifest's pack table. */
  readonly packs: readonly PackName[];
  /** Opens the pack of an index in that table; a caller who reads many files keeps packs open. */
  readonly openPack: (index: number) => Promise<Pick<PackReader, "readBlob">>;
  readonly context: Context;
}

/**
 * A file's extents, wherever they are.
 *
 * @param file its entry in the manifest.
 * @throws {HindsightError} `OBJECT_CORRUPT`, also when the map is that of a file of another size.
 */
export async function readExtents(
  file: { readonly sizeBytes: number; readonly extents: FileExtents },
  { packs, openPack, context }: ExtentPlace,
): Promise<readonly Extent[]> {
  const { extents, sizeBytes } = file;
  if (!isExtentMapRef(extents)) return extents;
  const pack = await openPack(extents.pack);
  const decoded = decodeExtentMap(await pack.readBlob(extents.blob, context), packs);
  const last = decoded.at(-1);
  const endBytes = last ? last.fileOffsetBytes + last.lengthBytes : 0;
  if (endBytes !== sizeBytes) throw damaged(`it describes ${endBytes} bytes, not ${sizeBytes}`);
  if (packsOf(decoded).join(",") === extents.uses.join(",")) return decoded;
  throw damaged("the manifest lists other packs for it");
}

/** The packs that extents name, ascending. */
export function packsOf(extents: readonly Extent[]): readonly number[] {
  const indexes = new Set(extents.flatMap(({ source }) => (source ? [source.pack] : [])));
  return [...indexes].toSorted((left, right) => left - right);
}

/** Stores a map. `pack` of the answer is still the pack's number within the writer's label, as of every blob. */
export function writeExtentMap(
  writer: Pick<PackWriter, "append">,
  extents: readonly Extent[],
  packs: readonly PackName[],
): Promise<BlobRef> {
  return writer.append(encodeExtentMap(extents, packs));
}

/**
 * What is wrong with a list of extents, or undefined.
 *
 * @param file its size, and how many packs the table has.
 */
export function findExtentFault(
  extents: readonly Extent[],
  file: { readonly sizeBytes: number; readonly packCount: number },
): string | undefined {
  let endBytes = 0;
  let wasHole = false;
  for (const { fileOffsetBytes, lengthBytes, source } of extents) {
    if (fileOffsetBytes !== endBytes)
      return `an extent begins at ${fileOffsetBytes} instead of ${endBytes}`;
    if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 1)
      return `an extent has length ${lengthBytes}`;
    if (source ? !isPossibleSource(source, file.packCount) : wasHole) {
      return `the extent at ${fileOffsetBytes} comes from nowhere`;
    }
    wasHole = source === undefined;
    endBytes += lengthBytes;
  }
  return endBytes === file.sizeBytes
    ? undefined
    : `extents end at ${endBytes} of ${file.sizeBytes}`;
}

function isPossibleSource(source: ExtentSource, packCount: number): boolean {
  const isCount = (value: number, end: number): boolean =>
    Number.isInteger(value) && value >= 0 && value < end;
  return (
    isCount(source.pack, packCount) &&
    isCount(source.blob, HOLE) &&
    isCount(source.blobOffsetBytes, CHUNK_SIZE_MAX_BYTES)
  );
}

interface UsedPack extends PackName {
  readonly index: number;
}

function usedPacks(extents: readonly Extent[], packs: readonly PackName[]): readonly UsedPack[] {
  const indexes = packsOf(extents);
  if (indexes.length > PACKS_MAX_COUNT) throw new RangeError(`${indexes.length} packs in one map`);
  return indexes
    .map((index) => {
      const pack = packs[index];
      if (!pack) throw new RangeError(`an extent names pack ${index} of ${packs.length}`);
      return { index, label: pack.label, number: pack.number };
    })
    .toSorted(comparePacks);
}

function comparePacks(left: PackName, right: PackName): number {
  if (left.label !== right.label) return left.label < right.label ? -1 : 1;
  return left.number - right.number;
}

function encodePackName({ label, number }: PackName): Buffer {
  const bytes = Buffer.alloc(1 + label.length + 4);
  bytes.writeUInt8(label.length, 0);
  bytes.write(label, 1, "ascii");
  bytes.writeUInt32LE(number, 1 + label.length);
  return bytes;
}

function decodePackNames(
  map: Buffer,
  table: ReadonlyMap<string, number>,
): { readonly indexes: readonly number[]; readonly endBytes: number } {
  const indexes: number[] = [];
  let previous: PackName | undefined;
  let at = HEAD_BYTES;
  for (let rest = map.readUInt16LE(6); rest > 0; rest -= 1) {
    const labelEnd = at + 1 + (map[at] ?? 0);
    if (labelEnd + 4 > map.length) throw damaged("its list of packs is cut short");
    const label = map.toString("latin1", at + 1, labelEnd);
    const number = map.readUInt32LE(labelEnd);
    const index = table.get(`${label}/${number}`);
    if (!isBackupLabel(label) || index === undefined) {
      throw damaged(
        `it names pack ${number} of ${JSON.stringify(label)}, which the backup does not use`,
      );
    }
    const name = { label, number };
    if (previous && comparePacks(previous, name) >= 0) throw damaged("its packs are not sorted");
    previous = name;
    indexes.push(index);
    at = labelEnd + 4;
  }
  return { indexes, endBytes: at };
}

function decodeExtent(bytes: Buffer, indexes: readonly number[], fileOffsetBytes: number): Extent {
  const length = bytes.readBigUInt64LE(0);
  const pack = bytes.readUInt32LE(8);
  const blob = bytes.readUInt32LE(12);
  const blobOffsetBytes = bytes.readUInt32LE(16);
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged("an extent is impossibly long");
  const lengthBytes = Number(length);
  if (pack === HOLE && blob === 0 && blobOffsetBytes === 0) {
    return { fileOffsetBytes, lengthBytes, source: undefined };
  }
  const index = indexes[pack];
  if (index === undefined) throw damaged("an extent names a pack that the map does not list");
  return { fileOffsetBytes, lengthBytes, source: { pack: index, blob, blobOffsetBytes } };
}

function damaged(what: string): Error {
  return failure("OBJECT_CORRUPT", `an extent map is damaged: ${what}`, {
    hint: "Its blob is whole, so it was written wrongly or belongs to another backup. Use another backup, and report this.",
  });
}
