import { expect, test } from "vitest";
import { failure } from "../../model/failure.ts";
import { lsn } from "../../model/lsn.ts";
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
import { nameOf } from "../../recovery/target.fixture.ts";
import { findJson } from "./find-json.ts";
import { foundView } from "./find-view.fixture.ts";
import { formatJson } from "./json.ts";

/** What a script reads; a backup is complete just before transaction 761. */
function jsonOf(
  result: FindResult,
  view: Parameters<typeof foundView>[1] = {},
  query: Parameters<typeof foundView>[2] = {},
): unknown {
  return JSON.parse(
    formatJson(findJson(foundView(result, { timeZone: "Europe/Paris", ...view }, query))),
  );
}

test("a transaction has the keys of docs/cli.md, times in UTC, and large numbers as texts", () => {
  const relations = [
    foundRelation({ updated: 2, deleted: 60_104, movedIn: 3, movedOut: 4 }),
    foundRelation({ replacedBy: 40, rowsBefore: { rows: 120, at: stepTime(1, 0) }, inserted: 1 }),
  ];
  const found = foundTransaction({
    xid: 1n << 60n,
    relations,
    globalIdentifier: "transfer 7",
    commitBefore: { xid: 760n, lsn: stepLsn(1, 4), at: stepTime(1, 4) },
    commitAfter: { xid: 762n, lsn: stepLsn(2, 0), at: stepTime(2, 0) },
  });
  const points = [
    { name: "before_disaster", lsn: stepLsn(1, 3), at: stepTime(1, 3) },
    { name: "after", lsn: stepLsn(2, 1), at: stepTime(2, 1) },
  ];
  const table = {
    database: "shop",
    schema: "public",
    name: "orders",
    oid: 20_001,
    truncated: false,
    dropped: false,
    rewritten: false,
  };
  expect(jsonOf(findResult([found], { points, matchedCount: 7 }))).toEqual({
    stanza: "main",
    timeline: 1,
    matched: 7,
    rolledBack: null,
    searched: {
      from: null,
      to: null,
      segments: 0,
      withoutIndex: 0,
      archivedTo: null,
      missing: [],
      unreadable: [],
      otherBranches: [],
    },
    transactions: [
      {
        xid: "1152921504606846976",
        commitLsn: "0/100600",
        commitTime: "2026-11-25T08:05:00.000000Z",
        timeline: 1,
        relations: [
          {
            ...table,
            inserted: 0,
            updated: 2,
            deleted: 60_104,
            movedIn: 3,
            movedOut: 4,
            replacedBy: null,
            rowsEstimate: null,
            rowsEstimatedAt: null,
          },
          {
            ...table,
            inserted: 1,
            updated: 0,
            deleted: 0,
            movedIn: 0,
            movedOut: 0,
            replacedBy: 40,
            rowsEstimate: 120,
            rowsEstimatedAt: "2026-11-25T08:00:00.000000Z",
          },
        ],
        droppedPlace: null,
        stopBefore: {
          type: "lsn",
          target: "0/100600",
          exclusive: true,
          timeline: 1,
          reason: null,
        },
        commitBefore: { xid: "760", lsn: "0/100500", time: "2026-11-25T08:04:00.000000Z" },
        commitBeforeReason: null,
        commitAfterReason: null,
        commitAfter: { xid: "762", lsn: "0/200100", time: "2026-11-25T09:00:00.000000Z" },
        restorePointBefore: {
          name: "before_disaster",
          lsn: "0/100400",
          time: "2026-11-25T08:03:00.000000Z",
        },
        restorePointAfter: { name: "after", lsn: "0/200200", time: "2026-11-25T09:01:00.000000Z" },
        aborted: false,
        incomplete: false,
        globalIdentifier: "transfer 7",
        restore:
          "hindsight --stanza=main --type=lsn --target=0/100600 --target-exclusive --target-timeline=1" +
          " --set=20250101-000000F --pg1-path=DIRECTORY --start --port=5444 restore",
        unreachable: null,
      },
    ],
  });
});

test("what is not known or not there is null, and no key is left out", () => {
  const relations = [
    foundRelation({ identity: undefined, database: "5", schema: undefined, name: "1663/5/17000" }),
  ];
  const irreversible = { lsn: stepLsn(1, 1), what: "DROP TABLESPACE", oid: 16_600 } as const;
  const stopBefore = { lsn: irreversible.lsn, irreversible };
  const found = foundTransaction({ relations, stopBefore, isAborted: true, isIncomplete: true });
  expect(jsonOf(findResult([found]))).toMatchObject({
    transactions: [
      {
        relations: [{ database: "5", schema: null, name: "1663/5/17000", oid: null }],
        stopBefore: { target: "0/100200", reason: "DROP TABLESPACE" },
        commitBefore: null,
        commitBeforeReason: "none in the archive",
        commitAfter: null,
        commitAfterReason: "none is archived yet",
        restorePointBefore: null,
        restorePointAfter: null,
        globalIdentifier: null,
        aborted: true,
        incomplete: true,
        // No backup was complete by then.
        restore: null,
        unreachable: "no backup was complete by then",
      },
    ],
  });
});

test("what was searched and what was not is told by names of segments", () => {
  const profile = Array.from({ length: 3 }, () => segmentProfile());
  const error = failure("WAL_SEGMENT_INVALID", "it begins with no page");
  const result = findResult([], {
    profile,
    unindexedCount: 2,
    missing: [{ first: 5n, last: 9n }],
    unreadable: [{ name: nameOf(11n), error }],
    end: {
      lsn: stepLsn(12, 0),
      lastCommit: { xid: 799n, lsn: stepLsn(11, 0), at: stepTime(1, 30) },
    },
    rolledBack: { xid: 761n, lsn: stepLsn(1, 5), at: stepTime(1, 5) },
  });
  const branches = [
    { timeline: timeline(1), behind: lsn(0x1_0000n) },
    { timeline: timeline(3), behind: undefined },
  ];
  const query = { from: stepTime(1, 0), to: stepTime(2, 0) };
  expect(jsonOf(result, { branches }, query)).toMatchObject({
    rolledBack: { xid: "761", lsn: "0/100600" },
    matched: 0,
    transactions: [],
    searched: {
      from: "2026-11-25T08:00:00.000000Z",
      to: "2026-11-25T09:00:00.000000Z",
      archivedTo: {
        lsn: "0/C00100",
        lastCommit: { xid: "799", lsn: "0/B00100", time: "2026-11-25T08:30:00.000000Z" },
      },
      otherBranches: [
        { timeline: 1, behind: "0/10000" },
        { timeline: 3, behind: null },
      ],
      segments: 3,
      withoutIndex: 2,
      missing: [{ first: nameOf(5n), last: nameOf(9n) }],
      unreadable: [{ segment: nameOf(11n), reason: "it begins with no page" }],
    },
  });
});
