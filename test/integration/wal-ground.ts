// What tests of the WAL decoder share: the records of a running server from one place on, and the decoder's reading of
// some of them in the words of PostgreSQL's own descriptions, as pg_walinspect (15 and later) gives them.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { formatLsn, type Lsn, parseLsn } from "../../src/model/lsn.ts";
import type { RelationLocator } from "../../src/model/relation.ts";
import { timeline } from "../../src/model/timeline.ts";
import { formatSegmentName } from "../../src/model/wal-segment.ts";
import { readRecords, type RecordVisitor } from "../../src/wal/reader.ts";
import { recordEndLsn, recordLsn, type WalRecord } from "../../src/wal/record.ts";
import { parseDatabase } from "../../src/wal/resource-manager/database.ts";
import {
  HEAP2_OPERATION,
  HEAP_OPERATION,
  HEAP_OPERATION_MASK,
  isPartitionMove,
  isSpeculativeInsert,
  isSuperDelete,
  multiInsertCount,
  parseHeapTruncate,
} from "../../src/wal/resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "../../src/wal/resource-manager/ids.ts";
import { parseRelationMap } from "../../src/wal/resource-manager/relation-map.ts";
import {
  parseStorageCreate,
  parseStorageTruncate,
  STORAGE_OPERATION,
} from "../../src/wal/resource-manager/storage.ts";
import { parseTablespace } from "../../src/wal/resource-manager/tablespace.ts";
import {
  parseAssignment,
  parseTransaction,
  TRANSACTION_OPERATION,
} from "../../src/wal/resource-manager/transaction.ts";
import {
  parseBackupEnd,
  parseFullPageWrites,
  XLOG_OPERATION,
} from "../../src/wal/resource-manager/xlog.ts";
import type { Cluster } from "../harness/cluster.ts";
import type { Row } from "../harness/sql-session.ts";

const SEGMENT_SIZE = 1024 * 1024;

/** Everything is in WAL, stays in pg_wal, and is the test's own work. */
export const SETTINGS = { wal_level: "logical", wal_keep_size: "500MB", autovacuum: false };

/** The place where the next record will begin. */
export async function insertLsn(cluster: Cluster): Promise<Lsn> {
  return parseLsn(String(await cluster.value("select pg_current_wal_insert_lsn()")));
}

/** Reads what the server has written from `begin` to now, where a record must begin. */
export async function readWal(cluster: Cluster, begin: Lsn, visit: RecordVisitor): Promise<void> {
  // A commit that wrote something makes the server write out all that came before.
  await cluster.sql("select pg_logical_emit_message(true, 'hindsight-test', 'flush')");
  const start = {
    begin,
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: cluster.major, blockSizeBytes: 8192 },
  };
  await readRecords(start, (number) => readSegment(cluster, number), visit);
}

async function readSegment(cluster: Cluster, number: bigint): Promise<Buffer | undefined> {
  const name = formatSegmentName({ timeline: timeline(1), number }, SEGMENT_SIZE);
  return await readFile(join(cluster.dataDirectory, "pg_wal", name)).catch(() => undefined);
}

/**
 * Compares what the parsers say of the records since `begin` with pg_walinspect, line by line. 14 has none.
 *
 * @returns how many records were compared.
 */
export async function expectDescriptions(cluster: Cluster, begin: Lsn): Promise<number> {
  if (cluster.major < 15) return 0;
  await cluster.sql("create extension if not exists pg_walinspect");
  const end = String(await cluster.value("select pg_current_wal_flush_lsn()"));
  const ours: string[] = [];
  await readWal(cluster, begin, (record) => {
    const line = recordEndLsn(record) <= parseLsn(end) ? describeRecord(record) : undefined;
    if (line !== undefined) ours.push(`${formatLsn(recordLsn(record))} ${line}`);
  });
  const bounds = [formatLsn(begin), end];
  const rows = await cluster.sql("select * from pg_get_wal_records_info($1, $2)", bounds);
  const theirs = rows.flatMap((row) => {
    const line = describeRow(row);
    return line === undefined ? [] : [`${row["start_lsn"]} ${line}`];
  });
  expect(ours).toEqual(theirs);
  return theirs.length;
}

/** What the parsers say of a record, one line; undefined for a record that they say nothing of. */
function describeRecord(record: WalRecord): string | undefined {
  const { operation } = record;
  switch (record.resourceManager) {
    case RESOURCE_MANAGER.heap:
      return describeHeap(record);
    case RESOURCE_MANAGER.heap2: {
      const isMultiInsert = (operation & HEAP_OPERATION_MASK) === HEAP2_OPERATION.multiInsert;
      return isMultiInsert ? `MULTI_INSERT ${multiInsertCount(record)}` : undefined;
    }
    case RESOURCE_MANAGER.storage:
      return describeStorage(record);
    case RESOURCE_MANAGER.database:
      return describeDatabase(record);
    case RESOURCE_MANAGER.tablespace: {
      const change = parseTablespace(record);
      return change.kind === "drop"
        ? `DROP ${change.oid}`
        : `CREATE ${change.oid} "${change.path}"`;
    }
    case RESOURCE_MANAGER.relationMap: {
      const { database, tablespace } = parseRelationMap(record);
      return `database ${database} tablespace ${tablespace}`;
    }
    case RESOURCE_MANAGER.transaction:
      return describeTransaction(record);
    case RESOURCE_MANAGER.xlog:
      if (operation === XLOG_OPERATION.backupEnd) return formatLsn(parseBackupEnd(record));
      return operation === XLOG_OPERATION.fullPageWrites
        ? String(parseFullPageWrites(record))
        : undefined;
    default:
      return undefined;
  }
}

function describeHeap(record: WalRecord): string | undefined {
  switch (record.operation & HEAP_OPERATION_MASK) {
    case HEAP_OPERATION.insert:
      return `INSERT speculative ${isSpeculativeInsert(record)}`;
    case HEAP_OPERATION.delete:
      return `DELETE super ${isSuperDelete(record)} move ${isPartitionMove(record)}`;
    case HEAP_OPERATION.truncate: {
      const { cascade, restartIdentity, relations } = parseHeapTruncate(record);
      return `TRUNCATE ${cascade} ${restartIdentity} ${relations.join(" ")}`;
    }
    default:
      return undefined;
  }
}

function describeStorage(record: WalRecord): string {
  if (record.operation === STORAGE_OPERATION.create) {
    const { relation, fork } = parseStorageCreate(record);
    return `CREATE ${pathOf(relation)}${fork === "main" ? "" : `_${fork}`}`;
  }
  const { relation, blockCount, forks } = parseStorageTruncate(record);
  const flags = { main: 1, vm: 2, fsm: 4, init: 0 };
  const sum = forks.reduce((bits, fork) => bits | flags[fork], 0);
  return `TRUNCATE ${pathOf(relation)} to ${blockCount} blocks flags ${sum}`;
}

/** As PostgreSQL writes it, but for the directory in a tablespace that is named after the version. */
function pathOf({ tablespace, database, relfilenode }: RelationLocator): string {
  if (tablespace === 1664) return `global/${relfilenode}`;
  if (tablespace === 1663) return `base/${database}/${relfilenode}`;
  return `pg_tblspc/${tablespace}/${database}/${relfilenode}`;
}

function describeDatabase(record: WalRecord): string {
  const change = parseDatabase(record);
  const { database } = change;
  if (change.kind === "drop") {
    return `dir ${change.tablespaces.map((tablespace) => `${tablespace}/${database}`).join(" ")}`;
  }
  const made = `${change.tablespace}/${database}`;
  const { source } = change;
  return source
    ? `copy dir ${source.tablespace}/${source.database} to ${made}`
    : `create dir ${made}`;
}

function describeTransaction(record: WalRecord): string | undefined {
  if ((record.operation & HEAP_OPERATION_MASK) === TRANSACTION_OPERATION.assignment) {
    const { topLevelXid, subtransactions } = parseAssignment(record);
    return `xtop ${topLevelXid}: subxacts: ${subtransactions.join(" ")}`;
  }
  const transaction = parseTransaction(record);
  if (transaction?.kind !== "commit") return undefined;
  const oids = transaction.invalidatedRelations.map(({ relation }) => relation);
  return `COMMIT of ${transaction.invalidationCount > 0}: ${oids.join(" ")}`;
}

/** The same of a row of pg_get_wal_records_info; the words differ a little between the versions. */
function describeRow(row: Row): string | undefined {
  const type = (row["record_type"] ?? "").replace("+INIT", "");
  const text = row["description"] ?? "";
  const flags = Number.parseInt(/flags:? 0x([0-9A-F]+)/.exec(text)?.[1] ?? "0", 16);
  switch (`${row["resource_manager"]} ${type}`) {
    case "Heap INSERT":
      return `INSERT speculative ${(flags & 0x04) !== 0}`;
    case "Heap DELETE":
      return `DELETE super ${(flags & 0x08) !== 0} move ${(flags & 0x10) !== 0}`;
    case "Heap TRUNCATE": {
      const [, ...oids] = text.replace(/.*nrelids/, "").match(/\d+/g) ?? [];
      return `TRUNCATE ${/cascade/i.test(text)} ${/restart_seqs/i.test(text)} ${oids.join(" ")}`;
    }
    case "Heap2 MULTI_INSERT":
      return `MULTI_INSERT ${/\d+/.exec(text)?.[0]}`;
    case "Storage CREATE":
    case "Storage TRUNCATE":
      return `${type} ${text.replace(/PG_\d+_\d+\//, "")}`;
    case "Tablespace CREATE":
    case "Tablespace DROP":
      return `${type} ${text}`;
    case "RelMap UPDATE":
      return text.replace(/ size \d+$/, "");
    case "Transaction COMMIT":
    case "Transaction COMMIT_PREPARED":
      return `COMMIT of ${text.includes("inval msgs")}: ${(text.match(/(?<=relcache )\d+/g) ?? []).join(" ")}`;
    case "Database CREATE_FILE_COPY":
    case "Database CREATE_WAL_LOG":
    case "Database DROP":
    case "Transaction ASSIGNMENT":
    case "XLOG BACKUP_END":
    case "XLOG FPW_CHANGE":
      return text;
    default:
      return undefined;
  }
}
