// Numbers the relations of one segment in the order in which they are met. Asked for every block of every record, so
// the answer for the relations of the moment comes from a small table without hashing.
import type { RelationLocator } from "../model/relation.ts";

/** A power of two. */
const CACHE_ENTRY_COUNT = 256;

/** Relations and their numbers. */
export class RelationNumbers {
  readonly all: RelationLocator[] = [];
  /** Candidates by relfilenode: few are ever the same in two databases. */
  readonly #byRelfilenode: Map<number, number[]> = new Map();
  readonly #cache: Int32Array = new Int32Array(CACHE_ENTRY_COUNT).fill(-1);

  /** The number of a relation, from 0. Three plain numbers, because it is asked for every block. */
  numberOf(tablespace: number, database: number, relfilenode: number): number {
    const slot = relfilenode % CACHE_ENTRY_COUNT;
    const cached = this.#cache[slot]!;
    if (cached >= 0 && this.#is(cached, { tablespace, database, relfilenode })) return cached;
    const found = this.#search({ tablespace, database, relfilenode });
    this.#cache[slot] = found;
    return found;
  }

  #search(relation: RelationLocator): number {
    const candidates = this.#byRelfilenode.get(relation.relfilenode) ?? [];
    const known = candidates.find((candidate) => this.#is(candidate, relation));
    if (known !== undefined) return known;
    const number = this.all.length;
    this.all.push(relation);
    this.#byRelfilenode.set(relation.relfilenode, [...candidates, number]);
    return number;
  }

  #is(number: number, { tablespace, database, relfilenode }: RelationLocator): boolean {
    const relation = this.all[number]!;
    return (
      relation.relfilenode === relfilenode &&
      relation.database === database &&
      relation.tablespace === tablespace
    );
  }
}
