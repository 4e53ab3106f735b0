import { expect, test } from "vitest";
import type { FileChange, FileChangeKind } from "./file-changes.ts";
import { compareRanks, FIND_OPERATIONS, type Rank, rankOf } from "./find-filter.ts";
import { identityOf, ORDERS_TABLE } from "./find.fixture.ts";
import { NO_ROWS, type RowTotals } from "./row-totals.ts";

function change(kind: FileChangeKind, rowsEstimate: number | undefined, rowsAfter = 0): FileChange {
  const identity =
    rowsEstimate === undefined ? undefined : identityOf({ ...ORDERS_TABLE, rowsEstimate });
  return { kind, file: undefined, successor: undefined, identity, rowsAfter };
}

function ranks(
  totals: Partial<RowTotals>,
  changes: readonly FileChange[] = [],
  isIrreversible = false,
): Record<string, Rank | undefined> {
  const effect = { totals: { ...NO_ROWS, ...totals }, changes, isIrreversible };
  const asked = FIND_OPERATIONS.map((operation) => [operation, rankOf(effect, operation)]);
  return Object.fromEntries([["any", rankOf(effect, undefined)], ...asked]) as ReturnType<
    typeof ranks
  >;
}

test("what was lost counts first, then what was changed, then what was added", () => {
  expect(ranks({ inserted: 2, updated: 3, deleted: 5, moved: 7 })).toEqual({
    any: [5, 10, 2],
    insert: [2, 5, 3],
    update: [10, 5, 3],
    delete: [5, 5, 3],
    truncate: undefined,
    drop: undefined,
  });
});

test("a transaction that did nothing of what is asked for is not wanted", () => {
  expect(Object.values(ranks({}))).toEqual(Array.from({ length: 6 }, () => undefined));
  expect(ranks({ deleted: 1 })).toMatchObject({ insert: undefined, update: undefined });
});

test("a file counts by the catalogue's estimate, at least 1", () => {
  const changes = [
    change("truncated", 120),
    change("truncated", 0),
    change("truncated", -1),
    change("dropped", 30),
    change("dropped", undefined),
  ];
  expect(ranks({ deleted: 1 }, changes)).toMatchObject({
    any: [1 + 122 + 31, 0, 0],
    truncate: [122, 154, 0],
    drop: [31, 154, 0],
    delete: [1, 154, 0],
  });
});

test("rows that were replaced by as many are no loss, by fewer they are", () => {
  expect(ranks({}, [change("replaced", 120, 100)])).toMatchObject({
    any: [20, 0, 0],
    truncate: [20, 20, 0],
  });
  expect(ranks({}, [change("replaced", 120, 200)])).toMatchObject({
    any: [0, 0, 0],
    truncate: undefined,
  });
});

test("a table that was only rewritten is told, as the least of all", () => {
  expect(ranks({}, [change("rewritten", 120)])).toEqual({
    any: [0, 0, 0],
    ...Object.fromEntries(FIND_OPERATIONS.map((operation) => [operation, undefined])),
  });
});

test("a database or tablespace that was dropped is a loss of one", () => {
  expect(ranks({}, [], true)).toMatchObject({ any: [1, 0, 0], drop: [1, 1, 0], delete: undefined });
});

test("ranks are compared from the weightiest number on", () => {
  const sorted: readonly Rank[] = [
    [2, 0, 0],
    [1, 9, 0],
    [1, 8, 9],
    [1, 8, 1],
    [0, 99, 99],
  ];
  expect(sorted.toReversed().toSorted(compareRanks)).toEqual(sorted);
  expect(compareRanks([1, 2, 3], [1, 2, 3])).toBe(0);
});
