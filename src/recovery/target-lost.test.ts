import { beforeAll, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { type Lsn, lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { deletion, insertion } from "../wal/index.fixture.ts";
import { runningTransactions, transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { archiveIn, filesOf, nameOf } from "./target.fixture.ts";
import { listLost, type LostQuestion } from "./target-lost.ts";

const NOON = "2025-01-01T12:00:00Z";
const NOTHING_RUNS = { xids: [], overflowed: false, nextXid: 199, oldestRunningXid: 199 };
const begins: Lsn[] = [];
const builder = new WalBuilder();

beforeAll(() => {
  for (const xid of [100, 101, 102, 103, 104]) {
    builder.append(transactionEnd("abort", xid + 50, NOON));
    begins.push(builder.append(transactionEnd("commit", xid, NOON)).begin);
    builder.switchSegment();
  }
});

async function list(
  parts: Partial<LostQuestion>,
  files = filesOf(builder),
): Promise<{ readonly xids: readonly bigint[]; readonly count: number; unreadable: string }> {
  const question = {
    archive: await archiveIn(createMemoryStore(), files),
    history: { timeline: timeline(1), ancestors: [] },
    stopLsn: begins[1] ?? lsn(0n),
    isApplied: false,
    blockSizeBytes: 8192,
    countMax: 10,
    ...parts,
  };
  const { transactions, count, unreadable = "" } = await listLost(question, createContext());
  return { xids: transactions.map(({ xid }) => xid), count, unreadable };
}

test("commits from the target on, without rollbacks; the first one is kept where it is replayed", async () => {
  expect(await list({})).toEqual({ xids: [101n, 102n, 103n, 104n], count: 4, unreadable: "" });
  expect(await list({ isApplied: true })).toMatchObject({ xids: [102n, 103n, 104n], count: 3 });
});

test("what does not fit is counted", async () => {
  expect(await list({ countMax: 2 })).toMatchObject({ xids: [101n, 102n], count: 4 });
});

test("a gap ends the list, and is told", async () => {
  const files = filesOf(builder).filter(([name]) => name !== nameOf(4n));
  expect(await list({}, files)).toEqual({
    xids: [101n, 102n],
    count: 2,
    unreadable: expect.stringContaining(nameOf(4n)) as string,
  });
});

test.each([
  [true, "with all rows, also those before the target"],
  [false, "as incomplete, where it may have begun before everything that is archived"],
] as const)("what they did is told, whole: %s, %s", async (isWhole, _how) => {
  const rows = new WalBuilder();
  if (isWhole) rows.append(runningTransactions(NOTHING_RUNS));
  rows.append(insertion({ xid: 200 }));
  rows.switchSegment();
  const { begin } = rows.append(transactionEnd("commit", 199, NOON));
  rows.append(deletion({ xid: 200 }));
  rows.append(deletion({ xid: 200 }));
  rows.append(transactionEnd("commit", 200, NOON));
  const { transactions } = await listLost(
    {
      archive: await archiveIn(createMemoryStore(), filesOf(rows)),
      history: { timeline: timeline(1), ancestors: [] },
      stopLsn: begin,
      isApplied: true,
      blockSizeBytes: 8192,
      countMax: 10,
    },
    createContext(),
  );
  expect(transactions).toMatchObject([
    {
      xid: 200n,
      effects: {
        relations: [{ name: "1663/5/16384", inserted: 1, deleted: 2 }],
        isIncomplete: !isWhole,
      },
    },
  ]);
});
