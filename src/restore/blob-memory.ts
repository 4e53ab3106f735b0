// Memory of blobs in a worker thread.
import { releaseMemory } from "../base/release-memory.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";

/** Releases a blob's plaintext, unless it was not compressed: then it lies in the memory of other blobs, too. */
export function releaseExpanded(plain: Uint8Array, { packed }: PackedBlob): void {
  if (plain.buffer !== packed.buffer) releaseMemory(plain);
}
