// Expands one block of lz4, the form of a page image that is compressed with it. It has no frame, no checksum and no
// size; the block is what it is. Frames of lz4, as files have them, are not read here.
//
// A block is a row of sequences, and ends behind the literals of the last:
//
//   bytes  meaning
//       1  token: upper four bits length of the literals, lower four bits length of the copy - 4
//     0..  when the upper four are 15: bytes to be added to the length, up to one that is not 255
//       n  literals
//       2  how far back the copy begins, little-endian
//     0..  when the lower four are 15: bytes to be added, likewise
//
// Source: the lz4 project's doc/lz4_Block_format.md.

const LENGTH_EXTENDED = 15;
const COPY_LENGTH_MIN = 4;

/**
 * Expands an lz4 block.
 *
 * @param plain is filled; it must have the size that the block is known to expand to.
 * @returns false when the block is damaged: when it does not fill `plain` exactly.
 */
export function expandLz4(packed: Uint8Array, plain: Uint8Array): boolean {
  let position = 0;
  let filled = 0;
  while (position < packed.length) {
    const token = packed[position++]!;
    let literals = token >> 4;
    if (literals === LENGTH_EXTENDED) {
      const more = extension(packed, position, plain.length);
      literals += more;
      position += extensionBytes(more);
    }
    if (literals > packed.length - position || literals > plain.length - filled) return false;
    plain.set(packed.subarray(position, position + literals), filled);
    position += literals;
    filled += literals;
    if (position === packed.length) break;
    if (position + 2 > packed.length) return false;
    const distance = packed[position]! | (packed[position + 1]! << 8);
    position += 2;
    let length = token & 0x0f;
    if (length === LENGTH_EXTENDED) {
      const more = extension(packed, position, plain.length);
      length += more;
      position += extensionBytes(more);
    }
    length += COPY_LENGTH_MIN;
    if (length > plain.length - filled || !copyBack(plain, filled, distance, length)) return false;
    filled += length;
  }
  return filled === plain.length;
}

/** What the bytes from `begin` on add to a length; more than `most` when they add too much or end too early. */
function extension(packed: Uint8Array, begin: number, most: number): number {
  let sum = 0;
  for (let position = begin; position < packed.length && sum <= most; position += 1) {
    sum += packed[position]!;
    if (packed[position] !== 0xff) return sum;
  }
  return most + 1;
}

/** How many bytes say that a length is longer by `more`. */
function extensionBytes(more: number): number {
  return Math.floor(more / 0xff) + 1;
}

/**
 * Copies bytes from `distance` before `begin` to `begin`. The copy may overlap what it is made from, and then repeats it.
 *
 * @returns false, having copied nothing, when there is nothing so far back.
 */
export function copyBack(
  plain: Uint8Array,
  begin: number,
  distance: number,
  length: number,
): boolean {
  if (distance === 0 || distance > begin) return false;
  for (let place = begin; place < begin + length; place += 1) {
    plain[place] = plain[place - distance]!;
  }
  return true;
}
