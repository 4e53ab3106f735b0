import { beforeEach, describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { sha256 } from "../codec/digest.ts";
import { formatLsn } from "../model/lsn.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { filler, WalBuilder } from "../wal/wal.fixture.ts";
import { indexPushedSegment } from "./push-index.ts";
import { type IndexRebuild, rebuildIndexes } from "./rebuild-indexes.ts";
import {
  firstBreak,
  namedSegments,
  type NamedSegment,
  recordingLog,
  storedIndex,
  straddlingSegments,
} from "./segment-index.fixture.ts";
import { unindexedSpans } from "./unindexed-spans.ts";
import {
  historyBytes,
  lsnIn,
  makeTestArchive,
  segmentBytes,
  segmentName,
  store,
  type TestArchive,
} from "./wal-archive.fixture.ts";

const context = createContext();
const SEGMENTS = straddlingSegments(6);
const NAMES = SEGMENTS.map(([name]) => name);

let target: TestArchive;
beforeEach(async () => {
  target = await makeTestArchive();
});

function keyOf(name: string | undefined, suffix = ".index-1"): string {
  if (name === undefined) throw new Error("there is no such segment");
  return `stanza/main/archive/18-1/${name.slice(0, 16)}/${name}${suffix}`;
}

/** Archives segments as archive-push does, with their indexes. */
async function push(...segments: readonly NamedSegment[]): Promise<void> {
  await store(target, ...segments);
  for (const [name, bytes] of segments) {
    const path = `/nowhere/pg_wal/${name}`;
    await indexPushedSegment({ path, name, bytes, archives: [target.archive] }, context);
  }
}

function rebuild(isDryRun = false): Promise<IndexRebuild> {
  return rebuildIndexes(target.archive, { isDryRun }, context);
}

/** Every object and a digest of its bytes: vitest takes seconds to compare a segment. */
async function everything(): Promise<readonly (readonly [string, string])[]> {
  const { memory } = target;
  return await Promise.all(
    memory
      .keys()
      .map(
        async (key) =>
          [key, sha256((await memory.get(key)) ?? Buffer.alloc(0)).toString("hex")] as const,
      ),
  );
}

test("an archive without any index gets all of them, each built from the one before", async () => {
  await store(target, ...SEGMENTS);
  const done = await rebuild();
  expect(done).toEqual({ segmentCount: 6, indexedCount: 0, built: NAMES, failed: [] });
  expect(await firstBreak(target.archive, NAMES)).toBeUndefined();
  const reads = target.faults.calls.filter(
    ({ method, key }) => method === "get" && key.endsWith(NAMES[2] ?? ""),
  );
  expect(reads).toHaveLength(1);
});

test("missing and damaged ones come back byte for byte, and the others are left alone", async () => {
  await push(...SEGMENTS);
  const before = await everything();
  await target.memory.remove(keyOf(NAMES[1]));
  await target.memory.remove(keyOf(NAMES[2]));
  target.memory.tamper(keyOf(NAMES[4]), (bytes) => bytes.subarray(0, -1));
  target.memory.tamper(keyOf(NAMES[5]), (bytes) => Buffer.concat([bytes, bytes]));
  expect(await rebuild()).toEqual({
    segmentCount: 6,
    indexedCount: 2,
    built: [NAMES[1], NAMES[2], NAMES[4], NAMES[5]],
    failed: [],
  });
  expect(await everything()).toEqual(before);
  expect(await rebuild()).toEqual({ segmentCount: 6, indexedCount: 6, built: [], failed: [] });
});

test("a dry run names the same and changes nothing", async () => {
  await push(...SEGMENTS);
  await target.memory.remove(keyOf(NAMES[1]));
  target.memory.tamper(keyOf(NAMES[4]), (bytes) => bytes.subarray(0, -1));
  const before = await everything();
  expect(await rebuild(true)).toEqual({
    segmentCount: 6,
    indexedCount: 4,
    built: [NAMES[1], NAMES[4]],
    failed: [],
  });
  expect(await everything()).toEqual(before);
});

test("a segment that is no WAL fails, and so does what hangs on it; the rest is made", async () => {
  const garbage = segmentBytes(NAMES[2] ?? "", { fill: 0x61 });
  await store(target, ...SEGMENTS.with(2, [NAMES[2] ?? "", garbage]));
  const { built, failed } = await rebuild();
  expect(built).toEqual([NAMES[0], NAMES[1], NAMES[4], NAMES[5]]);
  expect(failed).toEqual([
    {
      segment: NAMES[2],
      reason: expect.stringMatching(/^no record can be read in it: WAL ends at 0\//) as string,
      exitCode: 22,
    },
    {
      segment: NAMES[3],
      reason: "it begins inside a record that the segment before does not have",
      exitCode: 22,
    },
  ]);
});

describe("a segment inside which WAL ends", () => {
  const [name = "", whole = Buffer.alloc(0)] = SEGMENTS[2] ?? [];
  const offset = 20_000;
  const damaged = Buffer.from(whole);
  damaged.writeUInt8((whole[offset] ?? 0) ^ 1, offset);

  test("fails, and no index is stored that lacks what is behind", async () => {
    await push(...SEGMENTS.with(2, [name, damaged]));
    const { indexedCount, failed } = await rebuild();
    expect(indexedCount).toBe(4);
    expect(failed.map(({ segment, exitCode }) => [segment, exitCode])).toEqual([
      [name, 22],
      [NAMES[3], 22],
    ]);
    expect(failed[0]?.reason).toMatch(/^it is not full: WAL ends at 0\/30\w+ \(\w+\)$/);
    const spans = await unindexedSpans(target.archive, {}, context);
    expect(spans).toMatchObject([{ first: name, last: NAMES[3] }]);
  });

  test.each([
    ["is indexed where a younger timeline left it before the end", lsnIn(3, 40), 3, []],
    ["fails where a younger timeline goes on from behind the end", lsnIn(3, 40_000), 3, [22]],
    ["fails while later ones of its timeline are stored", lsnIn(3, 40), 4, [22, 22]],
  ])("%s", async (_, switchLsn, count, exitCodes) => {
    const segments = SEGMENTS.slice(0, count).with(2, [name, damaged]);
    await store(target, ...segments, ["00000002.history", historyBytes([1, switchLsn])]);
    const { failed } = await rebuild();
    expect(failed.map(({ exitCode }) => exitCode)).toEqual(exitCodes);
    expect(target.memory.keys().includes(keyOf(name))).toBe(exitCodes.length === 0);
  });
});

test("a segment whose object is damaged fails", async () => {
  await store(target, ...SEGMENTS);
  target.memory.tamper(keyOf(NAMES[2], ""), (bytes) => bytes.subarray(0, 1000));
  const { built, failed } = await rebuild();
  expect(built).toEqual([NAMES[0], NAMES[1], NAMES[4], NAMES[5]]);
  expect(failed.map(({ segment, exitCode }) => [segment, exitCode])).toEqual([
    [NAMES[2], 22],
    [NAMES[3], 22],
  ]);
});

test("that the archive begins inside a record is no damage", async () => {
  await store(target, ...SEGMENTS.slice(2));
  const { built, failed } = await rebuild();
  expect(built).toEqual(NAMES.slice(3));
  expect(failed).toEqual([
    {
      segment: NAMES[2],
      reason: "it begins inside a record whose beginning was never archived",
      exitCode: 0,
    },
  ]);
});

test("a record longer than several segments is followed back to its beginning", async () => {
  const builder = new WalBuilder();
  builder.append(filler(4 * 1024 * 1024));
  builder.append(filler(100));
  builder.switchSegment();
  const long = namedSegments(builder);
  await store(target, ...long);
  expect((await rebuild()).failed).toEqual([]);
  const names = long.map(([name]) => name);
  expect(await firstBreak(target.archive, names)).toBeUndefined();
  const last: WalIndex = await storedIndex(target.archive, names.at(-1) ?? "");
  expect(last.first?.lsn).toBe(0x100028n);
});

test("a younger timeline goes on from the older one", async () => {
  const builder = new WalBuilder();
  builder.fillSegment(50);
  builder.append(filler(200));
  const parent = namedSegments(builder);
  const history = historyBytes([1, formatLsn(builder.position)]);
  builder.promote(2);
  builder.fillSegment(50);
  builder.append(filler(200));
  builder.switchSegment();
  const child = namedSegments(builder).slice(1);
  const renamed = child.map(([, bytes], index): NamedSegment => [segmentName(2, index + 2), bytes]);
  await store(target, ...parent, ...renamed, ["00000002.history", history]);
  expect((await rebuild()).failed).toEqual([]);
  const names = [segmentName(1, 1), ...renamed.map(([name]) => name)];
  expect(await firstBreak(target.archive, names)).toBeUndefined();
});

test("an outage of the repository ends it, and so does the user", async () => {
  await store(target, ...SEGMENTS);
  target.faults.setRules([
    { method: "put", nth: 3, fault: { kind: "fail", code: "REPOSITORY_DENIED" } },
  ]);
  await expect(rebuild()).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
  const reason = new Error("interrupted");
  const interrupted = { ...context, signal: AbortSignal.abort(reason) };
  await expect(rebuildIndexes(target.archive, { isDryRun: false }, interrupted)).rejects.toBe(
    reason,
  );
  expect(await rebuild()).toMatchObject({ indexedCount: 2, failed: [] });
});

test("a damaged index is named", async () => {
  await push(...SEGMENTS.slice(0, 1));
  target.memory.tamper(keyOf(NAMES[0]), (bytes) => bytes.subarray(0, -1));
  const { log, lines } = recordingLog();
  await rebuildIndexes(target.archive, { isDryRun: false }, { ...context, log });
  expect(lines).toMatchObject([["warn", "a WAL index is damaged", { segment: NAMES[0] }]]);
});
