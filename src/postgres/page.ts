// Looks at the pages of relation files as a backup reads them, without decoding what is in them. A page may be torn
// because the server writes it at this moment; who calls reads suspicious pages again before believing it
// (data-directory/read-file.ts).
//
// Page header, little endian:
// offset size type    meaning
//      0    4 uint32  pd_lsn, high half        LSN after the last change
//      4    4 uint32  pd_lsn, low half
//      8    2 uint16  pd_checksum
//     10    2 uint16  pd_flags                 only the lowest three bits are used
//     12    2 uint16  pd_lower                 end of line pointers
//     14    2 uint16  pd_upper                 begin of tuples; 0 in a page that was never initialised
//     16    2 uint16  pd_special               begin of the access method's own space
//     18    2 uint16  pd_pagesize_version
//     20    4 uint32  pd_prune_xid
//
// Source: PostgreSQL src/include/storage/bufpage.h; src/backend/storage/page/bufpage.c, PageIsVerified
import type { Lsn } from "../model/lsn.ts";
import { checksumsIn, type PageChecksum } from "./page-checksum.ts";

/** How pages are to be judged. */
export interface PageCheck {
  readonly blockSizeBytes: number;
  /** Number of the first page of the bytes within its relation fork, counted over all segment files. */
  readonly firstBlock: number;
  /** Whether the cluster keeps data checksums; without them only headers are checked. */
  readonly checksums: boolean;
  /** Pages changed at or after it are not judged: WAL replaces them. */
  readonly startLsn: Lsn;
}

const FLAGS_VALID = 0x0007;
const SPECIAL_ALIGNMENT = 8;

/**
 * Finds pages that cannot be what the server wrote.
 *
 * A page is skipped when its LSN is at or after `startLsn`. A page that was never initialised must be all zero. Any
 * other must have a sane header and, with checksums, the right one. A partial page at the end is not judged: a file can
 * be read while it grows.
 *
 * @param bytes whole pages, from a page boundary of the file; in memory from `allocatePages`, or each is copied.
 * @returns positions within `bytes`, counted in pages from 0; the block is `firstBlock` plus the position.
 * @source PostgreSQL src/backend/backup/basebackup.c, verify_page_checksum
 */
export function checkPages(bytes: Uint8Array, check: PageCheck): readonly number[] {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const pageCount = Math.floor(aligned.byteLength / check.blockSizeBytes);
  const memory: PageMemory = {
    words: new Int32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2),
    halves: new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 1),
    checksum: checksumsIn(aligned),
  };
  const suspicious: number[] = [];
  for (let position = 0; position < pageCount; position += 1) {
    if (!isPlausible(memory, position, check)) suspicious.push(position);
  }
  return suspicious;
}

/** The same bytes, as 32-bit and as 16-bit words, and the checksums of pages in them. */
interface PageMemory {
  readonly words: Int32Array;
  readonly halves: Uint16Array;
  readonly checksum: PageChecksum;
}

function isPlausible(memory: PageMemory, position: number, check: PageCheck): boolean {
  const { blockSizeBytes, firstBlock, checksums, startLsn } = check;
  const begin = (position * blockSizeBytes) >>> 2;
  const page = { begin, end: begin + (blockSizeBytes >>> 2) };
  if (isAtOrAfter(memory.words, begin, startLsn)) return true;
  const half = (offset: number): number => memory.halves[begin * 2 + offset / 2] as number;
  const upper = half(14);
  if (upper === 0) return isZero(memory.words, page);
  if (
    !isSaneHeader({ flags: half(10), lower: half(12), upper, special: half(16) }, blockSizeBytes)
  ) {
    return false;
  }
  if (!checksums) return true;
  return memory.checksum(begin * 4, blockSizeBytes, firstBlock + position) === half(8);
}

function isAtOrAfter(words: Int32Array, begin: number, position: Lsn): boolean {
  // Two halves compared as numbers: a bigint for every page would cost more than its checksum.
  const high = (words[begin] as number) >>> 0;
  const startHigh = Number(position >> 32n);
  if (high !== startHigh) return high > startHigh;
  return (words[begin + 1] as number) >>> 0 >= Number(position & 0xffffffffn);
}

function isZero(words: Int32Array, { begin, end }: { begin: number; end: number }): boolean {
  for (let index = begin; index < end; index += 1) if (words[index] !== 0) return false;
  return true;
}

interface HeaderFields {
  readonly flags: number;
  readonly lower: number;
  readonly upper: number;
  readonly special: number;
}

function isSaneHeader({ flags, lower, upper, special }: HeaderFields, sizeBytes: number): boolean {
  return (
    (flags & ~FLAGS_VALID) === 0 &&
    lower <= upper &&
    upper <= special &&
    special <= sizeBytes &&
    special % SPECIAL_ALIGNMENT === 0
  );
}
