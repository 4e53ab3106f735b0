// A worker's side of large files, which the main thread has opened: writing pieces of a blob, finding and mending the
// pages that differ, zeros, digests.
import { releaseMemory } from "../base/release-memory.ts";
import { DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { PAGE_HASH_BYTES, pageHashes, sha256 } from "../codec/digest.ts";
import { damagedBlob, expandBlob, unpackBlob } from "../repository/packed-blob.ts";
import type { Piece } from "./blob-uses.ts";
import { isDigestChunk } from "./content-proof.ts";
import type { BlobPages, FileRange, RestoreJob } from "./restore-job.ts";
import {
  HOLE_GRAIN_BYTES,
  isZeros,
  readAllSync,
  writeAllSync,
  writeSparseSync,
} from "./sparse-write.ts";

type JobOf<Kind extends RestoreJob["kind"]> = Extract<RestoreJob, { kind: Kind }>;

/** Every worker has one piece in its hands at a time. */
const buffer = Buffer.alloc(DIGEST_CHUNK_BYTES);

/** Writes the pieces. @returns for each one that is a whole digest chunk its SHA-256. */
export function fillPieces(job: JobOf<"fill">): readonly (Uint8Array | undefined)[] {
  const { fd, isFresh, fileSizeBytes, blob, pieces } = job;
  const plain = unpackBlob(blob);
  const digests = pieces.map((piece) => {
    const { fileOffsetBytes, blobOffsetBytes, lengthBytes } = piece;
    const bytes = plain.subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes);
    (isFresh ? writeSparseSync : writeAllSync)(fd, bytes, fileOffsetBytes);
    if (!isDigestChunk(piece, fileSizeBytes)) return undefined;
    return lengthBytes === plain.length ? blob.sha256 : sha256(bytes);
  });
  releaseMemory(plain);
  return digests;
}

/** The pages that the file does not have as the blob does; neighbours are one piece. */
export function differingPages({ fd, pages, pieces }: JobOf<"compare">): readonly Piece[] {
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
export function mendPages({ fd, blob, pages, pieces }: JobOf<"mend">): void {
  const plain = expandBlob(blob);
  for (const piece of pieces) {
    const { fileOffsetBytes, blobOffsetBytes, lengthBytes } = piece;
    const bytes = plain.subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes);
    if (!pageHashes(bytes, pages.sizeBytes).equals(expectedHashes(pages, piece))) {
      throw damagedBlob(blob.origin, "does not have the pages it should");
    }
    writeAllSync(fd, bytes, fileOffsetBytes);
  }
  releaseMemory(plain);
}

/** Writes zeros where there is something else. @returns the pieces that were written. */
export function clearRange({ fd, offsetBytes, lengthBytes }: FileRange): readonly Piece[] {
  const cleared: Piece[] = [];
  for (let at = 0; at < lengthBytes; at += HOLE_GRAIN_BYTES) {
    const grain = buffer.subarray(0, Math.min(HOLE_GRAIN_BYTES, lengthBytes - at));
    const position = offsetBytes + at;
    const length = readAllSync(fd, grain, position);
    if (isZeros(grain.subarray(0, length))) continue;
    writeAllSync(fd, grain.fill(0), position);
    cleared.push({ fileOffsetBytes: position, blobOffsetBytes: 0, lengthBytes: grain.length });
  }
  return cleared;
}

/** The SHA-256 of a range of at most one digest chunk, as far as the file reaches. */
export function digestRange({ fd, offsetBytes, lengthBytes }: FileRange): Uint8Array {
  const length = readAllSync(fd, buffer.subarray(0, lengthBytes), offsetBytes);
  return sha256(buffer.subarray(0, length));
}
