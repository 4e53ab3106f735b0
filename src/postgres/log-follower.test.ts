import { appendFile, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { followLog } from "./log-follower.ts";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "follow-"));
  file = join(directory, "server.log");
});

afterEach(() => rm(directory, { recursive: true }));

/** Follows the file in the background; `next` waits for the next line. */
function follow(): { next: () => Promise<string | undefined>; end: () => void } {
  const until = new AbortController();
  const lines = followLog(file, createContext(), { until: until.signal });
  return {
    next: async () => {
      const step = await lines.next();
      return step.done ? undefined : step.value;
    },
    end: () => until.abort(),
  };
}

test("lines are given as they are written, to a file that did not exist", async () => {
  const log = follow();
  const first = log.next();
  await writeFile(file, "one\ntw");
  expect(await first).toBe("one");
  const second = log.next();
  await appendFile(file, "o\nthree\n");
  expect(await second).toBe("two");
  expect(await log.next()).toBe("three");
  log.end();
  expect(await log.next()).toBeUndefined();
});

test("the end gives everything written before it, with the unfinished last line", async () => {
  const log = follow();
  await writeFile(file, "one\n\nlast without end");
  log.end();
  expect(await log.next()).toBe("one");
  expect(await log.next()).toBe("");
  expect(await log.next()).toBe("last without end");
  expect(await log.next()).toBeUndefined();
});

test("a file that never came ends without lines", async () => {
  const log = follow();
  log.end();
  expect(await log.next()).toBeUndefined();
});

test("a truncated file is read again from its beginning", async () => {
  await writeFile(file, "before the truncation\n");
  const log = follow();
  expect(await log.next()).toBe("before the truncation");
  const next = log.next();
  await truncate(file, 0);
  await new Promise((resolve) => setTimeout(resolve, 150)); // the follower must see the short file
  await appendFile(file, "after\n");
  expect(await next).toBe("after");
  log.end();
  expect(await log.next()).toBeUndefined();
});

test("a rotated file is read to its end before the new one", async () => {
  await writeFile(file, "old 1\n");
  const log = follow();
  expect(await log.next()).toBe("old 1");
  await appendFile(file, "old 2\n");
  await rename(file, `${file}.1`);
  await writeFile(file, "new 1\n");
  expect(await log.next()).toBe("old 2");
  expect(await log.next()).toBe("new 1");
  log.end();
  expect(await log.next()).toBeUndefined();
});

test("a character torn between two writes is whole in the line", async () => {
  const bytes = Buffer.from("relation « commandes »\n");
  const cut = bytes.indexOf(0xc2) + 1;
  const log = follow();
  const line = log.next();
  await writeFile(file, bytes.subarray(0, cut));
  await new Promise((resolve) => setTimeout(resolve, 100));
  await appendFile(file, bytes.subarray(cut));
  expect(await line).toBe("relation « commandes »");
  log.end();
});

test("a line longer than the limit is cut, not collected for ever", async () => {
  await writeFile(file, "x".repeat(3 * 1024 * 1024));
  const log = follow();
  expect((await log.next())?.length).toBeGreaterThan(1024 * 1024);
  log.end();
});

test("the context's signal ends the following with its reason", async () => {
  const controller = new AbortController();
  const lines = followLog(file, createContext({ signal: controller.signal }));
  const waiting = lines.next();
  controller.abort(new Error("interrupted"));
  await expect(waiting).rejects.toThrow("interrupted");
});
