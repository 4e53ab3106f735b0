// A transaction in full: what it did to which table, and the record to stop before so that none of it happens.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { Timeline } from "../model/timeline.ts";
import type { FileChange } from "./file-changes.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { type CommitPlace, patternRows } from "./commit-fact.ts";
import { type NamedCounts, type NamedRows, nameRows } from "./named-rows.ts";
import { fileKey, type Irreversible, sumRows } from "./pending-work.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";
import type { RowEstimate } from "./row-estimates.ts";
import { isUserRelation } from "./user-relation.ts";
import type { WalkedCommit } from "./transaction-walk.ts";

/** What a transaction did to one relation. */
export interface FoundRelation extends Omit<NamedCounts, "pages"> {
  /** Undefined for a file of which nobody knows the relation. */
  readonly identity: RelationIdentity | undefined;
  /** Name of the database; its number when nobody knows it. */
  readonly database: string;
  /** Undefined when it is not known. */
  readonly schema: string | undefined;
  /** The name, or `tablespace/database/relfilenode` of a file of which nobody knows the relation. */
  readonly name: string;
  readonly truncated: boolean;
  readonly dropped: boolean;
  /** VACUUM FULL, CLUSTER and the like: other files, the same rows. */
  readonly rewritten: boolean;
  /** All rows were replaced by so many: TRUNCATE and a load, or an ALTER TABLE that rewrites. */
  readonly replacedBy: number | undefined;
  /** Rows of a relation before it was truncated, dropped or replaced; undefined when nobody knows how many. */
  readonly rowsBefore: RowEstimate | undefined;
}

/** A database or tablespace that a transaction dropped. */
export interface DroppedPlace extends Irreversible {
  /** Undefined when nobody knows it, as of any tablespace. */
  readonly name: string | undefined;
  /** Of all tables of a database. */
  readonly estimate: RowEstimate | undefined;
}

/** The record before which recovery must stop. */
export interface StopBefore {
  readonly lsn: Lsn;
  /** Why it is not the commit. */
  readonly irreversible: Irreversible | undefined;
}

/** A transaction that was found. */
export interface FoundTransaction extends CommitFact {
  readonly timeline: Timeline;
  readonly isAborted: boolean;
  /** Of a transaction that was prepared. */
  readonly globalIdentifier: string | undefined;
  readonly relations: readonly FoundRelation[];
  readonly droppedPlace: DroppedPlace | undefined;
  readonly stopBefore: StopBefore;
  /** Some rows may be missing: it ran already where the known history begins. */
  readonly isIncomplete: boolean;
  /** The commits on both sides of it. */
  readonly commitBefore: CommitFact | undefined;
  readonly commitAfter: CommitFact | undefined;
  /** Whether WAL is missing somewhere before it in the history that was looked at. */
  readonly isBehindGap: boolean;
  /** Whether WAL is missing between it and the next commit, which is therefore not known. */
  readonly isBeforeGap: boolean;
}

/** What describing needs to know of a commit; kept while the walk goes on. */
export type KeptCommit = CommitPlace &
  Pick<WalkedCommit, "isAborted" | "work" | "changes" | "isIncomplete">;

/** The relations of a transaction, those that lost most first. Catalogues, TOAST tables and indexes are left out. */
export function describeRelations(
  { index, row, work, changes }: KeptCommit,
  lsn: Lsn,
  book: RelationBook,
): readonly FoundRelation[] {
  const rows = work
    ? [...work.rows.values()]
    : patternRows(index, index.patterns[index.ends.pattern[row] ?? 0] ?? []);
  const found = new Map<string, FoundRelation>();
  const add = (relation: FoundRelation): void => {
    const key = `${relation.database}.${relation.identity?.oid ?? relation.name}`;
    const known = found.get(key);
    found.set(key, known ? merge(known, relation) : relation);
  };
  for (const each of nameRows(rows, lsn, book)) {
    if (isUserRelation(each.identity, each.file) && hasRows(each.rows)) add(fromRows(each, book));
  }
  for (const change of changes) {
    const isVisible = change.file
      ? isUserRelation(change.identity, change.file)
      : change.identity !== undefined;
    if (isVisible) add(fromChange(change, book));
  }
  return [...found.values()].toSorted(compareLoss);
}

/** A database or tablespace that a commit dropped. */
export function droppedPlace(
  { work, isAborted }: KeptCommit,
  lsn: Lsn,
  book: RelationBook,
): DroppedPlace | undefined {
  return work?.irreversible && !isAborted ? describeDrop(work.irreversible, lsn, book) : undefined;
}

/** What is known of a database or tablespace that was dropped. */
export function describeDrop(
  irreversible: Irreversible,
  lsn: Lsn,
  book: RelationBook,
): DroppedPlace {
  const { what, oid } = irreversible;
  const isDatabase = what === "DROP DATABASE";
  return {
    ...irreversible,
    name: isDatabase ? book.databaseName(oid) : undefined,
    estimate: isDatabase ? book.databaseRowsBefore(oid, lsn) : undefined,
  };
}

/** What lost most rows first, and before that what lost nobody knows how many. */
function compareLoss(left: FoundRelation, right: FoundRelation): number {
  const unknown = Number(isLossUnknown(right)) - Number(isLossUnknown(left));
  return unknown || lossOf(right) - lossOf(left);
}

function isLossUnknown({ truncated, dropped, replacedBy, rowsBefore }: FoundRelation): boolean {
  return (truncated || dropped || replacedBy !== undefined) && rowsBefore === undefined;
}

/** Rows that a relation lost, as far as they are known: counted ones, or the estimate. */
function lossOf({ deleted, replacedBy, rowsBefore }: FoundRelation): number {
  return deleted + Math.max(0, (rowsBefore?.rows ?? 0) - (replacedBy ?? 0));
}

/** The record to stop before. */
export function stopBefore(commit: KeptCommit, lsn: Lsn): StopBefore {
  const irreversible = commit.work?.irreversible;
  return irreversible && irreversible.lsn < lsn
    ? { lsn: irreversible.lsn, irreversible }
    : { lsn, irreversible: undefined };
}

function hasRows({ inserted, updated, deleted, movedIn, movedOut }: NamedCounts): boolean {
  return inserted + updated + deleted + movedIn + movedOut > 0;
}

const NOTHING = {
  inserted: 0,
  updated: 0,
  deleted: 0,
  movedIn: 0,
  movedOut: 0,
  truncated: false,
  dropped: false,
  rewritten: false,
  replacedBy: undefined,
  rowsBefore: undefined,
} as const;

function nameOf(
  identity: RelationIdentity | undefined,
  file: RelationLocator | undefined,
  book: RelationBook,
): Pick<FoundRelation, "identity" | "database" | "schema" | "name"> {
  const oid = identity?.database ?? file?.database ?? 0;
  const database = book.databaseName(oid) ?? String(oid);
  if (identity) return { identity, database, schema: identity.schema, name: identity.name };
  return { identity, database, schema: undefined, name: file ? fileKey(file) : "?" };
}

function fromRows({ file, rows, identity }: NamedRows, book: RelationBook): FoundRelation {
  const { pages: _, ...counts } = rows;
  return { ...NOTHING, ...nameOf(identity, file, book), ...counts };
}

function fromChange(
  { kind, file, identity, rowsAfter, rowsBefore }: FileChange,
  book: RelationBook,
): FoundRelation {
  return {
    ...NOTHING,
    ...nameOf(identity, file, book),
    // What was done to the new rows afterwards, in the same transaction, is done to rows that nobody else saw.
    truncated: kind === "truncated",
    dropped: kind === "dropped",
    rewritten: kind === "rewritten",
    replacedBy: kind === "replaced" ? rowsAfter : undefined,
    rowsBefore,
  };
}

function merge(left: FoundRelation, right: FoundRelation): FoundRelation {
  const { pages: _, ...counts } = sumRows({ ...left, pages: 0 }, { ...right, pages: 0 });
  return {
    ...left,
    ...counts,
    movedIn: left.movedIn + right.movedIn,
    truncated: left.truncated || right.truncated,
    dropped: left.dropped || right.dropped,
    rewritten: left.rewritten || right.rewritten,
    replacedBy: left.replacedBy ?? right.replacedBy,
    rowsBefore: left.rowsBefore ?? right.rowsBefore,
  };
}
