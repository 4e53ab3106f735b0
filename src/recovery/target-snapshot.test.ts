import { expect, test } from "vitest";
import { LSN_ZERO } from "../model/lsn.ts";
import type { HistoryEvent } from "./target-scan.ts";
import { SnapshotForecast } from "./target-snapshot.ts";

const PLACE = { lsn: LSN_ZERO, endLsn: LSN_ZERO };

function running(
  nextXid: number,
  oldestRunningXid: number,
  options: { readonly overflowed?: boolean; readonly transactionCount?: number } = {},
): HistoryEvent {
  const { overflowed = false, transactionCount = 1 } = options;
  return {
    kind: "runningTransactions",
    ...PLACE,
    running: {
      transactionCount,
      overflowed,
      nextXid,
      oldestRunningXid,
      xids: [],
    },
  };
}

const OVERFLOWED = { overflowed: true } as const;

function readyAfter(...events: readonly HistoryEvent[]): boolean {
  const forecast = new SnapshotForecast();
  for (const event of events) forecast.apply(event);
  return forecast.isReady;
}

test("nothing is known until running transactions were told", () => {
  expect(readyAfter()).toBe(false);
  expect(readyAfter({ kind: "mark", ...PLACE })).toBe(false);
  expect(readyAfter(running(100, 90))).toBe(true);
});

test("a transaction with too many subtransactions delays queries", () => {
  expect(readyAfter(running(200, 100, OVERFLOWED))).toBe(false);
});

test("until every transaction of that moment has ended, though new ones overflow again", () => {
  const first = running(200, 100, OVERFLOWED);
  expect(readyAfter(first, running(300, 199, OVERFLOWED))).toBe(false);
  expect(readyAfter(first, running(300, 200, OVERFLOWED))).toBe(true);
});

test("or until a moment without overflow, or without transactions, or a shutdown", () => {
  const first = running(200, 100, OVERFLOWED);
  expect(readyAfter(first, running(300, 100))).toBe(true);
  expect(readyAfter(first, { kind: "shutdownCheckpoint", ...PLACE })).toBe(true);
});

test("what was ready remains so", () => {
  expect(readyAfter(running(200, 100), running(300, 100, OVERFLOWED))).toBe(true);
});

test("transaction ids go round", () => {
  const first = running(4, 0xfffffff0, OVERFLOWED);
  expect(readyAfter(first, running(50, 0xfffffff5, OVERFLOWED))).toBe(false);
  expect(readyAfter(first, running(50, 10, OVERFLOWED))).toBe(true);
});
