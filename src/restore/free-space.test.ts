import { mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MIB } from "../base/limits.ts";
import { requireSpace, type SpaceNeed } from "./free-space.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "free-space-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function need(sizeBytes: number, parts: Partial<SpaceNeed> = {}): SpaceNeed {
  return {
    existing: directory,
    usage: { fileCount: 1, sizeBytes },
    walBytes: 0,
    removed: [],
    ...parts,
  };
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

test("what fits passes, what does not is refused with both numbers", async () => {
  await requireSpace([need(MIB)]);
  await expect(requireSpace([need(2 ** 60)])).rejects.toMatchObject({
    code: "DESTINATION_FULL",
    exitCode: 30,
    message: expect.stringMatching(/needs [\d.]+TB, and [\d.]+[KMGT]?B are free/),
  });
});

test("the margin, WAL and every file count: what just fits is refused", async () => {
  const free = await freeBytes();
  await expect(requireSpace([need(free - 8 * MIB)])).rejects.toThrow(/needs/);
  await expect(requireSpace([need(MIB, { walBytes: free })])).rejects.toThrow(/needs/);
  const usage = { fileCount: Math.ceil(free / 4096), sizeBytes: 0 };
  await expect(requireSpace([need(0, { usage })])).rejects.toThrow(/needs/);
});

test("places on one file system share its space", async () => {
  const half = (await freeBytes()) * 0.6;
  await requireSpace([need(half)]);
  await expect(requireSpace([need(half), need(half)])).rejects.toThrow(/ and /);
});

test("what is removed first is counted, as blocks and not as sizes", async () => {
  await writeFile(join(directory, "old"), Buffer.alloc(8 * MIB, 1));
  const free = await freeBytes();
  // 2 % of the size and the overhead of one file are the margin; leave 4 MiB of doubt for whoever else writes here.
  const sizeBytes = Math.floor((free + 4 * MIB) / 1.02) - 8192;
  await expect(requireSpace([need(sizeBytes)])).rejects.toThrow(/needs/);
  await requireSpace([need(sizeBytes, { removed: [directory] })]);
});
