// Rows of one transaction with the relations that they belong to.
//
// An UPDATE moves a row to another partition by deleting it, marked as a move, and inserting it elsewhere, which nothing
// marks. The insertion need not be the next one: values in a TOAST table come before it, a trigger of the partition may
// write other rows or keep the row out. So WAL says how many rows moved out, and only here, where relations have names and
// parents, which insertions were the other halves: those into partitions of the same table. A transaction that moves rows
// and inserts others into several partitions of one table does not say which are which; their sums are right.
import type { Lsn } from "../model/lsn.ts";
import type { RowCounts } from "../wal/index-content.ts";
import type { FileRows } from "./pending-work.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";
import { isUserRelation } from "./user-relation.ts";

/** Rows by what was done to them; what moved in is not among the inserted. */
export interface NamedCounts extends RowCounts {
  readonly movedIn: number;
}

/** Rows of one file and its relation. */
export interface NamedRows extends Omit<FileRows, "rows"> {
  readonly rows: NamedCounts;
  /** Undefined for a file of which nobody knows the relation. */
  readonly identity: RelationIdentity | undefined;
}

/** Names the files, and settles which insertions were moves. */
export function nameRows(
  all: readonly FileRows[],
  lsn: Lsn,
  book: RelationBook,
): readonly NamedRows[] {
  const named = all.map(({ file, rows }) => ({
    file,
    rows: { ...rows, movedIn: 0 },
    identity: book.identify(file, lsn),
  }));
  return named.some(({ rows }) => rows.movedOut > 0) ? settleMoves(named, lsn, book) : named;
}

/** Every row that left a partition came into another one below the same table, if it came in at all. */
function settleMoves(
  all: readonly NamedRows[],
  lsn: Lsn,
  book: RelationBook,
): readonly NamedRows[] {
  const roots = all.map((each) => rootOf(each, lsn, book));
  const out = new Map<string, number>();
  for (const [place, { rows }] of all.entries()) {
    const root = roots[place];
    if (root !== undefined) out.set(root, (out.get(root) ?? 0) + rows.movedOut);
  }
  const unsettled = new Map(out);
  return all.map((each, place) => {
    const root = roots[place];
    const { rows } = each;
    if (root === undefined) return each;
    const left = unsettled.get(root) ?? 0;
    // A row never moves to the partition that it left.
    const fromOthers = (out.get(root) ?? 0) - rows.movedOut;
    const movedIn = Math.min(left, rows.inserted, fromOthers);
    unsettled.set(root, left - movedIn);
    return { ...each, rows: { ...rows, inserted: rows.inserted - movedIn, movedIn } };
  });
}

/** The table at the top of all partitions, for a relation that can be one. */
function rootOf({ identity, file }: NamedRows, lsn: Lsn, book: RelationBook): string | undefined {
  if (!identity || !isUserRelation(identity, file)) return undefined;
  return `${identity.database}.${book.ancestors(identity, lsn).at(-1)?.oid}`;
}
