// Rows of pg_class that a record inserts: that is how a relation is made, and how its oid and name get into WAL. An update
// of pg_class is not read: it may lack the parts that the row had in common with its predecessor.
//
// Rows are in the block's data, unless they were left out because the block's image has them. Values stand at fixed
// places, since no column before them can be null or has a length of its own.
//
//   offset size type  meaning
//   of an insert's data:
//        0    5       header: u16 t_infomask2, u16 t_infomask, u8 t_hoff
//        5            the row from its 24th byte on; the 23 before are made anew at replay
//   of a multi-insert's data, for each row at an even offset:
//        0    2 u16   length of what follows the header
//        2    5       header, as above
//        7            the row from its 24th byte on
//   of the values:
//        0    4 u32   oid
//        4   64       relname, filled up with zero bytes
//       68    4 u32   relnamespace
//       88    4 u32   relfilenode
//       92    4 u32   reltablespace
//      114    1 char  relpersistence; 118 since 18
//      115    1 char  relkind; 119 since 18
//
// Source: PostgreSQL src/include/catalog/pg_class.h; src/include/access/heapam_xlog.h; src/include/access/htup_details.h;
// src/backend/access/heap/heapam.c, heap_xlog_insert.
import { failure } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { recordLsn, type WalRecord } from "../record.ts";
import {
  HEAP_INIT_PAGE,
  HEAP_OPERATION,
  HEAP_OPERATION_MASK,
  HEAP2_OPERATION,
  multiInsertCount,
} from "./heap.ts";
import { RESOURCE_MANAGER } from "./ids.ts";
import { rowsOnImage } from "./page-rows.ts";

/** A relation as pg_class has it. */
export interface ClassRow {
  readonly oid: number;
  /** Read as UTF-8, whatever the database's encoding is. */
  readonly name: string;
  /** The schema's oid. */
  readonly namespace: number;
  /** 0 for a relation without files of its own, and for a mapped catalogue. */
  readonly relfilenode: number;
  /** 0 for the database's own. */
  readonly tablespace: number;
  /** relkind: `r` table, `i` index, `S` sequence, `t` TOAST table, `v` view, `m` materialized view, … */
  readonly kind: string;
  /** relpersistence: `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string;
}

const ROW_HEADER_BYTES = 23;
const INSERT_HEADER_BYTES = 5;
const MULTI_INSERT_HEADER_BYTES = 7;
const MULTI_INSERT_OFFSETS = 4;

const NAME_OFFSET = 4;
const NAME_BYTES = 64;

/**
 * Reads the rows that a record inserts into pg_class.
 *
 * @param record its block 0 must belong to pg_class; that is for the caller to know.
 * @returns nothing for a record that inserts no rows.
 * @throws {HindsightError} `WAL_RECORD_INVALID` when the record's parts do not fit each other, or hold no such rows.
 */
export function parseClassRows(record: WalRecord): readonly ClassRow[] {
  if (record.blockCount === 0) return [];
  const operation = record.operation & HEAP_OPERATION_MASK;
  const { resourceManager } = record;
  if (resourceManager === RESOURCE_MANAGER.heap && operation === HEAP_OPERATION.insert) {
    return record.blocks[0]!.dataBytes > 0
      ? [rowOfInsert(record)]
      : rowsOfImage(record, insertedNumbers(record, 0, 1));
  }
  if (resourceManager === RESOURCE_MANAGER.heap2 && operation === HEAP2_OPERATION.multiInsert) {
    const count = multiInsertCount(record);
    return record.blocks[0]!.dataBytes > 0
      ? rowsOfMultiInsert(record, count)
      : rowsOfImage(record, insertedNumbers(record, MULTI_INSERT_OFFSETS, count));
  }
  return [];
}

function rowOfInsert(record: WalRecord): ClassRow {
  const { dataOffset, dataBytes } = record.blocks[0]!;
  if (dataBytes < INSERT_HEADER_BYTES) throw damaged(record, "has no row header");
  const { view } = record;
  const begin = dataOffset + INSERT_HEADER_BYTES;
  const skipped = view.getUint8(begin - 1) - ROW_HEADER_BYTES;
  return readRow(record, part(view, begin, dataOffset + dataBytes), skipped);
}

function rowsOfMultiInsert(record: WalRecord, count: number): readonly ClassRow[] {
  const { dataOffset, dataBytes } = record.blocks[0]!;
  const { view } = record;
  const end = dataOffset + dataBytes;
  const rows: ClassRow[] = [];
  let position = dataOffset;
  // Each row takes some of the data, so a damaged count ends the loop with them.
  for (let number = 0; number < count; number += 1) {
    position += (position - dataOffset) % 2;
    const begin = position + MULTI_INSERT_HEADER_BYTES;
    if (begin > end) throw damaged(record, "has fewer rows than it says");
    const rowEnd = begin + view.getUint16(position, true);
    if (rowEnd > end) throw damaged(record, "has a row that is longer than its data");
    const skipped = view.getUint8(begin - 1) - ROW_HEADER_BYTES;
    rows.push(readRow(record, part(view, begin, rowEnd), skipped));
    position = rowEnd;
  }
  return rows;
}

/** The numbers that the inserted rows have on their page, from 1 on, as the main data say from `offset` on. */
function insertedNumbers(record: WalRecord, offset: number, count: number): readonly number[] {
  if ((record.operation & HEAP_INIT_PAGE) !== 0) {
    return Array.from({ length: count }, (_, index) => index + 1);
  }
  if (offset + 2 * count > record.mainDataBytes) {
    throw damaged(record, "does not say which rows of the page it inserts");
  }
  const begin = record.mainDataOffset + offset;
  return Array.from({ length: count }, (_, index) =>
    record.view.getUint16(begin + 2 * index, true),
  );
}

/** The rows of the block's image that have these numbers. */
function rowsOfImage(record: WalRecord, numbers: readonly number[]): readonly ClassRow[] {
  return rowsOnImage(record, numbers).map((values) => readRow(record, values, 0));
}

function part(view: DataView, begin: number, end: number): DataView {
  return new DataView(view.buffer, view.byteOffset + begin, end - begin);
}

/** Reads a row whose values begin at `begin` in `row`. */
function readRow(record: WalRecord, row: DataView, begin: number): ClassRow {
  const persistenceOffset = record.layout.majorVersion >= 18 ? 118 : 114;
  if (begin < 0 || begin + persistenceOffset + 2 > row.byteLength) {
    throw damaged(record, "has a row that is too short for pg_class");
  }
  const letter = (offset: number): string => String.fromCharCode(row.getUint8(begin + offset));
  return {
    oid: row.getUint32(begin, true),
    name: readName(row, begin + NAME_OFFSET),
    namespace: row.getUint32(begin + 68, true),
    relfilenode: row.getUint32(begin + 88, true),
    tablespace: row.getUint32(begin + 92, true),
    kind: letter(persistenceOffset + 1),
    persistence: letter(persistenceOffset),
  };
}

function readName(row: DataView, begin: number): string {
  const name = Buffer.from(row.buffer, row.byteOffset + begin, NAME_BYTES);
  const zero = name.indexOf(0);
  return name.toString("utf8", 0, zero < 0 ? NAME_BYTES : zero);
}

function damaged(record: WalRecord, what: string): Error {
  const place = formatLsn(recordLsn(record));
  return failure("WAL_RECORD_INVALID", `the insert into pg_class at ${place} ${what}`);
}
