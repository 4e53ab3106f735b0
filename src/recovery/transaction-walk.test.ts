import { describe, expect, test } from "vitest";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { endLsnOf } from "./commit-fact.ts";
import {
  bookWith,
  classRow,
  commit,
  file,
  going,
  ITEMS_TABLE,
  makes,
  ORDERS_TABLE,
  PG_CLASS,
  rollback,
  type RowsDraft,
  running,
  segmentWith,
  SHOP,
  stepLsn,
} from "./find.fixture.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import type { IndexedSegment } from "./history-segments.ts";
import type { RelationBook } from "./relation-book.ts";
import type { RowTotals } from "./row-totals.ts";
import { TransactionWalk, type WalkedCommit } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";

const NEW = file(18_001);

/** So many rows of `orders` were deleted. */
const deletionOf = (deleted: number): readonly RowsDraft[] => [{ file: ORDERS, deleted }];

interface Options {
  readonly book?: RelationBook;
  readonly majorVersion?: number;
}

/** What the walk handed on, copied; between two segments a gap may be told. */
function walkOver(
  segments: readonly (IndexedSegment | "gap")[],
  { book = bookWith(), majorVersion = 18 }: Options = {},
): readonly WalkedCommit[] {
  const walk = new TransactionWalk(book, { majorVersion, counts: isUserRelation });
  const commits: WalkedCommit[] = [];
  for (const segment of segments) {
    if (segment === "gap") walk.skip();
    else walk.take(segment, (each) => commits.push({ ...each }));
  }
  return commits;
}

const xidOf = ({ index, row }: WalkedCommit): number => index.ends.xid[row] ?? 0;

/** The totals by transaction id, without what is 0. */
const totalsOf = (commits: readonly WalkedCommit[]): Record<string, Partial<RowTotals>> =>
  Object.fromEntries(
    commits.map((each) => [
      xidOf(each),
      Object.fromEntries(Object.entries(each.totals).filter(([, count]) => count !== 0)),
    ]),
  );

/** `orders truncated`, by transaction id. */
const changesOf = (commits: readonly WalkedCommit[]): Record<string, readonly string[]> =>
  Object.fromEntries(
    commits.map((each) => [
      xidOf(each),
      each.changes.map(
        ({ kind, identity, file: old }) => `${identity?.name ?? old?.relfilenode} ${kind}`,
      ),
    ]),
  );

const incompleteOf = (commits: readonly WalkedCommit[]): readonly number[] =>
  commits.filter(({ isIncomplete }) => isIncomplete).map(xidOf);

describe("rows", () => {
  test("of all segments belong to the transaction, in whichever it ends", () => {
    const commits = walkOver([
      segmentWith(1, [commit(700, [{ file: ORDERS, inserted: 1 }]), going(701, deletionOf(2))]),
      segmentWith(2, [going(701, deletionOf(3)), going(702, [{ file: ITEMS, updated: 4 }])]),
      segmentWith(3, [commit(702), commit(701, [{ file: ITEMS, inserted: 5 }]), commit(703)]),
    ]);
    expect(totalsOf(commits)).toEqual({
      700: { inserted: 1 },
      702: { updated: 4 },
      701: { deleted: 5, inserted: 5 },
      703: {},
    });
  });

  test("of subtransactions in earlier segments belong to the transaction that names them", () => {
    const commits = walkOver([
      segmentWith(1, [
        going(701, deletionOf(2)),
        going(702, deletionOf(3)),
        going(703, deletionOf(4)),
      ]),
      segmentWith(2, [rollback(702), commit(700, deletionOf(1), { subtransactions: [701, 703] })]),
    ]);
    expect(totalsOf(commits)).toEqual({ 702: { deleted: 3 }, 700: { deleted: 7 } });
    expect(commits.map(({ isAborted }) => isAborted)).toEqual([true, false]);
  });

  test("of an id that came back are not those of the transaction that ended without a word", () => {
    const commits = walkOver([
      segmentWith(1, [going(700, deletionOf(2)), going(801, deletionOf(3))]),
      segmentWith(2, [running([801], 801)]),
      segmentWith(3, [commit(700, deletionOf(5)), commit(801)]),
    ]);
    expect(totalsOf(commits)).toEqual({ 700: { deleted: 5 }, 801: { deleted: 3 } });
  });

  test("before a gap are not those of what ends behind it", () => {
    const commits = walkOver([
      segmentWith(1, [going(700, deletionOf(2))]),
      "gap",
      segmentWith(3, [commit(700, deletionOf(5))]),
    ]);
    expect(totalsOf(commits)).toEqual({ 700: { deleted: 5 } });
  });
});

describe("a segment in which the path leaves the timeline", () => {
  const left = segmentWith(
    1,
    [
      commit(700, deletionOf(1)),
      classRow({ xid: 702, relation: 20_300, name: "given_up", relfilenode: 18_002 }),
      commit(701, deletionOf(2)),
      going(702, deletionOf(4)),
    ],
    { limit: stepLsn(1, 1) },
  );

  test("is read up to there, and what goes on in it is given up", () => {
    const book = bookWith();
    const commits = walkOver([left, segmentWith(2, [commit(702, deletionOf(8))])], { book });
    expect(totalsOf(commits)).toEqual({ 700: { deleted: 1 }, 702: { deleted: 8 } });
    expect(book.identify(file(18_002), stepLsn(1, 2))).toBeUndefined();
  });
});

describe("a transaction may be incomplete", () => {
  test("until it is told which ones run, and when it is among those", () => {
    const commits = walkOver([
      segmentWith(1, [commit(700)]),
      segmentWith(2, [commit(701), running([702, 704]), commit(703), commit(702)]),
      segmentWith(3, [commit(705), running([706]), commit(706)]),
      segmentWith(4, [commit(704)]),
    ]);
    expect(incompleteOf(commits)).toEqual([700, 701, 702, 704]);
  });

  test("when one of its subtransactions ran already", () => {
    const commits = walkOver([
      segmentWith(1, [running([702]), commit(700, [], { subtransactions: [701, 702] })]),
    ]);
    expect(incompleteOf(commits)).toEqual([700]);
  });

  test("again behind a gap", () => {
    const commits = walkOver([
      segmentWith(1, [running([704]), commit(700)]),
      "gap",
      segmentWith(3, [commit(701), running([703]), commit(702)]),
      // What ran before the gap does not any more: the id was given again.
      segmentWith(4, [commit(703), commit(704)]),
    ]);
    expect(incompleteOf(commits)).toEqual([701, 703]);
  });
});

test("the next id with its epoch is that of the nearest checkpoint before", () => {
  const commits = walkOver([
    segmentWith(1, [commit(700)]),
    segmentWith(2, [commit(701)], { nextXid: (1n << 32n) + 710n }),
    "gap",
    segmentWith(4, [commit(702)]),
  ]);
  const next = (1n << 32n) + 710n;
  expect(commits.map(({ nextXid }) => nextXid)).toEqual([undefined, next, next]);
});

describe("changes of files", () => {
  const drop = { droppedRelations: [ORDERS] };
  const ofOrders = [{ database: SHOP, relation: ORDERS_TABLE.oid }];

  test("are put together from what was made and what goes, over segments", () => {
    const commits = walkOver([
      segmentWith(1, [makes(700, NEW), going(700, [{ file: NEW, inserted: 40 }])]),
      segmentWith(2, [commit(700, deletionOf(3), drop)]),
    ]);
    expect(changesOf(commits)).toEqual({ 700: ["orders replaced"] });
    expect(commits[0]?.changes[0]).toMatchObject({ successor: NEW, rowsAfter: 40 });
    // The new rows are no insertions; those that were deleted before were there.
    expect(totalsOf(commits)).toEqual({ 700: { deleted: 3 } });
  });

  test("leave insertions behind a rewriting in sight", () => {
    const rows = [{ file: NEW, pages: 9, inserted: 2 }];
    const commits = walkOver([segmentWith(1, [makes(700, NEW), commit(700, rows, drop)])]);
    expect(changesOf(commits)).toEqual({ 700: ["orders rewritten"] });
    expect(totalsOf(commits)).toEqual({ 700: { inserted: 2 } });
  });

  test("hide rows of a file that was made and dropped by the same transaction", () => {
    const rows = [
      { file: NEW, inserted: 9 },
      { file: ITEMS, inserted: 1 },
    ];
    const commits = walkOver([
      segmentWith(1, [makes(700, NEW), commit(700, rows, { droppedRelations: [NEW] })]),
    ]);
    expect(changesOf(commits)).toEqual({ 700: [] });
    expect(totalsOf(commits)).toEqual({ 700: { inserted: 1 } });
  });

  test("are none of a transaction that was rolled back: its files go, and its rows are told", () => {
    const rows = [{ file: NEW, inserted: 9 }];
    const parts = { droppedRelations: [NEW] };
    const commits = walkOver([segmentWith(1, [makes(700, NEW), rollback(700, rows, parts)])]);
    expect(changesOf(commits)).toEqual({ 700: [] });
    expect(totalsOf(commits)).toEqual({ 700: { inserted: 9 } });
  });

  test("follow a table from file to file", () => {
    const [second, third] = [file(18_002), file(18_003)];
    const commits = walkOver([
      segmentWith(1, [
        makes(700, second),
        commit(700, [], drop),
        commit(701, [{ file: second, inserted: 6 }]),
        makes(702, third),
      ]),
      segmentWith(2, [
        commit(702, [], { droppedRelations: [second] }),
        commit(703, [{ file: third, deleted: 1 }]),
        commit(704, [], { droppedRelations: [third], droppedObjects: ofOrders }),
      ]),
    ]);
    expect(changesOf(commits)).toEqual({
      700: ["orders truncated"],
      701: [],
      702: ["orders truncated"],
      703: [],
      704: ["orders dropped"],
    });
  });

  test("leave a file that is gone to nobody", () => {
    const book = bookWith();
    walkOver([segmentWith(1, [commit(700, [], { ...drop, droppedObjects: ofOrders })])], { book });
    expect(book.identify(ORDERS, stepLsn(1, 0))?.name).toBe("orders");
    expect(book.identify(ORDERS, stepLsn(2, 0))).toBeUndefined();
  });

  test("name a table that no snapshot saw by its row of pg_class", () => {
    const commits = walkOver([
      segmentWith(1, [
        makes(0, NEW),
        classRow({ xid: 700, relation: 20_300, name: "fleeting", relfilenode: NEW.relfilenode }),
        commit(700, [{ file: NEW, inserted: 25 }]),
        commit(701, [], {
          droppedRelations: [NEW],
          droppedObjects: [{ database: SHOP, relation: 20_300 }],
        }),
      ]),
    ]);
    expect(totalsOf(commits)).toEqual({ 700: { inserted: 25 }, 701: {} });
    expect(changesOf(commits)).toEqual({ 700: [], 701: ["fleeting dropped"] });
  });

  test("leave out files that were made here and never had a row", () => {
    const steps = [makes(0, NEW), makes(0, ITEMS), commit(699, [{ file: ITEMS, inserted: 1 }])];
    const goes = { droppedObjects: [{ database: SHOP, relation: 9 }] };
    const commits = walkOver(
      [
        segmentWith(1, [
          ...steps,
          commit(700, [], { ...goes, droppedRelations: [NEW] }),
          commit(701, [], { ...goes, droppedRelations: [ITEMS] }),
        ]),
      ],
      { book: bookWith([]) },
    );
    expect(changesOf(commits)).toEqual({ 699: [], 700: [], 701: ["16390 dropped"] });
  });

  test("take what TRUNCATE names at wal_level=logical", () => {
    const truncate = {
      kind: "truncate",
      xid: 700,
      database: SHOP,
      relations: [ORDERS_TABLE.oid],
    } as const;
    expect(changesOf(walkOver([segmentWith(1, [truncate, commit(700)])]))).toEqual({
      700: ["orders truncated"],
    });
  });

  test("before 15 are told from rows of pg_class that were deleted, whatever its file is", () => {
    const catalogue = relation({
      oid: 1259,
      relfilenode: PG_CLASS.relfilenode,
      name: "pg_class",
    });
    const deletion = [{ file: PG_CLASS, deleted: 1 }];
    const steps = [commit(700, [], drop), commit(701, deletion, { droppedRelations: [ITEMS] })];
    const read = (majorVersion: number) =>
      changesOf(
        walkOver([segmentWith(1, steps)], {
          book: bookWith([ORDERS_TABLE, ITEMS_TABLE, catalogue]),
          majorVersion,
        }),
      );
    expect(read(14)).toEqual({ 700: ["orders truncated"], 701: ["items dropped"] });
    // From 15 on the commit says that no relation goes.
    expect(read(15)).toEqual({ 700: ["orders truncated"], 701: ["items truncated"] });
  });
});

test("the ends come in the order of WAL, with their places", () => {
  const commits = walkOver([
    segmentWith(1, [running(), commit(700), rollback(702), commit(701, deletionOf(1))]),
  ]);
  expect(commits.map(({ index, row }) => endLsnOf(index, row))).toEqual([
    stepLsn(1, 1),
    stepLsn(1, 2),
    stepLsn(1, 3),
  ]);
  expect(commits.map(({ isAborted }) => isAborted)).toEqual([false, true, false]);
});
