import { expect, test } from "vitest";
import { indexesOf, insertion, ITEMS, ORDERS, update } from "../wal/index.fixture.ts";
import { transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { FileCensus } from "./file-census.ts";
import { commit, file, going, indexWith, rollback } from "./find.fixture.ts";

const FILLED_BEFORE = file(17_000);
const AT = "2026-11-21T08:00:00Z";

test("a file that was made here is empty until a row comes into it, and unknown once it is gone", () => {
  const census = new FileCensus();
  expect(census.isEmpty(ORDERS)).toBe(false);
  census.addMade(ORDERS);
  census.addMade(ITEMS);
  const builder = new WalBuilder();
  builder.append(insertion({ xid: 700, relation: ORDERS }));
  builder.append(update({ xid: 700, relation: ITEMS }));
  builder.append(transactionEnd("abort", 700, AT));
  for (const index of indexesOf(builder)) census.addRows(index);
  expect([census.isEmpty(ORDERS), census.isEmpty(ITEMS)]).toEqual([false, true]);
  census.forget(ITEMS);
  expect(census.isEmpty(ITEMS)).toBe(false);
});

test("rows that came in are counted, less those that went, of what was not rolled back", () => {
  const census = new FileCensus();
  census.addMade(ORDERS);
  census.addMade(ITEMS);
  const steps = [
    commit(700, [{ file: ORDERS, inserted: 10 }]),
    commit(701, [{ file: ORDERS, inserted: 10 }]),
    commit(702, [
      { file: ORDERS, inserted: 5, deleted: 2, updated: 3 },
      { file: FILLED_BEFORE, inserted: 9 },
    ]),
    rollback(703, [{ file: ORDERS, inserted: 1000 }]),
    going(704, [{ file: ORDERS, inserted: 4 }]),
    commit(705, [{ file: ITEMS, pages: 3, inserted: 1 }]),
  ];
  census.addRows(indexWith(1, steps));
  // Pages that were written as images have nobody knows how many rows.
  expect([ORDERS, ITEMS, FILLED_BEFORE].map((each) => census.rowsOf(each))).toEqual([
    27,
    undefined,
    undefined,
  ]);
  census.addRows(indexWith(2, [commit(706, [{ file: ORDERS, deleted: 40 }])]));
  expect(census.rowsOf(ORDERS)).toBe(0);
  census.clear();
  expect(census.rowsOf(ORDERS)).toBeUndefined();
});
