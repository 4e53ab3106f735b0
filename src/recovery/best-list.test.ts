import fc from "fast-check";
import { expect, test } from "vitest";
import { BestList } from "./best-list.ts";

/** Something with a weight, the heavier the better, and when it came. */
interface Item {
  readonly weight: number;
  readonly turn: number;
}

const compare = (left: Item, right: Item): number => right.weight - left.weight;
const itemsOf = (weights: readonly number[]): readonly Item[] =>
  weights.map((weight, turn) => ({ weight, turn }));

test("keeps what a sort of all would put in front, of equal ones the later first", () => {
  // Few different weights, so that many are equal.
  const weights = fc.array(fc.nat(12), { maxLength: 200 });
  fc.assert(
    fc.property(weights, fc.nat(12), fc.nat(200), (all, countMax, lookAfter) => {
      const list = new BestList<Item>(countMax, compare);
      const [before, behind] = [itemsOf(all).slice(0, lookAfter), itemsOf(all).slice(lookAfter)];
      for (const item of before) list.offer(item);
      // Whoever looks meanwhile changes nothing.
      expect(list.items).toHaveLength(Math.min(before.length, countMax));
      for (const item of behind) list.offer(item);
      const sorted = itemsOf(all)
        .toReversed()
        .toSorted((left, right) => compare(left, right));
      expect(list.items).toEqual(sorted.slice(0, countMax));
    }),
  );
});

test("what is refused is not among the best, whatever follows", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { maxLength: 200 }), fc.nat(12), (all, countMax) => {
      const list = new BestList<Item>(countMax, compare);
      const refused = itemsOf(all).filter((item) => !list.offer(item));
      expect(list.items.filter((item) => refused.includes(item))).toEqual([]);
    }),
  );
});

test("the worst of a full list is given up for an equal one, and refuses a worse one", () => {
  const list = new BestList<Item>(2, compare);
  const [heavy, light, same, lighter] = itemsOf([9, 5, 5, 4]) as [Item, Item, Item, Item];
  expect([heavy, light].map((item) => list.offer(item))).toEqual([true, true]);
  expect(list.items).toEqual([heavy, light]);
  expect([same, lighter].map((item) => list.offer(item))).toEqual([true, false]);
  expect(list.items).toEqual([heavy, same]);
});

test("a list for nothing takes nothing", () => {
  const list = new BestList<number>(0, () => 0);
  expect(list.offer(1)).toBe(false);
  expect(list.items).toEqual([]);
});
