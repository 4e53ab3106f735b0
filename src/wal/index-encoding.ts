// The bytes of a WAL index, before compression. docs/wal-index.md says the same for readers who do not read code.
//
// Numbers are written as index-columns.ts says: u is unsigned, s signed, delta is the difference from the number before
// (0 before the first). A block is u length and bytes. In this order:
//
//   block             JSON: summary of the segment, see SUMMARY below
//   block             JSON: list of events, each a row as index-events.ts writes it
//   block             JSON: list of details of ends: the end's row number, and its fields
//   u                 R, number of relations
//   R × u             tablespaces
//   R × u             databases
//   R × s             relfilenodes, delta
//   u                 P, number of patterns without the empty one; for each:
//     u               number of relations; for each:
//       u, u          relation, less the one before; which counts follow, bit n for ROW_OPERATIONS[n]
//       u …           the counts that are not 0
//   u                 E, number of ends
//   E × s             offset, delta
//   E × u             length
//   E × u             flags
//   E × s             transaction id, delta
//   E × s             time, delta
//   E × u             pattern
//   u                 O, number of transactions that go on; for each:
//     s, u            transaction id, delta; pattern
//   u                 B, number of lists of blocks; for each:
//     u, u, u         relation, fork, number of blocks
//     u …             block numbers, delta
//   block             bytes of the unfinished record
import { isUtf8 } from "node:buffer";
import { segmentBegin } from "../model/wal-segment.ts";
import { type Column, type ColumnKind, ColumnReader, ColumnWriter } from "./index-columns.ts";
import {
  type ChangedBlocks,
  END_DETAIL_FIELDS,
  type EndDetail,
  type OpenRows,
  type RelationRows,
  ROW_OPERATIONS,
  type RowPattern,
  type TransactionEnds,
  type WalIndex,
} from "./index-content.ts";
import { readEvent, writeEvent } from "./index-events.ts";
import { asRow, readFields, type RowValue, writeFields } from "./index-fields.ts";
import { readSummary, type Summary, writeSummary } from "./index-summary.ts";
import type { RelationLocator } from "../model/relation.ts";

const UINT32_MAX = 0xffffffff;

/** Lays out an index. */
export function encodeWalIndex(index: WalIndex): Uint8Array {
  const writer = new ColumnWriter();
  const begin = segmentBegin(index.segmentNumber, index.segmentSizeBytes);
  writeJson(writer, writeSummary(index));
  writeJson(
    writer,
    index.events.map((event) => writeEvent(event, begin)),
  );
  writeJson(
    writer,
    [...index.endDetails].map(([row, detail]) => [row, ...writeFields(END_DETAIL_FIELDS, detail)]),
  );
  writeRelations(writer, index.relations);
  writePatterns(writer, index.patterns);
  writeEnds(writer, index.ends);
  writeOpen(writer, index.open);
  writeBlocks(writer, index.blocks);
  writer.block(index.unfinished?.bytes ?? new Uint8Array(0));
  return writer.bytes.slice();
}

/**
 * Reads what {@link encodeWalIndex} wrote. Memory is bounded by a small multiple of the bytes.
 *
 * @throws {RangeError | SyntaxError | HindsightError} for anything that it would not have written.
 */
export function decodeWalIndex(bytes: Uint8Array): WalIndex {
  const reader = new ColumnReader(bytes);
  const summary = readSummary(readJson(reader));
  const begin = segmentBegin(summary.segmentNumber, summary.segmentSizeBytes);
  const events = rowsOf(readJson(reader)).map((row) => readEvent(row, begin));
  const details = rowsOf(readJson(reader));
  const relations = readRelations(reader);
  const patterns = readPatterns(reader, relations.length);
  const ends = readEnds(reader, patterns.length);
  const open = readOpen(reader, patterns.length);
  const blocks = readBlocks(reader, relations.length);
  const unfinished = readUnfinished(reader.block(), summary);
  reader.end();
  const endDetails = readDetails(details, ends.count);
  return { ...summary, unfinished, events, endDetails, relations, patterns, ends, open, blocks };
}

function writeJson(writer: ColumnWriter, value: RowValue): void {
  writer.block(Buffer.from(JSON.stringify(value), "utf8"));
}

function readJson(reader: ColumnReader): RowValue {
  const bytes = Buffer.from(reader.block());
  if (!isUtf8(bytes)) throw new RangeError("a text is not UTF-8");
  return JSON.parse(bytes.toString("utf8")) as RowValue;
}

function rowsOf(value: RowValue): readonly (readonly RowValue[])[] {
  return asRow(value).map(asRow);
}

function readDetails(
  rows: readonly (readonly RowValue[])[],
  endCount: number,
): ReadonlyMap<number, EndDetail> {
  return new Map(
    rows.map(([row, ...fields]) => {
      if (typeof row !== "number" || !(row >= 0 && row < endCount)) {
        throw new RangeError("a detail belongs to no end");
      }
      return [row, readFields(END_DETAIL_FIELDS, fields)];
    }),
  );
}

function readUnfinished(bytes: Uint8Array, { unfinished }: Summary): WalIndex["unfinished"] {
  if (!unfinished && bytes.length > 0) throw new RangeError("bytes of no record");
  return unfinished && { ...unfinished, bytes: bytes.slice() };
}

function writeRelations(writer: ColumnWriter, relations: readonly RelationLocator[]): void {
  writer.unsigned(relations.length);
  for (const { tablespace } of relations) writer.unsigned(tablespace);
  for (const { database } of relations) writer.unsigned(database);
  let before = 0;
  for (const { relfilenode } of relations) {
    writer.signed(relfilenode - before);
    before = relfilenode;
  }
}

function readRelations(reader: ColumnReader): readonly RelationLocator[] {
  const count = reader.count();
  const tablespaces = reader.column(new Uint32Array(count), "unsigned");
  const databases = reader.column(new Uint32Array(count), "unsigned");
  const relfilenodes = reader.column(new Uint32Array(count), "delta");
  return Array.from(tablespaces, (tablespace, place) => ({
    tablespace,
    database: databases[place]!,
    relfilenode: relfilenodes[place]!,
  }));
}

function writePatterns(writer: ColumnWriter, patterns: readonly RowPattern[]): void {
  writer.unsigned(patterns.length - 1);
  for (const pattern of patterns.slice(1)) {
    writer.unsigned(pattern.length);
    let before = 0;
    for (const rows of pattern) {
      const counts = ROW_OPERATIONS.map((operation) => rows[operation]);
      writer.unsigned(rows.relation - before);
      writer.unsigned(counts.reduce((bits, count, bit) => bits | (count > 0 ? 1 << bit : 0), 0));
      for (const count of counts) if (count > 0) writer.unsigned(count);
      before = rows.relation;
    }
  }
}

function readPatterns(reader: ColumnReader, relationCount: number): readonly RowPattern[] {
  const patterns: RowPattern[] = [[]];
  for (let count = reader.count(); count > 0; count -= 1) {
    let relation = 0;
    patterns.push(
      Array.from({ length: reader.count() }, () => {
        relation += reader.unsigned();
        return readRelationRows(reader, within(relation, relationCount));
      }),
    );
  }
  return patterns;
}

function readRelationRows(reader: ColumnReader, relation: number): RelationRows {
  const bits = within(reader.unsigned(), 1 << ROW_OPERATIONS.length);
  const next = (operation: (typeof ROW_OPERATIONS)[number]): number =>
    (bits & (1 << ROW_OPERATIONS.indexOf(operation))) === 0 ? 0 : reader.unsigned();
  return {
    relation,
    inserted: next("inserted"),
    updated: next("updated"),
    deleted: next("deleted"),
    movedOut: next("movedOut"),
    pages: next("pages"),
  };
}

function writeEnds(writer: ColumnWriter, ends: TransactionEnds): void {
  writer.unsigned(ends.count);
  writeColumn(writer, ends.offset, "delta");
  writeColumn(writer, ends.length, "unsigned");
  writeColumn(writer, ends.flags, "unsigned");
  writeColumn(writer, ends.xid, "delta");
  writeColumn(writer, ends.at, "delta");
  writeColumn(writer, ends.pattern, "unsigned");
}

function readEnds(reader: ColumnReader, patternCount: number): TransactionEnds {
  const count = reader.count();
  const ends = {
    count,
    offset: reader.column(new Int32Array(count), "delta"),
    length: reader.column(new Int32Array(count), "unsigned"),
    flags: reader.column(new Uint8Array(count), "unsigned"),
    xid: reader.column(new Uint32Array(count), "delta"),
    at: reader.column(new Float64Array(count), "delta"),
    pattern: reader.column(new Uint32Array(count), "unsigned"),
  };
  for (const pattern of ends.pattern) within(pattern, patternCount);
  return ends;
}

function writeOpen(writer: ColumnWriter, open: readonly OpenRows[]): void {
  writer.unsigned(open.length);
  let before = 0;
  for (const { xid, pattern } of open) {
    writer.signed(xid - before);
    writer.unsigned(pattern);
    before = xid;
  }
}

function readOpen(reader: ColumnReader, patternCount: number): readonly OpenRows[] {
  let xid = 0;
  return Array.from({ length: reader.count() }, () => {
    xid += reader.signed();
    return { xid: within(xid, UINT32_MAX + 1), pattern: within(reader.unsigned(), patternCount) };
  });
}

function writeBlocks(writer: ColumnWriter, lists: readonly ChangedBlocks[]): void {
  writer.unsigned(lists.length);
  for (const { relation, fork, blocks } of lists) {
    writer.unsigned(relation);
    writer.unsigned(fork);
    writer.unsigned(blocks.length);
    let before = 0;
    for (const block of blocks) {
      writer.unsigned(block - before);
      before = block;
    }
  }
}

function readBlocks(reader: ColumnReader, relationCount: number): readonly ChangedBlocks[] {
  return Array.from({ length: reader.count() }, () => {
    const relation = within(reader.unsigned(), relationCount);
    const fork = within(reader.unsigned(), 16);
    const blocks = new Uint32Array(reader.count());
    let block = 0;
    for (let place = 0; place < blocks.length; place += 1) {
      block = within(block + reader.unsigned(), UINT32_MAX + 1);
      blocks[place] = block;
    }
    return { relation, fork, blocks };
  });
}

function writeColumn(writer: ColumnWriter, column: Column, kind: ColumnKind): void {
  let before = 0;
  for (const value of column) {
    if (kind === "unsigned") writer.unsigned(value);
    else writer.signed(value - before);
    before = value;
  }
}

/** The number, which must be from 0 up to, not including, `limit`. */
function within(value: number, limit: number): number {
  if (value >= 0 && value < limit) return value;
  throw new RangeError("a number points to nothing");
}
