import fc from "fast-check";
import { expect, test } from "vitest";
import { editDistance, nearestWord } from "./nearest.ts";

test.each([
  ["", "", 0],
  ["a", "", 1],
  ["backup", "bakcup", 1],
  ["kitten", "sitting", 3],
  ["repo1-path", "repo1-pth", 1],
])("%s and %s differ by %i", (left, right, distance) => {
  expect(editDistance(left, right)).toBe(distance);
});

test("distance is symmetric, zero only for equal words, and at most the longer length", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (left, right) => {
      const distance = editDistance(left, right);
      expect(distance).toBe(editDistance(right, left));
      expect(distance === 0).toBe(left === right);
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
    }),
  );
});

test("finds the word that was meant, and none when nothing is near", () => {
  const commands = ["backup", "restore", "check", "info"];
  expect(nearestWord("bakup", commands)).toBe("backup");
  expect(nearestWord("RESTORE", commands)).toBe("restore");
  expect(nearestWord("inof", commands)).toBe("info");
  expect(nearestWord("frobnicate", commands)).toBeUndefined();
});
