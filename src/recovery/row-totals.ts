// Sums of a transaction's rows over the relations that somebody asks about. Most transactions of a segment share a few
// patterns, so the sum of a pattern is made once.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { RowPattern, WalIndex } from "../wal/index-content.ts";
import { endLsnOf, patternRows } from "./commit-fact.ts";
import { type NamedCounts, nameRows } from "./named-rows.ts";
import type { FileRows } from "./pending-work.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";

/** Rows of the relations that are asked about. */
export interface RowTotals {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Rows that went from one partition to another. */
  readonly moved: number;
}

/** The relations that count. */
export interface RowInterest {
  /** Whether rows of a relation count; `undefined` for a file of which nobody knows the relation. */
  readonly counts: (
    identity: RelationIdentity | undefined,
    file: RelationLocator,
    lsn: Lsn,
  ) => boolean;
}

/** Of a transaction that changed nothing that counts. */
export const NO_ROWS: RowTotals = { inserted: 0, updated: 0, deleted: 0, moved: 0 };

/** Adds up the rows of one segment's transactions. */
export class PatternTotals {
  readonly #index: WalIndex;
  readonly #book: RelationBook;
  readonly #interest: RowInterest;
  readonly #byPattern: (RowTotals | undefined)[] = [];
  readonly #byRelation: (boolean | undefined)[] = [];

  constructor(index: WalIndex, book: RelationBook, interest: RowInterest) {
    this.#index = index;
    this.#book = book;
    this.#interest = interest;
  }

  /** @param row of the end that asks: names are looked up for its position. */
  ofPattern(pattern: number, row: number): RowTotals {
    return (this.#byPattern[pattern] ??= this.#sum(this.#index.patterns[pattern] ?? [], row));
  }

  /** Of rows that were gathered over several segments. */
  ofRows(rows: readonly FileRows[], lsn: Lsn): RowTotals {
    const { counts } = this.#interest;
    return totalsOf(
      nameRows(rows, lsn, this.#book)
        .filter(({ identity, file }) => counts(identity, file, lsn))
        .map((each) => each.rows),
    );
  }

  #sum(pattern: RowPattern, row: number): RowTotals {
    const lsn = endLsnOf(this.#index, row);
    if (pattern.some(({ movedOut }) => movedOut > 0)) {
      return this.ofRows(patternRows(this.#index, pattern), lsn);
    }
    return totalsOf(
      pattern
        .filter(({ relation }) => (this.#byRelation[relation] ??= this.#counts(relation, lsn)))
        .map((rows) => ({ ...rows, movedIn: 0 })),
    );
  }

  #counts(relation: number, lsn: Lsn): boolean {
    const file = this.#index.relations[relation];
    return file !== undefined && this.#interest.counts(this.#book.identify(file, lsn), file, lsn);
  }
}

function totalsOf(all: readonly NamedCounts[]): RowTotals {
  let [inserted, updated, deleted, movedIn, movedOut] = [0, 0, 0, 0, 0];
  for (const rows of all) {
    inserted += rows.inserted;
    updated += rows.updated;
    deleted += rows.deleted;
    movedIn += rows.movedIn;
    movedOut += rows.movedOut;
  }
  // Seen from either side, as one of the partitions may be all that counts.
  return { inserted, updated, deleted, moved: Math.max(movedIn, movedOut) };
}
