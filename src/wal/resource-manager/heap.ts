// Records of the Heap and Heap2 resource managers: rows inserted, changed and deleted. Heap ran out of operations, which
// is all the difference between the two. What rows hold is not read here; of pg_class alone it is, in pg-class.ts.
//
// The functions that answer by a number or a boolean are asked for every row that WAL brings. They make no object, throw
// nothing, and take a record that is too short for one that says no.
//
// Main data, of which bits and fields that Hindsight has no use for are left out:
//
//   offset size type  meaning
//   insert, 3 bytes:
//        0    2 u16   the row's number on the page
//        2    1 u8    flags: INSERT_FLAGS
//   multi-insert, 4 bytes and a list:
//        0    1 u8    flags
//        2    2 u16   number of rows
//        4      n × u16  the rows' numbers on the page; left out with initPage, where they count from 1
//   delete, 8 bytes:
//        0    4 u32   the deleting transaction
//        4    2 u16   the row's number on the page
//        6    1 u8    what kind of lock the row's header shows
//        7    1 u8    flags: DELETE_FLAGS
//   truncate, 12 bytes and a list:
//        0    4 u32   database oid
//        4    4 u32   number of relations
//        8    1 u8    flags: TRUNCATE_FLAGS
//       12      n × u32  relation oids
//
// Source: PostgreSQL src/include/access/heapam_xlog.h.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** What of a Heap or Heap2 record's `operation` says the operation. */
export const HEAP_OPERATION_MASK = 0x70;
/** The bit that says that the page was empty before, so that replay need not read it. */
export const HEAP_INIT_PAGE = 0x80;

/** Values of `operation & HEAP_OPERATION_MASK` for {@link RESOURCE_MANAGER}.heap. */
export const HEAP_OPERATION = {
  insert: 0x00,
  delete: 0x10,
  update: 0x20,
  /** Written at wal_level=logical only, and nothing that replay would need. */
  truncate: 0x30,
  /** An update that needs no new index entries. */
  hotUpdate: 0x40,
  /** Makes a speculative insert a real one. */
  confirm: 0x50,
  lock: 0x60,
  inplace: 0x70,
} as const;

/** Values of `operation & HEAP_OPERATION_MASK` for {@link RESOURCE_MANAGER}.heap2. */
export const HEAP2_OPERATION = {
  rewrite: 0x00,
  /** Since 17 these three are one kind of record, written on access, by VACUUM's first pass and by its second. */
  prune: 0x10,
  vacuum: 0x20,
  freezePage: 0x30,
  visible: 0x40,
  multiInsert: 0x50,
  lockUpdated: 0x60,
  newCommandId: 0x70,
} as const;

const INSERT_FLAGS = { speculative: 0x04 } as const;
const DELETE_FLAGS = { super: 0x08, partitionMove: 0x10 } as const;
const TRUNCATE_FLAGS = { cascade: 0x01, restartIdentity: 0x02 } as const;

/** TRUNCATE as logical decoding needs it; at wal_level=replica nothing of the kind is written. */
export interface HeapTruncate {
  readonly database: number;
  readonly cascade: boolean;
  readonly restartIdentity: boolean;
  /** Oids, not relfilenodes: of the tables that were named, their descendants, and those that CASCADE added. */
  readonly relations: readonly number[];
}

/**
 * Whether an insert is of INSERT … ON CONFLICT, which may take it back: it counts when the record that confirms it comes.
 *
 * @param record a Heap record of operation insert.
 */
export function isSpeculativeInsert(record: WalRecord): boolean {
  return hasFlag(record, 2, INSERT_FLAGS.speculative);
}

/**
 * Whether a delete takes back a speculative insert, so that no row was there before or is gone after it.
 *
 * @param record a Heap record of operation delete.
 */
export function isSuperDelete(record: WalRecord): boolean {
  return hasFlag(record, 7, DELETE_FLAGS.super);
}

/**
 * Whether a delete is the one half of an update that moved a row to another partition; its insert is marked by nothing.
 *
 * @param record a Heap record of operation delete.
 */
export function isPartitionMove(record: WalRecord): boolean {
  return hasFlag(record, 7, DELETE_FLAGS.partitionMove);
}

/**
 * How many rows a multi-insert inserts.
 *
 * @param record a Heap2 record of operation multiInsert.
 */
export function multiInsertCount(record: WalRecord): number {
  return record.mainDataBytes < 4 ? 0 : record.view.getUint16(record.mainDataOffset + 2, true);
}

function hasFlag(record: WalRecord, offset: number, flag: number): boolean {
  if (record.mainDataBytes <= offset) return false;
  return (record.view.getUint8(record.mainDataOffset + offset) & flag) !== 0;
}

/**
 * Reads a Heap record of operation truncate.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseHeapTruncate(record: WalRecord): HeapTruncate {
  const data = new MainDataReader(record);
  const database = data.uint32();
  const relationCount = data.uint32();
  // One byte, and three of padding.
  const flags = data.uint32();
  return {
    database,
    cascade: (flags & TRUNCATE_FLAGS.cascade) !== 0,
    restartIdentity: (flags & TRUNCATE_FLAGS.restartIdentity) !== 0,
    relations: data.list(relationCount, 4, () => data.uint32()),
  };
}
