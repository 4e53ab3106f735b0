import { describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline } from "../model/timeline.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import type { CatalogueSnapshot } from "../model/catalogue.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { type FindQuery, type FindResult, findTransactions } from "./find.ts";
import {
  archiveWith,
  commit,
  file,
  going,
  type IndexStep,
  indexWith,
  ITEMS_TABLE,
  makes,
  ORDERS_TABLE,
  rollback,
  running,
  SHOP,
  snapshotWith,
  stepLsn,
  stepTime,
} from "./find.fixture.ts";

type Segments = Readonly<Record<number, readonly IndexStep[]>>;

async function find(
  segments: Segments,
  query: Partial<FindQuery> = {},
  { first, snapshots }: { first?: number; snapshots?: readonly CatalogueSnapshot[] } = {},
): Promise<FindResult> {
  const indexes = Object.entries(segments).map(([number, steps]) =>
    indexWith(Number(number), steps),
  );
  const archive = await archiveWith(indexes, snapshots);
  const range = {
    archive,
    history: { timeline: timeline(1), ancestors: [] },
    blockSizeBytes: 8192,
    first: first === undefined ? undefined : BigInt(first),
  };
  return await findTransactions(range, { countMax: 10, ...query }, createContext());
}

const xidsOf = ({ transactions }: FindResult): readonly number[] =>
  transactions.map(({ xid }) => Number(xid));

describe("a transaction that began before the time that is asked for", () => {
  const segments: Segments = {
    1: [running([], 700, 700)],
    2: [going(701, [{ file: ORDERS, deleted: 2000 }]), commit(700)],
    3: [running([701], 701, 702), commit(702, [{ file: ITEMS, inserted: 1 }])],
    4: [commit(701, [{ file: ORDERS, deleted: 1000 }])],
  };
  const query = { from: stepTime(3, 1), operation: "delete" } as const;

  test("is found with all its rows", async () => {
    const { transactions } = await find(segments, { ...query, rowsMin: 3000 }, { first: 3 });
    expect(transactions).toMatchObject([
      { xid: 701n, isIncomplete: false, relations: [{ deleted: 3000 }] },
    ]);
  });

  test("is marked where its beginning is not stored any more", async () => {
    const { 3: third = [], 4: fourth = [] } = segments;
    const { transactions } = await find({ 3: third, 4: fourth }, query, { first: 3 });
    expect(transactions).toMatchObject([
      { isIncomplete: true, isBehindGap: false, relations: [{ deleted: 1000 }] },
    ]);
  });

  test("what is read for that alone counts as not searched", async () => {
    const { profile, matchedCount } = await find(segments, { from: stepTime(3, 0) }, { first: 3 });
    expect(profile.map(({ number }) => number)).toEqual([3n, 4n]);
    expect(matchedCount).toBe(2);
  });
});

describe("the time of a transaction's end", () => {
  const segments: Segments = {
    1: [running(), commit(700, [{ file: ORDERS, inserted: 1 }])],
    2: [commit(701, [{ file: ORDERS, inserted: 2 }]), commit(702, [{ file: ORDERS, inserted: 3 }])],
    3: [commit(703, [{ file: ORDERS, inserted: 4 }])],
  };

  test("lies between both, inclusive", async () => {
    const between = { from: stepTime(2, 0), to: stepTime(2, 1) };
    expect(xidsOf(await find(segments, between))).toEqual([702, 701]);
    expect(xidsOf(await find(segments, { to: stepTime(1, 1) }))).toEqual([700]);
    expect(xidsOf(await find(segments, { from: stepTime(2, 1).add({ seconds: 1 }) }))).toEqual([
      703,
    ]);
  });

  test("tells how far the archive goes, unless the search ended earlier", async () => {
    expect((await find(segments)).end).toMatchObject({ lastCommit: { xid: 703n } });
    expect((await find(segments, { to: stepTime(1, 1) })).end).toBeUndefined();
    expect((await find({})).end).toEqual({ lsn: undefined, lastCommit: undefined });
  });
});

describe("behind and before a gap", () => {
  const segments: Segments = {
    1: [running(), commit(700, [{ file: ORDERS, deleted: 1 }])],
    3: [commit(702, [{ file: ORDERS, deleted: 3 }]), commit(703, [{ file: ORDERS, deleted: 2 }])],
  };

  test("neighbours are not known, and rows may be missing", async () => {
    const { transactions, missing, gaps } = await find(segments, { operation: "delete" });
    expect(transactions).toMatchObject([
      {
        xid: 702n,
        commitBefore: undefined,
        commitAfter: { xid: 703n },
        isBehindGap: true,
        isIncomplete: true,
      },
      { xid: 703n, commitBefore: { xid: 702n }, commitAfter: undefined, isBeforeGap: false },
      {
        xid: 700n,
        commitBefore: undefined,
        commitAfter: undefined,
        isBehindGap: false,
        isBeforeGap: true,
      },
    ]);
    expect(missing).toEqual([{ first: 2n, last: 2n }]);
    expect(gaps).toEqual(missing);
  });

  test("a gap before what is asked for is no part of what was not searched", async () => {
    const late: Segments = { ...segments, 4: [commit(704, [{ file: ORDERS, deleted: 9 }])] };
    const query = { from: stepTime(4, 0) };
    const { missing } = await find(late, query, { first: 4 });
    expect(missing).toEqual([]);
  });
});

describe("rolled-back transactions", () => {
  const segments: Segments = {
    1: [
      running(),
      rollback(700, [{ file: ORDERS, deleted: 5 }]),
      commit(701, [{ file: ORDERS, deleted: 1 }]),
    ],
  };

  test("are found when they are asked for", async () => {
    expect(xidsOf(await find(segments))).toEqual([701]);
    const { transactions } = await find(segments, { includesAborted: true });
    expect(transactions).toMatchObject([
      { xid: 700n, isAborted: true },
      { xid: 701n, isAborted: false },
    ]);
  });

  test("are told of when their id is asked for", async () => {
    const { transactions, rolledBack } = await find(segments, { xid: 700n });
    expect(transactions).toEqual([]);
    expect(rolledBack).toEqual({ xid: 700n, lsn: stepLsn(1, 1), at: stepTime(1, 1) });
    expect((await find(segments, { xid: 701n })).rolledBack).toBeUndefined();
  });
});

describe("rows of a table that was truncated", () => {
  const truncates = commit(700, [], { droppedRelations: [ORDERS], droppedObjects: [] });
  const history: Segments = { 1: [running(), makes(700, file(17_000)), truncates] };
  const snapshotOf = (rowsEstimate: number, segment: number, step: number): CatalogueSnapshot => ({
    ...snapshotWith([{ ...ORDERS_TABLE, rowsEstimate }, ITEMS_TABLE], stepLsn(segment, step)),
    at: stepTime(segment, step),
  });
  const after = {
    ...snapshotWith([{ ...ORDERS_TABLE, relfilenode: 17_000, rowsEstimate: 0 }], stepLsn(2, 0)),
    at: stepTime(2, 0),
  };

  test("are those of the snapshot before, never of one behind", async () => {
    const before = snapshotOf(50_000, 1, 0);
    const { transactions } = await find(
      history,
      { operation: "truncate", rowsMin: 1000 },
      {
        snapshots: [before, after],
      },
    );
    const rowsBefore = { rows: 50_000, at: stepTime(1, 0) };
    expect(transactions).toMatchObject([{ relations: [{ truncated: true, rowsBefore }] }]);
  });

  test("are not known without one before; it comes before any number and is no reason to leave it out", async () => {
    const more = { ...history, 2: [commit(701, [{ file: ITEMS, deleted: 1e6 }])] };
    const found = await find(more, { rowsMin: 1000 }, { snapshots: [after] });
    expect(xidsOf(found)).toEqual([700, 701]);
    expect(found.transactions[0]?.relations).toMatchObject([
      { name: "1663/5/16384", truncated: true, rowsBefore: undefined },
    ]);
  });

  test("are counted where its file was made within the history", async () => {
    const staging = relation({
      oid: 20_300,
      relfilenode: 17_001,
      name: "staging",
      rowsEstimate: -1,
    });
    const { transactions } = await find(
      {
        1: [
          running(),
          makes(699, file(17_001)),
          commit(699, [{ file: file(17_001), inserted: 25 }]),
        ],
        2: [
          commit(700, [], {
            droppedRelations: [file(17_001)],
            droppedObjects: [{ database: SHOP, relation: 20_300 }],
          }),
        ],
      },
      { operation: "drop" },
      { snapshots: [snapshotWith([staging], stepLsn(1, 2))] },
    );
    const rowsBefore = { rows: 25, at: undefined };
    expect(transactions).toMatchObject([
      { relations: [{ name: "staging", dropped: true, rowsBefore }] },
    ]);
  });

  test("TRUNCATE and a load of more rows is found as a truncation, too", async () => {
    const replaces: Segments = {
      1: [
        running(),
        makes(700, file(17_000)),
        commit(700, [{ file: file(17_000), inserted: 9000 }], { droppedRelations: [ORDERS] }),
      ],
    };
    const { transactions } = await find(
      replaces,
      { operation: "truncate" },
      {
        snapshots: [snapshotOf(-1, 1, 0)],
      },
    );
    expect(transactions).toMatchObject([{ relations: [{ name: "orders", replacedBy: 9000 }] }]);
  });
});

test("a database that was dropped is named, with the rows of its tables, before any other loss", async () => {
  const segments: Segments = {
    1: [
      running(),
      { kind: "databaseDrop", xid: 700, database: SHOP, tablespaces: [1663] },
      commit(700),
      ...Array.from({ length: 12 }, (_, n) => commit(701 + n, [{ file: ORDERS, deleted: 9 }])),
    ],
  };
  const { transactions } = await find(segments);
  expect(transactions).toHaveLength(10);
  expect(transactions[0]).toMatchObject({
    xid: 700n,
    droppedPlace: { what: "DROP DATABASE", name: "shop", estimate: { rows: 150 } },
    stopBefore: { lsn: stepLsn(1, 1) },
  });
  expect(xidsOf(await find(segments, { operation: "drop" }))).toEqual([700]);
});
