import { beforeAll, expect, test } from "vitest";
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
import { archiveIn, backupAt, nameOf } from "../../recovery/target.fixture.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import { findJson } from "./find-json.ts";
import { formatJson } from "./json.ts";

let archive: WalArchive;

beforeAll(async () => {
  archive = await archiveIn(createMemoryStore(), []);
});

/** What a script reads; a backup is complete just before transaction 761. */
function jsonOf(result: FindResult): unknown {
  const view = {
    archive,
    history: { timeline: timeline(1), ancestors: [] },
    backups: [backupAt(stepLsn(1, 0), stepLsn(1, 5), [0, 1])],
    timeZone: "Europe/Paris",
    blockSizeBytes: 8192,
  };
  return JSON.parse(formatJson(findJson({ view, result, options: ["--stanza=main"] })));
}

test("a transaction has the keys of docs/cli.md, times in UTC, and large numbers as texts", () => {
  const relations = [
    foundRelation({ updated: 2, deleted: 60_104, movedIn: 3, movedOut: 4 }),
    foundRelation({ replacedBy: 40, rowsEstimate: 120, inserted: 1 }),
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
    searched: { segments: 0, withoutIndex: 0, missing: [], unreadable: [] },
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
          },
        ],
        stopBefore: {
          type: "lsn",
          target: "0/100600",
          exclusive: true,
          timeline: 1,
          reason: null,
        },
        commitBefore: { xid: "760", lsn: "0/100500", time: "2026-11-25T08:04:00.000000Z" },
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
          " --pg1-path=DIRECTORY --start --port=5444 restore",
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
        commitAfter: null,
        restorePointBefore: null,
        restorePointAfter: null,
        globalIdentifier: null,
        aborted: true,
        incomplete: true,
        // No backup was complete by then.
        restore: null,
      },
    ],
  });
});

test("what was searched and what was not is told by names of segments", () => {
  const profile = Array.from({ length: 3 }, () => ({
    from: undefined,
    to: undefined,
    deleted: 0,
  }));
  const error = failure("WAL_SEGMENT_INVALID", "it begins with no page");
  const result = findResult([], {
    profile,
    unindexedCount: 2,
    missing: [{ first: 5n, last: 9n }],
    unreadable: [{ name: nameOf(11n), error }],
  });
  expect(jsonOf(result)).toMatchObject({
    matched: 0,
    transactions: [],
    searched: {
      segments: 3,
      withoutIndex: 2,
      missing: [{ first: nameOf(5n), last: nameOf(9n) }],
      unreadable: [{ segment: nameOf(11n), reason: "it begins with no page" }],
    },
  });
});
