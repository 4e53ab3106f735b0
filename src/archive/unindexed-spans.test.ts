import { beforeEach, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline } from "../model/timeline.ts";
import { indexCoverage, unindexedSpans } from "./unindexed-spans.ts";
import { makeTestArchive, segmentName, type TestArchive } from "./wal-archive.fixture.ts";

const context = createContext();

let target: TestArchive;
beforeEach(async () => {
  target = await makeTestArchive();
});

/** Puts objects of these names where the archive has segments; what is in them is not read. */
async function put(...segments: readonly (readonly [string, "indexed" | "bare"])[]): Promise<void> {
  for (const [name, state] of segments) {
    const key = `stanza/main/archive/18-1/${name.slice(0, 16)}/${name}`;
    await target.memory.put(key, Buffer.from("x"));
    if (state === "indexed") await target.memory.put(`${key}.index-1`, Buffer.from("x"));
  }
}

const at = segmentName;

test("an empty archive, and one that is wholly indexed, has no span", async () => {
  expect(await unindexedSpans(target.archive, {}, context)).toEqual([]);
  await put([at(1, 4), "indexed"], [at(1, 5), "indexed"]);
  expect(await indexCoverage(target.archive, {}, context)).toEqual({
    segmentCount: 2,
    indexedCount: 2,
    unindexed: [],
  });
});

test("segments that follow each other are one span, over folders; holes and timelines part them", async () => {
  await put(
    [at(1, 4), "indexed"],
    [at(1, 5), "bare"],
    [at(1, 4095), "bare"],
    [at(1, 4096), "bare"],
    [at(1, 4097), "indexed"],
    [at(1, 4098), "bare"],
    [at(2, 4098), "bare"],
    [at(2, 4099), "bare"],
  );
  const { segmentCount, indexedCount, unindexed } = await indexCoverage(
    target.archive,
    {},
    context,
  );
  expect([segmentCount, indexedCount]).toEqual([8, 2]);
  const span = (first: string, last: string, count: number): object => ({
    timeline: Number.parseInt(first.slice(0, 8), 16),
    first,
    last,
    segmentCount: count,
    beginsArchive: false,
  });
  expect(unindexed).toEqual([
    span(at(1, 5), at(1, 5), 1),
    span(at(1, 4095), at(1, 4096), 2),
    span(at(1, 4098), at(1, 4098), 1),
    span(at(2, 4098), at(2, 4099), 2),
  ]);
  const younger = { timeline: timeline(2) };
  expect(await unindexedSpans(target.archive, younger, context)).toEqual([unindexed[3]]);
  const range = { from: at(1, 6), to: at(1, 4095) };
  expect(await unindexedSpans(target.archive, range, context)).toMatchObject([
    { first: at(1, 4095), last: at(1, 4095) },
  ]);
});

test("a segment behind nothing is told apart: nobody may be able to index it", async () => {
  await put([at(1, 4), "bare"], [at(1, 5), "indexed"], [at(1, 9), "bare"], [at(1, 10), "indexed"]);
  await put([at(2, 6), "bare"], [at(2, 7), "indexed"], [at(3, 20), "bare"]);
  const spans = await unindexedSpans(target.archive, {}, context);
  expect(spans.map(({ first, beginsArchive }) => [first, beginsArchive])).toEqual([
    [at(1, 4), true],
    [at(1, 9), true],
    [at(2, 6), false],
    [at(3, 20), true],
  ]);
});

test("the newest segment can be spared, because its index may be on its way", async () => {
  const spans = async (): Promise<readonly string[]> =>
    (await unindexedSpans(target.archive, { sparesNewest: true }, context)).map(({ last }) => last);
  await put([at(1, 4), "indexed"], [at(1, 5), "bare"]);
  expect(await spans()).toEqual([]);
  await put([at(1, 6), "bare"]);
  expect(await spans()).toEqual([at(1, 5)]);
  await put([at(1, 7), "indexed"]);
  expect(await spans()).toEqual([at(1, 6)]);
});
