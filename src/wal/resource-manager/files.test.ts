// The records by which files and directories come and go: storage.ts, database.ts, tablespace.ts, relation-map.ts.
import fc from "fast-check";
import { expect, test } from "vitest";
import { createRecordCursor, type WalRecord } from "../record.ts";
import { decodeBytes } from "../wal.fixture.ts";
import { parseDatabase } from "./database.ts";
import { outcome, OUTCOMES, RECORDS_14, RECORDS_15, RECORDS_18 } from "./records.fixture.ts";
import { parseRelationMap } from "./relation-map.ts";
import { parseStorageCreate, parseStorageTruncate } from "./storage.ts";
import { parseTablespace } from "./tablespace.ts";

const decode = (major: number, hex: string): WalRecord =>
  decodeBytes(Buffer.from(hex, "hex"), major);

test.each([
  [14, RECORDS_14, { database: 13695, unlogged: 16419, table: 16422 }],
  [18, RECORDS_18, { database: 5, unlogged: 16421, table: 16424 }],
])("files are made and shortened, %i", (major, records, { database, unlogged, table }) => {
  const locator = (relfilenode: number): object => ({ tablespace: 1663, database, relfilenode });
  expect(parseStorageCreate(decode(major, records.createInit))).toEqual({
    relation: locator(unlogged),
    fork: "init",
  });
  expect(parseStorageCreate(decode(major, records.createMain))).toEqual({
    relation: locator(table),
    fork: "main",
  });
  expect(parseStorageTruncate(decode(major, records.cut))).toEqual({
    relation: locator(table),
    blockCount: 23,
    forks: ["main", "vm", "fsm"],
  });
});

test.each([
  [14, RECORDS_14, 16426, 16425],
  [15, RECORDS_15, 16426, 16425],
  [18, RECORDS_18, 16428, 16427],
])("databases come by a copy and go, %i", (major, records, database, tablespace) => {
  expect(parseDatabase(decode(major, records.databaseCopy))).toEqual({
    kind: "create",
    strategy: "fileCopy",
    database,
    tablespace,
    source: { database: 1, tablespace: 1663 },
  });
  expect(parseDatabase(decode(major, records.databaseDrop))).toEqual({
    kind: "drop",
    database,
    tablespaces: [1663, tablespace],
  });
});

test("since 15 databases come by WAL, under the number that a drop had in 14", () => {
  expect(parseDatabase(decode(18, RECORDS_18.databaseWal))).toEqual({
    kind: "create",
    strategy: "wal",
    database: 16432,
    tablespace: 1663,
    source: undefined,
  });
  expect(parseDatabase(decode(14, RECORDS_14.databaseDrop)).kind).toBe("drop");
});

test.each([
  [14, RECORDS_14, 16425],
  [18, RECORDS_18, 16427],
])("tablespaces come and go, %i", (major, records, oid) => {
  expect(parseTablespace(decode(major, records.tablespaceCreate))).toEqual({
    kind: "create",
    oid,
    path: expect.stringMatching(/^\/tmp\/hs-\w+\/\w+\/space$/),
  });
  expect(parseTablespace(decode(major, records.tablespaceDrop))).toEqual({ kind: "drop", oid });
});

test.each([
  [14, RECORDS_14.relationMap, 13695, 16430],
  [18, RECORDS_18.relationMap, 5, 16433],
])("a map belongs to a database, and knows pg_class, %i", (major, hex, database, classFile) => {
  const map = { database, tablespace: 1663, classFile };
  expect(parseRelationMap(decode(major, hex))).toEqual(map);
  // Without its entry, as the map of the shared catalogues is.
  const other = hex.replace("eb040000", "ee040000");
  expect(parseRelationMap(decode(major, other))).toEqual({ ...map, classFile: 0 });
  const odd = hex.replace("17275900", "18275900");
  expect(() => parseRelationMap(decode(major, odd))).toThrow("holds no map of relations");
});

test("hostile main data give an error of our own", () => {
  const parsers = [
    parseStorageCreate,
    parseStorageTruncate,
    parseDatabase,
    parseTablespace,
    parseRelationMap,
  ];
  const majors = fc.constantFrom(14, 15, 18);
  const operations = fc.constantFrom(0x00, 0x10, 0x20, 0x30);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), majors, operations, (bytes, major, operation) => {
      const record = createRecordCursor({ majorVersion: major, blockSizeBytes: 8192 });
      record.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      record.mainDataBytes = bytes.length;
      record.operation = operation;
      for (const parse of parsers) expect(OUTCOMES).toContain(outcome(() => parse(record)));
    }),
    { numRuns: 1000, interruptAfterTimeLimit: 10_000 },
  );
});
