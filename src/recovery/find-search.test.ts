import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { type FindQuery, Search } from "./find-search.ts";
import {
  bookWith,
  commit,
  file,
  going,
  type IndexStep,
  ITEMS_TABLE,
  makes,
  ORDERS_TABLE,
  rollback,
  type RowsDraft,
  running,
  segmentWith,
  SHOP,
  stepLsn,
  stepTime,
} from "./find.fixture.ts";
import type { FoundTransaction } from "./found-transaction.ts";
import type { IndexedSegment } from "./history-segments.ts";
import { parseRelationName, RelationFilter } from "./relation-filter.ts";
import { TransactionWalk } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";

const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const EPOCH = 1n << 32n;

/** So many rows of `orders` were deleted. */
const deletionOf = (deleted: number): readonly RowsDraft[] => [{ file: ORDERS, deleted }];

interface Outcome {
  readonly found: readonly FoundTransaction[];
  readonly matchedCount: number;
  /** Whether the search was over, after each segment. */
  readonly isOver: readonly boolean[];
}

/** Looks through all segments, whether the search is over or not. */
function search(
  segments: readonly IndexedSegment[],
  query: Partial<Omit<FindQuery, "table">> & { readonly table?: string } = {},
): Outcome {
  const table = query.table === undefined ? undefined : parseRelationName(query.table);
  const book = bookWith();
  const filter = table && new RelationFilter(table, book);
  const counting = new Search({ countMax: 100, ...query, table }, book, filter);
  const walk = new TransactionWalk(book, {
    majorVersion: 18,
    counts: (identity, of, lsn) =>
      filter === undefined
        ? isUserRelation(identity, of)
        : identity !== undefined && filter.matches(identity, lsn),
  });
  const isOver = segments.map((segment) => {
    walk.take(segment, (each) => counting.take(each));
    return counting.isOver(segment);
  });
  return { found: counting.results(FIRST), matchedCount: counting.matchedCount, isOver };
}

/** Looks through one segment, which begins by telling that nothing runs. */
const searchIn = (steps: readonly IndexStep[], query: Parameters<typeof search>[1] = {}): Outcome =>
  search([segmentWith(1, [running(), ...steps])], query);

const xidsOf = ({ found }: Outcome): readonly number[] => found.map(({ xid }) => Number(xid));

const MIXED: readonly IndexStep[] = [
  commit(700, deletionOf(5)),
  commit(701, [{ file: ORDERS, updated: 900 }]),
  commit(702, [{ file: ITEMS, inserted: 5000 }]),
  commit(703, [{ file: ITEMS, deleted: 8, inserted: 3 }]),
  commit(704),
  commit(705, [], {
    droppedRelations: [ITEMS],
    droppedObjects: [{ database: SHOP, relation: ITEMS_TABLE.oid }],
  }),
];

describe("without a question", () => {
  test("what lost most comes first, then what changed most, then what added most; what did nothing is left out", () => {
    expect(xidsOf(searchIn(MIXED))).toEqual([705, 703, 700, 701, 702]);
  });

  test("of transactions that did the same the later comes first", () => {
    const steps = [700, 701, 702].map((xid) => commit(xid, deletionOf(1)));
    expect(xidsOf(searchIn(steps))).toEqual([702, 701, 700]);
  });

  test("more than are wanted are counted", () => {
    const outcome = searchIn(MIXED, { countMax: 2 });
    expect([xidsOf(outcome), outcome.matchedCount]).toEqual([[705, 703], 5]);
    expect(searchIn(MIXED, { countMax: 0 })).toMatchObject({ found: [], matchedCount: 5 });
  });

  test("the few are the first of all, whatever happened", () => {
    const rows = fc.record({ inserted: fc.nat(3), updated: fc.nat(3), deleted: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(rows, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (all, few) => {
        const steps = all.map((each, place) => commit(700 + place, [{ file: ORDERS, ...each }]));
        const wanted = all
          .map((each, place) => ({ xid: 700 + place, ...each }))
          .filter(({ inserted, updated, deleted }) => inserted + updated + deleted > 0)
          .toSorted(
            (left, right) =>
              right.deleted - left.deleted ||
              right.updated - left.updated ||
              right.inserted - left.inserted ||
              right.xid - left.xid,
          )
          .map(({ xid }) => xid);
        const outcome = searchIn(steps, { countMax: few });
        expect(xidsOf(outcome)).toEqual(wanted.slice(0, few));
        expect(outcome.matchedCount).toBe(wanted.length);
      }),
    );
  });
});

test.each<[query: Parameters<typeof search>[1], xids: readonly number[]]>([
  [{ operation: "delete" }, [703, 700]],
  [{ operation: "update" }, [701]],
  [{ operation: "insert" }, [702, 703]],
  [{ operation: "drop" }, [705]],
  [{ operation: "truncate" }, []],
  [{ table: "orders" }, [700, 701]],
  [{ table: "public.items" }, [705, 703, 702]],
  [{ table: "items", operation: "insert" }, [702, 703]],
  [{ table: "orders", operation: "drop" }, []],
  [{ rowsMin: 9 }, [705, 703, 701, 702]],
  [{ rowsMin: 12 }, [705, 701, 702]],
  [{ rowsMin: 6, operation: "delete" }, [703]],
  [{ rowsMin: 30, operation: "drop" }, [705]],
  [{ rowsMin: 31, operation: "drop" }, []],
  [{ rowsMin: 5, table: "orders" }, [700, 701]],
  [{ rowsMin: 6, table: "orders" }, [701]],
  [{ xid: 704n }, [704]],
  [{ xid: 703n, operation: "update" }, [703]],
  [{ xid: 703n, rowsMin: 12 }, []],
  [{ xid: 799n }, []],
])("%o finds %j", (query, xids) => {
  expect(xidsOf(searchIn(MIXED, query))).toEqual(xids);
});

test("a transaction is told with what it did, its place, and the commits around it", () => {
  const steps = [commit(700), rollback(701), commit(702, deletionOf(5)), rollback(703)];
  const { found } = search([
    segmentWith(1, [running(), ...steps]),
    segmentWith(2, [commit(704), commit(705)]),
  ]);
  const place = (xid: bigint, segment: number, step: number) => ({
    xid,
    lsn: stepLsn(segment, step),
    at: stepTime(segment, step),
  });
  expect(found).toMatchObject([
    {
      ...place(702n, 1, 3),
      timeline: 1,
      isAborted: false,
      isIncomplete: false,
      globalIdentifier: undefined,
      relations: [{ database: "shop", schema: "public", name: "orders", deleted: 5, inserted: 0 }],
      stopBefore: { lsn: stepLsn(1, 3), irreversible: undefined },
      commitBefore: place(700n, 1, 1),
      commitAfter: place(704n, 2, 0),
    },
  ]);
});

test("the first and the last commit have none on one side", () => {
  const { found } = searchIn([commit(700, deletionOf(1))]);
  expect(found).toMatchObject([{ commitBefore: undefined, commitAfter: undefined }]);
});

test("a transaction that ran already where history begins is marked", () => {
  const steps = [running([700]), commit(700, deletionOf(2)), commit(701, deletionOf(1))];
  const { found } = search([segmentWith(1, steps)]);
  expect(found.map(({ isIncomplete }) => isIncomplete)).toEqual([true, false]);
});

describe("transactions that were rolled back", () => {
  const steps = [
    commit(700, deletionOf(1)),
    rollback(701, deletionOf(9)),
    commit(702, [{ file: ITEMS, inserted: 1 }]),
  ];

  test("are left out, also when one is asked for by its id", () => {
    expect(xidsOf(searchIn(steps))).toEqual([700, 702]);
    expect(xidsOf(searchIn(steps, { xid: 701n }))).toEqual([]);
  });

  test("are told when they are asked for, between the commits around them", () => {
    const { found, matchedCount } = searchIn(steps, { includesAborted: true });
    expect(found).toMatchObject([
      { xid: 701n, isAborted: true, commitBefore: { xid: 700n }, commitAfter: { xid: 702n } },
      { xid: 700n, isAborted: false, commitAfter: { xid: 702n } },
      { xid: 702n, isAborted: false, commitBefore: { xid: 700n } },
    ]);
    expect(matchedCount).toBe(3);
  });
});

describe("a prepared transaction", () => {
  const prepare: IndexStep = {
    kind: "prepare",
    xid: 700,
    at: stepTime(1, 1),
    database: SHOP,
    globalIdentifier: "transfer 7",
    subtransactions: [],
    relationsDroppedAtCommit: [],
    relationsDroppedAtAbort: [],
  };

  test("is found at its COMMIT PREPARED, with the rows before its preparation", () => {
    const { found } = search([
      segmentWith(1, [running(), prepare, going(700, deletionOf(4))]),
      segmentWith(2, [commit(701), commit(700)]),
    ]);
    expect(found).toMatchObject([
      {
        xid: 700n,
        lsn: stepLsn(2, 1),
        at: stepTime(2, 1),
        globalIdentifier: "transfer 7",
        relations: [{ name: "orders", deleted: 4 }],
      },
    ]);
  });

  test("is named by its commit where the preparation lies before all", () => {
    const { found } = searchIn([commit(700, deletionOf(4), { globalIdentifier: "transfer 7" })]);
    expect(found).toMatchObject([{ globalIdentifier: "transfer 7" }]);
  });
});

describe("an id", () => {
  const next = 2n * EPOCH + 800n;
  const steps = [commit(700, deletionOf(1)), commit(710, [], { subtransactions: [711, 712] })];
  const asked = (xid: bigint, nextXid?: bigint): readonly bigint[] =>
    search([segmentWith(1, steps, nextXid === undefined ? {} : { nextXid })], { xid }).found.map(
      (each) => each.xid,
    );

  test("finds its transaction with and without epoch, and is told with it", () => {
    expect(asked(700n, next)).toEqual([2n * EPOCH + 700n]);
    expect(asked(2n * EPOCH + 700n, next)).toEqual([2n * EPOCH + 700n]);
  });

  test("of another epoch finds nothing", () => {
    expect(asked(EPOCH + 700n, next)).toEqual([]);
    expect(asked(3n * EPOCH + 700n, next)).toEqual([]);
  });

  test("with an epoch finds what may be it where no checkpoint tells the epoch", () => {
    expect(asked(EPOCH + 700n)).toEqual([700n]);
  });

  test("of a subtransaction finds the transaction", () => {
    expect(asked(712n, next)).toEqual([2n * EPOCH + 710n]);
    expect(asked(2n * EPOCH + 711n, next)).toEqual([2n * EPOCH + 710n]);
    expect(asked(EPOCH + 711n, next)).toEqual([]);
  });

  test("that was given again one epoch later finds each, and with epoch the one", () => {
    const segments = [
      segmentWith(1, [commit(700, deletionOf(1))], { nextXid: 800n }),
      segmentWith(2, [commit(700, deletionOf(2))], { nextXid: EPOCH + 800n }),
    ];
    const found = (xid: bigint): readonly bigint[] =>
      search(segments, { xid }).found.map((each) => each.xid);
    expect(found(700n)).toEqual([EPOCH + 700n, 700n]);
    expect(found(EPOCH + 700n)).toEqual([EPOCH + 700n]);
  });
});

describe("between two instants", () => {
  const steps = [700, 701, 702, 703].map((xid) => commit(xid, deletionOf(xid)));

  test("ends of transactions count, both instants included", () => {
    // Step 0 tells that nothing runs, so that transaction 700 ends in minute 1.
    const between = { from: stepTime(1, 2), to: stepTime(1, 3) };
    expect(xidsOf(searchIn(steps, between))).toEqual([702, 701]);
    expect(xidsOf(searchIn(steps, { from: stepTime(1, 3) }))).toEqual([703, 702]);
    expect(xidsOf(searchIn(steps, { to: stepTime(1, 1) }))).toEqual([700]);
    const later = { from: stepTime(1, 2).add({ microseconds: 1 }) };
    expect(xidsOf(searchIn(steps, later))).toEqual([703, 702]);
  });

  test("the commits around a result may lie outside", () => {
    const between = { from: stepTime(1, 2), to: stepTime(1, 2) };
    expect(searchIn(steps, between).found).toMatchObject([
      { xid: 701n, commitBefore: { xid: 700n }, commitAfter: { xid: 702n } },
    ]);
  });

  test("the search is over in a segment that ends nothing before, allowing for disorder", () => {
    const to = stepTime(1, 0);
    const late = (seconds: number): Temporal.Instant => to.add({ seconds });
    const { isOver } = search(
      [
        segmentWith(1, [commit(700, [], { at: late(59) }), commit(701, [], { at: late(300) })]),
        segmentWith(2, [running()]),
        segmentWith(3, [commit(702, [], { at: late(60) })]),
        segmentWith(4, [commit(703, [], { at: late(61) }), rollback(704, [], { at: late(300) })]),
      ],
      { to },
    );
    expect(isOver).toEqual([false, false, false, true]);
  });

  test("the search is not over before the commit behind a result is known", () => {
    const to = stepTime(1, 0);
    const segments = [
      segmentWith(1, [commit(700, deletionOf(1))]),
      segmentWith(2, [rollback(701)]),
      segmentWith(3, [commit(702)]),
    ];
    const { isOver, found } = search(segments, { to });
    expect(isOver).toEqual([false, false, true]);
    expect(found).toMatchObject([{ commitAfter: { xid: 702n } }]);
  });

  test("the search is never over without an end", () => {
    expect(search([segmentWith(1, [commit(700)])]).isOver).toEqual([false]);
  });
});

describe("what acts before its commit", () => {
  const steps: readonly IndexStep[] = [
    { kind: "sharedInPlace", relfilenode: 1262, oid: 16_400 },
    { kind: "databaseDrop", xid: 700, database: 16_400, tablespaces: [1663] },
    commit(700),
    commit(701, deletionOf(2)),
  ];

  test("is told with the earlier place to stop before, and counts as something dropped", () => {
    const { found } = searchIn(steps);
    expect(found).toMatchObject([
      { xid: 701n },
      {
        xid: 700n,
        relations: [],
        stopBefore: {
          lsn: stepLsn(1, 1),
          irreversible: { what: "DROP DATABASE", oid: 16_400, lsn: stepLsn(1, 1) },
        },
      },
    ]);
    expect(xidsOf(searchIn(steps, { operation: "drop" }))).toEqual([700]);
  });

  test("is no table's", () => {
    expect(xidsOf(searchIn(steps, { table: "orders" }))).toEqual([701]);
  });
});

test("a result keeps its own numbers while the walk goes on", () => {
  const NEW = file(18_001);
  const { found } = searchIn([
    makes(700, NEW),
    commit(700, [{ file: NEW, inserted: 40 }], { droppedRelations: [ORDERS] }),
    commit(701, [{ file: NEW, deleted: 7 }]),
    commit(702, [{ file: ITEMS, deleted: 1 }]),
  ]);
  expect(found).toMatchObject([
    {
      xid: 700n,
      relations: [
        {
          name: "orders",
          identity: { oid: ORDERS_TABLE.oid },
          replacedBy: 40,
          rowsEstimate: 120,
          inserted: 0,
          deleted: 0,
        },
      ],
    },
    { xid: 701n, relations: [{ name: "orders", deleted: 7, replacedBy: undefined }] },
    { xid: 702n, relations: [{ name: "items", deleted: 1 }] },
  ]);
});
