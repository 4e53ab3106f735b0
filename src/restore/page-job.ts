// A worker's side of large files, which the main thread has opened: writing pieces of a blob, finding and mending the
// pages that differ, zeros, digests.
import { DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { PAGE_HASH_BYTES, pageHashes, sha256 } from "../codec/digest.ts";
import { damagedBlob, expandBlob, type PackedBlob, unpackBlob } from "../repository/packed-blob.ts";
import { releaseExpanded } from "./blob-memory.ts";
import type { Piece } from "./blob-uses.ts";
import { isDigestChunk } from "./content-proof.ts";
import type { BlobPages, BlobPart, FileRange, HashedPart, RestoreJob } from "./restore-job.ts";
import {
  HOLE_GRAIN_BYTES,
  isZeros,
  readAllSync,
  writeAllSync,
  writeSparseSync,
} from "./sparse-write.ts";

type FillJob = Extract<RestoreJob, { kind: "fill" }>;

/** Every worker has one piece in its hands at a time. */
const buffer = Buffer.alloc(DIGEST_CHUNK_BYTES);

/** Writes the pieces. @returns for each one that is a whole digest chunk its SHA-256. */
export function fillPieces(
  { blob, pieces }: FillJob["parts"][number],
  { fd, isFresh, fileSizeBytes }: Omit<FillJob, "kind" | "parts">,
): readonly (Uint8Array | undefined)[] {
  const plain = unpackBlob(blob);
  const digests = pieces.map((piece) => {
    const { fileOffsetBytes, blobOffsetBytes, lengthBytes } = piece;
    const bytes = plain.subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes);
    (isFresh ? writeSparseSync : writeAllSync)(fd, bytes, fileOffsetBytes);
    if (!isDigestChunk(piece, fileSizeBytes)) return undefined;
    return lengthBytes === plain.length ? blob.sha256 : sha256(bytes);
  });
  releaseExpanded(plain, blob);
  return digests;
}

/** The pages that the file does not have as the blob does; neighbours are one piece. */
export function differingPages({ pages, pieces }: HashedPart, fd: number): readonly Piece[] {
  const differing: Piece[] = [];
  for (const piece of pieces) {
    const length = readAllSync(fd, buffer.subarray(0, piece.lengthBytes), piece.fileOffsetBytes);
    // What the file does not have is compared as zeros, as it will read when it has its length.
    buffer.fill(0, length, piece.lengthBytes);
    const found = pageHashes(buffer.subarray(0, piece.lengthBytes), pages.sizeBytes);
    const expected = expectedHashes(pages, piece);
    if (found.equals(expected)) continue;
    for (let at = 0; at < found.length; at += PAGE_HASH_BYTES) {
      if (found.compare(expected, at, at + PAGE_HASH_BYTES, at, at + PAGE_HASH_BYTES) === 0)
        continue;
      addPage(differing, piece, (at / PAGE_HASH_BYTES) * pages.sizeBytes, pages.sizeBytes);
    }
  }
  return differing;
}

function expectedHashes({ hashes, sizeBytes }: BlobPages, piece: Piece): Uint8Array {
  const first = piece.blobOffsetBytes / sizeBytes;
  const count = Math.ceil(piece.lengthBytes / sizeBytes);
  return hashes.subarray(first * PAGE_HASH_BYTES, (first + count) * PAGE_HASH_BYTES);
}

// oxlint-disable-next-line max-params -- a list, and which page of what
function addPage(differing: Piece[], piece: Piece, offsetBytes: number, sizeBytes: number): void {
  const page: Piece = {
    fileOffsetBytes: piece.fileOffsetBytes + offsetBytes,
    blobOffsetBytes: piece.blobOffsetBytes + offsetBytes,
    lengthBytes: Math.min(sizeBytes, piece.lengthBytes - offsetBytes),
  };
  const last = differing.at(-1);
  const follows =
    last !== undefined &&
    last.fileOffsetBytes + last.lengthBytes === page.fileOffsetBytes &&
    last.blobOffsetBytes + last.lengthBytes === page.blobOffsetBytes;
  if (!follows) differing.push(page);
  else
    differing[differing.length - 1] = {
      ...last,
      lengthBytes: last.lengthBytes + page.lengthBytes,
    };
}

/**
 * Writes pages, after each was compared with its hash: that is cheaper than the SHA-256 of a blob of which most is not
 * needed.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function mendPages({ blob, pages, pieces }: BlobPart, fd: number): void {
  const plain = expandBlob(blob);
  for (const piece of pieces) writePages(plain, piece, { blob, pages, fd });
  releaseExpanded(plain, blob);
}

/**
 * As {@link differingPages} and {@link mendPages} in one, by comparing bytes instead of hashes: cheaper when most blobs are
 * needed anyway.
 *
 * @returns the pages that differed.
 */
export function overlayPages({ blob, pages, pieces }: BlobPart, fd: number): readonly Piece[] {
  const plain = expandBlob(blob);
  const differing: Piece[] = [];
  for (const piece of pieces) {
    const found = buffer.subarray(0, piece.lengthBytes);
    found.fill(0, readAllSync(fd, found, piece.fileOffsetBytes));
    const begin = piece.blobOffsetBytes;
    const end = begin + piece.lengthBytes;
    if (plain.compare(found, 0, found.length, begin, end) === 0) continue;
    for (let at = 0; at < found.length; at += pages.sizeBytes) {
      const pageEnd = Math.min(at + pages.sizeBytes, found.length);
      if (plain.compare(found, at, pageEnd, begin + at, begin + pageEnd) === 0) continue;
      addPage(differing, piece, at, pages.sizeBytes);
    }
  }
  for (const piece of differing) writePages(plain, piece, { blob, pages, fd });
  releaseExpanded(plain, blob);
  return differing;
}

function writePages(
  plain: Buffer,
  piece: Piece,
  {
    blob,
    pages,
    fd,
  }: { readonly blob: PackedBlob; readonly pages: BlobPages; readonly fd: number },
): void {
  const { fileOffsetBytes, blobOffsetBytes, lengthBytes } = piece;
  const bytes = plain.subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes);
  if (!pageHashes(bytes, pages.sizeBytes).equals(expectedHashes(pages, piece))) {
    throw damagedBlob(blob.origin, "does not have the pages it should");
  }
  writeAllSync(fd, bytes, fileOffsetBytes);
}

/** Writes zeros where there is something else. @returns how many bytes were written. */
export function clearRange({ fd, offsetBytes, lengthBytes }: FileRange): number {
  let clearedBytes = 0;
  for (let at = 0; at < lengthBytes; at += HOLE_GRAIN_BYTES) {
    const grain = buffer.subarray(0, Math.min(HOLE_GRAIN_BYTES, lengthBytes - at));
    const length = readAllSync(fd, grain, offsetBytes + at);
    if (isZeros(grain.subarray(0, length))) continue;
    writeAllSync(fd, grain.fill(0), offsetBytes + at);
    clearedBytes += grain.length;
  }
  return clearedBytes;
}

/** The SHA-256 of a range of at most one digest chunk, as far as the file reaches. */
export function digestRange({ fd, offsetBytes, lengthBytes }: FileRange): Uint8Array {
  const length = readAllSync(fd, buffer.subarray(0, lengthBytes), offsetBytes);
  return sha256(buffer.subarray(0, length));
}
