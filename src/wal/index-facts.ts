// Collects the rare facts of one segment: what index-events.ts lists. Which records they come from stands here, one
// resource manager after the other; what the records hold: resource-manager/.
import type { ClassFile } from "./index-content.ts";
import {
  EVENT_FIELDS,
  type EventFields,
  type EventPlace,
  type IndexEvent,
  type IndexEventKind,
} from "./index-events.ts";
import { failure } from "../model/failure.ts";
import { pickFields } from "./index-fields.ts";
import { recordEndLsn, recordLsn, type WalRecord } from "./record.ts";
import { parseDatabase } from "./resource-manager/database.ts";
import { HEAP_OPERATION, HEAP2_OPERATION, parseHeapTruncate } from "./resource-manager/heap.ts";
import { RESOURCE_MANAGER, RESOURCE_MANAGER_CUSTOM_MIN } from "./resource-manager/ids.ts";
import { parseClassRows } from "./resource-manager/pg-class.ts";
import { inPlaceRowOid } from "./resource-manager/pg-database.ts";
import { parseRelationMap } from "./resource-manager/relation-map.ts";
import {
  parseRunningTransactions,
  parseStandbyLocks,
  STANDBY_OPERATION,
} from "./resource-manager/standby.ts";
import {
  parseStorageCreate,
  parseStorageTruncate,
  STORAGE_OPERATION,
} from "./resource-manager/storage.ts";
import { parseTablespace } from "./resource-manager/tablespace.ts";
import type { TransactionPrepare } from "./resource-manager/transaction.ts";
import {
  parseBackupEnd,
  parseCheckpoint,
  parseEndOfRecovery,
  parseFullPageWrites,
  parseOverwriteContinuation,
  parseParameterChange,
  parseRestorePoint,
  XLOG_OPERATION,
} from "./resource-manager/xlog.ts";

const OPERATION_MASK = 0x70;
/** Facts of one segment. Bounds what an index takes in memory; ordinary segments have a few hundred. */
const EVENT_COUNT_MAX: number = 2 ** 20;
/** The relfilenode that pg_class has until it is rewritten. */
const PG_CLASS = 1259;
/** The tablespace pg_global. */
const GLOBAL_TABLESPACE = 1664;

/** What an index hands on to the next one. */
interface KnownFacts {
  readonly nextXid: bigint | undefined;
  readonly classFiles?: readonly ClassFile[] | undefined;
}

/** Takes the records that are not the Transaction resource manager's, in the order of WAL. */
export class FactCollector {
  readonly #events: IndexEvent[] = [];
  readonly #custom: Set<number> = new Set();
  #nextXid: bigint | undefined;
  /** Locks that were listed: each checkpoint lists those again that are still held. */
  readonly #locks: Set<string> = new Set();

  /** By database, where it is not {@link PG_CLASS}. */
  readonly #classFiles: Map<number, number> = new Map();

  /** @param known as the index of the segment before knows it. */
  constructor({ nextXid, classFiles = [] }: KnownFacts) {
    this.#nextXid = nextXid;
    for (const { database, relfilenode } of classFiles) this.#classFiles.set(database, relfilenode);
  }

  take(record: WalRecord): void {
    switch (record.resourceManager) {
      case RESOURCE_MANAGER.heap:
        this.#takeHeap(record);
        break;
      case RESOURCE_MANAGER.heap2:
        if ((record.operation & OPERATION_MASK) === HEAP2_OPERATION.multiInsert) {
          this.#takeClassRows(record);
        }
        break;
      case RESOURCE_MANAGER.xlog:
        this.#takeXlog(record);
        break;
      case RESOURCE_MANAGER.storage:
        this.#takeStorage(record);
        break;
      case RESOURCE_MANAGER.standby:
        this.#takeStandby(record);
        break;
      case RESOURCE_MANAGER.database:
        this.#takeDatabase(record);
        break;
      case RESOURCE_MANAGER.tablespace:
        this.#takeTablespace(record);
        break;
      case RESOURCE_MANAGER.relationMap:
        this.#takeRelationMap(record);
        break;
      default:
        if (record.resourceManager >= RESOURCE_MANAGER_CUSTOM_MIN) {
          this.#custom.add(record.resourceManager);
        }
    }
  }

  /** A transaction that was prepared. */
  takePrepare(record: WalRecord, transaction: TransactionPrepare): void {
    this.#add(record, "prepare", transaction);
  }

  finish(): {
    readonly events: readonly IndexEvent[];
    readonly customResourceManagers: readonly number[];
    readonly nextXid: bigint | undefined;
    readonly classFiles: readonly ClassFile[];
  } {
    const customResourceManagers = [...this.#custom].toSorted((left, right) => left - right);
    const classFiles = [...this.#classFiles]
      .map(([database, relfilenode]) => ({ database, relfilenode }))
      .toSorted((left, right) => left.database - right.database);
    return { events: this.#events, customResourceManagers, nextXid: this.#nextXid, classFiles };
  }

  #takeHeap(record: WalRecord): void {
    switch (record.operation & OPERATION_MASK) {
      case HEAP_OPERATION.insert:
        this.#takeClassRows(record);
        break;
      case HEAP_OPERATION.inplace: {
        const block = record.blocks[0];
        if (record.blockCount > 0 && block?.tablespace === GLOBAL_TABLESPACE) {
          const { relfilenode } = block;
          this.#add(record, "sharedInPlace", { relfilenode, oid: inPlaceRowOid(record) });
        }
        break;
      }
      case HEAP_OPERATION.truncate:
        this.#add(record, "truncate", { xid: record.xid, ...parseHeapTruncate(record) });
        break;
      default:
    }
  }

  #takeClassRows(record: WalRecord): void {
    const block = record.blocks[0]!;
    if (record.blockCount === 0) return;
    const { database, relfilenode: file } = block;
    const isClass =
      file === PG_CLASS || (this.#classFiles.size > 0 && this.#classFiles.get(database) === file);
    if (!isClass) return;
    for (const { oid, name, namespace, relfilenode, kind } of parseClassRows(record)) {
      const row = { xid: record.xid, database, relation: oid, name, namespace, relfilenode };
      this.#add(record, "classRow", { ...row, relationKind: kind });
    }
  }

  #takeXlog(record: WalRecord): void {
    switch (record.operation) {
      case XLOG_OPERATION.checkpointShutdown:
      case XLOG_OPERATION.checkpointOnline: {
        const checkpoint = parseCheckpoint(record);
        this.#nextXid = checkpoint.nextXid;
        this.#add(record, "checkpoint", checkpoint);
        break;
      }
      case XLOG_OPERATION.restorePoint:
        this.#add(record, "restorePoint", parseRestorePoint(record));
        break;
      case XLOG_OPERATION.parameterChange:
        this.#add(record, "parameterChange", parseParameterChange(record));
        break;
      case XLOG_OPERATION.fullPageWrites:
        this.#add(record, "fullPageWrites", { enabled: parseFullPageWrites(record) });
        break;
      case XLOG_OPERATION.endOfRecovery:
        this.#add(record, "endOfRecovery", parseEndOfRecovery(record));
        break;
      case XLOG_OPERATION.backupEnd:
        this.#add(record, "backupEnd", { begin: parseBackupEnd(record) });
        break;
      case XLOG_OPERATION.overwriteContinuation: {
        const { lsn, at } = parseOverwriteContinuation(record);
        this.#add(record, "continuationOverwritten", { overwritten: lsn, at });
        break;
      }
      default:
    }
  }

  #takeStorage(record: WalRecord): void {
    const { xid } = record;
    if (record.operation === STORAGE_OPERATION.create) {
      this.#add(record, "fileCreate", { xid, ...parseStorageCreate(record) });
    } else if (record.operation === STORAGE_OPERATION.truncate) {
      this.#add(record, "fileTruncate", { xid, ...parseStorageTruncate(record) });
    }
  }

  #takeStandby(record: WalRecord): void {
    if (record.operation === STANDBY_OPERATION.runningTransactions) {
      this.#add(record, "runningTransactions", parseRunningTransactions(record));
    } else if (record.operation === STANDBY_OPERATION.lock) {
      for (const lock of parseStandbyLocks(record)) this.#takeLock(record, lock);
    }
  }

  #takeLock(record: WalRecord, lock: EventFields<"lock">): void {
    const key = `${lock.xid}/${lock.database}/${lock.relation}`;
    if (this.#locks.has(key)) return;
    this.#locks.add(key);
    this.#add(record, "lock", lock);
  }

  /** VACUUM FULL of pg_class gives it another file, which only the map of relations names. */
  #takeRelationMap(record: WalRecord): void {
    const { database, classFile } = parseRelationMap(record);
    if (classFile === PG_CLASS) this.#classFiles.delete(database);
    else if (classFile !== 0) this.#classFiles.set(database, classFile);
    this.#add(record, "relationMap", { xid: record.xid, database, classFile });
  }

  #takeDatabase(record: WalRecord): void {
    const { xid } = record;
    const change = parseDatabase(record);
    if (change.kind === "drop") {
      const { database, tablespaces } = change;
      // Without a transaction it is the old place of a database that was given another tablespace.
      if (xid !== 0) this.#classFiles.delete(database);
      this.#add(record, "databaseDrop", { xid, database, tablespaces });
      return;
    }
    const { strategy, database, tablespace, source } = change;
    // A copy of the files; the other way of making one writes a map of its own.
    const classFile = source && this.#classFiles.get(source.database);
    if (classFile !== undefined) this.#classFiles.set(database, classFile);
    const created = { xid, strategy, database, tablespace, source: source?.database ?? 0 };
    this.#add(record, "databaseCreate", created);
  }

  #takeTablespace(record: WalRecord): void {
    const { kind, oid } = parseTablespace(record);
    const fields = { xid: record.xid, tablespace: oid };
    this.#add(record, kind === "drop" ? "tablespaceDrop" : "tablespaceCreate", fields);
  }

  #add<Kind extends IndexEventKind>(
    record: WalRecord,
    kind: Kind,
    fields: EventFields<Kind>,
  ): void {
    if (this.#events.length === EVENT_COUNT_MAX) {
      throw failure("WAL_INDEX_TOO_LARGE", `a WAL segment has more than ${EVENT_COUNT_MAX} facts`);
    }
    const place: EventPlace = { lsn: recordLsn(record), endLsn: recordEndLsn(record) };
    // The kind and its fields go together; the compiler does not see that in a union over all kinds.
    const picked = pickFields<(typeof EVENT_FIELDS)[Kind]>(EVENT_FIELDS[kind], fields);
    this.#events.push({ kind, ...place, ...picked } as unknown as IndexEvent);
  }
}
