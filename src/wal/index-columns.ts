// Columns of numbers in few bytes: seven bits a byte, the lowest first, the eighth bit says that more follow (LEB128).
// A signed number is folded first: 0, -1, 1, -2 become 0, 1, 2, 3. Numbers reach 2^53, so arithmetic stands where bit
// operations would cut at 32 bits.
import { MIB } from "../base/limits.ts";

const CAPACITY_INITIAL_BYTES = 64 * 1024;
/** Bytes of the longest number: 2^53 in groups of seven bits. */
const NUMBER_SIZE_MAX_BYTES = 8;

/** Numbers of one kind, one for each item. */
export type Column = Int32Array | Uint8Array | Uint32Array | Float64Array;
/** A column whose numbers are as they are, or signed differences. */
export type ColumnKind = "unsigned" | "delta";

/** Gathers bytes. */
export class ColumnWriter {
  #bytes: Uint8Array = new Uint8Array(CAPACITY_INITIAL_BYTES);
  #length = 0;

  /** An integer from 0 to 2^53 - 1. */
  unsigned(value: number): void {
    this.#reserve(NUMBER_SIZE_MAX_BYTES);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length] = (rest % 0x80) | 0x80;
      this.#length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length] = rest;
    this.#length += 1;
  }

  /** An integer from -2^52 to 2^52 - 1. */
  signed(value: number): void {
    this.unsigned(value < 0 ? -2 * value - 1 : 2 * value);
  }

  /** Bytes with their length in front. */
  block(bytes: Uint8Array): void {
    this.unsigned(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** What was written, valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const step = Math.min(this.#bytes.length, 16 * MIB);
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length + step));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

/** Reads what a {@link ColumnWriter} wrote. Every method throws RangeError at bytes that it would not have written. */
export class ColumnReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  unsigned(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    let value = first - 0x80;
    let scale = 0x80;
    for (let count = 1; count < NUMBER_SIZE_MAX_BYTES; count += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 || !Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new RangeError("a number of a column is not spelt as it must be");
  }

  signed(): number {
    const folded = this.unsigned();
    return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
  }

  /**
   * Fills a column with numbers as they are, or, for `delta`, with the sums of signed differences. A number that does not
   * fit into it is damage. Most numbers take a byte or two, and there are millions.
   */
  column<Target extends Column>(target: Target, kind: ColumnKind): Target {
    const bytes = this.#bytes;
    let sum = 0;
    for (let place = 0; place < target.length; place += 1) {
      const first = bytes[this.#position]!;
      const second = bytes[this.#position + 1]!;
      let value: number;
      if (first < 0x80) {
        this.#position += 1;
        value = kind === "delta" ? unfoldSmall(first) : first;
      } else if (second < 0x80 && second > 0) {
        this.#position += 2;
        const number = first - 0x80 + second * 0x80;
        value = kind === "delta" ? unfoldSmall(number) : number;
      } else {
        value = kind === "delta" ? this.signed() : this.unsigned();
      }
      sum = kind === "delta" ? sum + value : value;
      target[place] = sum;
      if (target[place] !== sum) throw new RangeError("a number does not fit into its column");
    }
    return target;
  }

  /** A number that counts items of at least one byte each, so that memory for them may be reserved. */
  count(): number {
    const value = this.unsigned();
    if (value > this.#bytes.length - this.#position) throw new RangeError("a column is cut off");
    return value;
  }

  block(): Uint8Array {
    const length = this.count();
    const begin = this.#position;
    this.#position += length;
    return this.#bytes.subarray(begin, this.#position);
  }

  /** Makes sure that everything was read. */
  end(): void {
    if (this.#position !== this.#bytes.length) throw new RangeError("a column is followed by more");
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new RangeError("a column is cut off");
    this.#position += 1;
    return byte;
  }
}

/** The signed number of a folded one below 2^31. */
function unfoldSmall(folded: number): number {
  return (folded >>> 1) ^ -(folded & 1);
}
