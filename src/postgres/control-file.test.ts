// Golden bytes: the beginning of pg_control as initdb of each layout wrote it, compared with what pg_controldata of the
// same version said. All five majors against running servers: test/integration/postgres-control-file.test.ts.
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { describe, expect, test } from "vitest";
import { SteppingClock } from "../base/clock.fixture.ts";
import { createContext } from "../base/context.ts";
import {
  CONTROL_FILE_SIZE_BYTES,
  invalidateCheckpoint,
  parseControlFile,
  readControlFile,
} from "./control-file.ts";

const GOLDEN = {
  15: "pSY25l5QAWsUBQAAJXcNDAEAAAAAAAAAX1ABawAAAABoWHMBAAAAAGhYcwEAAAAAAQAAAAEAAAABAAAAAAAAANQCAAAAAAAAsTQAAAEAAAAAAAAAzAIAAAEAAAABAAAAAQAAAAAAAABfUAFrAAAAAAAAAAAAAAAAAAAAAAAAAADoAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAZAAAAAgAAAAKAAAAAAAAAEAAAAAAAAAACAAAAAAAAACH1jJBACAAAAAAAgAAIAAAAAAAAUAAAAAgAAAAzAcAAAAIAAABAAAAAQAAALsQ7CU51Z9oSf+S4ujWactSvNQVukwu46XK68bDdh85QS01qgAAAAA=",
  17: "w/Yp219QAWukBgAAiXkQDAEAAAAAAAAAYFABawAAAADYGHIBAAAAANgYcgEAAAAAAQAAAAEAAAABAAAAAQAAAOICAAAAAAAAuTQAAAEAAAAAAAAA2gIAAAEAAAABAAAAAQAAAAAAAABgUAFrAAAAAAAAAAAAAAAAAAAAAAAAAADoAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAZAAAAAgAAAAKAAAAAAAAAEAAAAAAAAAACAAAAAAAAACH1jJBACAAAAAAAgAAIAAAAAAAAUAAAAAgAAAAzAcAAAAIAAABAAAAAQAAANTtujXqc5n6sjArbcd2PJNITvGgaD3CapvSjNVjJxfbWzslXAAAAAA=",
  18: "0rZgX2BQAWsIBwAAMwASDAEAAAAAAAAAYFABawAAAACQsnQBAAAAAJCydAEAAAAAAQAAAAEAAAABAAAAAQAAAPACAAAAAAAAwzQAAAEAAAAAAAAA6AIAAAEAAAABAAAAAQAAAAAAAABgUAFrAAAAAAAAAAAAAAAAAAAAAAAAAADoAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAEAAAAAAAAAZAAAAAgAAAAKAAAAAAAAAEAAAAAAAAAACAAAAAAAAACH1jJBACAAAAAAAgAAIAAAAAAAAUAAAAAgAAAAzAcAAAAIAAABAAAAAQAAAAH73+aOBo8dj340eHvHVaKt+D4+2+JKwUiQGTAIrx9x1gAAAIB1ZHs=",
} as const;

function golden(major: keyof typeof GOLDEN): Buffer {
  const bytes = Buffer.alloc(CONTROL_FILE_SIZE_BYTES);
  Buffer.from(GOLDEN[major], "base64").copy(bytes);
  return bytes;
}

describe("parseControlFile", () => {
  test("reads what pg_controldata 15 printed of the same file", () => {
    const control = parseControlFile(golden(15));
    expect(control).toMatchObject({
      systemIdentifier: 7710532405554456229n,
      controlVersion: 1300,
      catalogVersion: 202209061,
      state: "shut down",
      checkpointLsn: 0x1735868n,
      redoLsn: 0x1735868n,
      timeline: 1,
      fullPageWrites: true,
      nextTransactionId: 724n,
      minRecoveryPoint: 0n,
      minRecoveryTimeline: 0,
      backupStartLsn: 0n,
      backupEndLsn: 0n,
      backupEndRequired: false,
      walLevel: "replica",
      walLogHints: false,
      maxConnections: 100,
      maxWorkerProcesses: 8,
      maxWalSenders: 10,
      maxPreparedTransactions: 0,
      maxLocksPerTransaction: 64,
      trackCommitTimestamp: false,
      blockSizeBytes: 8192,
      relationSegmentBlocks: 131_072,
      walBlockSizeBytes: 8192,
      segmentSizeBytes: 16 * 1024 * 1024,
      dataChecksumVersion: 1,
    });
    expect(control.checkpointTime.toString()).toBe("2026-11-21T08:03:43Z");
    expect(control.updatedAt.toString()).toBe("2026-11-21T08:03:43Z");
  });

  test.each([
    [17, 1700, 202406281],
    [18, 1800, 202506291],
  ] as const)("reads the layout of %i", (major, controlVersion, catalogVersion) => {
    const control = parseControlFile(golden(major));
    expect(control).toMatchObject({ controlVersion, catalogVersion, dataChecksumVersion: 1 });
    expect(control).toMatchObject({ maxConnections: 100, walLevel: "replica", state: "shut down" });
  });

  test("takes bytes that lie anywhere in their memory", () => {
    const memory = Buffer.alloc(CONTROL_FILE_SIZE_BYTES + 3);
    golden(18).copy(memory, 3);
    expect(parseControlFile(memory.subarray(3)).controlVersion).toBe(1800);
  });

  test("refuses every single flipped bit before and in the CRC", () => {
    const end = 296;
    for (let bit = 0; bit < end * 8; bit += 1) {
      const bytes = golden(18);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => parseControlFile(bytes), `bit ${bit}`).toThrow(
        expect.objectContaining({ code: "CONTROL_FILE_INVALID" }),
      );
    }
  });

  test("refuses what is cut off, empty, of another version or of another byte order", () => {
    expect(() => parseControlFile(golden(18).subarray(0, 295))).toThrow("cut off after 295 bytes");
    expect(() => parseControlFile(new Uint8Array())).toThrow("cut off after 0 bytes");
    const newer = golden(18);
    newer.writeUInt32LE(1903, 8);
    expect(() => parseControlFile(newer)).toThrow("version 1903");
    expect(() => parseControlFile(golden(18).swap32())).toThrow("known are 1300, 1700 and 1800");
  });

  test("refuses an unknown state although the CRC is right", () => {
    const bytes = golden(18);
    bytes.writeUInt32LE(7, 16);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 292)), 292);
    expect(() => parseControlFile(bytes)).toThrow("unknown state: 7");
  });
});

describe("invalidateCheckpoint", () => {
  test.each([
    [15, 288],
    [17, 288],
    [18, 292],
  ] as const)("changes only the checkpoint and the CRC of %i", (major, crcOffset) => {
    const original = golden(major);
    const changed = invalidateCheckpoint(original);
    expect(original).toEqual(golden(major));
    const parsed = parseControlFile(changed);
    expect(parsed).toEqual({ ...parseControlFile(original), checkpointLsn: 0xdeadn });
    const differing = [...changed.keys()].filter((offset) => changed[offset] !== original[offset]);
    for (const offset of differing) {
      const inCheckpoint = offset >= 32 && offset < 40;
      const inCrc = offset >= crcOffset && offset < crcOffset + 4;
      expect(inCheckpoint || inCrc, `byte ${offset}`).toBe(true);
    }
    expect(changed).toHaveLength(CONTROL_FILE_SIZE_BYTES);
  });

  test("does not make a damaged file valid", () => {
    const bytes = golden(18);
    bytes[100] = 1;
    expect(() => invalidateCheckpoint(bytes)).toThrow("pg_control has CRC");
  });
});

describe("readControlFile", () => {
  test("reads again while the server is half way through an update", async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, "global", "pg_control");
    const torn = golden(18);
    torn[200] = 1;
    await mkdir(join(directory.path, "global"));
    await writeFile(file, torn);
    const clock = new SteppingClock(async (sleepCount) => {
      if (sleepCount === 2) await writeFile(file, golden(18));
    });
    const { control, bytes } = await readControlFile(directory.path, createContext({ clock }));
    expect(control.controlVersion).toBe(1800);
    expect(bytes).toEqual(golden(18));
    expect(clock.delaysMs).toHaveLength(2);
  });

  test("gives up on a file that stays damaged, and does not retry a missing one", async () => {
    await using directory = await temporaryDirectory();
    const clock = new SteppingClock();
    const context = createContext({ clock });
    await expect(readControlFile(directory.path, context)).rejects.toMatchObject({
      code: "DATA_FILE_UNREADABLE",
    });
    expect(clock.delaysMs).toEqual([]);
    await mkdir(join(directory.path, "global"));
    await writeFile(join(directory.path, "global", "pg_control"), golden(18).fill(9, 40, 48));
    await expect(readControlFile(directory.path, context)).rejects.toMatchObject({
      code: "CONTROL_FILE_INVALID",
    });
    expect(clock.delaysMs.length).toBeGreaterThan(2);
  });
});

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "hindsight-control-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
