import { expect, test } from "vitest";
import { HindsightError } from "./errors.ts";
import { WorkerPool } from "./worker-pool.ts";
import type { TestAnswer, TestJob } from "./worker-pool.test-worker.ts";

const openPool = (sizeCount: number): WorkerPool<TestJob, TestAnswer> =>
  new WorkerPool(new URL("./worker-pool.test-worker", import.meta.url), sizeCount);

test("runs every job, on all threads, and hands buffers over", async () => {
  await using pool = openPool(2);
  const sums = await Promise.all(
    Array.from({ length: 20 }, (_, value) => {
      const bytes = new Uint8Array(1000).fill(value);
      return pool.run({ kind: "sum", bytes }, [bytes.buffer]).then((answer) => {
        expect(bytes.length).toBe(0);
        return answer;
      });
    }),
  );
  expect(sums.map((answer) => answer.sum)).toEqual(
    Array.from({ length: 20 }, (_, value) => value * 1000),
  );
  expect(new Set(sums.map((answer) => answer.thread)).size).toBe(2);
});

test("an error keeps its code, its exit status and its hint on the way between threads", async () => {
  await using pool = openPool(1);
  const failing = pool.run({ kind: "fail" });
  await expect(failing).rejects.toBeInstanceOf(HindsightError);
  await expect(pool.run({ kind: "fail" })).rejects.toMatchObject({
    code: "TEST_FAILED",
    exitCode: 22,
    message: "asked to fail",
    hint: "Ask for something else.",
    context: { lsn: 5n },
  });
  await expect(pool.run({ kind: "crash" })).rejects.toThrow("not one of ours");
});

test("a job that cannot be sent fails alone, also when it waited for its turn", async () => {
  await using pool = openPool(1);
  const bytes = new Uint8Array(10).fill(1);
  const gone = new Uint8Array(10);
  structuredClone(gone, { transfer: [gone.buffer] });
  const results = await Promise.allSettled([
    pool.run({ kind: "sum", bytes }),
    pool.run({ kind: "sum", bytes: gone }, [gone.buffer]),
    pool.run({ kind: "sum", bytes }),
  ]);
  expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("an error of the system keeps its code on the way between threads", async () => {
  await using pool = openPool(1);
  await expect(pool.run({ kind: "open", path: "/nonexistent/file" })).rejects.toMatchObject({
    code: "ENOENT",
  });
});

test("a thread that dies fails what runs, what waits and what comes later", async () => {
  await using pool = openPool(1);
  const results = await Promise.allSettled([
    pool.run({ kind: "exit" }),
    pool.run({ kind: "sum", bytes: new Uint8Array(1) }),
  ]);
  expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  await expect(pool.run({ kind: "sum", bytes: new Uint8Array(1) })).rejects.toThrow(
    "ended with status 7",
  );
});
