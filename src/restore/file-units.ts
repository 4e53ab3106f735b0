// From the entries of a manifest to units of work: a file by itself, or small files together when they lie in one blob,
// which is then fetched and expanded once for all of them.
import type { Context } from "../base/context.ts";
import { DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { type Extent, readExtents } from "../repository/extent-map.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import type { PackReader } from "../repository/pack-reader.ts";
import { type BlobUse, blobUses } from "./blob-uses.ts";
import type { PackShelf } from "../repository/pack-shelf.ts";

/** A file and where its bytes are. */
export interface PlannedFile {
  readonly entry: ManifestFile;
  readonly uses: readonly BlobUse[];
  readonly holes: readonly Pick<Extent, "fileOffsetBytes" | "lengthBytes">[];
}

/**
 * - `small`: files that lie whole in one blob, or are empty.
 * - `large`: one file of any other kind.
 */
export type FileUnit =
  | {
      readonly kind: "small";
      readonly files: readonly PlannedFile[];
      readonly blob: Pick<BlobUse, "pack" | "blob"> | undefined;
    }
  | { readonly kind: "large"; readonly file: PlannedFile };

/** Where blobs are found. */
export interface FileSource {
  readonly shelf: PackShelf;
  readonly packs: readonly PackEntry[];
  readonly context: Context;
}

/** Finds a file's bytes. @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING` */
export async function planFile(
  entry: ManifestFile,
  { shelf, packs, context }: FileSource,
): Promise<PlannedFile> {
  const openPack = (index: number): Promise<PackReader> => shelf.take(index);
  const extents = await readExtents(entry, { packs, openPack, context });
  return {
    entry,
    uses: await blobUses(entry, extents, openPack),
    holes: extents.filter((extent) => extent.source === undefined),
  };
}

/** Whether a file is made in one go by a worker, which proves it by its digest. */
export function isSmall({ entry, uses, holes }: PlannedFile): boolean {
  if (entry.sha256 === undefined) return false;
  if (entry.sizeBytes === 0) return true;
  return (
    entry.sizeBytes <= DIGEST_CHUNK_BYTES &&
    holes.length === 0 &&
    uses.length === 1 &&
    uses[0]?.pieces.length === 1
  );
}

/** Groups small files by the blob that holds each whole. */
export function* groupSmall(files: readonly PlannedFile[]): Generator<FileUnit, void, undefined> {
  const groups = new Map<string, PlannedFile[]>();
  for (const file of files) {
    const [use] = file.uses;
    const key = use ? `${use.pack}/${use.blob}` : "empty";
    const group = groups.get(key);
    if (group) group.push(file);
    else groups.set(key, [file]);
  }
  for (const group of groups.values()) {
    yield { kind: "small", files: group, blob: group[0]?.uses[0] };
  }
}
