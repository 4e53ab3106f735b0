import { expect, test } from "vitest";
import { releaseMemory } from "./release-memory.ts";

test("a large buffer is empty afterwards, and so is all of its memory", () => {
  const whole = Buffer.alloc(1024 * 1024, 1);
  const part = whole.subarray(1);
  releaseMemory(part);
  expect([part.length, whole.length]).toEqual([0, 0]);
  // Doing it again is no mistake.
  releaseMemory(whole);
});

test("a small one may share its memory with others, and stays as it is", () => {
  const small = Buffer.from("small");
  releaseMemory(small);
  expect(small.toString()).toBe("small");
});
