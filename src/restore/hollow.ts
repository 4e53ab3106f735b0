// A file of which only some pages are restored: of each blob only what those pages take, the rest is a hole.
import type { BlobUse, Piece } from "./blob-uses.ts";

/**
 * What the kept pages take from which blob.
 *
 * @param uses of the whole file.
 * @param kept numbers of pages in the file, ascending, each once; those behind its end are passed over.
 */
export function hollowUses(
  uses: readonly BlobUse[],
  { kept, pageSizeBytes }: { readonly kept: ArrayLike<number>; readonly pageSizeBytes: number },
): readonly BlobUse[] {
  return uses
    .map((use) => ({
      ...use,
      pieces: use.pieces.flatMap((piece) => [...keptParts(piece, kept, pageSizeBytes)]),
    }))
    .filter(({ pieces }) => pieces.length > 0);
}

function* keptParts(
  piece: Piece,
  kept: ArrayLike<number>,
  pageSizeBytes: number,
): Generator<Piece, void, undefined> {
  const end = piece.fileOffsetBytes + piece.lengthBytes;
  const firstPage = Math.floor(piece.fileOffsetBytes / pageSizeBytes);
  for (let place = lowerBound(kept, firstPage); place < kept.length; place += 1) {
    const page = kept[place] ?? Infinity;
    const begin = Math.max(page * pageSizeBytes, piece.fileOffsetBytes);
    if (begin >= end) return;
    yield {
      fileOffsetBytes: begin,
      blobOffsetBytes: piece.blobOffsetBytes + (begin - piece.fileOffsetBytes),
      lengthBytes: Math.min((page + 1) * pageSizeBytes, end) - begin,
    };
  }
}

/** The first place whose number is not smaller. */
export function lowerBound(numbers: ArrayLike<number>, number: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? Infinity) < number) low = middle + 1;
    else high = middle;
  }
  return low;
}
