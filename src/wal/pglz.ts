// Expands what PostgreSQL compressed with its own pglz, of which page images may be made. Nothing else of ours reads or
// writes that form.
//
// A control byte stands before each eight items; its lowest bit is about the first of them:
//
//   bit  bytes  item
//     0      1  that byte itself
//     1      2  a copy of what was expanded before: length - 3 in the lower four bits of the first byte; how far back in
//               its upper four bits (high) and the second byte (low)
//     1      3  a longer copy: when the length is 18, a third byte is added to it
//
// Source: PostgreSQL src/common/pg_lzcompress.c, pglz_decompress.
import { copyBack } from "./lz4.ts";

const ITEMS_PER_CONTROL = 8;
const LENGTH_MIN = 3;
const LENGTH_EXTENDED = 18;

/**
 * Expands pglz data.
 *
 * @param plain is filled; it must have the size that the data are known to expand to.
 * @returns false when the data are damaged: when they do not fill `plain` exactly, or are not used up by it.
 */
export function expandPglz(packed: Uint8Array, plain: Uint8Array): boolean {
  let position = 0;
  let filled = 0;
  while (position < packed.length && filled < plain.length) {
    let control = packed[position++]!;
    for (let item = 0; item < ITEMS_PER_CONTROL; item += 1, control >>= 1) {
      if (position >= packed.length || filled >= plain.length) break;
      if ((control & 1) === 0) {
        plain[filled++] = packed[position++]!;
        continue;
      }
      if (position + 2 > packed.length) return false;
      const first = packed[position++]!;
      const distance = ((first & 0xf0) << 4) | packed[position++]!;
      let length = (first & 0x0f) + LENGTH_MIN;
      if (length === LENGTH_EXTENDED) {
        if (position >= packed.length) return false;
        length += packed[position++]!;
      }
      // The last copy may be longer than what is left to fill.
      length = Math.min(length, plain.length - filled);
      if (!copyBack(plain, filled, distance, length)) return false;
      filled += length;
    }
  }
  return position === packed.length && filled === plain.length;
}
