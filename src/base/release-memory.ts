import { KIB } from "./limits.ts";

/** Smaller buffers may be parts of one that Node shares out, which must stay whole. */
const OWN_MEMORY_MIN_BYTES: number = 128 * KIB;

/**
 * Gives the memory of a large buffer back at once; afterwards the buffer is empty. Left to the garbage collector, which
 * sees only the small object, a thread that goes through many of a MiB each holds a hundred of them. Buffers that are a
 * part of other memory stay as they are.
 */
export function releaseMemory({ buffer, byteLength }: Uint8Array): void {
  const isWhole = buffer.byteLength === byteLength && byteLength >= OWN_MEMORY_MIN_BYTES;
  if (isWhole && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
