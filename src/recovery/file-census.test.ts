import { expect, test } from "vitest";
import { indexesOf, insertion, ITEMS, ORDERS, update } from "../wal/index.fixture.ts";
import { transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { FileCensus } from "./file-census.ts";

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
