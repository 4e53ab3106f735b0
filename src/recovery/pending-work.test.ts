import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addLsn, lsn } from "../model/lsn.ts";
import type { IndexEvent } from "../wal/index-events.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import {
  classRow,
  countsOf,
  file,
  indexWith,
  type IndexStep,
  makes,
  ORDERS_TABLE,
  type RowsDraft,
  SHOP,
  stepLsn,
} from "./find.fixture.ts";
import { addFileRows, fileKey, type FileRows, PendingWork, sumRows } from "./pending-work.ts";

const rowsOf = ({ file: of, ...draft }: RowsDraft): FileRows => ({
  file: of,
  rows: countsOf(draft),
});

/** After these facts of segment 1. */
function workAfter(...steps: readonly IndexStep[]): PendingWork {
  const work = new PendingWork();
  for (const event of indexWith(1, steps).events) work.addEvent(event);
  return work;
}

test("rows of a transaction are added up by file until it ends, and forgotten then", () => {
  const work = new PendingWork();
  expect(work.isEmpty).toBe(true);
  work.addRows(700, [rowsOf({ file: ORDERS, deleted: 2 })]);
  work.addRows(701, [rowsOf({ file: ORDERS, inserted: 9 })]);
  work.addRows(700, [
    rowsOf({ file: ORDERS, deleted: 3, updated: 1 }),
    rowsOf({ file: ITEMS, pages: 4 }),
  ]);
  expect([...work.take(700, []).rows.values()]).toEqual([
    rowsOf({ file: ORDERS, deleted: 5, updated: 1 }),
    rowsOf({ file: ITEMS, pages: 4 }),
  ]);
  expect([work.has(700, []), work.has(701, [])]).toEqual([false, true]);
  expect(work.take(700, []).rows.size).toBe(0);
});

test("subtransactions belong to the transaction that names them; others stay", () => {
  const work = new PendingWork();
  for (const xid of [701, 702, 703]) work.addRows(xid, [rowsOf({ file: ORDERS, inserted: 1 })]);
  expect(work.has(700, [])).toBe(false);
  expect(work.has(700, [701, 703])).toBe(true);
  expect([...work.take(700, [701, 703]).rows.values()]).toEqual([
    rowsOf({ file: ORDERS, inserted: 2 }),
  ]);
  expect([701, 702, 703].map((xid) => work.has(xid, []))).toEqual([false, true, false]);
});

describe("files", () => {
  test("that were made are told in the order of WAL, over all subtransactions", () => {
    const work = workAfter(
      makes(700, file(1)),
      makes(701, file(2)),
      makes(700, file(3)),
      { kind: "fileCreate", xid: 700, relation: file(4), fork: "init" },
      makes(699, file(5)),
    );
    expect(work.take(700, [701]).created).toEqual([
      { file: file(1), lsn: stepLsn(1, 0) },
      { file: file(2), lsn: stepLsn(1, 1) },
      { file: file(3), lsn: stepLsn(1, 2) },
    ]);
  });

  test("that were made before their transaction had an id are its that inserts the row of pg_class", () => {
    const row = { relation: 20_300, name: "t", relfilenode: 1 };
    const work = workAfter(
      makes(0, file(1)),
      makes(0, file(2)),
      classRow({ xid: 700, ...row, database: 6 }),
      classRow({ xid: 701, ...row }),
      classRow({ xid: 702, ...row }),
    );
    const created = [700, 701, 702].map((xid) => work.take(xid, []).created);
    expect(created).toEqual([[], [{ file: file(1), lsn: stepLsn(1, 0) }], []]);
  });

  test("that nobody claims are forgotten, the oldest first", () => {
    const count = 257;
    const numbers = Array.from({ length: count }, (_, n) => 17_000 + n);
    const rows = numbers.map((relfilenode) =>
      classRow({ xid: 700, relation: relfilenode, name: "t", relfilenode }),
    );
    const work = workAfter(...numbers.map((number) => makes(0, file(number))), ...rows);
    const { created } = work.take(700, []);
    expect(created.map((each) => each.file.relfilenode)).toEqual(numbers.slice(1));
  });
});

test("a relation that is written anew is named by the one that takes it meanwhile", () => {
  const name = `pg_temp_${ORDERS_TABLE.oid}`;
  const work = workAfter(classRow({ xid: 700, relation: 20_300, name, relfilenode: 17_000 }));
  expect(work.take(700, [])).toMatchObject({
    rewritten: [{ database: SHOP, relation: ORDERS_TABLE.oid }],
    truncated: [],
  });
});

test("TRUNCATE names its relations, and a preparation its identifier", () => {
  const work = workAfter(
    { kind: "truncate", xid: 701, database: SHOP, relations: [1, 2] },
    {
      kind: "prepare",
      xid: 700,
      at: Temporal.Instant.from("2026-11-25T08:00:00Z"),
      database: SHOP,
      globalIdentifier: "two phases",
      subtransactions: [701],
      relationsDroppedAtCommit: [],
      relationsDroppedAtAbort: [],
    },
  );
  expect(work.take(700, [701])).toMatchObject({
    truncated: [
      { database: SHOP, relation: 1 },
      { database: SHOP, relation: 2 },
    ],
    globalIdentifier: "two phases",
  });
});

describe("what cannot be undone", () => {
  const dropsDatabase = (xid: number): IndexStep => ({
    kind: "databaseDrop",
    xid,
    database: 6,
    tablespaces: [1663],
  });

  test("of DROP DATABASE begins where its row was last changed in place, whatever becomes of others", () => {
    const work = workAfter(
      { kind: "sharedInPlace", relfilenode: 1262, oid: 6 },
      { kind: "sharedInPlace", relfilenode: 1262, oid: 6 },
      { kind: "sharedInPlace", relfilenode: 1262, oid: SHOP },
      dropsDatabase(700),
    );
    expect(work.take(700, []).irreversible).toEqual({
      lsn: stepLsn(1, 1),
      what: "DROP DATABASE",
      oid: 6,
    });
  });

  test("of DROP DATABASE is the removal of its files where nothing is changed in place", () => {
    expect(workAfter(dropsDatabase(700)).take(700, []).irreversible?.lsn).toBe(stepLsn(1, 0));
  });

  test("of DROP TABLESPACE is the removal of its directory; the first of several counts", () => {
    const work = workAfter(
      { kind: "tablespaceDrop", xid: 700, tablespace: 16_600 },
      { kind: "tablespaceDrop", xid: 700, tablespace: 16_601 },
    );
    expect(work.take(700, []).irreversible).toEqual({
      lsn: stepLsn(1, 0),
      what: "DROP TABLESPACE",
      oid: 16_600,
    });
  });

  test("is nothing when no transaction did it, as with ALTER DATABASE SET TABLESPACE", () => {
    expect(workAfter(dropsDatabase(0)).isEmpty).toBe(true);
  });
});

test("facts that belong to no transaction are passed over", () => {
  const place = { lsn: lsn(256n), endLsn: addLsn(lsn(256n), 8n) };
  const events: readonly IndexEvent[] = [
    { kind: "fullPageWrites", ...place, enabled: true },
    { kind: "lock", ...place, xid: 700, database: SHOP, relation: 1 },
  ];
  const work = new PendingWork();
  for (const event of events) work.addEvent(event);
  expect(work.isEmpty).toBe(true);
});

test("transactions that are older than every running one ended without a word, around the end of the circle too", () => {
  const work = new PendingWork();
  for (const xid of [4_294_967_290, 5, 6]) {
    work.addRows(xid, [rowsOf({ file: ORDERS, inserted: 1 })]);
  }
  work.forgetBefore(4_294_967_290);
  expect([4_294_967_290, 5, 6].map((xid) => work.has(xid, []))).toEqual([true, true, true]);
  work.forgetBefore(6);
  expect([4_294_967_290, 5, 6].map((xid) => work.has(xid, []))).toEqual([false, false, true]);
});

test("rows add up whatever their order", () => {
  const counts = fc
    .record({ inserted: fc.nat(), updated: fc.nat(), deleted: fc.nat(), movedOut: fc.nat() })
    .map((draft) => countsOf(draft));
  const all = fc.array(fc.record({ number: fc.nat(3), rows: counts }));
  const sumsOf = (changes: readonly FileRows[]): Map<string, FileRows> => {
    const sums = new Map<string, FileRows>();
    for (const change of changes) addFileRows(sums, change);
    return sums;
  };
  fc.assert(
    fc.property(all, (drafts) => {
      const changes = drafts.map(({ number, rows }) => ({ file: file(number), rows }));
      const sums = sumsOf(changes);
      expect(sumsOf(changes.toReversed())).toEqual(sums);
      for (const [key, { file: of, rows }] of sums) {
        const own = changes.filter((change) => fileKey(change.file) === key);
        expect(key).toBe(`1663/5/${of.relfilenode}`);
        expect(rows).toEqual(own.reduce((sum, change) => sumRows(sum, change.rows), countsOf({})));
        expect(rows.inserted).toBe(own.reduce((sum, change) => sum + change.rows.inserted, 0));
      }
    }),
  );
});
