// How many rows relations had, as far as anybody said before something happened to them: PostgreSQL's estimates in
// catalogue snapshots. What a snapshot says that was taken afterwards counts for nothing: the rows were gone by then.
import type { Lsn } from "../model/lsn.ts";

/** What stands for a whole database instead of a relation. */
export const ALL_TABLES_OID = 0;

/** A number of rows, and who says so. */
export interface RowEstimate {
  readonly rows: number;
  /** When PostgreSQL had this estimate; undefined when the rows were counted in WAL. */
  readonly at: Temporal.Instant | undefined;
}

interface PlacedEstimate extends RowEstimate {
  /** Below 0 when PostgreSQL had none. */
  readonly rows: number;
  readonly lsn: Lsn;
}

/** Estimates by relation; they may come in any order. */
export class RowEstimates {
  readonly #byRelation: Map<string, PlacedEstimate[]> = new Map();

  add(relation: RelationKey, estimate: PlacedEstimate): void {
    const key = keyOf(relation);
    const known = this.#byRelation.get(key);
    if (!known) {
      this.#byRelation.set(key, [estimate]);
      return;
    }
    const [before, last] = known.slice(-2);
    // Of those that say the same one after the other, the first and the last are kept.
    const isSame = before?.rows === estimate.rows && last?.rows === estimate.rows;
    const isInOrder = before && last && before.lsn < last.lsn && last.lsn < estimate.lsn;
    if (isSame && isInOrder) known[known.length - 1] = estimate;
    else known.push(estimate);
  }

  /** The last one before a position; undefined when there was none. */
  before(relation: RelationKey, lsn: Lsn): RowEstimate | undefined {
    let best: PlacedEstimate | undefined;
    for (const each of this.#byRelation.get(keyOf(relation)) ?? []) {
      if (each.lsn < lsn && (best === undefined || each.lsn >= best.lsn)) best = each;
    }
    return best && best.rows >= 0 ? { rows: best.rows, at: best.at } : undefined;
  }
}

/** A relation in its database. */
export interface RelationKey {
  readonly database: number;
  readonly oid: number;
}

function keyOf({ database, oid }: RelationKey): string {
  return `${database}/${oid}`;
}
