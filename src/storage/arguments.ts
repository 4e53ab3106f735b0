// What every driver does first: refuse malformed arguments and settle the optional ones, so that all stores agree about
// them. The errors here are mistakes of the caller, not of the world.
import { failure } from "../model/failure.ts";
import { type ByteRange, isObjectKey, LIST_PAGE_MAX } from "./object-store.ts";

const PREFIX_LENGTH_MAX = 512;
const PREFIX = /^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*\/)*(?:[A-Za-z0-9_-][A-Za-z0-9._-]*)?$/;

/** @throws {HindsightError} `OBJECT_KEY_INVALID` */
export function assertObjectKey(text: string): void {
  if (isObjectKey(text)) return;
  throw failure("OBJECT_KEY_INVALID", `${JSON.stringify(text)} cannot be the key of an object`);
}

/** @throws {HindsightError} `OBJECT_KEY_INVALID` when no key can begin like this. */
export function assertObjectPrefix(text: string): void {
  if (text.length <= PREFIX_LENGTH_MAX && PREFIX.test(text)) return;
  throw failure("OBJECT_KEY_INVALID", `${JSON.stringify(text)} cannot begin the key of an object`);
}

/**
 * The part of an object of `sizeBytes` that a range covers: half-open, cut at the object's end.
 *
 * @throws {RangeError} for a negative or fractional offset or length.
 */
export function clampRange(
  range: ByteRange | undefined,
  sizeBytes: number,
): { readonly begin: number; readonly end: number } {
  if (range === undefined) return { begin: 0, end: sizeBytes };
  const { offsetBytes, lengthBytes } = range;
  if (!isByteCount(offsetBytes) || !isByteCount(lengthBytes)) {
    throw new RangeError(`not a range of bytes: ${lengthBytes} from ${offsetBytes}`);
  }
  const begin = Math.min(offsetBytes, sizeBytes);
  return { begin, end: Math.min(begin + lengthBytes, sizeBytes) };
}

/** @throws {RangeError} outside 1 … {@link LIST_PAGE_MAX}. */
export function pageLimit(limitCount: number | undefined): number {
  const limit = limitCount ?? LIST_PAGE_MAX;
  if (!Number.isInteger(limit) || limit < 1 || limit > LIST_PAGE_MAX) {
    throw new RangeError(`not a page size from 1 to ${LIST_PAGE_MAX}: ${limit}`);
  }
  return limit;
}

function isByteCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
