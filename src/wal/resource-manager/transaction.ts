// Records of the Transaction resource manager: how transactions end, and how two-phase ones are prepared.
//
// Commit and abort, plain or of a prepared transaction, share one layout. Fields stand in this order; all but the time
// are there only when the operation or `xinfo` says so:
//
//   type             meaning                                              there when
//   i64              time of the commit or abort                          always
//   u32              xinfo: INFO flags                                    operation has HAS_INFO
//   u32, u32         database oid, tablespace oid                         xinfo bit 0
//   i32 n, n × u32   subtransactions                                      xinfo bit 1
//   i32 n, n × 12    relations whose files go: tablespace, database,      xinfo bit 2
//                    relfilenode
//   i32 n, n × 12    dropped statistics: i32 kind, u32 database, u32 oid; xinfo bit 8, since 15
//        n × 16      since 18 with u32 upper half of the object's id
//   i32 n, n × 16    invalidation messages (commit only)                  xinfo bit 3
//   u32              the prepared transaction's id                        xinfo bit 4
//   text, zero byte  its global identifier (only at wal_level=logical)    bits 4 and 7
//   u64, i64         LSN and time at the replication origin, unaligned    xinfo bit 5
//
// Prepare is the header of the two-phase state file, and its parts, each aligned to 8:
//
//   offset  type     meaning
//        0  u32, u32 magic, length of the whole
//        8  u32, u32 transaction id, database oid
//       16  i64      time of the preparation
//       24  u32      oid of the owner
//       28  i32      number of subtransactions
//       32  i32, i32 number of relations whose files go at commit, at abort
//       40  i32, i32 number of statistics dropped at commit, at abort: since 15
//       40  i32      number of invalidation messages; 48 since 15
//        +  u8, u16  relation cache file invalid, length of the global identifier with its zero byte
//        +  u64, i64 LSN and time at the replication origin
//           then the global identifier, the subtransactions, the relations, …
//
// An invalidation message has 16 bytes, of which only those that name a relation are read:
//
//   offset size type  meaning
//        0    1 i8    kind: -2 for the relation cache; a cache's own number from 0 on, or another negative number
//        1    3       padding; other kinds use it
//        4    4 u32   database oid, 0 for a shared relation
//        8    4 u32   relation oid, 0 for all relations
//       12    4       other kinds use it
//
// Assignment, which tells a standby whose subtransactions these are:
//
//        0    4 u32   the top-level transaction
//        4    4 i32   number of subtransactions
//        8      n × u32
//
// Source: PostgreSQL src/include/access/xact.h; src/include/storage/sinval.h; src/backend/access/rmgrdesc/xactdesc.c,
// ParseCommitRecord and following.
import type { Lsn } from "../../model/lsn.ts";
import type { RelationLocator } from "../../model/relation.ts";
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";
import { parseLocator } from "./storage.ts";

/** Values of {@link transactionOperation}. */
export const TRANSACTION_OPERATION = {
  commit: 0x00,
  prepare: 0x10,
  abort: 0x20,
  commitPrepared: 0x30,
  abortPrepared: 0x40,
  assignment: 0x50,
  invalidations: 0x60,
} as const;

const OPERATION_MASK = 0x70;
const HAS_INFO = 0x80;

const INFO = {
  hasDatabase: 1 << 0,
  hasSubtransactions: 1 << 1,
  hasRelations: 1 << 2,
  hasInvalidations: 1 << 3,
  hasPrepared: 1 << 4,
  hasOrigin: 1 << 5,
  hasGlobalIdentifier: 1 << 7,
  hasDroppedStatistics: 1 << 8,
} as const;

const INVALIDATION_BYTES = 16;
/** SHAREDINVALRELCACHE_ID, -2, as the unsigned byte it is read as. */
const RELATION_CACHE_KIND = 0xfe;

/** Statistics of an object that was dropped; since 15. Kind 2 is a relation, and its object id the relation's oid. */
export interface DroppedStatistics {
  readonly kind: number;
  readonly database: number;
  readonly object: bigint;
}

/** A relation whose definition the transaction changed, so that sessions must forget what they know of it. */
export interface InvalidatedRelation {
  /** 0 for relations shared by all databases. */
  readonly database: number;
  /** The relation's oid, not its relfilenode; 0 for all relations of the database. */
  readonly relation: number;
}

/** Where a transaction came from that was replicated to this server. */
export interface TransactionOrigin {
  readonly lsn: Lsn;
  /** As pg_replication_origin_xact_setup was told, by whomever; undefined for `infinity`. */
  readonly at: Temporal.Instant | undefined;
}

/** The end of a transaction, or of a subtransaction that was rolled back by itself. */
export interface TransactionEnd {
  readonly kind: "commit" | "abort";
  /** Whether the transaction had been prepared: COMMIT PREPARED, ROLLBACK PREPARED. */
  readonly prepared: boolean;
  /** The prepared transaction's id, where the record's header says 0; else the header's. */
  readonly xid: number;
  readonly at: Temporal.Instant;
  /** The database it ran in; 0 when the record does not say. */
  readonly database: number;
  readonly subtransactions: readonly number[];
  /** Relations whose files are removed by this end: dropped, truncated or rewritten ones. */
  readonly droppedRelations: readonly RelationLocator[];
  readonly droppedStatistics: readonly DroppedStatistics[];
  /** Messages of all kinds; those about relations are listed below. */
  readonly invalidationCount: number;
  /** In the order of the record, and as often as it names them. Empty for a rollback. */
  readonly invalidatedRelations: readonly InvalidatedRelation[];
  /** The global identifier of a prepared transaction; written at wal_level=logical only. */
  readonly globalIdentifier: string | undefined;
  readonly origin: TransactionOrigin | undefined;
}

/** PREPARE TRANSACTION: the transaction is neither committed nor aborted, and holds its locks. */
export interface TransactionPrepare {
  readonly kind: "prepare";
  readonly xid: number;
  readonly at: Temporal.Instant;
  readonly database: number;
  readonly globalIdentifier: string;
  readonly subtransactions: readonly number[];
  readonly relationsDroppedAtCommit: readonly RelationLocator[];
  readonly relationsDroppedAtAbort: readonly RelationLocator[];
  readonly origin: TransactionOrigin | undefined;
}

/** Subtransactions made known as parts of a transaction: 64 at a time, and at wal_level=logical the first by itself. */
export interface Assignment {
  readonly topLevelXid: number;
  readonly subtransactions: readonly number[];
}

/** What the record does: one of {@link TRANSACTION_OPERATION}. */
function transactionOperation(record: WalRecord): number {
  return record.operation & OPERATION_MASK;
}

/**
 * Reads a record of the Transaction resource manager.
 *
 * @returns undefined for one that neither ends nor prepares a transaction.
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseTransaction(
  record: WalRecord,
): TransactionEnd | TransactionPrepare | undefined {
  const operation = transactionOperation(record);
  switch (operation) {
    case TRANSACTION_OPERATION.commit:
    case TRANSACTION_OPERATION.commitPrepared:
      return parseEnd(record, "commit", operation === TRANSACTION_OPERATION.commitPrepared);
    case TRANSACTION_OPERATION.abort:
    case TRANSACTION_OPERATION.abortPrepared:
      return parseEnd(record, "abort", operation === TRANSACTION_OPERATION.abortPrepared);
    case TRANSACTION_OPERATION.prepare:
      return parsePrepare(record);
    default:
      return undefined;
  }
}

function parseEnd(record: WalRecord, kind: "commit" | "abort", prepared: boolean): TransactionEnd {
  const data = new MainDataReader(record);
  const at = data.instant();
  const info = (record.operation & HAS_INFO) === 0 ? 0 : data.uint32();
  const has = (flag: number): boolean => (info & flag) !== 0;
  let database = 0;
  if (has(INFO.hasDatabase)) {
    database = data.uint32();
    data.skip(4);
  }
  const subtransactions = has(INFO.hasSubtransactions)
    ? data.list(data.int32(), 4, () => data.uint32())
    : [];
  const droppedRelations = has(INFO.hasRelations) ? parseRelations(data, data.int32()) : [];
  const droppedStatistics = has(INFO.hasDroppedStatistics) ? parseStatistics(data, record) : [];
  const invalidationCount = has(INFO.hasInvalidations) ? data.int32() : 0;
  const invalidatedRelations = parseInvalidations(data, invalidationCount);
  const xid = has(INFO.hasPrepared) ? data.uint32() : record.xid;
  const named = has(INFO.hasPrepared) && has(INFO.hasGlobalIdentifier);
  return {
    kind,
    prepared,
    xid,
    at,
    database,
    subtransactions,
    droppedRelations,
    droppedStatistics,
    invalidationCount,
    invalidatedRelations,
    globalIdentifier: named ? data.text() : undefined,
    origin: has(INFO.hasOrigin) ? parseOrigin(data) : undefined,
  };
}

function parseRelations(data: MainDataReader, count: number): readonly RelationLocator[] {
  return data.list(count, 12, () => parseLocator(data));
}

function parseStatistics(data: MainDataReader, record: WalRecord): readonly DroppedStatistics[] {
  const wide = record.layout.majorVersion >= 18;
  return data.list(data.int32(), wide ? 16 : 12, () => ({
    kind: data.int32(),
    database: data.uint32(),
    object: wide ? data.uint64() : BigInt(data.uint32()),
  }));
}

function parseInvalidations(data: MainDataReader, count: number): readonly InvalidatedRelation[] {
  const messages = data.list(count, INVALIDATION_BYTES, () => {
    const kind = data.uint32() & 0xff;
    const message = { database: data.uint32(), relation: data.uint32() };
    data.skip(4);
    return kind === RELATION_CACHE_KIND ? message : undefined;
  });
  return messages.filter((message) => message !== undefined);
}

function parseOrigin(data: MainDataReader): TransactionOrigin {
  return { lsn: data.lsn(), at: data.anyInstant() };
}

function parsePrepare(record: WalRecord): TransactionPrepare {
  const data = new MainDataReader(record);
  data.skip(8);
  const xid = data.uint32();
  const database = data.uint32();
  const at = data.instant();
  data.skip(4);
  const subtransactionCount = data.int32();
  const commitRelationCount = data.int32();
  const abortRelationCount = data.int32();
  // Counts of dropped statistics (since 15), and of invalidation messages.
  data.skip(record.layout.majorVersion >= 15 ? 12 : 4);
  data.skip(2);
  const identifierBytes = data.uint16();
  const origin = parseOrigin(data);
  data.align();
  const globalIdentifier = data.text(identifierBytes);
  data.align();
  const subtransactions = data.list(subtransactionCount, 4, () => data.uint32());
  data.align();
  const relationsDroppedAtCommit = parseRelations(data, commitRelationCount);
  data.align();
  return {
    kind: "prepare",
    xid,
    at,
    database,
    globalIdentifier,
    subtransactions,
    relationsDroppedAtCommit,
    relationsDroppedAtAbort: parseRelations(data, abortRelationCount),
    origin: record.origin === 0 ? undefined : origin,
  };
}

/**
 * Reads a record of operation {@link TRANSACTION_OPERATION}.assignment.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseAssignment(record: WalRecord): Assignment {
  const data = new MainDataReader(record);
  return {
    topLevelXid: data.uint32(),
    subtransactions: data.list(data.int32(), 4, () => data.uint32()),
  };
}
