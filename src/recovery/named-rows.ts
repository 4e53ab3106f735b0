// Rows of one transaction with the relations that they belong to.
//
// An index counts an insertion as the second half of a move to another partition when it is the transaction's next one
// behind the first half. That is wrong when the row has values in a TOAST table, whose rows are inserted first, and it is
// lost where a segment ends between the halves. Only here, where relations have names and kinds, can that be put right.
import type { Lsn } from "../model/lsn.ts";
import type { RowCounts } from "../wal/index-content.ts";
import type { FileRows } from "./pending-work.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";
import { isUserRelation } from "./user-relation.ts";

/** Rows of one file and its relation. */
export interface NamedRows extends FileRows {
  /** Undefined for a file of which nobody knows the relation. */
  readonly identity: RelationIdentity | undefined;
}

/** Names the files, and settles which insertions were moves. */
export function nameRows(
  all: readonly FileRows[],
  lsn: Lsn,
  book: RelationBook,
): readonly NamedRows[] {
  const named = all.map((each) => ({ ...each, identity: book.identify(each.file, lsn) }));
  return named.some(({ rows }) => rows.movedOut > 0) ? settleMoves(named, lsn, book) : named;
}

/** Every row that left a partition came into another one below the same table. */
function settleMoves(
  all: readonly NamedRows[],
  lsn: Lsn,
  book: RelationBook,
): readonly NamedRows[] {
  const users = all.filter(({ identity, file }) => isUserRelation(identity, file));
  let unsettled = sumOf(users, "movedOut") - sumOf(users, "movedIn");
  if (unsettled <= 0) return all;
  const ancestors = new Set(
    users
      .filter(({ rows }) => rows.movedOut > 0)
      .flatMap(({ identity }) => (identity ? book.ancestors(identity, lsn) : []))
      .map(({ oid }) => oid),
  );
  return all.map((each) => {
    const { identity, rows } = each;
    if (!identity || rows.inserted === 0 || unsettled === 0) return each;
    if (!book.ancestors(identity, lsn).some(({ oid }) => ancestors.has(oid))) return each;
    // A row never moves to the partition that it left.
    const fromOthers = sumOf(users, "movedOut") - rows.movedOut - rows.movedIn;
    const moved = Math.max(0, Math.min(unsettled, rows.inserted, fromOthers));
    unsettled -= moved;
    const settled = { inserted: rows.inserted - moved, movedIn: rows.movedIn + moved };
    return { ...each, rows: { ...rows, ...settled } };
  });
}

function sumOf(all: readonly NamedRows[], operation: keyof RowCounts): number {
  return all.reduce((sum, { rows }) => sum + rows[operation], 0);
}
