import { expect, test } from "vitest";
import { forEachPulled } from "./lanes.ts";

async function* numbers(
  count: number,
  closed: { count: number } = { count: 0 },
): AsyncGenerator<number> {
  try {
    for (let number = 0; number < count; number += 1) yield number;
  } finally {
    closed.count += 1;
  }
}

test("every item is worked on once, no more than the lanes allow at a time", async () => {
  const done: number[] = [];
  let running = 0;
  let runningMax = 0;
  await forEachPulled(numbers(50), 4, async (number) => {
    running += 1;
    runningMax = Math.max(runningMax, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done.push(number);
  });
  expect(done.toSorted((left, right) => left - right)).toEqual(
    Array.from({ length: 50 }, (_, at) => at),
  );
  expect(runningMax).toBe(4);
});

test("a failure stops the lanes, closes the source, and is thrown after the last lane has ended", async () => {
  const closed = { count: 0 };
  let running = 0;
  const started: number[] = [];
  const work = forEachPulled(numbers(1000, closed), 3, async (number) => {
    started.push(number);
    running += 1;
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (number === 5) throw new Error("five");
  });
  await expect(work).rejects.toThrow("five");
  expect(running).toBe(0);
  expect(started.length).toBeLessThan(15);
  expect(closed.count).toBe(1);
});

test("a source that fails is a failure", async () => {
  async function* broken(): AsyncGenerator<number> {
    yield 1;
    throw new Error("source");
  }
  await expect(forEachPulled(broken(), 2, async () => undefined)).rejects.toThrow("source");
});
