import { expect, test } from "vitest";
import { relation } from "../repository/catalogue.fixture.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import {
  bookWith,
  commit,
  countsOf,
  file,
  indexWith,
  ITEMS_TABLE,
  ORDERS_TABLE,
  type RowsDraft,
  stepLsn,
} from "./find.fixture.ts";
import { NO_ROWS, PatternTotals, type RowInterest, type RowTotals } from "./row-totals.ts";

const parent = relation({ oid: 20_100, relfilenode: 0, name: "parts", kind: "p" });
const [LEFT, RIGHT] = [file(17_001), file(17_002)];
const book = bookWith([
  ORDERS_TABLE,
  ITEMS_TABLE,
  parent,
  relation({ oid: 20_101, relfilenode: LEFT.relfilenode, name: "left", parents: [parent.oid] }),
  relation({ oid: 20_102, relfilenode: RIGHT.relfilenode, name: "right", parents: [parent.oid] }),
]);
const ALL: RowInterest = { counts: () => true };
const only = (...names: readonly string[]): RowInterest => ({
  counts: (identity) => identity !== undefined && names.includes(identity.name),
});

/** The totals of one transaction, by its pattern, which must be those of its rows. */
function totalsOf(interest: RowInterest, ...drafts: readonly RowsDraft[]): RowTotals {
  const index = indexWith(1, [commit(700, drafts)]);
  const totals = new PatternTotals(index, book, interest);
  const sum = totals.ofPattern(index.ends.pattern[0] ?? 0, 0);
  const rows = drafts.map((draft) => ({ file: draft.file, rows: countsOf(draft) }));
  expect(totals.ofRows(rows, stepLsn(1, 0))).toEqual(sum);
  return sum;
}

const changes = [
  { file: ORDERS, inserted: 1, deleted: 3 },
  { file: ITEMS, inserted: 10, updated: 20, pages: 5 },
];

test("rows are added up over the relations that count", () => {
  expect(totalsOf(ALL, ...changes)).toEqual({ inserted: 11, updated: 20, deleted: 3, moved: 0 });
  expect(totalsOf(only("orders"), ...changes)).toEqual({ ...NO_ROWS, inserted: 1, deleted: 3 });
  expect(totalsOf(only("nothing"), ...changes)).toEqual(NO_ROWS);
  expect(totalsOf(ALL)).toEqual(NO_ROWS);
});

test("rows that move count once, seen from whichever partition is asked about", () => {
  const moves = [
    { file: LEFT, movedOut: 6 },
    { file: RIGHT, inserted: 6 },
  ];
  for (const names of [["left"], ["right"], ["left", "right"]]) {
    expect(totalsOf(only(...names), ...moves)).toEqual({ ...NO_ROWS, moved: 6 });
  }
});

test("insertions beyond the rows that moved are insertions", () => {
  const lost = [
    { file: LEFT, movedOut: 6 },
    { file: RIGHT, inserted: 8 },
  ];
  expect(totalsOf(ALL, ...lost)).toEqual({ ...NO_ROWS, inserted: 2, moved: 6 });
  expect(totalsOf(only("right"), ...lost)).toEqual({ ...NO_ROWS, inserted: 2, moved: 6 });
});

test("the sum of a pattern is made once", () => {
  let askedCount = 0;
  const counting: RowInterest = {
    counts: () => {
      askedCount += 1;
      return true;
    },
  };
  const index = indexWith(1, [commit(700, changes), commit(701, changes)]);
  const totals = new PatternTotals(index, book, counting);
  expect(totals.ofPattern(1, 1)).toBe(totals.ofPattern(1, 0));
  expect(askedCount).toBe(2);
});
