import { describe, expect, test } from "vitest";
import { failure } from "../../model/failure.ts";
import { timeline } from "../../model/timeline.ts";
import type { FindResult } from "../../recovery/find.ts";
import {
  findResult,
  foundRelation,
  foundTransaction,
  segmentProfile,
  stepLsn,
  stepTime,
} from "../../recovery/find.fixture.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import { nameOf } from "../../recovery/target.fixture.ts";
import { findText } from "./find-text.ts";
import { foundView } from "./find-view.fixture.ts";

const RESTORE =
  "hindsight --stanza=main --type=lsn --target=0/100600 --target-exclusive --target-timeline=1" +
  " --set=20250101-000000F --pg1-path=DIRECTORY --start --port=5444 restore";
const BEFORE = "    commit before: none in the archive";
const AFTER = "    commit after: none is archived yet";
const AROUND = {
  commitBefore: { xid: 760n, lsn: stepLsn(1, 4), at: stepTime(1, 4) },
  commitAfter: { xid: 762n, lsn: stepLsn(2, 0), at: stepTime(2, 0) },
};
/** The lines of a result; a backup is complete just before transaction 761. */
function linesOf(
  result: FindResult,
  view: Parameters<typeof foundView>[1] = {},
  query: Parameters<typeof foundView>[2] = {},
): readonly string[] {
  return findText(foundView(result, view, query)).split("\n");
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
  const profile = [segmentProfile(), segmentProfile()];
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

test("what does not stand around it is said, and a transaction may have done nothing", () => {
  expect(transactionLines({})).toEqual([
    "transaction 761 committed 2026-11-25 08:05:00.000000+00:00",
    "    LSN: 0/100600, timeline 1",
    BEFORE,
    AFTER,
    `    to the instant before: ${RESTORE}`,
  ]);
  const points = [{ name: "late", lsn: stepLsn(2, 1), at: stepTime(2, 1) }];
  expect(transactionLines({}, { points })).toContain('    restore points: "late" after');
});

test("times are told in the cluster's zone, too", () => {
  expect(linesOf(findResult([foundTransaction(AROUND)]), { timeZone: "Europe/Paris" })).toEqual(
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
      "    to the instant before: cannot be reached: no backup was complete by then",
    );
  });

  test("behind a gap that no backup can cross cannot be reached; its neighbours are not known", () => {
    const lsn = stepLsn(4, 0);
    const parts = { lsn, stopBefore: { lsn, irreversible: undefined }, isIncomplete: true };
    const missing = [{ first: 2n, last: 2n }];
    const told = transactionLines({ ...parts, isBehindGap: true, isBeforeGap: true }, { missing });
    expect(told.slice(2)).toEqual([
      "    commit before: not known, WAL before it is missing",
      "    commit after: not known, WAL behind it is missing",
      "    note: it may have begun before the gap: some rows may be missing",
      `    to the instant before: cannot be reached: WAL segment ${nameOf(2n)} is missing or damaged, and backup 20250101-000000F needs it`,
    ]);
    // A newer backup is no help to a transaction that it lies behind, an older gap no hindrance.
    expect(transactionLines({}, { missing }).at(-1)).toBe(`    to the instant before: ${RESTORE}`);
    expect(transactionLines(parts, { missing: [{ first: 0n, last: 0n }] }).at(-1)).toContain(
      "--target=0/400100 ",
    );
  });

  test("that was rolled back needs no restore", () => {
    expect(transactionLines({ isAborted: true })).toEqual([
      "transaction 761 rolled back 2026-11-25 08:05:00.000000+00:00",
      "    LSN: 0/100600, timeline 1",
      BEFORE,
      AFTER,
    ]);
  });

  test("that was prepared has its identifier, one of a later epoch its whole id", () => {
    const parts = { xid: (1n << 32n) + 5n, globalIdentifier: "transfer 7" };
    const lines = transactionLines(parts);
    expect(lines.slice(0, 2)).toEqual([
      "transaction 4294967301 committed 2026-11-25 08:05:00.000000+00:00",
      '    LSN: 0/100600, timeline 1, prepared as "transfer 7"',
    ]);
    expect(lines).toContain(
      "    note: stopping before it leaves it prepared, with its locks: COMMIT PREPARED or ROLLBACK PREPARED 'transfer 7'",
    );
  });

  test("that acts before its commit is stopped before that, and says why", () => {
    const lsn = stepLsn(2, 0);
    const irreversible = { lsn: stepLsn(1, 5), what: "DROP DATABASE", oid: 16_400 } as const;
    const stopBefore = { lsn: irreversible.lsn, irreversible };
    const droppedPlace = { ...irreversible, name: "victim", estimate: undefined };
    expect(transactionLines({ lsn, stopBefore, droppedPlace })).toEqual([
      "transaction 761 committed 2026-11-25 08:05:00.000000+00:00",
      "    database victim  DROPPED (nobody knows how many rows)",
      "    LSN: 0/200100, timeline 1",
      BEFORE,
      AFTER,
      "    note: DROP DATABASE acts before its commit: stop before 0/100600",
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
      "    file 1663/5/17000  DROPPED (nobody knows how many rows)",
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
  const profile = [segmentProfile()];

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

  test("says between which times was searched, and how far the archive goes", () => {
    const [from, to] = [stepTime(1, 0), stepTime(2, 0)];
    const range = (query: { from?: Temporal.Instant; to?: Temporal.Instant }): string =>
      linesOf(findResult([], { profile }), {}, query)[1] ?? "";
    expect(range({ from, to })).toBe(
      "Searched 1 WAL segment of timeline 1, for what ended between 2026-11-25 08:00:00.000000+00:00 and 2026-11-25 09:00:00.000000+00:00.",
    );
    expect(range({ from })).toMatch(/, for what ended at 2026-11-25 08:\S+ or later\.$/);
    expect(range({ to })).toMatch(/, for what ended by 2026-11-25 09:\S+\.$/);
    const lastCommit = { xid: 799n, lsn: stepLsn(11, 0), at: stepTime(1, 30) };
    const end = { lsn: stepLsn(12, 0), lastCommit };
    const goesTo =
      "The archive ends at 0/C00100, with a last commit at 2026-11-25 08:30:00.000000+00:00. What is later is not archived yet: `select pg_switch_wal()` in production hands over the rest.";
    expect(endOf({ profile, end })).toContain(goesTo);
    const late = linesOf(findResult([], { profile, end }), {}, { from: to });
    expect(late).toContain("--from lies behind the last commit that is archived.");
    expect(linesOf(findResult([], { profile, end }), {}, { from })).not.toContain(
      "--from lies behind the last commit that is archived.",
    );
  });

  test("says which branches were not searched", () => {
    const branches = [
      { timeline: timeline(1), behind: stepLsn(3, 0) },
      { timeline: timeline(3), behind: undefined },
    ];
    expect(linesOf(findResult([], { profile }), { branches }).slice(2, -1)).toEqual([
      "NOT SEARCHED: timeline 1 goes on behind 0/300100; --target-timeline=1 looks there.",
      "NOT SEARCHED: timeline 3 is another branch; --target-timeline=3 looks there.",
    ]);
  });

  test("says that what was asked for rolled back", () => {
    const rolledBack = { xid: 761n, lsn: stepLsn(1, 5), at: stepTime(1, 5) };
    expect(linesOf(findResult([], { profile, rolledBack }), {}, { xid: 761n })[0]).toBe(
      "Transaction 761 rolled back at 2026-11-25 08:05:00.000000+00:00; --aborted shows it.",
    );
  });
});
