// What cannot be undone by not committing (rules.md D1): DROP DATABASE and DROP TABLESPACE remove files while their
// transaction still runs. A recovery that stops between that and the commit has the entry in the catalogue and nothing
// behind it, so the place to stop is before the first such record: database-marks.ts.
// @source PostgreSQL src/backend/commands/dbcommands.c, dropdb; tablespace.c, DropTableSpace
import type { Lsn } from "../model/lsn.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { DatabaseMarks } from "./database-marks.ts";
import { endEvent } from "./history-events.ts";

/** Something that a transaction destroyed before its end. */
export interface Destruction {
  readonly xid: number;
  /** The record to stop before, so that it is whole. */
  readonly lsn: Lsn;
  readonly what: "database" | "tablespace";
  /** OID of what goes. */
  readonly oid: number;
}

/** Follows the segments of a recovery. */
export class IrreversibleWatch {
  /** Every one so far whose transaction had not ended when its segment was over. */
  #open: Destruction[] = [];
  #ended: ReadonlyMap<number, Lsn> = new Map();
  readonly #marks = new DatabaseMarks();

  /** Takes a segment of which something will be replayed. */
  enter(index: WalIndex): void {
    this.#open = this.#open.filter(({ xid }) => !this.#ended.has(xid));
    for (const event of index.events) {
      if (event.kind === "sharedInPlace") this.#marks.add(event);
      if (event.kind === "databaseDrop") {
        const { xid, database: oid } = event;
        this.#add({ xid, lsn: this.#marks.firstLsnOf(event), what: "database", oid });
      }
      if (event.kind === "tablespaceDrop") {
        const { xid, lsn, tablespace: oid } = event;
        this.#add({ xid, lsn, what: "tablespace", oid });
      }
    }
    this.#ended = this.#endsIn(index);
  }

  /**
   * What is destroyed while the catalogue still has it, for a recovery that stops at a record.
   *
   * @param isApplied whether the record itself is replayed, too.
   */
  openAt(stop: Lsn, isApplied: boolean): readonly Destruction[] {
    const isReplayed = (lsn: Lsn): boolean => lsn < stop || (isApplied && lsn === stop);
    return this.#open.filter(({ xid, lsn }) => {
      const end = this.#ended.get(xid);
      return isReplayed(lsn) && (end === undefined || !isReplayed(end));
    });
  }

  #add(destruction: Destruction): void {
    // Without an id nothing hangs on a commit: ALTER DATABASE SET TABLESPACE removes the old place after its own.
    if (destruction.xid !== 0) this.#open.push(destruction);
  }

  #endsIn(index: WalIndex): ReadonlyMap<number, Lsn> {
    const ended = new Map<number, Lsn>();
    for (const { xid } of this.#open) {
      const row = index.ends.xid.indexOf(xid);
      if (row >= 0) ended.set(xid, endEvent(index, row).lsn);
    }
    return ended;
  }
}
