// What transactions have done that have not ended yet: WAL tells of a transaction in pieces, over any number of
// segments, and only its end says whether any of it counts.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import { ROW_OPERATIONS, type RowCounts } from "../wal/index-content.ts";
import type { EventFields, IndexEvent } from "../wal/index-events.ts";
import type { RelationId } from "../wal/index-fields.ts";
import { DatabaseMarks } from "./database-marks.ts";
import { precedesXid } from "./full-xid.ts";
import { rewrittenRelation } from "./relation-book.ts";

/** Rows of one file. */
export interface FileRows {
  readonly file: RelationLocator;
  readonly rows: RowCounts;
}

/** Something that cannot be undone by not committing. */
export interface Irreversible {
  /** The record to stop before. */
  readonly lsn: Lsn;
  readonly what: "DROP DATABASE" | "DROP TABLESPACE";
  /** OID of what goes. */
  readonly oid: number;
}

/** A file that was made, and by which record. */
export interface CreatedFile {
  readonly file: RelationLocator;
  readonly lsn: Lsn;
}

/** What one transaction, or several parts of it together, did. */
export interface Work {
  readonly rows: Map<string, FileRows>;
  /** Files of main forks that it made, in order. */
  readonly created: CreatedFile[];
  readonly truncated: RelationId[];
  /** Relations whose content it wrote anew: VACUUM FULL, CLUSTER, REFRESH, many an ALTER TABLE. */
  readonly rewritten: RelationId[];
  irreversible: Irreversible | undefined;
  globalIdentifier: string | undefined;
}

/** Files whose maker is not known yet; the row of pg_class follows its file at once. */
const UNCLAIMED_COUNT_MAX = 256;

/** Work by transaction id, as WAL has it: without epoch. */
export class PendingWork {
  readonly #byXid: Map<number, Work> = new Map();
  readonly #marks = new DatabaseMarks();
  /** Files made by a transaction that had no id yet, as CREATE TABLE does first of all; by database and number. */
  readonly #unclaimed: Map<string, CreatedFile> = new Map();

  /** Whether nothing is known of any transaction. */
  get isEmpty(): boolean {
    return this.#byXid.size === 0;
  }

  /** Takes a fact that belongs to a transaction; others are passed over. */
  addEvent(event: IndexEvent): void {
    switch (event.kind) {
      case "fileCreate":
        if (event.fork === "main") this.#addFile(event.xid, event.relation, event.lsn);
        break;
      case "classRow":
        this.#takeClassRow(event);
        break;
      case "truncate":
        for (const relation of event.relations) {
          this.#of(event.xid).truncated.push({ database: event.database, relation });
        }
        break;
      case "prepare":
        this.#of(event.xid).globalIdentifier = event.globalIdentifier;
        break;
      case "sharedInPlace":
        this.#marks.add(event);
        break;
      case "databaseDrop":
        // Without an id nothing hangs on a commit: ALTER DATABASE SET TABLESPACE removes the old place after its own.
        if (event.xid === 0) break;
        this.#of(event.xid).irreversible ??= {
          lsn: this.#marks.firstLsnOf(event),
          what: "DROP DATABASE",
          oid: event.database,
        };
        break;
      case "tablespaceDrop":
        this.#of(event.xid).irreversible ??= {
          lsn: event.lsn,
          what: "DROP TABLESPACE",
          oid: event.tablespace,
        };
        break;
      default:
    }
  }

  addRows(xid: number, rows: Iterable<FileRows>): void {
    const work = this.#of(xid);
    for (const each of rows) addFileRows(work.rows, each);
  }

  /** Whether something is known of a transaction or one of its subtransactions. */
  has(xid: number, subtransactions: readonly number[]): boolean {
    return this.#byXid.has(xid) || subtransactions.some((each) => this.#byXid.has(each));
  }

  /** Forgets a transaction that ends and its subtransactions, and gives what they did together. */
  take(xid: number, subtransactions: readonly number[]): Work {
    const whole = emptyWork();
    for (const part of [xid, ...subtransactions]) {
      const work = this.#byXid.get(part);
      if (!work) continue;
      this.#byXid.delete(part);
      for (const each of work.rows.values()) addFileRows(whole.rows, each);
      whole.created.push(...work.created);
      whole.truncated.push(...work.truncated);
      whole.rewritten.push(...work.rewritten);
      whole.irreversible ??= work.irreversible;
      whole.globalIdentifier ??= work.globalIdentifier;
    }
    // The parts overlap: a subtransaction lies inside of its parent.
    whole.created.sort((left, right) => (left.lsn < right.lsn ? -1 : 1));
    return whole;
  }

  /** Forgets transactions that ended without a word, in a crash: their ids come again one day. */
  forgetBefore(oldestRunningXid: number): void {
    for (const xid of this.#byXid.keys()) {
      if (precedesXid(xid, oldestRunningXid)) this.#byXid.delete(xid);
    }
  }

  #addFile(xid: number, file: RelationLocator, lsn: Lsn): void {
    if (xid !== 0) {
      this.#of(xid).created.push({ file, lsn });
      return;
    }
    this.#unclaimed.set(`${file.database}/${file.relfilenode}`, { file, lsn });
    const [oldest] = this.#unclaimed.keys();
    if (oldest !== undefined && this.#unclaimed.size > UNCLAIMED_COUNT_MAX) {
      this.#unclaimed.delete(oldest);
    }
  }

  #takeClassRow({ xid, database, relfilenode, name }: EventFields<"classRow">): void {
    const key = `${database}/${relfilenode}`;
    const file = this.#unclaimed.get(key);
    if (file) this.#of(xid).created.push(file);
    this.#unclaimed.delete(key);
    const relation = rewrittenRelation(name);
    if (relation !== undefined) this.#of(xid).rewritten.push({ database, relation });
  }

  #of(xid: number): Work {
    const known = this.#byXid.get(xid);
    if (known) return known;
    const work = emptyWork();
    this.#byXid.set(xid, work);
    return work;
  }
}

function emptyWork(): Work {
  return {
    rows: new Map(),
    created: [],
    truncated: [],
    rewritten: [],
    irreversible: undefined,
    globalIdentifier: undefined,
  };
}

/** The key of a file in {@link Work.rows}. */
export function fileKey({ tablespace, database, relfilenode }: RelationLocator): string {
  return `${tablespace}/${database}/${relfilenode}`;
}

/** Adds rows of a file to those that are known of it. */
export function addFileRows(all: Map<string, FileRows>, { file, rows }: FileRows): void {
  const key = fileKey(file);
  const known = all.get(key);
  all.set(key, known ? { file, rows: sumRows(known.rows, rows) } : { file, rows });
}

/** The sum of two counts, operation by operation. */
export function sumRows(left: RowCounts, right: RowCounts): RowCounts {
  const sum = { inserted: 0, updated: 0, deleted: 0, movedOut: 0, pages: 0 };
  for (const operation of ROW_OPERATIONS) sum[operation] = left[operation] + right[operation];
  return sum;
}
