import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline } from "../model/timeline.ts";
import { archiveWith, type IndexStep, indexWith, running } from "./find.fixture.ts";
import { walkBegin } from "./walk-begin.ts";

/** A snapshot where this id was next and this one the oldest that ran; nothing ran when they are the same. */
function snapshot(nextXid: number, oldestRunningXid: number = nextXid): IndexStep {
  return { ...running([], oldestRunningXid), nextXid } as IndexStep;
}

/** Where the walk for a segment begins in an archive of these segments, and how many it has. */
async function beginOf(
  first: number,
  segments: Readonly<Record<number, readonly IndexStep[]>>,
): Promise<number> {
  const indexes = Object.entries(segments).map(([number, steps]) =>
    indexWith(Number(number), steps),
  );
  const archive = await archiveWith(indexes);
  const history = { timeline: timeline(1), ancestors: [] };
  const range = { archive, history, first: BigInt(first), blockSizeBytes: 8192 };
  return Number(await walkBegin(range, createContext()));
}

/** Segments of which each has a snapshot with its number as the next id, and in which 12 runs until 30. */
const LONG = Object.fromEntries(
  Array.from({ length: 40 }, (_, n) => n + 1).map((number) => {
    const oldest = number > 12 && number < 30 ? 12 : number;
    return [number, [snapshot(number, oldest)]];
  }),
);

test("where nothing ran, one segment back is enough", async () => {
  expect(await beginOf(5, { 3: [snapshot(100)], 4: [snapshot(100)], 5: [] })).toBe(4);
});

test("without a snapshot in the segment before, the ones before it are looked at", async () => {
  expect(await beginOf(6, { 3: [snapshot(90)], 4: [snapshot(100)], 5: [], 6: [] })).toBe(4);
});

test("what runs is followed back to a snapshot before it, at most about twice as far as it is", async () => {
  // 28 is 16 behind 12, and 16 segments back the snapshot's next id is 12.
  expect(await beginOf(28, LONG)).toBe(12);
  expect(await beginOf(25, LONG)).toBe(9);
  expect(await beginOf(14, LONG)).toBe(12);
  expect(await beginOf(31, LONG)).toBe(30);
});

test("the first stored segment is the earliest", async () => {
  expect(await beginOf(3, { 3: [snapshot(100)], 4: [] })).toBe(3);
  expect(await beginOf(4, { 3: [snapshot(100, 50)], 4: [] })).toBe(3);
  expect(await beginOf(9, { 7: [], 8: [snapshot(100, 50)], 9: [] })).toBe(7);
  expect(await beginOf(0, { 0: [] })).toBe(0);
});

test("a gap right before ends it: nothing follows from what lies behind", async () => {
  expect(await beginOf(9, { 2: [snapshot(100)], 9: [] })).toBe(9);
  expect(await beginOf(9, { 2: [snapshot(60)], 8: [snapshot(100, 50)], 9: [] })).toBe(8);
});

test("ids come around: one of the last is older than one of the first", async () => {
  const last = 2 ** 32 - 5;
  const segments = { 4: [snapshot(last)], 5: [snapshot(10, last)], 6: [] };
  expect(await beginOf(6, segments)).toBe(4);
});
