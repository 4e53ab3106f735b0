// Reads the files of a data directory that a server writes at the same time. Everything is synchronous, for worker
// threads: a read is one system call into a buffer of the caller's.
//
// - Growth after the listing is ignored: the reader asks for the size that was listed, and WAL brings the rest.
// - A file that shrank gives fewer bytes than asked for; the caller records what it got.
// - A file that vanished is not an error, once listing its directory again no longer shows it.
// - Any other failure ends the backup: a file that is there and cannot be read is damage, not a change.
//
// Source: PostgreSQL src/backend/backup/basebackup.c, sendFile
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { type BytePath, pathBelow } from "../../model/byte-path.ts";
import { checkPages, type PageCheck } from "../page.ts";
import { hasVanished, isAbsence, unreadable } from "./file-system.ts";

/** An open file of a data directory; closed at the end of a `using` block. */
export interface DataFile extends Disposable {
  readonly path: BytePath;
  /** File descriptor. */
  readonly descriptor: number;
}

/** How long a page may take to be written by the server while we read it. */
const REREAD_DELAY_MS = 100;

/**
 * Opens a file.
 *
 * @returns undefined when it has vanished since it was listed.
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`
 */
export function openDataFile(root: string, path: BytePath): DataFile | undefined {
  let descriptor: number;
  try {
    // O_NONBLOCK: a pipe that took the file's place would block the open for ever. It means nothing to a plain file.
    descriptor = openSync(pathBelow(root, path), constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isAbsence(error) && hasVanished(root, path)) return undefined;
    throw unreadable(path, error);
  }
  const file: DataFile = { path, descriptor, [Symbol.dispose]: () => closeSync(descriptor) };
  if (fstatSync(descriptor).isFile()) return file;
  closeSync(descriptor);
  throw unreadable(path, new Error("it is no longer a plain file"));
}

/** Where to read. */
export interface ReadRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * Reads into the beginning of `buffer`.
 *
 * @returns bytes read: fewer than asked for only at the end of the file.
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`
 */
export function readChunkSync(file: DataFile, range: ReadRange, buffer: Uint8Array): number {
  let filled = 0;
  try {
    while (filled < range.lengthBytes) {
      const position = range.offsetBytes + filled;
      const count = readSync(file.descriptor, buffer, filled, range.lengthBytes - filled, position);
      if (count === 0) break;
      filled += count;
    }
  } catch (error) {
    throw unreadable(file.path, error);
  }
  return filled;
}

/**
 * Reads pages and checks them. Suspicious ones are read once more after a short wait, because the server may have been
 * writing them; the second reading replaces the first. A page that is no longer there, because the file shrank
 * meanwhile, is not an error.
 *
 * @param range from a page boundary.
 * @param buffer at an offset that is a multiple of 4 in its memory, or checking will copy it.
 * @returns bytes in `buffer`, and the blocks that stayed wrong, counted within the relation fork.
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`
 */
export function readPagesSync(
  file: DataFile,
  range: ReadRange,
  { buffer, check }: { readonly buffer: Uint8Array; readonly check: PageCheck },
): { readonly lengthBytes: number; readonly badBlocks: readonly number[] } {
  const lengthBytes = readChunkSync(file, range, buffer);
  const suspicious = checkPages(buffer.subarray(0, lengthBytes), check);
  if (suspicious.length > 0) waitSync(REREAD_DELAY_MS);
  const badBlocks: number[] = [];
  for (const position of suspicious) {
    if (isStillBad(file, { range, position }, { buffer, check })) {
      badBlocks.push(check.firstBlock + position);
    }
  }
  return { lengthBytes, badBlocks };
}

function isStillBad(
  file: DataFile,
  { range, position }: { readonly range: ReadRange; readonly position: number },
  { buffer, check }: { readonly buffer: Uint8Array; readonly check: PageCheck },
): boolean {
  const sizeBytes = check.blockSizeBytes;
  const offset = position * sizeBytes;
  const again = new Uint8Array(sizeBytes);
  const reread = { offsetBytes: range.offsetBytes + offset, lengthBytes: sizeBytes };
  if (readChunkSync(file, reread, again) < sizeBytes) return false;
  buffer.set(again, offset);
  return checkPages(again, { ...check, firstBlock: check.firstBlock + position }).length > 0;
}

function waitSync(delayMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
}
