import fc from "fast-check";
import { expect, test } from "vitest";
import { createRecordCursor, type WalRecord } from "../record.ts";
import { decodeBytes } from "../wal.fixture.ts";
import {
  HEAP2_OPERATION,
  HEAP_OPERATION,
  HEAP_OPERATION_MASK,
  isPartitionMove,
  isSpeculativeInsert,
  isSuperDelete,
  multiInsertCount,
  parseHeapTruncate,
} from "./heap.ts";
import { outcome, OUTCOMES, RECORDS_14, RECORDS_18 } from "./records.fixture.ts";

/** Records of both majors; the layouts are the same. */
const MAJORS = [
  [14, RECORDS_14],
  [18, RECORDS_18],
] as const;

type Name = keyof typeof RECORDS_14;

const decode = (major: number, hex: string): WalRecord =>
  decodeBytes(Buffer.from(hex, "hex"), major);

test.each(MAJORS)("an insert is speculative if it may be taken back, %i", (major, records) => {
  const ofName = (name: Name): WalRecord => decode(major, records[name]);
  expect(isSpeculativeInsert(ofName("insert"))).toBe(false);
  expect(isSpeculativeInsert(ofName("speculative"))).toBe(true);
});

test.each(MAJORS)("a delete says whether a row is gone, or elsewhere, %i", (major, records) => {
  const kinds = (["delete", "move", "super"] as const).map((name) => {
    const record = decode(major, records[name]);
    expect(record.operation & HEAP_OPERATION_MASK).toBe(HEAP_OPERATION.delete);
    return [isPartitionMove(record), isSuperDelete(record)];
  });
  expect(kinds).toEqual([
    [false, false],
    [true, false],
    [false, true],
  ]);
});

test.each(MAJORS)("a multi-insert counts its rows, on a new page too, %i", (major, records) => {
  // The first of an empty table, and two rows on a page that has some.
  const [first, second] = [
    decode(major, records.multiInsert),
    decode(major, records.classMultiInsert),
  ];
  expect(first.operation & HEAP_OPERATION_MASK).toBe(HEAP2_OPERATION.multiInsert);
  expect(multiInsertCount(first)).toBe(3);
  expect(multiInsertCount(second)).toBe(2);
});

test.each(MAJORS)("TRUNCATE names its tables by oid, %i", (major, records) => {
  expect(parseHeapTruncate(decode(major, records.truncate))).toEqual({
    database: major === 14 ? 13695 : 5,
    cascade: true,
    restartIdentity: true,
    relations: major === 14 ? [16385, 16391] : [16385, 16393],
  });
});

test("main data that are too short say no", () => {
  const record = createRecordCursor({ majorVersion: 18, blockSizeBytes: 8192 });
  record.view = new DataView(new ArrayBuffer(3));
  for (record.mainDataBytes = 0; record.mainDataBytes < 3; record.mainDataBytes += 1) {
    expect(isSpeculativeInsert(record)).toBe(false);
    expect(isSuperDelete(record)).toBe(false);
    expect(isPartitionMove(record)).toBe(false);
    expect(multiInsertCount(record)).toBe(0);
  }
});

test("hostile main data give an answer, or an error of our own", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const record = createRecordCursor({ majorVersion: 18, blockSizeBytes: 8192 });
      record.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      record.mainDataBytes = bytes.length;
      expect(multiInsertCount(record)).toBeLessThan(0x10000);
      for (const ask of [isSpeculativeInsert, isSuperDelete, isPartitionMove]) {
        expect(typeof ask(record)).toBe("boolean");
      }
      expect(OUTCOMES).toContain(outcome(() => parseHeapTruncate(record)));
    }),
  );
});
