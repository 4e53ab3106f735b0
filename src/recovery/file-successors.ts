// Which new file of a transaction stands in for which old one. That is known from a later snapshot or from the row of
// pg_class of the relation that a rewrite makes. Where it is not, the order tells: PostgreSQL makes a new file and
// thereby plans to remove the old one, and a commit names the files that go, those that were planned last first. What
// has no successor, because its relation is dropped, must be left out for that.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { RelationId } from "../wal/index-fields.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";

/** A file that goes. */
export interface Replacement {
  readonly file: RelationLocator;
  /** Undefined for a file of which nobody knows the relation. */
  readonly identity: RelationIdentity | undefined;
  /** The file that stands in for it, if one does and it is known. */
  readonly successor: RelationLocator | undefined;
}

/** What WAL says of the files of one transaction; see file-changes.ts, FileWork. */
interface Files {
  readonly lsn: Lsn;
  readonly created: readonly RelationLocator[];
  readonly dropped: readonly RelationLocator[];
  readonly droppedObjects: readonly RelationId[] | undefined;
  readonly rewritten: readonly RelationId[];
}

/** The files that go, in the order in which they were planned to, and what stands in for them. */
export function replacements(files: Files, book: RelationBook): readonly Replacement[] {
  const { created, dropped, lsn } = files;
  const made = created
    .filter((file) => !hasFile(dropped, file))
    .map((file) => ({ file, identity: book.identify(file, lsn) }));
  const gone = dropped
    .filter((file) => !hasFile(created, file))
    .toReversed()
    .map((file) => {
      const identity = book.identify(file, lsn);
      const isDropped = identity !== undefined && isWithoutSuccessor(identity, files);
      const known = identity && !isDropped ? findOf(made, identity) : undefined;
      return { file, identity, isDropped, successor: known?.file };
    });
  const unknown = made.filter(({ identity }) => identity === undefined);
  const open = gone.filter(({ isDropped, successor }) => !isDropped && !successor);
  const isPaired = unknown.length === open.length;
  return gone.map((each) => {
    const { file, identity } = each;
    const place = isPaired ? open.indexOf(each) : -1;
    return { file, identity, successor: each.successor ?? unknown[place]?.file };
  });
}

/** A relation that is dropped, or the TOAST table of one that is written anew with another. */
function isWithoutSuccessor(
  { oid, database, table, schema }: RelationIdentity,
  { droppedObjects, rewritten }: Files,
): boolean {
  const isDropped = droppedObjects?.some(
    (each) => each.relation === oid && each.database === database,
  );
  const isOldToast =
    schema === "pg_toast" &&
    rewritten.some((each) => each.relation === table && each.database === database);
  return isDropped === true || isOldToast;
}

function findOf(
  made: readonly Pick<Replacement, "file" | "identity">[],
  { oid, database }: RelationIdentity,
): { readonly file: RelationLocator } | undefined {
  return made.find(({ identity }) => identity?.oid === oid && identity.database === database);
}

function hasFile(files: readonly RelationLocator[], file: RelationLocator): boolean {
  return files.some(
    (other) =>
      other.relfilenode === file.relfilenode &&
      other.database === file.database &&
      other.tablespace === file.tablespace,
  );
}
