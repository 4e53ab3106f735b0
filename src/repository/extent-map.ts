import type { PackEntry } from "./pack-format.ts";
import type { PackReader } from "./pack-reader.ts";
import type { PackWriter } from "./pack-writer.ts";

export interface Extent {
  readonly fileOffsetBytes: number;
  readonly lengthBytes: number;
  readonly source:
    | { readonly pack: number; readonly blob: number; readonly blobOffsetBytes: number }
    | undefined;
}
/** Extents that are stored as a blob of their own; `pack` is an index in the manifest's pack table. */
export interface ExtentMapRef {
  readonly pack: number;
  readonly blob: number;
}
/** A file's extents in order, or where they are stored. */
export type FileExtents = readonly Extent[] | ExtentMapRef;
export function isExtentMapRef(_extents: FileExtents): _extents is ExtentMapRef {
  throw new Error("signature only");
}
export function encodeExtentMap(
  _extents: readonly Extent[],
  _packs: readonly Pick<PackEntry, "label" | "number">[],
): Buffer {
  throw new Error("signature only");
}
export function decodeExtentMap(
  _bytes: Uint8Array,
  _packs: readonly PackEntry[],
): readonly Extent[] {
  throw new Error("signature only");
}
/** Reads a file's extents wherever they are. */
export function readExtents(
  _file: { readonly sizeBytes: number; readonly extents: FileExtents },
  _packs: readonly PackEntry[],
  _openPack: (index: number) => Promise<PackReader>,
): Promise<readonly Extent[]> {
  throw new Error("signature only");
}
/** Stores a map through a pack writer and says where. `pack` is the pack's number within the writer's label. */
export function writeExtentMap(
  _writer: PackWriter,
  _extents: readonly Extent[],
  _packs: readonly Pick<PackEntry, "label" | "number">[],
): Promise<ExtentMapRef> {
  throw new Error("signature only");
}
