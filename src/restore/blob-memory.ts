// Memory of blobs in a worker thread. A megabyte at a time becomes garbage, and the collector lets a lot of it gather.
import type { PackedBlob } from "../repository/packed-blob.ts";

/**
 * Gives memory back at once instead of leaving it to the garbage collector, which would let hundreds of megabytes gather.
 *
 * @param bytes nobody uses any more, nor anything else of their memory; small ones share theirs and are left alone.
 */
export function release({ buffer }: Uint8Array): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength > 2 * Buffer.poolSize;
  if (isOwn && !buffer.detached) buffer.transfer(0);
}

/** Releases a blob's plaintext, unless it was not compressed: then it lies in the memory of other blobs, too. */
export function releaseExpanded(plain: Uint8Array, { packed }: PackedBlob): void {
  if (plain.buffer !== packed.buffer) release(plain);
}
