import { expect, test } from "vitest";
import type { FileChange, FileChangeKind } from "./file-changes.ts";
import { compareRanks, FIND_OPERATIONS, isRankAtLeast, type Rank, rankOf } from "./find-filter.ts";
import { identityOf, ORDERS_TABLE } from "./find.fixture.ts";
import { NO_ROWS, type RowTotals } from "./row-totals.ts";

/** @param rowsBefore undefined when nobody knows them. */
function change(kind: FileChangeKind, rowsBefore: number | undefined, rowsAfter = 0): FileChange {
  return {
    kind,
    file: undefined,
    successor: undefined,
    identity: identityOf(ORDERS_TABLE),
    rowsAfter,
    rowsBefore: rowsBefore === undefined ? undefined : { rows: rowsBefore, at: undefined },
  };
}

function ranks(
  totals: Partial<RowTotals>,
  changes: readonly FileChange[] = [],
  droppedPlace?: { readonly rows: number },
): Record<string, Rank | undefined> {
  const effect = { totals: { ...NO_ROWS, ...totals }, changes, droppedPlace };
  const asked = FIND_OPERATIONS.map((operation) => [operation, rankOf(effect, operation)]);
  return Object.fromEntries([["any", rankOf(effect, undefined)], ...asked]) as ReturnType<
    typeof ranks
  >;
}

test("what was lost counts first, then what was changed, then what was added", () => {
  expect(ranks({ inserted: 2, updated: 3, deleted: 5, moved: 7 })).toEqual({
    any: [0, 5, 10, 2],
    insert: [0, 2, 5, 3],
    update: [0, 10, 5, 3],
    delete: [0, 5, 5, 3],
    truncate: undefined,
    drop: undefined,
  });
});

test("a transaction that did nothing of what is asked for is not wanted", () => {
  expect(Object.values(ranks({}))).toEqual(Array.from({ length: 6 }, () => undefined));
  expect(ranks({ deleted: 1 })).toMatchObject({ insert: undefined, update: undefined });
});

test("a file counts by the rows that were in it", () => {
  const changes = [change("truncated", 120), change("truncated", 0), change("dropped", 30)];
  expect(ranks({ deleted: 1 }, changes)).toMatchObject({
    any: [0, 1 + 120 + 30, 0, 0],
    truncate: [0, 120, 151, 0],
    drop: [0, 30, 151, 0],
    delete: [0, 1, 151, 0],
  });
});

test("what was done is found by its operation, whatever it lost", () => {
  const nothingLost = { any: [0, 0, 0, 0], delete: undefined };
  expect(ranks({}, [change("truncated", 0)])).toMatchObject({
    ...nothingLost,
    truncate: [0, 0, 0, 0],
  });
  expect(ranks({}, [change("dropped", 0)])).toMatchObject({ ...nothingLost, drop: [0, 0, 0, 0] });
  expect(ranks({}, [change("replaced", 120, 200)])).toMatchObject({
    ...nothingLost,
    truncate: [0, 0, 0, 0],
  });
});

test("rows that were replaced by fewer are a loss of the difference", () => {
  expect(ranks({}, [change("replaced", 120, 100)])).toMatchObject({
    any: [0, 20, 0, 0],
    truncate: [0, 20, 20, 0],
  });
});

test.each(["truncated", "dropped", "replaced"] as const)(
  "rows of which nobody knows the number come before any number: %s",
  (kind) => {
    const some = ranks({}, [change(kind, undefined, 1), change(kind, 30)]);
    expect(some["any"]).toEqual([1, 30, 0, 0]);
    const many = rankOf(
      { totals: { ...NO_ROWS, deleted: 1e9 }, changes: [], droppedPlace: undefined },
      undefined,
    );
    expect(compareRanks(some["any"] ?? [0, 0, 0, 0], many ?? [0, 0, 0, 0])).toBeLessThan(0);
    expect(some[kind === "dropped" ? "drop" : "truncate"]?.[0]).toBe(1);
  },
);

test("a table that was only rewritten is told, as the least of all", () => {
  expect(ranks({}, [change("rewritten", undefined)])).toEqual({
    any: [0, 0, 0, 0],
    ...Object.fromEntries(FIND_OPERATIONS.map((operation) => [operation, undefined])),
  });
});

test("a database or tablespace that was dropped comes first, those with more rows before others", () => {
  expect(ranks({}, [], { rows: 0 })).toMatchObject({
    any: [1, 0, 0, 0],
    drop: [1, 0, 0, 0],
    truncate: undefined,
    delete: undefined,
  });
  expect(ranks({ deleted: 3 }, [], { rows: 5_000 })).toMatchObject({
    any: [1, 5_003, 0, 0],
    drop: [1, 5_000, 5_003, 0],
    delete: [0, 3, 5_003, 0],
  });
});

test("ranks are compared from the weightiest number on", () => {
  const sorted: readonly Rank[] = [
    [1, 0, 0, 0],
    [0, 2, 0, 0],
    [0, 1, 9, 0],
    [0, 1, 8, 9],
    [0, 1, 8, 1],
    [0, 0, 99, 99],
  ];
  expect(sorted.toReversed().toSorted(compareRanks)).toEqual(sorted);
  expect(compareRanks([0, 1, 2, 3], [0, 1, 2, 3])).toBe(0);
});

test("so many rows are those of the operation, else all; what is not known may be as many", () => {
  expect(isRankAtLeast([0, 5, 3, 2], 10, undefined)).toBe(true);
  expect(isRankAtLeast([0, 5, 3, 2], 11, undefined)).toBe(false);
  expect(isRankAtLeast([0, 5, 30, 20], 5, "delete")).toBe(true);
  expect(isRankAtLeast([0, 5, 30, 20], 6, "delete")).toBe(false);
  expect(isRankAtLeast([1, 0, 0, 0], 1e9, "truncate")).toBe(true);
});
