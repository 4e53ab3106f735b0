// Where DROP DATABASE begins. It first marks the row of pg_database as invalid, in place and as no transaction, then
// removes the files, then commits. The mark is the last change in place of that row before the removal: VACUUM of the
// database makes such changes as well, and nobody can be in the database any more once it is marked.
// @source PostgreSQL src/backend/commands/dbcommands.c, dropdb
import type { Lsn } from "../model/lsn.ts";
import type { EventFields, EventPlace } from "../wal/index-events.ts";

/** Follows the changes in place of pg_database, in the order of WAL. */
export class DatabaseMarks {
  readonly #lastLsn: Map<number, Lsn> = new Map();

  add({ oid, lsn }: EventPlace & EventFields<"sharedInPlace">): void {
    this.#lastLsn.set(oid, lsn);
  }

  /** The first record of a removal of a database: its mark, or the removal itself where no mark was seen. */
  firstLsnOf({ database, lsn }: EventPlace & EventFields<"databaseDrop">): Lsn {
    return this.#lastLsn.get(database) ?? lsn;
  }
}
