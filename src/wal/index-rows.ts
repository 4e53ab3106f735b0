// Counts what each transaction does to the rows of each relation, and keeps every different result once. Most
// transactions of an application do the same, so a segment with tens of thousands of them has few patterns.
import { ROW_OPERATIONS, type RelationRows, type RowPattern } from "./index-content.ts";

/** The place of each operation in the counts of one relation. */
export const ROW = {
  inserted: 0,
  updated: 1,
  deleted: 2,
  movedOut: 3,
  pages: 4,
} as const;

const WIDTH: number = ROW_OPERATIONS.length;
/** A transaction with more relations finds them by a map. */
const SEARCHED_RELATION_COUNT_MAX = 8;

/** Rows of one transaction or subtransaction: relations, and `WIDTH` counts for each. */
class TransactionRows {
  readonly relations: number[] = [];
  readonly counts: number[] = [];
  #places: Map<number, number> | undefined;
  #last = -1;

  /** Three plain numbers, because it is called for every row. */
  add(relation: number, operation: number, count: number): void {
    const place = this.relations[this.#last] === relation ? this.#last : this.#find(relation);
    this.#last = place;
    this.counts[place * WIDTH + operation]! += count;
  }

  addAll(other: TransactionRows): void {
    for (const [place, relation] of other.relations.entries()) {
      for (let operation = 0; operation < WIDTH; operation += 1) {
        this.add(relation, operation, other.counts[place * WIDTH + operation]!);
      }
    }
  }

  /** Where the counts of a relation are; -1 when it has none. */
  placeOf(relation: number): number {
    return this.#places?.get(relation) ?? this.#searchFew(relation);
  }

  #find(relation: number): number {
    const place = this.placeOf(relation);
    if (place >= 0) return place;
    const created = this.relations.length;
    this.relations.push(relation);
    for (let operation = 0; operation < WIDTH; operation += 1) this.counts.push(0);
    if (created === SEARCHED_RELATION_COUNT_MAX) {
      this.#places = new Map(this.relations.map((each, index) => [each, index]));
    } else this.#places?.set(relation, created);
    return created;
  }

  #searchFew(relation: number): number {
    return this.#places === undefined ? this.relations.indexOf(relation) : -1;
  }
}

/** Rows by transaction while a segment is read. */
export class RowsByTransaction {
  readonly #open: Map<number, TransactionRows> = new Map();
  readonly #patterns: RowPattern[] = [[]];
  /** Places of patterns, by a hash over their numbers. */
  readonly #byHash: Map<number, number[]> = new Map();
  #lastXid = -1;
  #lastRows: TransactionRows = new TransactionRows();

  /** Place 0 is the empty pattern. */
  get patterns(): readonly RowPattern[] {
    return this.#patterns;
  }

  /**
   * Counts rows of a transaction. Four plain numbers, because it is called for every record that changes rows.
   *
   * @param operation one of {@link ROW}.
   */
  // oxlint-disable-next-line max-params -- see above
  add(xid: number, relation: number, operation: number, count: number): void {
    if (xid !== this.#lastXid) {
      const known = this.#open.get(xid);
      this.#lastRows = known ?? new TransactionRows();
      if (!known) this.#open.set(xid, this.#lastRows);
      this.#lastXid = xid;
    }
    this.#lastRows.add(relation, operation, count);
  }

  /** Forgets a transaction that ends and its subtransactions, and gives the pattern of what they did together. */
  finish(xid: number, subtransactions: readonly number[]): number {
    let rows = this.#take(xid);
    for (const subtransaction of subtransactions) {
      const more = this.#take(subtransaction);
      if (!more) continue;
      if (rows) rows.addAll(more);
      else rows = more;
    }
    return rows ? this.#patternOf(rows) : 0;
  }

  /** What remains of transactions that have not ended, by transaction id. */
  finishOpen(): readonly { readonly xid: number; readonly pattern: number }[] {
    return [...this.#open]
      .map(([xid, rows]) => ({ xid, pattern: this.#patternOf(rows) }))
      .toSorted((left, right) => left.xid - right.xid);
  }

  #take(xid: number): TransactionRows | undefined {
    const rows = this.#open.get(xid);
    if (!rows) return undefined;
    this.#open.delete(xid);
    if (xid === this.#lastXid) this.#lastXid = -1;
    return rows;
  }

  #patternOf(rows: TransactionRows): number {
    const hash = hashOf(rows);
    const candidates = this.#byHash.get(hash);
    const known = candidates?.find((place) => isPattern(this.#patterns[place] ?? [], rows));
    if (known !== undefined) return known;
    const place = this.#patterns.push(toPattern(rows)) - 1;
    if (candidates) candidates.push(place);
    else this.#byHash.set(hash, [place]);
    return place;
  }
}

/** The order of relations does not matter. */
function hashOf({ relations, counts }: TransactionRows): number {
  let sum = relations.length;
  for (let place = 0; place < relations.length; place += 1) {
    let hash = relations[place]!;
    for (let operation = 0; operation < WIDTH; operation += 1) {
      hash = (Math.imul(hash, 0x01000193) ^ counts[place * WIDTH + operation]!) >>> 0;
    }
    sum = (sum + hash) >>> 0;
  }
  return sum;
}

function isPattern(pattern: RowPattern, rows: TransactionRows): boolean {
  const { relations, counts } = rows;
  if (pattern.length !== relations.length) return false;
  return pattern.every((known) => {
    const place = rows.placeOf(known.relation);
    return (
      place >= 0 &&
      ROW_OPERATIONS.every((name, operation) => known[name] === counts[place * WIDTH + operation])
    );
  });
}

function toPattern({ relations, counts }: TransactionRows): RowPattern {
  return relations
    .map((relation, place): RelationRows => {
      const at = (operation: number): number => counts[place * WIDTH + operation] ?? 0;
      return {
        relation,
        inserted: at(ROW.inserted),
        updated: at(ROW.updated),
        deleted: at(ROW.deleted),
        movedOut: at(ROW.movedOut),
        pages: at(ROW.pages),
      };
    })
    .toSorted((left, right) => left.relation - right.relation);
}
