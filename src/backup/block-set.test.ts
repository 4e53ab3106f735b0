import fc from "fast-check";
import { expect, test } from "vitest";
import { BlockSet } from "./block-set.ts";

const CAPACITY = 4096;

function blocksOf(set: BlockSet): readonly number[] {
  return [...set.runs()].flatMap(({ begin, end }) =>
    Array.from({ length: end - begin }, (_, place) => begin + place),
  );
}

test("a set gives each block once, ascending, in runs that do not touch", () => {
  const several = fc.array(fc.nat(CAPACITY - 1), { maxLength: 600 });
  fc.assert(
    fc.property(several, (blocks) => {
      const set = new BlockSet(CAPACITY);
      for (const block of blocks) set.add(block);
      expect(blocksOf(set)).toEqual([...new Set(blocks)].toSorted((left, right) => left - right));
      const runs = [...set.runs()];
      for (const [place, run] of runs.entries()) {
        expect(run.begin).toBeLessThan(run.end);
        expect(run.begin).toBeGreaterThan(runs[place - 1]?.end ?? -1);
      }
    }),
  );
});

test("many blocks become a bitmap, a few that come again and again do not", () => {
  const few = new BlockSet(CAPACITY);
  for (let turn = 0; turn < 10_000; turn += 1) few.add(turn % 10);
  expect([few.isDense, blocksOf(few).length]).toEqual([false, 10]);
  const many = new BlockSet(CAPACITY);
  for (let block = CAPACITY - 1; block >= 0; block -= 2) many.add(block);
  expect([many.isDense, blocksOf(many).length]).toEqual([true, CAPACITY / 2]);
});

test("a block that the file cannot have is refused", () => {
  for (const block of [-1, CAPACITY]) {
    expect(() => new BlockSet(CAPACITY).add(block)).toThrow(RangeError);
  }
});
