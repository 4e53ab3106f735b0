import fc from "fast-check";
import { expect, test } from "vitest";
import { imageCompression } from "../page-image.ts";
import { decodeRecordBody, type RecordCursor, type WalRecord } from "../record.ts";
import { decodeBytes } from "../wal.fixture.ts";
import { type ClassRow, parseClassRows } from "./pg-class.ts";
import { outcome, OUTCOMES, RECORDS_14, RECORDS_15, RECORDS_18 } from "./records.fixture.ts";

const decode = (major: number, hex: string): WalRecord =>
  decodeBytes(Buffer.from(hex, "hex"), major);

/** The tables of these records, made in schema public. */
const table = (name: string, oid: number): ClassRow => ({
  oid,
  name,
  namespace: 2200,
  relfilenode: oid,
  tablespace: 0,
  kind: "r",
  persistence: "p",
});
const WARM = table("warm", 16384);
const ORDERS = table("orders", 16387);

test.each([
  [14, RECORDS_14],
  [18, RECORDS_18],
])("rows are read from a record's data, %i", (major, records) => {
  expect(parseClassRows(decode(major, records.classInsert))).toEqual([table("many1", 16393)]);
  expect(parseClassRows(decode(major, records.classMultiInsert))).toEqual([WARM, ORDERS]);
});

test.each([
  ["14, not compressed", 14, "none", RECORDS_14.classImage, RECORDS_14.classMultiImage],
  ["14, pglz", 14, "pglz", RECORDS_14.classImagePglz, RECORDS_14.classMultiImagePglz],
  ["15, lz4", 15, "lz4", RECORDS_15.classImageLz4, RECORDS_15.classMultiImageLz4],
  ["15, zstd", 15, "zstd", RECORDS_15.classImageZstd, RECORDS_15.classMultiImageZstd],
  ["18, not compressed", 18, "none", RECORDS_18.classImage, RECORDS_18.classMultiImage],
  ["18, pglz", 18, "pglz", RECORDS_18.classImagePglz, RECORDS_18.classMultiImagePglz],
] as const)("rows are read from a page image that left them out of the data: %s", (...parts) => {
  const [, major, compression, insert, multiInsert] = parts;
  const record = decode(major, insert);
  expect(record.blocks[0]?.dataBytes).toBe(0);
  expect(imageCompression(record.blocks[0]!)).toBe(compression);
  // Other rows of the page are not taken for inserted ones.
  expect(parseClassRows(record)).toEqual([ORDERS]);
  expect(parseClassRows(decode(major, multiInsert))).toEqual([WARM, ORDERS]);
});

test("a name that fills its field has no zero byte", () => {
  const record = decode(18, RECORDS_18.classInsert);
  const bytes = new Uint8Array(record.view.buffer, record.view.byteOffset, record.totalBytes);
  // Behind the row's header, one byte of nulls and padding to 24 bytes, and the oid.
  bytes.fill(0x61, record.blocks[0]!.dataOffset + 10).fill(0, bytes.length - 1);
  expect(parseClassRows(record)[0]?.name).toBe("a".repeat(64));
});

test("records that insert no rows have none", () => {
  expect(parseClassRows(decode(18, RECORDS_18.delete))).toEqual([]);
  expect(parseClassRows(decode(18, RECORDS_18.createMain))).toEqual([]);
});

test("a row of another, narrower table is an error", () => {
  expect(() => parseClassRows(decode(18, RECORDS_18.insert))).toThrow("too short for pg_class");
});

test("hostile records give rows, or an error of our own, and end soon", () => {
  const records = fc.constantFrom(
    ...([
      [14, RECORDS_14.classMultiInsert],
      [14, RECORDS_14.classMultiImagePglz],
      [15, RECORDS_15.classMultiImageLz4],
      [15, RECORDS_15.classMultiImageZstd],
      [18, RECORDS_18.classInsert],
      [18, RECORDS_18.classMultiInsert],
      [18, RECORDS_18.classMultiImage],
    ] as const),
  );
  const edits = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 8 });
  let parsed = 0;
  fc.assert(
    fc.property(records, edits, ([major, hex], changes) => {
      const bytes = Buffer.from(hex, "hex");
      // Not the length of the whole: a reader has the whole before it looks inside.
      for (const [place, value] of changes) bytes[4 + (place % (bytes.length - 4))] = value;
      const found = outcome(() => parseClassRows(decodeBytes(bytes, major)));
      expect(OUTCOMES).toContain(found);
      if (found === "parsed") parsed += 1;
    }),
    { numRuns: 5000, interruptAfterTimeLimit: 10_000 },
  );
  expect(parsed).toBeGreaterThan(0);
});

test("a multi-insert that claims more rows than it has is an error, with and without image", () => {
  for (const hex of [RECORDS_18.classMultiInsert, RECORDS_18.classMultiImage]) {
    const record = decode(18, hex) as RecordCursor;
    decodeRecordBody(record);
    record.view.setUint16(record.mainDataOffset + 2, 0xffff, true);
    expect(() => parseClassRows(record)).toThrow(/fewer rows|which rows/);
  }
});
