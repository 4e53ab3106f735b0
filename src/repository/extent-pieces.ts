// An extent may run over consecutive blobs of its pack. Whoever looks at single blobs takes it apart here, and puts what
// is left together again.
import type { Extent } from "./extent-map.ts";

/** Bytes of a file that lie in one blob. */
export interface ExtentPiece {
  readonly fileOffsetBytes: number;
  readonly lengthBytes: number;
  /** Index in the manifest's pack table. */
  readonly pack: number;
  readonly blob: number;
  readonly blobOffsetBytes: number;
  /** Plaintext of the whole blob. */
  readonly blobSizeBytes: number;
}

/**
 * The pieces of one extent, in order; a hole has none.
 *
 * @param blobSize plaintext of a blob of the extent's pack.
 * @returns a piece of a length below 1 where the extent takes bytes past the end of a blob, and nothing behind it.
 */
export function* extentPieces(
  { fileOffsetBytes, lengthBytes, source }: Extent,
  blobSize: (blob: number) => number,
): Generator<ExtentPiece, void, undefined> {
  if (source === undefined) return;
  const { pack } = source;
  let { blob, blobOffsetBytes } = source;
  for (let done = 0; done < lengthBytes; blob += 1, blobOffsetBytes = 0) {
    const blobSizeBytes = blobSize(blob);
    const taken = Math.min(blobSizeBytes - blobOffsetBytes, lengthBytes - done);
    const place = { pack, blob, blobOffsetBytes, blobSizeBytes };
    yield { fileOffsetBytes: fileOffsetBytes + done, lengthBytes: taken, ...place };
    if (taken <= 0) return;
    done += taken;
  }
}

/**
 * Extents of pieces that cover a file from its beginning; what lies between two pieces is a hole.
 *
 * @param pieces in the order of the file.
 */
export function joinPieces(pieces: readonly ExtentPiece[], sizeBytes: number): readonly Extent[] {
  const extents: Extent[] = [];
  let last: ExtentPiece | undefined;
  let position = 0;
  const hole = (lengthBytes: number): void => {
    if (lengthBytes <= 0) return;
    extents.push({ fileOffsetBytes: position, lengthBytes, source: undefined });
    last = undefined;
  };
  for (const piece of pieces) {
    const { fileOffsetBytes, lengthBytes, pack, blob, blobOffsetBytes } = piece;
    hole(fileOffsetBytes - position);
    const before = extents.at(-1);
    if (before && last && goesOn(last, piece)) {
      const joined = { ...before, lengthBytes: before.lengthBytes + lengthBytes };
      extents[extents.length - 1] = joined;
    } else {
      extents.push({ fileOffsetBytes, lengthBytes, source: { pack, blob, blobOffsetBytes } });
    }
    last = piece;
    position = fileOffsetBytes + lengthBytes;
  }
  hole(sizeBytes - position);
  return extents;
}

/** Whether the bytes of a piece follow those of the one before in its pack. */
function goesOn(last: ExtentPiece, next: ExtentPiece): boolean {
  if (last.pack !== next.pack) return false;
  const end = last.blobOffsetBytes + last.lengthBytes;
  if (last.blob === next.blob) return end === next.blobOffsetBytes;
  return last.blob + 1 === next.blob && end === last.blobSizeBytes && next.blobOffsetBytes === 0;
}
