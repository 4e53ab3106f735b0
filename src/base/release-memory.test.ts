import { expect, test } from "vitest";
import { releaseMemory } from "./release-memory.ts";

test("a large buffer of its own is empty afterwards", () => {
  const bytes = Buffer.alloc(1024 * 1024, 1);
  releaseMemory(bytes);
  expect(bytes.length).toBe(0);
});

test("what shares its memory stays as it is", () => {
  const whole = Buffer.alloc(1024 * 1024, 1);
  const part = whole.subarray(1);
  releaseMemory(part);
  expect(part.length).toBe(1024 * 1024 - 1);
  const small = Buffer.from("small");
  releaseMemory(small);
  expect(small.toString()).toBe("small");
});
