// A set of block numbers of one relation file. Few are a list, many a bitmap of one bit for each block that the file can
// have: 16 KiB for a file of 1 GiB, however much WAL there was.

/** Blocks from `begin` up to, not including, `end`. */
export interface BlockRange {
  readonly begin: number;
  readonly end: number;
}

const LIST_CAPACITY_INITIAL = 16;
const BITS = 8;
/** A list takes four bytes a block. */
const LIST_ENTRY_BYTES = 4;

/** Block numbers from 0 up to, not including, the capacity. */
export class BlockSet {
  readonly #capacity: number;
  #list: Uint32Array | undefined = new Uint32Array(LIST_CAPACITY_INITIAL);
  #length = 0;
  #bitmap: Uint8Array | undefined;

  /** @param capacity blocks that the file can have. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Whether the set has become a bitmap. */
  get isDense(): boolean {
    return this.#bitmap !== undefined;
  }

  /** @throws {RangeError} for a block that the file cannot have. */
  add(block: number): void {
    if (!(block >= 0 && block < this.#capacity)) throw new RangeError(`no block ${block}`);
    if (this.#bitmap) {
      mark(this.#bitmap, block);
      return;
    }
    if (this.#list && this.#length === this.#list.length) this.#makeRoom(this.#list);
    if (this.#list) this.#list[this.#length++] = block;
    else this.add(block);
  }

  /** The blocks as runs, ascending, none next to another. */
  *runs(): Generator<BlockRange, void, undefined> {
    let begin = -1;
    let end = -1;
    for (const block of this.#blocks()) {
      if (block === end) {
        end += 1;
        continue;
      }
      if (begin >= 0) yield { begin, end };
      [begin, end] = [block, block + 1];
    }
    if (begin >= 0) yield { begin, end };
  }

  *#blocks(): Generator<number, void, undefined> {
    if (!this.#bitmap) {
      this.#sort();
      yield* this.#list?.subarray(0, this.#length) ?? [];
      return;
    }
    for (const [place, bits] of this.#bitmap.entries()) {
      for (let bit = 0; bit < BITS && bits !== 0; bit += 1) {
        if ((bits & (1 << bit)) !== 0) yield place * BITS + bit;
      }
    }
  }

  /** Blocks that are there twice go first; a list that is still long becomes larger, or a bitmap. */
  #makeRoom(list: Uint32Array): void {
    this.#sort();
    if (this.#length <= list.length / 2) return;
    const bitmapBytes = Math.ceil(this.#capacity / BITS);
    if (2 * list.length * LIST_ENTRY_BYTES <= bitmapBytes) {
      const larger = new Uint32Array(2 * list.length);
      larger.set(list);
      this.#list = larger;
      return;
    }
    const bitmap = new Uint8Array(bitmapBytes);
    for (const block of list.subarray(0, this.#length)) mark(bitmap, block);
    this.#bitmap = bitmap;
    this.#list = undefined;
  }

  #sort(): void {
    const list = this.#list;
    if (!list) return;
    list.subarray(0, this.#length).sort();
    let kept = 0;
    for (let place = 0; place < this.#length; place += 1) {
      if (place > 0 && list[place] === list[kept - 1]) continue;
      list[kept] = list[place]!;
      kept += 1;
    }
    this.#length = kept;
  }
}

function mark(bitmap: Uint8Array, block: number): void {
  bitmap[block >>> 3] = (bitmap[block >>> 3] ?? 0) | (1 << (block & (BITS - 1)));
}
