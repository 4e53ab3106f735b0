import { beforeAll, describe, expect, test } from "vitest";
import { failure } from "../../model/failure.ts";
import { timeline } from "../../model/timeline.ts";
import type { FindResult } from "../../recovery/find.ts";
import {
  findResult,
  foundRelation,
  foundTransaction,
  stepLsn,
  stepTime,
} from "../../recovery/find.fixture.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import { archiveIn, backupAt, nameOf } from "../../recovery/target.fixture.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { findText } from "./find-text.ts";

const RESTORE =
  "hindsight --stanza=main --type=lsn --target=0/100600 --target-exclusive --target-timeline=1" +
  " --pg1-path=DIRECTORY --start --port=5444 restore";
const AROUND = {
  commitBefore: { xid: 760n, lsn: stepLsn(1, 4), at: stepTime(1, 4) },
  commitAfter: { xid: 762n, lsn: stepLsn(2, 0), at: stepTime(2, 0) },
};
let archive: WalArchive;

beforeAll(async () => {
  archive = await archiveIn(createMemoryStore(), []);
});

/** The lines of a result; a backup is complete just before transaction 761. */
function linesOf(result: FindResult, timeZone = "UTC"): readonly string[] {
  const view = {
    archive,
    history: { timeline: timeline(1), ancestors: [] },
    backups: [backupAt(stepLsn(1, 0), stepLsn(1, 5), [0, 1])],
    timeZone,
    blockSizeBytes: 8192,
  };
  return findText({ view, result, options: ["--stanza=main"] }).split("\n");
}

/** The lines of one transaction, up to the empty line behind it. */
function transactionLines(
  parts: Partial<FoundTransaction>,
  result: Partial<FindResult> = {},
): readonly string[] {
  const lines = linesOf(findResult([foundTransaction(parts)], result));
  return lines.slice(0, lines.indexOf(""));
}

test("a transaction is told with its tables, what stands around it, and the command to type next", () => {
  const orders = foundRelation({ deleted: 60_104 });
  const critical = foundRelation({ name: "critical_orders", deleted: 7446, inserted: 1 });
  const points = [
    { name: "early", lsn: stepLsn(1, 1), at: stepTime(1, 1) },
    { name: "before_disaster", lsn: stepLsn(1, 3), at: stepTime(1, 3) },
    { name: "after", lsn: stepLsn(2, 1), at: stepTime(2, 1) },
    { name: "late", lsn: stepLsn(2, 2), at: stepTime(2, 2) },
  ];
  const profile = [1, 2].map(() => ({ from: undefined, to: undefined, deleted: 0 }));
  const found = foundTransaction({ relations: [orders, critical], ...AROUND });
  expect(linesOf(findResult([found], { points, profile }))).toEqual([
    "transaction 761 committed 2026-11-25 08:05:00.000000+00:00",
    "    shop.public.orders           60,104 deleted",
    "    shop.public.critical_orders  7,446 deleted, 1 inserted",
    "    LSN: 0/100600, timeline 1",
    "    commit before: 2026-11-25 08:04:00.000000+00:00 (transaction 760, 0/100500)",
    "    commit after: 2026-11-25 09:00:00.000000+00:00 (transaction 762, 0/200100)",
    '    restore points: "before_disaster" before, "after" after',
    `    to the instant before: ${RESTORE}`,
    "",
    "Searched 2 WAL segments of timeline 1.",
    "Unlogged and temporary tables leave no trace in WAL.",
  ]);
});

test("what does not stand around it is left out, and a transaction may have done nothing", () => {
  expect(transactionLines({})).toEqual([
    "transaction 761 committed 2026-11-25 08:05:00.000000+00:00",
    "    LSN: 0/100600, timeline 1",
    `    to the instant before: ${RESTORE}`,
  ]);
  const points = [{ name: "late", lsn: stepLsn(2, 1), at: stepTime(2, 1) }];
  expect(transactionLines({}, { points })).toContain('    restore points: "late" after');
});

test("times are told in the cluster's zone, too", () => {
  expect(linesOf(findResult([foundTransaction(AROUND)]), "Europe/Paris")).toEqual(
    expect.arrayContaining([
      "transaction 761 committed 2026-11-25 08:05:00.000000+00:00 (2026-11-25 09:05:00.000000+01:00 Europe/Paris)",
      "    commit before: 2026-11-25 08:04:00.000000+00:00 (2026-11-25 09:04:00.000000+01:00 Europe/Paris) (transaction 760, 0/100500)",
    ]),
  );
});

describe("a transaction", () => {
  test("before every backup cannot be reached", () => {
    const lsn = stepLsn(1, 4);
    expect(transactionLines({ lsn, stopBefore: { lsn, irreversible: undefined } })).toContain(
      "    to the instant before: no backup was complete by then, so it cannot be reached",
    );
  });

  test("that was rolled back needs no restore", () => {
    expect(transactionLines({ isAborted: true })).toEqual([
      "transaction 761 rolled back 2026-11-25 08:05:00.000000+00:00",
      "    LSN: 0/100600, timeline 1",
    ]);
  });

  test("that was prepared has its identifier, one of a later epoch its whole id", () => {
    const parts = { xid: (1n << 32n) + 5n, globalIdentifier: "transfer 7" };
    expect(transactionLines(parts).slice(0, 2)).toEqual([
      "transaction 4294967301 committed 2026-11-25 08:05:00.000000+00:00",
      '    LSN: 0/100600, timeline 1, prepared as "transfer 7"',
    ]);
  });

  test("that acts before its commit is stopped before that, and says why", () => {
    const lsn = stepLsn(2, 0);
    const irreversible = { lsn: stepLsn(1, 5), what: "DROP DATABASE", oid: 16_400 } as const;
    const stopBefore = { lsn: irreversible.lsn, irreversible };
    expect(transactionLines({ lsn, stopBefore })).toEqual([
      "transaction 761 committed 2026-11-25 08:05:00.000000+00:00",
      "    LSN: 0/200100, timeline 1",
      "    note: DROP DATABASE (OID 16400) acts before its commit: stop before 0/100600",
      `    to the instant before: ${RESTORE}`,
    ]);
  });

  test("that ran already where history begins says what may be missing", () => {
    expect(transactionLines({ isIncomplete: true })).toContain(
      "    note: it may have begun before this history does: some rows may be missing",
    );
  });

  test("is told with the timeline on which it was written", () => {
    expect(transactionLines({ timeline: timeline(3) })).toContain("    LSN: 0/100600, timeline 3");
  });
});

describe("tables", () => {
  test("of which not all is known have a place for it", () => {
    const relations = [
      foundRelation({ schema: undefined, inserted: 1 }),
      foundRelation({
        identity: undefined,
        schema: undefined,
        name: "1663/5/17000",
        dropped: true,
      }),
    ];
    expect(transactionLines({ relations }).slice(1, 3)).toEqual([
      "    shop.?.orders      1 inserted",
      "    file 1663/5/17000  DROPPED",
    ]);
  });

  test.each([
    [20, undefined],
    [21, "    and 1 more table"],
    [1021, "    and 1,001 more tables"],
  ])("%i of them are shown up to the twentieth", (count, rest) => {
    const relations = Array.from({ length: count }, (_, n) =>
      foundRelation({ name: `t${n + 1}`, deleted: 1 }),
    );
    const lines = transactionLines({ relations });
    expect(lines[20]).toBe("    shop.public.t20  1 deleted");
    expect(lines[21]).toBe(rest ?? "    LSN: 0/100600, timeline 1");
  });
});

describe("the end", () => {
  const endOf = (parts: Partial<FindResult>): readonly string[] =>
    linesOf(findResult([], parts)).slice(0, -1);
  const profile = [{ from: undefined, to: undefined, deleted: 0 }];

  test("says that nothing matched", () => {
    expect(endOf({ profile })).toEqual([
      "No transaction matched.",
      "Searched 1 WAL segment of timeline 1.",
    ]);
  });

  test("says how many more matched", () => {
    expect(endOf({ profile, matchedCount: 1 })[0]).toBe(
      "1 more transaction matched; --limit=N shows more.",
    );
    const lines = linesOf(findResult([foundTransaction()], { matchedCount: 1235 }));
    expect(lines).toContain("1,234 more transactions matched; --limit=N shows more.");
  });

  test("says what had no index", () => {
    const rebuild = "`hindsight index --rebuild` makes this faster.";
    expect(endOf({ unindexedCount: 1 })).toContain(
      `1 segment had no WAL index and was read whole; ${rebuild}`,
    );
    expect(endOf({ unindexedCount: 2 })).toContain(
      `2 segments had no WAL index and were read whole; ${rebuild}`,
    );
  });

  test("says what was not searched, and why", () => {
    const missing = [
      { first: 3n, last: 3n },
      { first: 5n, last: 9n },
    ];
    const error = failure("WAL_SEGMENT_INVALID", "it begins with no page");
    const unreadable = [{ name: nameOf(11n), error }];
    expect(endOf({ profile, missing, unreadable }).slice(2)).toEqual([
      `NOT SEARCHED, because not archived: ${nameOf(3n)}.`,
      `NOT SEARCHED, because not archived: ${nameOf(5n)} to ${nameOf(9n)}.`,
      `NOT SEARCHED: ${nameOf(11n)}: it begins with no page.`,
    ]);
  });
});
