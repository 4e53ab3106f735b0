import fc from "fast-check";
import { expect, test } from "vitest";
import { fullXid, precedesXid } from "./full-xid.ts";

const CIRCLE = 1n << 32n;
const HALF = 1n << 31n;
const lower = (full: bigint): number => Number(full % CIRCLE);

test("every id less than half of the circle away gets its epoch back", () => {
  const next = fc.bigInt({ min: HALF, max: CIRCLE << 20n });
  const distance = fc.bigInt({ min: -HALF, max: HALF - 1n });
  fc.assert(
    fc.property(next, distance, (nextXid, ahead) => {
      expect(fullXid(lower(nextXid + ahead), nextXid)).toBe(nextXid + ahead);
    }),
  );
});

test.each<[xid: number, nextXid: bigint | undefined, full: bigint]>([
  [762, 763n, 762n],
  [762, undefined, 762n],
  [4_294_967_295, undefined, 4_294_967_295n],
  // The next id has just begun epoch 1: this one is the last of epoch 0.
  [4_294_967_295, CIRCLE + 3n, 4_294_967_295n],
  [3, CIRCLE + 3n, CIRCLE + 3n],
  // The checkpoint lies before the transaction, and the epoch begins in between.
  [5, CIRCLE - 1n, CIRCLE + 5n],
  [762, 3n * CIRCLE + 800n, 3n * CIRCLE + 762n],
])("%i near %s is %s", (xid, nextXid, full) => {
  expect(fullXid(xid, nextXid)).toBe(full);
});

test("ids near each other are in the order in which they were given, also around the end of the circle", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: CIRCLE << 2n }),
      fc.bigInt({ min: 1n, max: HALF - 1n }),
      (older, ahead) => {
        const [left, right] = [lower(older), lower(older + ahead)];
        expect([precedesXid(left, right), precedesXid(right, left)]).toEqual([true, false]);
        expect(precedesXid(left, left)).toBe(false);
      },
    ),
  );
});
