import { describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { createLog } from "../base/log.ts";
import { addLsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import { putWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { putWalIndex } from "../repository/wal-index.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { listAll } from "../storage/object-store.ts";
import { deletion, ITEMS, ORDERS } from "../wal/index.fixture.ts";
import {
  restorePoint,
  runningTransactions,
  SEGMENT_SIZE,
  transactionEnd,
  WalBuilder,
} from "../wal/wal.fixture.ts";
import { type FindQuery, type FindResult, findTransactions } from "./find.ts";
import {
  archiveWith,
  commit,
  going,
  indexWith,
  type IndexStep,
  ITEMS_TABLE,
  ORDERS_TABLE,
  rollback,
  type RowsDraft,
  running,
  SCHEMA,
  snapshotWith,
  stepLsn,
  stepTime,
} from "./find.fixture.ts";
import { parseRelationName } from "./relation-filter.ts";
import { archiveIn, filesOf, nameOf } from "./target.fixture.ts";

const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const CONTEXT = createContext();

/** So many rows of `orders` were deleted. */
const deletionOf = (deleted: number): readonly RowsDraft[] => [{ file: ORDERS, deleted }];

async function find(
  archive: WalArchive,
  query: Partial<FindQuery> = {},
  range: { readonly first?: bigint; readonly history?: TimelineHistory } = {},
): Promise<FindResult & { readonly xids: readonly number[]; readonly read: readonly string[] }> {
  const read: string[] = [];
  const result = await findTransactions(
    {
      archive,
      history: FIRST,
      blockSizeBytes: 8192,
      onProgress: (segment) => read.push(segment),
      ...range,
    },
    { countMax: 10, ...query },
    CONTEXT,
  );
  return { ...result, xids: result.transactions.map(({ xid }) => Number(xid)), read };
}

/** Segments that each begin by telling that nothing runs, and commit a transaction 700 + number that deleted rows. */
const plain = (number: number, ...more: readonly IndexStep[]) =>
  indexWith(number, [running(), commit(700 + number, deletionOf(number)), ...more]);

test("an archive without WAL has nothing", async () => {
  expect(await find(await archiveWith([]))).toEqual({
    transactions: [],
    matchedCount: 0,
    points: [],
    profile: [],
    unindexedCount: 0,
    missing: [],
    unreadable: [],
    xids: [],
    read: [],
  });
});

test("everything is told along the segments: transactions, restore points, a profile", async () => {
  const point: IndexStep = { kind: "restorePoint", name: "before_disaster", at: stepTime(2, 30) };
  const archive = await archiveWith([
    plain(1, commit(750, [{ file: ITEMS, inserted: 2, deleted: 6 }])),
    indexWith(2, [point]),
    plain(3, rollback(760, deletionOf(100))),
  ]);
  const result = await find(archive);
  expect(result.xids).toEqual([750, 703, 701]);
  expect(result.points).toEqual([
    { name: "before_disaster", lsn: stepLsn(2, 0), at: stepTime(2, 30) },
  ]);
  expect(result.profile).toEqual([
    { from: stepTime(1, 1), to: stepTime(1, 2), deleted: 7 },
    { from: undefined, to: undefined, deleted: 0 },
    { from: stepTime(3, 1), to: stepTime(3, 2), deleted: 3 },
  ]);
  expect(result.read).toEqual([1n, 2n, 3n].map((number) => nameOf(number)));
  expect(result).toMatchObject({ missing: [], unreadable: [], unindexedCount: 0 });
});

test("nothing is read behind the last instant that is asked for, nor before the first segment", async () => {
  const archive = await archiveWith([1, 2, 3, 4, 5].map((number) => plain(number)));
  const result = await find(archive, { to: stepTime(2, 30) }, { first: 2n });
  expect(result.xids).toEqual([702]);
  expect(result.read).toEqual([nameOf(2n), nameOf(3n)]);
});

describe("names", () => {
  test("come from the catalogues that lie on the path", async () => {
    const renamed = { ...ORDERS_TABLE, name: "orders_2027" };
    const elsewhere = snapshotWith([{ ...ORDERS_TABLE, name: "stranger" }], stepLsn(1, 0));
    const archive = await archiveWith(
      [plain(1), plain(2)],
      [
        snapshotWith(),
        snapshotWith([renamed, ITEMS_TABLE], stepLsn(2, 0)),
        { ...elsewhere, timeline: timeline(2) },
      ],
    );
    const { transactions } = await find(archive);
    expect(transactions.map(({ relations }) => relations[0]?.name)).toEqual([
      "orders_2027",
      "orders",
    ]);
  });

  test("that no catalogue knows are those of files", async () => {
    const { transactions } = await find(await archiveWith([plain(1)], []));
    expect(transactions).toMatchObject([
      { relations: [{ database: "5", schema: undefined, name: "1663/5/16384", deleted: 1 }] },
    ]);
  });

  test("that are not known, or fit several tables, are an error", async () => {
    const twin = relation({ oid: 20_900, relfilenode: 17_900, schema: SCHEMA.sales });
    const archive = await archiveWith([plain(1)], [snapshotWith([ORDERS_TABLE, twin])]);
    const asked = (name: string): Promise<FindResult> =>
      find(archive, { table: parseRelationName(name) });
    await expect(asked("nothing")).rejects.toMatchObject({ code: "RELATION_UNKNOWN" });
    await expect(asked("orders")).rejects.toMatchObject({
      code: "RELATION_AMBIGUOUS",
      message: '"orders" may be shop.public.orders or shop.sales.orders',
    });
    expect((await find(archive, { table: parseRelationName("public.orders") })).xids).toEqual([
      701,
    ]);
  });

  test("restrict the profile, too", async () => {
    const archive = await archiveWith([plain(1, commit(750, [{ file: ITEMS, deleted: 6 }]))]);
    const { profile, xids } = await find(archive, { table: parseRelationName("items") });
    expect([xids, profile[0]?.deleted]).toEqual([[750], 6]);
  });
});

describe("a gap", () => {
  test("is told with its first and last segment, and breaks transactions", async () => {
    const archive = await archiveWith([
      plain(1, going(799, deletionOf(50))),
      indexWith(4, [commit(799, deletionOf(1)), running(), commit(704, deletionOf(4))]),
      plain(6),
    ]);
    const { transactions, missing, profile, xids } = await find(archive);
    expect(missing).toEqual([
      { kind: "missing", first: 2n, last: 3n },
      { kind: "missing", first: 5n, last: 5n },
    ]);
    expect(profile).toHaveLength(3);
    expect(xids).toEqual([706, 704, 799, 701]);
    expect(transactions.map(({ isIncomplete }) => isIncomplete)).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  test("lies also between the first segment that is wanted and the first that is stored", async () => {
    const archive = await archiveWith([plain(4)]);
    expect((await find(archive, {}, { first: 2n })).missing).toMatchObject([
      { first: 2n, last: 3n },
    ]);
    expect((await find(archive)).missing).toEqual([]);
  });
});

test("a segment that is damaged is named, and what follows is told", async () => {
  const archive = await archiveWith([plain(1), plain(3)]);
  await putWalFile(
    archive,
    nameOf(2n),
    Buffer.alloc(SEGMENT_SIZE, 0x55),
    { compression: { kind: "none", level: 0 } },
    CONTEXT,
  );
  const { unreadable, missing, unindexedCount, xids } = await find(archive);
  expect(unreadable).toMatchObject([{ name: nameOf(2n), error: { code: "WAL_SEGMENT_INVALID" } }]);
  expect({ missing, unindexedCount, xids }).toEqual({
    missing: [],
    unindexedCount: 0,
    xids: [703, 701],
  });
});

describe("segments without index", () => {
  function threeSegments(): WalBuilder {
    const builder = new WalBuilder();
    const nothing = { xids: [], overflowed: false, nextXid: 700, oldestRunningXid: 700 };
    builder.append(runningTransactions(nothing));
    builder.append(deletion({ xid: 701 }));
    builder.append(deletion({ xid: 702 }));
    builder.append(transactionEnd("commit", 702, "2026-11-25T08:01:00Z"));
    builder.switchSegment();
    builder.append(restorePoint("between", "2026-11-25T09:00:00Z"));
    builder.append(deletion({ xid: 701 }));
    builder.switchSegment();
    builder.append(transactionEnd("commit", 701, "2026-11-25T10:00:00Z"));
    return builder;
  }

  test("are read whole and counted: the answer is the same", async () => {
    const archive = await archiveIn(createMemoryStore(), filesOf(threeSegments()));
    const { transactions, points, unindexedCount, missing, unreadable } = await find(archive);
    expect(transactions).toMatchObject([
      { xid: 701n, relations: [{ deleted: 2 }], commitBefore: { xid: 702n }, isIncomplete: false },
      { xid: 702n, relations: [{ deleted: 1 }], commitAfter: { xid: 701n } },
    ]);
    expect(points.map(({ name }) => name)).toEqual(["between"]);
    expect({ unindexedCount, missing, unreadable }).toEqual({
      unindexedCount: 3,
      missing: [],
      unreadable: [],
    });
  });

  test("are those whose index is damaged, too, with a warning", async () => {
    const store = createMemoryStore();
    const archive = await archiveIn(store, filesOf(threeSegments()));
    await putWalIndex(archive, { name: nameOf(1n), index: plain(1) }, CONTEXT);
    for await (const { key } of listAll(store, "stanza/", { signal: CONTEXT.signal })) {
      if (key.includes(".index-")) store.tamper(key, (bytes) => bytes.subarray(0, 100));
    }
    const warnings: unknown[] = [];
    const log = createLog("warn", (level, message, { name }) =>
      warnings.push([level, message, name]),
    );
    const { transactions, unindexedCount } = await findTransactions(
      { archive, history: FIRST, blockSizeBytes: 8192 },
      { countMax: 10 },
      { ...CONTEXT, log },
    );
    expect(transactions.map(({ xid }) => xid)).toEqual([701n, 702n]);
    expect(unindexedCount).toBe(3);
    expect(warnings).toEqual([
      ["warn", "a WAL index is damaged and is made again in memory", nameOf(1n)],
    ]);
  });
});

describe("several timelines", () => {
  // Timeline 2 leaves timeline 1 behind step 2 of segment 2, timeline 3 leaves it where segment 4 begins.
  const switchLsn = addLsn(stepLsn(2, 2), 8n);
  const shared = [running(), commit(702, deletionOf(2))];
  const point: IndexStep = { kind: "restorePoint", name: "given up", at: stepTime(2, 5) };
  const givenUp = [commit(750, deletionOf(90)), commit(751, deletionOf(91)), point];
  const SECOND: TimelineHistory = {
    timeline: timeline(2),
    ancestors: [{ timeline: timeline(1), switchLsn, reason: "" }],
  };
  const THIRD: TimelineHistory = {
    timeline: timeline(3),
    ancestors: [
      ...SECOND.ancestors,
      { timeline: timeline(2), switchLsn: addLsn(stepLsn(4, 0), -256n), reason: "" },
    ],
  };
  const ofFirst = [plain(1), indexWith(2, [...shared, rollback(703), ...givenUp]), plain(3)];
  const ofSecond = [
    indexWith(2, [...shared, rollback(703), commit(760, deletionOf(20))]),
    indexWith(3, [commit(761, deletionOf(30))]),
    indexWith(4, [commit(762, deletionOf(40))]),
  ];
  const ofThird = [indexWith(4, [commit(763, deletionOf(50))])];
  const all = [
    ...ofFirst,
    ...ofSecond.map((index) => [2, index] as const),
    ...ofThird.map((index) => [3, index] as const),
  ];

  test("are followed to the one that is asked for, and each transaction told with its own", async () => {
    const archive = await archiveWith(all);
    const told = async (history: TimelineHistory): Promise<readonly (readonly number[])[]> => {
      const { transactions } = await find(archive, {}, { history });
      return transactions.map(({ xid, timeline: id }) => [Number(xid), id]);
    };
    expect(await told(THIRD)).toEqual([
      [763, 3],
      [761, 2],
      [760, 2],
      [702, 1],
      [701, 1],
    ]);
    expect(await told(SECOND)).toEqual([
      [762, 2],
      [761, 2],
      [760, 2],
      [702, 1],
      [701, 1],
    ]);
    expect(await told(FIRST)).toEqual([
      [751, 1],
      [750, 1],
      [703, 1],
      [702, 1],
      [701, 1],
    ]);
  });

  test("are read under the child's name where the child repeats the parent", async () => {
    const { read, missing } = await find(await archiveWith(all), {}, { history: THIRD });
    expect(read).toEqual([nameOf(1n), nameOf(2n, 2), nameOf(3n, 2), nameOf(4n, 3)]);
    expect(missing).toEqual([]);
  });

  test("end where the parent was left while the child has archived nothing", async () => {
    const archive = await archiveWith(ofFirst);
    const { xids, missing, points, profile, read } = await find(archive, {}, { history: SECOND });
    expect(xids).toEqual([702, 701]);
    expect([missing, points]).toEqual([[], []]);
    expect(profile.at(-1)).toEqual({ from: stepTime(2, 1), to: stepTime(2, 2), deleted: 2 });
    expect(read).toEqual([nameOf(1n), nameOf(2n)]);
  });

  test("have a gap where the child's first segment is missing and a later one is not", async () => {
    const archive = await archiveWith([
      ...ofFirst,
      ...ofSecond.slice(1).map((index) => [2, index] as const),
    ]);
    const { transactions, missing } = await find(archive, {}, { history: SECOND });
    expect(transactions).toMatchObject([
      { xid: 762n, isIncomplete: true },
      { xid: 761n, isIncomplete: true },
      { xid: 702n, isIncomplete: false },
      { xid: 701n, isIncomplete: false },
    ]);
    expect(missing).toMatchObject([{ first: 2n, last: 2n }]);
  });
});

test("a search that is given up stops", async () => {
  const archive = await archiveWith([plain(1), plain(2)]);
  const giveUp = new AbortController();
  const read: string[] = [];
  const finding = findTransactions(
    {
      archive,
      history: FIRST,
      blockSizeBytes: 8192,
      onProgress: (segment) => {
        read.push(segment);
        giveUp.abort(new Error("enough"));
      },
    },
    { countMax: 10 },
    { ...CONTEXT, signal: giveUp.signal },
  );
  await expect(finding).rejects.toThrow("enough");
  expect(read).toEqual([nameOf(1n)]);
});
