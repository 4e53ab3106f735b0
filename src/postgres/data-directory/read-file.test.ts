import { mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bytePath, textPath } from "../../model/byte-path.ts";
import { lsn } from "../../model/lsn.ts";
import { hasVanished, inspect, listDirectory } from "./file-system.ts";
import { type DataFile, openDataFile, readChunkSync, readPagesSync } from "./read-file.ts";

const PAGE = 8192;
const CHECK = {
  blockSizeBytes: PAGE,
  firstBlock: 100,
  checksums: false,
  startLsn: lsn((1n << 64n) - 1n),
};

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hindsight-read-"));
  mkdirSync(join(root, "base"));
});

afterEach(() => rm(root, { recursive: true }));

function open(name: string): DataFile {
  const file = openDataFile(root, textPath(name));
  if (file === undefined) throw new Error(`${name} has vanished`);
  return file;
}

describe("a file that changes", () => {
  test("gives what was listed when it grew, and what is there when it shrank", () => {
    writeFileSync(join(root, "base/1"), "0123456789");
    using file = open("base/1");
    const buffer = Buffer.alloc(16);
    expect(readChunkSync(file, { offsetBytes: 2, lengthBytes: 4 }, buffer)).toBe(4);
    expect(buffer.subarray(0, 5).toString()).toBe("2345\0");
    truncateSync(join(root, "base/1"), 3);
    expect(readChunkSync(file, { offsetBytes: 2, lengthBytes: 4 }, buffer)).toBe(1);
    expect(readChunkSync(file, { offsetBytes: 8, lengthBytes: 4 }, buffer)).toBe(0);
  });

  test("that vanished is no error, with its directory or without", () => {
    expect(openDataFile(root, textPath("base/1"))).toBeUndefined();
    expect(openDataFile(root, textPath("base/5/1"))).toBeUndefined();
  });

  test("is not taken as vanished when all the data directory is gone", async () => {
    const moved = `${root}-moved`;
    renameSync(root, moved);
    try {
      const error = expect.objectContaining({ code: "DATA_FILE_UNREADABLE" }) as Error;
      expect(() => openDataFile(root, textPath("base/1"))).toThrow(error);
      expect(() => inspect(root, textPath("base/1"))).toThrow(error);
      await expect(listDirectory(root, textPath("base"))).rejects.toMatchObject({
        code: "DATA_FILE_UNREADABLE",
      });
    } finally {
      renameSync(moved, root);
    }
  });

  test("is not taken as vanished while its name is listed", () => {
    symlinkSync("gone", join(root, "base/1"));
    expect(() => openDataFile(root, textPath("base/1"))).toThrow("cannot read base/1: ENOENT");
    const odd = Buffer.from([0x62, 0xff]);
    writeFileSync(Buffer.concat([Buffer.from(`${root}/base/`), odd]), "");
    expect(hasVanished(root, bytePath(Buffer.concat([Buffer.from("base/"), odd])))).toBe(false);
    expect(hasVanished(root, textPath("base/b\u00ff"))).toBe(true);
  });

  test("that became something else is an error", () => {
    mkdirSync(join(root, "base/1"));
    expect(() => open("base/1")).toThrow("cannot read base/1");
    writeFileSync(join(root, "base/5"), "");
    expect(() => open("base/5/1")).toThrow("cannot read base/5/1: ENOTDIR");
    const server = createServer().listen(join(root, "base/2"));
    expect(() => open("base/2")).toThrow("cannot read base/2: ENXIO");
    server.close();
  });
});

describe("pages", () => {
  const read = (
    file: DataFile,
    pages: number,
  ): ReturnType<typeof readPagesSync> & { buffer: Buffer } => {
    const buffer = Buffer.alloc(pages * PAGE);
    const range = { offsetBytes: 0, lengthBytes: buffer.length };
    return { ...readPagesSync(file, range, { buffer, check: CHECK }), buffer };
  };

  test("that stay wrong are reported by their block", () => {
    const bytes = Buffer.alloc(4 * PAGE);
    bytes[PAGE + 50] = 1;
    bytes[3 * PAGE + 50] = 1;
    writeFileSync(join(root, "base/1"), bytes);
    using file = open("base/1");
    const { lengthBytes, badBlocks, buffer } = read(file, 4);
    expect({ lengthBytes, badBlocks }).toEqual({ lengthBytes: 4 * PAGE, badBlocks: [101, 103] });
    expect(buffer).toEqual(bytes);
  });

  test("that were being written are read again, and the second reading counts", async () => {
    const bytes = Buffer.alloc(2 * PAGE);
    bytes[PAGE + 50] = 1;
    writeFileSync(join(root, "base/1"), bytes);
    using file = open("base/1");
    await using writer = await writeLater(50, { position: PAGE + 50, byte: 0 });
    const { badBlocks, buffer } = read(file, 2);
    expect(badBlocks).toEqual([]);
    expect(buffer).toEqual(Buffer.alloc(2 * PAGE));
    expect(writer).toBeDefined();
  });

  test("that were cut off before they were read again are no error", async () => {
    const bytes = Buffer.alloc(2 * PAGE);
    bytes[PAGE + 50] = 1;
    writeFileSync(join(root, "base/1"), bytes);
    using file = open("base/1");
    await using writer = await writeLater(50, { position: PAGE, byte: undefined });
    expect(read(file, 2).badBlocks).toEqual([]);
    expect(writer).toBeDefined();
  });

  /** Changes a byte of base/1, or cuts the file off, from another thread: this one will be blocked. */
  async function writeLater(
    delayMs: number,
    { position, byte }: { readonly position: number; readonly byte: number | undefined },
  ): Promise<AsyncDisposable> {
    const source = `
      const { parentPort, workerData } = require("node:worker_threads");
      const fs = require("node:fs");
      const { file, delayMs, position, byte } = workerData;
      const descriptor = fs.openSync(file, "r+");
      parentPort.postMessage("ready");
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, delayMs);
      if (byte === undefined) fs.ftruncateSync(descriptor, position);
      else fs.writeSync(descriptor, Buffer.from([byte]), 0, 1, position);`;
    const file = join(root, "base/1");
    const worker = new Worker(source, {
      eval: true,
      workerData: { file, delayMs, position, byte },
    });
    await new Promise((resolve) => worker.once("message", resolve));
    return { [Symbol.asyncDispose]: async () => void (await worker.terminate()) };
  }
});
