// Numbers the relations of one segment in the order in which they are met. Asked for every block of every record, so
// the answer for the relations of the moment comes from a small table without hashing. One relfilenode may be there in
// every database of a cluster, as those of catalogues are, so all three numbers make the hash.
import { failure } from "../model/failure.ts";
import type { RelationLocator } from "../model/relation.ts";

/** A power of two. */
const CACHE_ENTRY_COUNT = 256;
/** A power of two. */
const SLOT_COUNT_INITIAL = 64;
/** Slots looked at for one relation: by chance it is a few, so more are somebody's intention. */
const PROBE_COUNT_MAX = 1024;
/** Relations of one segment; a segment of 16 MiB has no room for more. Bounds what an index takes in memory. */
const RELATION_COUNT_MAX: number = 2 ** 20;

/** Relations and their numbers. */
export class RelationNumbers {
  readonly all: RelationLocator[] = [];
  /** Numbers by hash, and -1 where there is none; never more than half full. */
  #slots: Int32Array = new Int32Array(SLOT_COUNT_INITIAL).fill(-1);
  readonly #cache: Int32Array = new Int32Array(CACHE_ENTRY_COUNT).fill(-1);
  readonly #countMax: number;

  constructor(countMax: number = RELATION_COUNT_MAX) {
    this.#countMax = countMax;
  }

  /**
   * The number of a relation, from 0. Three plain numbers, because it is asked for every block.
   *
   * @throws {HindsightError} `WAL_INDEX_TOO_LARGE`
   */
  numberOf(tablespace: number, database: number, relfilenode: number): number {
    const slot = relfilenode % CACHE_ENTRY_COUNT;
    const cached = this.#cache[slot]!;
    if (cached >= 0) {
      const relation = this.all[cached]!;
      const isIt =
        relation.relfilenode === relfilenode &&
        relation.database === database &&
        relation.tablespace === tablespace;
      if (isIt) return cached;
    }
    const found = this.#search({ tablespace, database, relfilenode });
    this.#cache[slot] = found;
    return found;
  }

  #search(relation: RelationLocator): number {
    const slot = this.#slotOf(relation);
    const known = this.#slots[slot]!;
    if (known >= 0) return known;
    const number = this.all.length;
    if (number === this.#countMax) throw tooLarge(`more than ${number} relations`);
    this.all.push(relation);
    this.#slots[slot] = number;
    if (2 * this.all.length > this.#slots.length) this.#grow();
    return number;
  }

  /** The slot that holds the relation's number, or would. */
  #slotOf({ tablespace, database, relfilenode }: RelationLocator): number {
    const mask = this.#slots.length - 1;
    const begin = hashOf(tablespace, database, relfilenode);
    for (let probe = 0; probe < PROBE_COUNT_MAX; probe += 1) {
      const slot = (begin + probe) & mask;
      const relation = this.all[this.#slots[slot]!];
      const isIt =
        !relation ||
        (relation.relfilenode === relfilenode &&
          relation.database === database &&
          relation.tablespace === tablespace);
      if (isIt) return slot;
    }
    throw tooLarge("relations whose numbers were made up to look alike");
  }

  #grow(): void {
    this.#slots = new Int32Array(2 * this.#slots.length).fill(-1);
    for (const [number, relation] of this.all.entries()) {
      this.#slots[this.#slotOf(relation)] = number;
    }
  }
}

/** Every bit of the three numbers changes every bit of the sum. */
function hashOf(tablespace: number, database: number, relfilenode: number): number {
  return mix(mix(mix(tablespace) ^ database) ^ relfilenode);
}

/** @source Austin Appleby's MurmurHash3, the mixing of a word at its end */
function mix(value: number): number {
  let bits = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

function tooLarge(what: string): Error {
  return failure("WAL_INDEX_TOO_LARGE", `a WAL segment has ${what}`);
}
