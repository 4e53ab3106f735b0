// CRC-32C for many short pieces. A call into native code costs more than summing a typical WAL record, so short pieces
// are summed here, eight bytes a step by the "slicing" tables, and long ones by the library.
import { crc32c } from "@node-rs/crc32";

/** From here on the library is faster; measured with Node 26 on x64. */
const NATIVE_MIN_BYTES = 384;

/** The polynomial of Castagnoli, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const SLICE_BYTES = 8;
const WORD_BYTES = 4;

/** `TABLE[256 * slice + byte]` is the sum of a byte followed by `slice` zero bytes. */
const TABLE: Int32Array = buildTable();

function buildTable(): Int32Array {
  const table = new Int32Array(256 * SLICE_BYTES);
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) {
      sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ POLYNOMIAL;
    }
    table[byte] = sum;
  }
  for (let entry = 256; entry < table.length; entry += 1) {
    const shorter = table[entry - 256]!;
    table[entry] = (shorter >>> 8) ^ table[shorter & 0xff]!;
  }
  return table;
}

/**
 * Goes on with a sum over the bytes of `view` from `begin` up to, not including, `end`. Four plain parameters, because
 * it is called several times for every record.
 *
 * @param sum what came before: 0 for nothing, else an earlier result.
 * @returns the sum as a signed number, as `getInt32` reads it: half of the unsigned ones are no small integers to V8,
 *   which would allocate them.
 * @throws {RangeError} when the range is not inside the view: a mistake of the caller.
 */
export function extendCrc32c(sum: number, view: DataView, begin: number, end: number): number {
  if (end - begin >= NATIVE_MIN_BYTES) {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + begin, end - begin);
    return crc32c(bytes, sum >>> 0) | 0;
  }
  let rest = ~sum;
  let position = begin;
  for (; position + SLICE_BYTES <= end; position += SLICE_BYTES) {
    const later = sumOfWord(view.getInt32(position + WORD_BYTES, true), 0);
    rest = sumOfWord(rest ^ view.getInt32(position, true), WORD_BYTES) ^ later;
  }
  if (position + WORD_BYTES <= end) {
    rest = sumOfWord(rest ^ view.getInt32(position, true), 0);
    position += WORD_BYTES;
  }
  for (; position < end; position += 1) {
    rest = TABLE[(rest ^ view.getUint8(position)) & 0xff]! ^ (rest >>> 8);
  }
  return ~rest;
}

/** The sum of four bytes followed by `zeroBytes` zero bytes. */
function sumOfWord(word: number, zeroBytes: number): number {
  const slice = 256 * zeroBytes;
  return (
    TABLE[slice + 0x300 + (word & 0xff)]! ^
    TABLE[slice + 0x200 + ((word >>> 8) & 0xff)]! ^
    TABLE[slice + 0x100 + ((word >>> 16) & 0xff)]! ^
    TABLE[slice + (word >>> 24)]!
  );
}
