// Log sequence numbers: positions in the write-ahead log, as PostgreSQL counts them. An LSN is a bigint, never a
// number; ranges are half-open, [begin, end). What a segment is and how its file is called: model/wal-segment.ts.
import { failure } from "./failure.ts";

declare const lsnBrand: unique symbol;

/** A byte position in WAL: 0 ≤ lsn < 2^64. Built by the functions of this file only. */
export type Lsn = bigint & { readonly [lsnBrand]: true };

/** Positions from `begin` up to, not including, `end`. Empty when they are equal. */
export interface LsnRange {
  readonly begin: Lsn;
  readonly end: Lsn;
}

const LSN_END = 1n << 64n;
const LSN_TEXT = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/**
 * Makes an LSN of a number read from bytes or computed.
 *
 * @throws {RangeError} outside 0 … 2^64-1: a mistake of the caller.
 */
export function lsn(value: bigint): Lsn {
  if (value < 0n || value >= LSN_END) throw new RangeError(`LSN out of range: ${value}`);
  return value as Lsn;
}

/** The position before every record; PostgreSQL's InvalidXLogRecPtr. */
export const LSN_ZERO: Lsn = lsn(0n);

/**
 * Reads PostgreSQL's notation.
 *
 * @param text two hexadecimal numbers of up to 8 digits: high and low 32 bits, such as `0/15000028`. Leading zeros and
 *   either case are accepted.
 * @throws {HindsightError} `LSN_INVALID` for anything else.
 * @source PostgreSQL src/backend/utils/adt/pg_lsn.c, pg_lsn_in_internal
 */
export function parseLsn(text: string): Lsn {
  const parts = LSN_TEXT.exec(text);
  if (!parts) {
    throw failure("LSN_INVALID", `"${text}" is not an LSN`, {
      hint: "Write it as PostgreSQL prints it: two hexadecimal numbers with a slash, such as 0/15000028.",
    });
  }
  return lsn((BigInt(`0x${parts[1]}`) << 32n) | BigInt(`0x${parts[2]}`));
}

/** Writes PostgreSQL's notation: upper case, no leading zeros, `0/15000028`. */
export function formatLsn(position: Lsn): string {
  const high = (position >> 32n).toString(16);
  const low = (position & 0xffffffffn).toString(16);
  return `${high}/${low}`.toUpperCase();
}

/** Negative, zero or positive as `left` lies before, at or after `right`; for `Array.sort`. */
export function compareLsn(left: Lsn, right: Lsn): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The later of two positions. */
export function maxLsn(left: Lsn, right: Lsn): Lsn {
  return left > right ? left : right;
}

/** `position` moved forward by `offsetBytes`, or back when it is negative. */
export function addLsn(position: Lsn, offsetBytes: bigint): Lsn {
  return lsn(position + offsetBytes);
}

/** Whether `position` lies in the half-open range. */
export function rangeContains(range: LsnRange, position: Lsn): boolean {
  return range.begin <= position && position < range.end;
}
