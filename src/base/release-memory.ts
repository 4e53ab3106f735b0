/** Smaller memory may be the one that Node shares out to small buffers, which must stay whole. */
const OWN_MEMORY_MIN_BYTES: number = 2 * Buffer.poolSize;

/**
 * Gives the memory of a buffer back at once; afterwards the buffer is empty. Left to the garbage collector, which sees only
 * the small object, a thread that goes through many of a MiB each holds a hundred of them.
 *
 * @param bytes nobody uses any more, nor anything else of their memory; small ones share theirs and are left alone.
 */
export function releaseMemory({ buffer }: Uint8Array): void {
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength > OWN_MEMORY_MIN_BYTES;
  if (isOwn && !buffer.detached) buffer.transfer(0);
}
