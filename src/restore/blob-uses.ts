// From "which bytes of the file lie where" to "which blob goes where": a blob is decoded once, whole, so a file is written
// blob by blob, each one scattered over all the places it fills. In the order of extents, a file of many incrementals
// would have the same blobs decoded again and again (rules.md E5).
import { type BytePath } from "../model/byte-path.ts";
import type { Extent } from "../repository/extent-map.ts";
import { badEntry } from "./entry-path.ts";

/** Bytes of a blob that go to one place of a file. */
export interface Piece {
  readonly fileOffsetBytes: number;
  readonly blobOffsetBytes: number;
  readonly lengthBytes: number;
}

/** One blob and everything a file takes from it. */
export interface BlobUse {
  /** Index in the manifest's pack table. */
  readonly pack: number;
  readonly blob: number;
  /** In the order of the file. */
  readonly pieces: readonly Piece[];
}

/** Uses of the same pack, as many as are worked on in one go; in the order of its blobs. */
export function batchUses(
  uses: readonly BlobUse[],
  countMax: number,
): readonly (readonly BlobUse[])[] {
  const batches: BlobUse[][] = [];
  for (const use of uses) {
    const batch = batches.at(-1);
    if (batch && batch.length < countMax && batch[0]?.pack === use.pack) batch.push(use);
    else batches.push([use]);
  }
  return batches;
}

/** What is needed of a pack to know where its blobs end. */
export interface BlobSizes {
  blobPlainSize(blob: number): number;
}

/**
 * Turns extents around.
 *
 * @param extents in the order of the file; they must cover it exactly.
 * @param sizesOf an opened pack.
 * @returns by pack and blob; holes are in none of them.
 * @throws {HindsightError} `OBJECT_CORRUPT` when the extents leave bytes out, name bytes twice, or reach past a blob.
 */
export async function blobUses(
  file: { readonly path: BytePath; readonly sizeBytes: number },
  extents: readonly Extent[],
  sizesOf: (pack: number) => Promise<BlobSizes>,
): Promise<readonly BlobUse[]> {
  const uses = new Map<string, { pack: number; blob: number; pieces: Piece[] }>();
  let position = 0;
  for (const extent of extents) {
    if (extent.fileOffsetBytes !== position || extent.lengthBytes <= 0) {
      throw badEntry(file.path, `has extents that do not follow one another at byte ${position}`);
    }
    position += extent.lengthBytes;
    if (extent.source === undefined) continue;
    const { pack } = extent.source;
    const sizes = await sizesOf(pack);
    for (const { blob, ...piece } of splitExtent(file.path, extent, sizes)) {
      const key = `${pack}/${blob}`;
      const use = uses.get(key) ?? { pack, blob, pieces: [] };
      use.pieces.push(piece);
      uses.set(key, use);
    }
  }
  if (position !== file.sizeBytes) {
    throw badEntry(file.path, `has extents for ${position} bytes, but is ${file.sizeBytes} long`);
  }
  return [...uses.values()].toSorted(
    (left, right) => left.pack - right.pack || left.blob - right.blob,
  );
}

/** An extent may run over consecutive blobs of its pack: from its offset in the first one, on through the next. */
function* splitExtent(
  path: BytePath,
  { fileOffsetBytes, lengthBytes, source }: Extent,
  sizes: BlobSizes,
): Generator<Piece & { readonly blob: number }, void, undefined> {
  if (source === undefined) return;
  let { blob, blobOffsetBytes } = source;
  for (let done = 0; done < lengthBytes; blob += 1, blobOffsetBytes = 0) {
    const availableBytes = sizes.blobPlainSize(blob) - blobOffsetBytes;
    if (availableBytes <= 0) throw badEntry(path, `takes bytes past the end of blob ${blob}`);
    const takenBytes = Math.min(availableBytes, lengthBytes - done);
    yield {
      blob,
      blobOffsetBytes,
      fileOffsetBytes: fileOffsetBytes + done,
      lengthBytes: takenBytes,
    };
    done += takenBytes;
  }
}

/** Whether page hashes can judge a piece: it consists of whole pages of the blob, its last one excepted. */
export function hasWholePages(
  { fileOffsetBytes, blobOffsetBytes, lengthBytes }: Piece,
  {
    pageSizeBytes,
    blobSizeBytes,
  }: { readonly pageSizeBytes: number; readonly blobSizeBytes: number },
): boolean {
  const end = blobOffsetBytes + lengthBytes;
  return (
    fileOffsetBytes % pageSizeBytes === 0 &&
    blobOffsetBytes % pageSizeBytes === 0 &&
    (lengthBytes % pageSizeBytes === 0 || end === blobSizeBytes)
  );
}
