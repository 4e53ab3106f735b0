// Writing and reading at a position, synchronously, for worker threads. Zeros need no space: where a file reads as zeros
// already, whole pages of zeros are left out, and a file system that can keeps a hole there.
import { readSync, writeSync } from "node:fs";

/** Holes begin and end at multiples of this in a file: PostgreSQL's usual page, and a multiple of a file system's block. */
export const HOLE_GRAIN_BYTES = 8192;

const ZEROS = Buffer.alloc(HOLE_GRAIN_BYTES);

/** Whether a piece of at most {@link HOLE_GRAIN_BYTES} has nothing but zeros. */
export function isZeros(bytes: Uint8Array): boolean {
  // Most pages tell by their first bytes.
  if ((bytes[0] ?? 0) !== 0 || (bytes[4] ?? 0) !== 0) return false;
  return ZEROS.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
}

/** Writes all of `bytes`: one call may take fewer and report no error. */
export function writeAllSync(fd: number, bytes: Uint8Array, positionBytes: number): void {
  let done = 0;
  while (done < bytes.length) {
    const written = writeSync(fd, bytes, done, bytes.length - done, positionBytes + done);
    if (written === 0) throw Object.assign(new Error("a write took nothing"), { code: "EIO" });
    done += written;
  }
}

/** Writes what is not zeros, to a range that reads as zeros. */
export function writeSparseSync(fd: number, bytes: Uint8Array, positionBytes: number): void {
  let runBegin = 0;
  let at = 0;
  while (at < bytes.length) {
    const grainEnd = HOLE_GRAIN_BYTES - ((positionBytes + at) % HOLE_GRAIN_BYTES);
    const end = Math.min(bytes.length, at + grainEnd);
    if (isZeros(bytes.subarray(at, end))) {
      writeAllSync(fd, bytes.subarray(runBegin, at), positionBytes + runBegin);
      runBegin = end;
    }
    at = end;
  }
  writeAllSync(fd, bytes.subarray(runBegin), positionBytes + runBegin);
}

/** Reads until `bytes` is full or the file ends. @returns how many bytes there were. */
export function readAllSync(fd: number, bytes: Uint8Array, positionBytes: number): number {
  let length = 0;
  while (length < bytes.length) {
    const read = readSync(fd, bytes, length, bytes.length - length, positionBytes + length);
    if (read === 0) break;
    length += read;
  }
  return length;
}
