import { describe, expect, test } from "vitest";
import { type BytePath, textPath } from "../model/byte-path.ts";
import { lsn } from "../model/lsn.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import { ChangedBlocks } from "./changed-blocks.ts";
import { eventAt, indexOf } from "./changed-blocks.fixture.ts";
import { type FileReading, planFile } from "./file-plan.ts";

const PAGE = 8192;
const SEGMENT_BLOCKS = 1000;
const modifiedAt = Temporal.Instant.from("2026-11-21T02:40:00Z");
const TABLE = { tablespace: 1663, database: 5, relfilenode: 16384 };

function entry(path: string, pageCount: number): DataEntry {
  const sizeBytes = pageCount * PAGE;
  return { kind: "file", path: textPath(path), mode: 0o600, sizeBytes, modifiedAt };
}

function prior(path: string, pageCount: number): ManifestFile {
  return { ...entry(path, pageCount), kind: "file", sha256: undefined, extents: [] };
}

/** How a file is read: its kind, and pages where there are ranges. */
function plan(
  path: string,
  [before, now]: readonly [number, number],
  { index, bad = [] }: { index?: Parameters<typeof indexOf>[0]; bad?: readonly number[] } = {},
): readonly unknown[] {
  const changes = new ChangedBlocks({
    relationSegmentBlocks: SEGMENT_BLOCKS,
    begin: lsn(0n),
    trustedResourceManagers: new Set(),
  });
  changes.add(indexOf(index ?? {}));
  const badBlocks = new Map<BytePath, readonly number[]>([[textPath(path), bad]]);
  const ground = {
    changes,
    badBlocks,
    blockSizeBytes: PAGE,
    relationSegmentBlocks: SEGMENT_BLOCKS,
  };
  return told(planFile(entry(path, now), prior(path, before), ground));
}

function told(reading: FileReading): readonly unknown[] {
  if (reading.kind === "same" || reading.kind === "whole") return [reading.kind, reading.reason];
  const ranges = reading.ranges.map(({ begin, end }) => [begin / PAGE, end / PAGE]);
  return [reading.kind, reading.reason, ranges];
}

describe("a main fork", () => {
  const path = "base/5/16384";
  const blocks = { blocks: [{ ...TABLE, fork: 0, blocks: [3, 4, 9] }] };

  test("that WAL does not name stays as it is", () => {
    expect(plan(path, [10, 10])).toEqual(["same", "unchanged"]);
    expect(
      plan(path, [10, 10], { index: { blocks: [{ ...TABLE, fork: 2, blocks: [0] }] } }),
    ).toEqual(["same", "unchanged"]);
  });

  test("is read by the blocks that WAL names, and what lies behind its old end", () => {
    expect(plan(path, [10, 10], { index: blocks })).toEqual([
      "blocks",
      "changed",
      [
        [3, 5],
        [9, 10],
      ],
    ]);
    expect(plan(path, [10, 12])).toEqual(["blocks", "changed", [[10, 12]]]);
  });

  test("of a further segment file is read by the blocks of that file", () => {
    const index = { blocks: [{ ...TABLE, fork: 0, blocks: [3, SEGMENT_BLOCKS + 7] }] };
    expect(plan(`${path}.1`, [10, 10], { index })).toEqual(["blocks", "changed", [[7, 8]]]);
  });

  test("is read whole when it was made or dropped, and from where it was cut", () => {
    const made = {
      events: [eventAt({ kind: "fileCreate", xid: 1, relation: TABLE, fork: "main" })],
    };
    const cut = (blockCount: number): Parameters<typeof indexOf>[0] => ({
      events: [
        eventAt({ kind: "fileTruncate", xid: 1, relation: TABLE, blockCount, forks: ["main"] }),
      ],
    });
    expect(plan(path, [10, 10], { index: made })).toEqual(["whole", "remade"]);
    expect(plan(path, [10, 10], { index: { dropped: [TABLE] } })).toEqual(["whole", "remade"]);
    expect(plan(path, [10, 8], { index: cut(6) })).toEqual(["blocks", "changed", [[6, 8]]]);
    expect(plan(path, [10, 6], { index: cut(6) })).toEqual(["blocks", "changed", []]);
    expect(plan(`${path}.1`, [10, 10], { index: cut(6) })).toEqual(["whole", "remade"]);
    expect(plan(`${path}.1`, [10, 6], { index: cut(SEGMENT_BLOCKS + 4) })).toEqual([
      "blocks",
      "changed",
      [[4, 6]],
    ]);
  });

  test("that became shorter without a record is read whole", () => {
    expect(plan(path, [10, 8])).toEqual(["whole", "size"]);
    expect(plan(path, [10.5, 10.5])).toEqual(["whole", "size"]);
  });

  test("of a database that was copied or dropped is read whole", () => {
    const copied = eventAt({
      kind: "databaseCreate",
      xid: 1,
      strategy: "fileCopy",
      database: 5,
      tablespace: 1663,
      source: 1,
    });
    const dropped = eventAt({
      kind: "databaseDrop",
      xid: 1,
      database: 5,
      tablespaces: [1663, 16400],
    });
    for (const event of [copied, dropped]) {
      expect(plan(path, [10, 10], { index: { events: [event] } })).toEqual(["whole", "remade"]);
      expect(plan("base/6/16384", [10, 10], { index: { events: [event] } })).toEqual([
        "same",
        "unchanged",
      ]);
    }
    const elsewhere = "pg_tblspc/16400/PG_18_202506291/5/16390";
    expect(plan(elsewhere, [1, 1], { index: { events: [dropped] } })).toEqual(["whole", "remade"]);
  });

  test("has its damaged blocks read again", () => {
    expect(plan(path, [10, 10], { bad: [2] })).toEqual(["blocks", "changed", [[2, 3]]]);
    expect(plan(`${path}.1`, [10, 10], { bad: [SEGMENT_BLOCKS + 2] })).toEqual([
      "blocks",
      "changed",
      [[2, 3]],
    ]);
  });
});

test.each([
  "base/5/16384_vm",
  "base/5/16384_fsm",
  "base/5/16384_init",
  "base/5/pg_filenode.map",
  "pg_xact/0000",
  "PG_VERSION",
])("%s is compared by content, whatever WAL says", (path) => {
  const all = [1, 2, 3].map((fork) => ({ ...TABLE, fork, blocks: [0] }));
  expect(plan(path, [10, 10], { index: { blocks: all } })).toEqual(["compare", "content", []]);
});

test("without WAL to rely on everything is compared, and what the prior backup lacks is read whole", () => {
  const ground = {
    changes: undefined,
    badBlocks: new Map(),
    blockSizeBytes: PAGE,
    relationSegmentBlocks: SEGMENT_BLOCKS,
  };
  const table = entry("base/5/16384", 10);
  expect(told(planFile(table, prior("base/5/16384", 9), ground))).toEqual([
    "compare",
    "content",
    [],
  ]);
  expect(told(planFile(table, undefined, ground))).toEqual(["whole", "new"]);
});
