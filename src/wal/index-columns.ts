// Columns of numbers in few bytes: seven bits a byte, the lowest first, the eighth bit says that more follow (LEB128).
// A signed number is folded: 0, -1, 1, -2 become 0, 1, 2, 3. Numbers reach 2^53, so arithmetic stands where bit operations
// would cut at 32 bits; a folded one reaches 2^54, so its lowest bit is split off and never added to the rest.
import { MIB } from "../base/limits.ts";

const CAPACITY_INITIAL_BYTES = 64 * 1024;
/** Bytes of the longest number: 2^53, or 2^54 folded, in groups of seven bits. */
const NUMBER_SIZE_MAX_BYTES = 8;

/** Folded, a number below this stays below 2^53. */
const FOLDED_SMALL_MAX: number = 2 ** 51;

/** Numbers of one kind, one for each item. */
export type Column = Int32Array | Uint8Array | Uint32Array | Float64Array;
/** A column whose numbers are as they are, or signed differences. */
export type ColumnKind = "unsigned" | "delta";

/** Gathers bytes. */
export class ColumnWriter {
  #bytes: Uint8Array = new Uint8Array(CAPACITY_INITIAL_BYTES);
  #length = 0;

  /**
   * An integer from 0 to 2^53 - 1.
   *
   * @throws {RangeError} for any other number, which nobody could read back.
   */
  unsigned(value: number): void {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw unwritable(value);
    this.#reserve(NUMBER_SIZE_MAX_BYTES);
    this.#groups(value);
  }

  /**
   * An integer from -2^53 + 1 to 2^53 - 1.
   *
   * @throws {RangeError} for any other number, which nobody could read back.
   */
  signed(value: number): void {
    const isNegative = value < 0;
    const magnitude = isNegative ? -(value + 1) : value;
    if (magnitude < FOLDED_SMALL_MAX) {
      this.unsigned(isNegative ? 2 * magnitude + 1 : 2 * magnitude);
      return;
    }
    if (!Number.isSafeInteger(value)) throw unwritable(value);
    this.#reserve(NUMBER_SIZE_MAX_BYTES);
    const low = (magnitude % 0x40) * 2 + (isNegative ? 1 : 0);
    this.#bytes[this.#length] = low | 0x80;
    this.#length += 1;
    this.#groups(Math.floor(magnitude / 0x40));
  }

  #groups(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length] = (rest % 0x80) | 0x80;
      this.#length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length] = rest;
    this.#length += 1;
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
    return this.#safe(first - 0x80 + this.#rest(0x80));
  }

  signed(): number {
    const first = this.#byte();
    const isNegative = (first & 1) === 1;
    let magnitude = (first & 0x7f) >>> 1;
    if (first >= 0x80) magnitude += this.#rest(0x40);
    return this.#safe(isNegative ? -magnitude - 1 : magnitude);
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

  /** The groups behind the first one, of which a one counts `scale`. */
  #rest(scale: number): number {
    let value = 0;
    let unit = scale;
    for (let count = 1; count < NUMBER_SIZE_MAX_BYTES; count += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * unit;
      if (byte < 0x80 && byte > 0) return value;
      if (byte === 0) break;
      unit *= 0x80;
    }
    throw misspelt();
  }

  #safe(value: number): number {
    if (Number.isSafeInteger(value)) return value;
    throw misspelt();
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new RangeError("a column is cut off");
    this.#position += 1;
    return byte;
  }
}

function unwritable(value: number): Error {
  return new RangeError(`${value} is no number of a column`);
}

function misspelt(): Error {
  return new RangeError("a number of a column is not spelt as it must be");
}

/** The signed number of a folded one below 2^31. */
function unfoldSmall(folded: number): number {
  return (folded >>> 1) ^ -(folded & 1);
}
