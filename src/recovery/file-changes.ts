// What a transaction did to whole relations: dropped, truncated or rewritten them. At wal_level=replica no record says
// so. A commit names the files that go; which relation a file was, the book knows (relation-book.ts); whether the
// relation lives on with another file, and what that one got, tells one case from another:
//
//   relation gone                                   dropped
//   another file, in which nothing was written      truncated
//   another file, written as images of pages        rewritten: VACUUM FULL, CLUSTER, REFRESH, SET TABLESPACE
//   another file, into which rows were inserted     replaced: TRUNCATE and a load, or an ALTER TABLE that rewrites
//
// Which of a transaction's new files stands in for an old one: file-successors.ts. What is not known at all, such as a
// file of which nobody knows the relation, is shown only when it may have been a table.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { RowCounts } from "../wal/index-content.ts";
import type { RelationId } from "../wal/index-fields.ts";
import { type Replacement, replacements } from "./file-successors.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";
import type { RowEstimate } from "./row-estimates.ts";

/** What became of a relation whose file went; see above. */
export type FileChangeKind = "dropped" | "truncated" | "rewritten" | "replaced";

/** What happened to one relation. */
export interface FileChange {
  readonly kind: FileChangeKind;
  /** The file that went; undefined where WAL only names the relation. */
  readonly file: RelationLocator | undefined;
  /** The file that stands in for it, if one does and it is known. */
  readonly successor: RelationLocator | undefined;
  /** Undefined for a file of which nobody knows the relation. */
  readonly identity: RelationIdentity | undefined;
  /** Rows that were inserted into the successor; 0 unless `replaced`. */
  readonly rowsAfter: number;
  /** Rows that went; undefined when nobody knows how many, and for `rewritten`, which lost none. */
  readonly rowsBefore: RowEstimate | undefined;
}

/** What WAL says of the files of one transaction. */
export interface FileWork {
  /** Of its commit. */
  readonly lsn: Lsn;
  /** Files of main forks that it made, in order. */
  readonly created: readonly RelationLocator[];
  /** Files that go with its commit, in the order of the commit record. */
  readonly dropped: readonly RelationLocator[];
  /** Relations that go; undefined where WAL does not say (14). */
  readonly droppedObjects: readonly RelationId[] | undefined;
  /** Relations that TRUNCATE named (at wal_level=logical). */
  readonly truncated: readonly RelationId[];
  /** Relations whose content it wrote anew into a file of another relation, with which it then swapped files. */
  readonly rewritten: readonly RelationId[];
  /** Rows of pg_class that it deleted. */
  readonly classDeletions: number;
  /** Whether a file was made within the known history and never got a row. */
  readonly isEmpty: (file: RelationLocator) => boolean;
  /** Rows in a file that was made within the known history; undefined for others. */
  readonly countedRows: (file: RelationLocator) => number | undefined;
  /** What it did to the rows of a file. */
  readonly rowsOf: (file: RelationLocator) => RowCounts | undefined;
}

/** Relations whose rows a user would miss: tables, materialized views. */
const KINDS_WITH_ROWS: ReadonlySet<string> = new Set(["r", "m"]);

/** The changes that matter to rows; indexes and TOAST tables follow their table and are left out. */
export function fileChanges(work: FileWork, book: RelationBook): readonly FileChange[] {
  const all = replacements(work, book);
  const changes: FileChange[] = [];
  for (const { file, identity, successor } of all) {
    // Noted for what comes later, of indexes and TOAST tables too.
    if (successor && identity) book.addFile(successor, identity, work.lsn);
    if (identity ? !KINDS_WITH_ROWS.has(identity.kind) : work.isEmpty(file)) continue;
    const kind = kindOf({ file, identity, successor }, work);
    const rowsAfter = (kind === "replaced" && successor && work.rowsOf(successor)?.inserted) || 0;
    const counted = work.countedRows(file);
    const rowsBefore =
      counted === undefined
        ? identity && book.rowsBefore(identity, work.lsn)
        : { rows: counted, at: undefined };
    const lost = kind === "rewritten" ? undefined : rowsBefore;
    changes.push({ kind, file, successor, identity, rowsAfter, rowsBefore: lost });
  }
  const known = [...changes, ...namedDrops(changes, work, book)];
  return [...known.filter(mayBeTable(known, work, book)), ...namedTruncations(known, work, book)];
}

/** Tables that WAL says were dropped, but whose file is not known: it is one of those that nobody knows. */
function namedDrops(
  changes: readonly FileChange[],
  { droppedObjects = [], lsn }: FileWork,
  book: RelationBook,
): readonly FileChange[] {
  if (changes.every(({ identity }) => identity !== undefined)) return [];
  return droppedObjects.flatMap((object) => {
    const identity = book.relation(object.database, object.relation, lsn);
    if (!identity || !KINDS_WITH_ROWS.has(identity.kind) || has(changes, object)) return [];
    return isTemporary(identity) ? [] : [bareChange("dropped", identity, { book, lsn })];
  });
}

/** Relations that TRUNCATE named, whose files tell nothing. */
function namedTruncations(
  changes: readonly FileChange[],
  { truncated, lsn }: FileWork,
  book: RelationBook,
): readonly FileChange[] {
  return truncated.flatMap((object) => {
    const identity = book.relation(object.database, object.relation, lsn);
    return identity && !has(changes, object)
      ? [bareChange("truncated", identity, { book, lsn })]
      : [];
  });
}

function bareChange(
  kind: FileChangeKind,
  identity: RelationIdentity,
  { book, lsn }: { readonly book: RelationBook; readonly lsn: Lsn },
): FileChange {
  const rowsBefore = book.rowsBefore(identity, lsn);
  return { kind, file: undefined, successor: undefined, identity, rowsAfter: 0, rowsBefore };
}

function has(changes: readonly FileChange[], { database, relation }: RelationId): boolean {
  return changes.some(
    ({ identity }) => identity?.oid === relation && identity.database === database,
  );
}

/**
 * Leaves out files that nobody knows when they were no tables: what was rewritten lost nothing, and where every relation
 * that was dropped is known, they are indexes or TOAST tables of those.
 */
function mayBeTable(
  all: readonly FileChange[],
  { droppedObjects, lsn }: FileWork,
  book: RelationBook,
): (change: FileChange) => boolean {
  const isExplained =
    droppedObjects !== undefined &&
    droppedObjects.length > 0 &&
    droppedObjects.every(
      ({ database, relation }) => book.relation(database, relation, lsn) !== undefined,
    ) &&
    all.some(({ identity }) => identity !== undefined);
  return ({ identity, kind }) => identity !== undefined || (kind !== "rewritten" && !isExplained);
}

function isTemporary({ schema }: RelationIdentity): boolean {
  return schema?.startsWith("pg_temp_") ?? false;
}

function kindOf({ identity, successor }: Replacement, work: FileWork): FileChangeKind {
  const isRewritten = identity !== undefined && isOneOf(work.rewritten, identity);
  if (successor) {
    const rows = work.rowsOf(successor);
    if (rows && rows.pages > 0) return "rewritten";
    if (rows && rows.inserted > 0) return "replaced";
    return isRewritten ? kindOfEmpty(identity) : "truncated";
  }
  if (isRewritten) return kindOfEmpty(identity);
  const isDropped = work.droppedObjects
    ? identity
      ? isOneOf(work.droppedObjects, identity)
      : work.droppedObjects.length > 0
    : // 14 does not name what goes: a row of pg_class must have been deleted for it.
      work.classDeletions > 0;
  return isDropped ? "dropped" : kindByAll(work);
}

/** A table that is written anew and has no rows had none before; a materialized view may have had some. */
function kindOfEmpty({ kind }: RelationIdentity): FileChangeKind {
  return kind === "m" ? "replaced" : "rewritten";
}

/** The successor is one of several files; an index that was made anew has a page or two in any case. */
function kindByAll({ created, rowsOf }: FileWork): FileChangeKind {
  return created.some((file) => (rowsOf(file)?.inserted ?? 0) > 0) ? "replaced" : "truncated";
}

/** Whether a relation is among those that are named by their oid. */
export function isOneOf(
  objects: readonly RelationId[],
  { oid, database }: RelationIdentity,
): boolean {
  return objects.some((each) => each.relation === oid && each.database === database);
}
