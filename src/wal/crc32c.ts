// CRC-32C for many short pieces. A call into native code costs more than summing a typical WAL record, so short pieces
// are summed here, eight bytes a step by the "slicing" tables, and long ones by the library.
import { crc32c } from "@node-rs/crc32";

/** From here on the library is faster; measured with Node 26 on x64. */
const NATIVE_MIN_BYTES = 384;

/** The polynomial of Castagnoli, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const SLICE_BYTES = 8;

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
 * @returns 0 ≤ sum < 2^32.
 * @throws {RangeError} when the range is not inside the view: a mistake of the caller.
 */
export function extendCrc32c(sum: number, view: DataView, begin: number, end: number): number {
  if (end - begin >= NATIVE_MIN_BYTES) {
    return crc32c(new Uint8Array(view.buffer, view.byteOffset + begin, end - begin), sum);
  }
  let rest = ~sum;
  let position = begin;
  for (; position + SLICE_BYTES <= end; position += SLICE_BYTES) {
    const low = rest ^ view.getInt32(position, true);
    const high = view.getInt32(position + 4, true);
    rest =
      TABLE[0x700 + (low & 0xff)]! ^
      TABLE[0x600 + ((low >>> 8) & 0xff)]! ^
      TABLE[0x500 + ((low >>> 16) & 0xff)]! ^
      TABLE[0x400 + (low >>> 24)]! ^
      TABLE[0x300 + (high & 0xff)]! ^
      TABLE[0x200 + ((high >>> 8) & 0xff)]! ^
      TABLE[0x100 + ((high >>> 16) & 0xff)]! ^
      TABLE[high >>> 24]!;
  }
  for (; position < end; position += 1) {
    rest = TABLE[(rest ^ view.getUint8(position)) & 0xff]! ^ (rest >>> 8);
  }
  return ~rest >>> 0;
}
