import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createContext } from "../base/context.ts";
import { getWalFile } from "../repository/wal-archive.ts";
import { pushWalFile } from "./push.ts";
import {
  backupBytes,
  historyBytes,
  makeTestArchive,
  SEGMENT_SIZE,
  segmentBytes,
  segmentName,
  type TestArchive,
} from "./wal-archive.fixture.ts";

const context = createContext();
const NAME = segmentName(1, 5);
const compression = { kind: "zstd", level: 3 } as const;

let target: TestArchive;
let directory = "";
beforeEach(async () => {
  target = await makeTestArchive();
  directory = await mkdtemp(join(tmpdir(), "archive-push-"));
  onTestFinished(() => rm(directory, { recursive: true }));
});

async function push(name: string, bytes: Buffer): Promise<"created" | "identical"> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  return pushWalFile({ path, archive: target.archive, compression }, context);
}

/** Compared by Buffer: vitest takes seconds for a segment. */
async function expectStored(name: string, bytes: Buffer): Promise<void> {
  const stored = await getWalFile(target.archive, name, context);
  expect(stored?.equals(bytes)).toBe(true);
}

/** Why a file was refused; nothing of it may be in the archive. */
async function refusal(name: string, bytes: Buffer): Promise<unknown> {
  const keysBefore = target.memory.keys();
  const error = await push(name, bytes).then(
    (wrong) => new Error(`was answered: ${wrong}`),
    (thrown: unknown) => thrown,
  );
  expect(target.memory.keys()).toEqual(keysBefore);
  return error;
}

describe("what is archived", () => {
  const files: readonly (readonly [string, Buffer])[] = [
    [NAME, segmentBytes(NAME)],
    [`${NAME}.partial`, segmentBytes(NAME)],
    ["0000000A.history", historyBytes([1, "0/500028"], [9, "1/0"])],
    [`${NAME}.00000028.backup`, backupBytes(NAME)],
  ];

  test.each(files)("%s comes back byte for byte", async (name, bytes) => {
    expect(await push(name, bytes)).toBe("created");
    await expectStored(name, bytes);
  });

  test.each(files)(
    "%s is accepted again, and refused with one byte changed",
    async (name, bytes) => {
      await push(name, bytes);
      expect(await push(name, bytes)).toBe("identical");
      const other = Buffer.from(bytes);
      const last = other.length - 2;
      other.writeUInt8(other.readUInt8(last) ^ 1, last);
      const differs = { code: "WAL_DUPLICATE_DIFFERS", exitCode: 24 };
      expect(await refusal(name, other)).toMatchObject(differs);
      expect(await refusal(name, other)).toMatchObject(differs);
      await expectStored(name, bytes);
    },
  );

  test("a segment and its partial are two files", async () => {
    await push(`${NAME}.partial`, segmentBytes(NAME, { fill: 1 }));
    expect(await push(NAME, segmentBytes(NAME, { fill: 2 }))).toBe("created");
  });

  test("eight pushes of the same segment at once leave one object and no error", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => push(NAME, segmentBytes(NAME))),
    );
    expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
  });
});

describe("what is refused, with nothing stored", () => {
  test.each([
    "postgresql.conf",
    "00000001000000000000000g",
    "000000010000000000000001.gz",
    "RECOVERYXLOG",
  ])("the name %s", async (name) => {
    expect(await refusal(name, segmentBytes(NAME))).toMatchObject({
      code: "WAL_SEGMENT_NAME_INVALID",
      exitCode: 2,
    });
  });

  const foreign = { code: "WAL_SEGMENT_FOREIGN", exitCode: 23 };
  const invalid = { code: "WAL_SEGMENT_INVALID", exitCode: 22 };

  test("a segment of another cluster", async () => {
    expect(await refusal(NAME, segmentBytes(NAME, { systemIdentifier: 1n }))).toMatchObject(
      foreign,
    );
  });

  test("a segment of another major version", async () => {
    expect(await refusal(NAME, segmentBytes(NAME, { magic: 0xd116 }))).toMatchObject(foreign);
  });

  test("a segment of another segment size", async () => {
    expect(
      await refusal(NAME, segmentBytes(NAME, { segmentSizeBytes: 2 * SEGMENT_SIZE })),
    ).toMatchObject(foreign);
  });

  test("a partial of another cluster", async () => {
    expect(
      await refusal(`${NAME}.partial`, segmentBytes(NAME, { systemIdentifier: 1n })),
    ).toMatchObject(foreign);
  });

  test("a segment under the name of another one", async () => {
    expect(await refusal(NAME, segmentBytes(segmentName(1, 6)))).toMatchObject(invalid);
  });

  test("a segment cut off, and one of no bytes", async () => {
    expect(await refusal(NAME, segmentBytes(NAME).subarray(0, SEGMENT_SIZE - 8192))).toMatchObject(
      invalid,
    );
    expect(await refusal(NAME, Buffer.alloc(0))).toMatchObject(invalid);
    expect(await refusal(`${NAME}.partial`, segmentBytes(NAME).subarray(0, 8192))).toMatchObject(
      invalid,
    );
  });

  test("a history file that is empty, damaged, or names a younger timeline", async () => {
    const failure = { code: "HISTORY_INVALID", exitCode: 22 };
    expect(await refusal("00000002.history", Buffer.alloc(0))).toMatchObject(failure);
    expect(await refusal("00000002.history", Buffer.from("1\tsomewhere\treason\n"))).toMatchObject(
      failure,
    );
    expect(await refusal("00000002.history", historyBytes([2, "0/500028"]))).toMatchObject(failure);
  });

  test("a backup file of another segment, and one of no bytes", async () => {
    const name = `${NAME}.00000028.backup`;
    expect(await refusal(name, backupBytes(segmentName(1, 6)))).toMatchObject(invalid);
    expect(await refusal(name, Buffer.alloc(0))).toMatchObject(invalid);
  });

  test("text files that are too long to be any", async () => {
    expect(await refusal("00000002.history", Buffer.alloc(SEGMENT_SIZE + 1, "#"))).toMatchObject(
      invalid,
    );
  });
});

describe("a file that cannot be read", () => {
  const unreadable = { code: "WAL_SEGMENT_UNREADABLE", exitCode: 11 };
  const request = () => ({ path: join(directory, NAME), archive: target.archive, compression });

  test("because it is not there", () =>
    expect(pushWalFile(request(), context)).rejects.toMatchObject(unreadable));

  test("because it is a directory", async () => {
    await mkdir(join(directory, NAME));
    await expect(pushWalFile(request(), context)).rejects.toMatchObject(unreadable);
  });

  test("because it is a pipe, without waiting for it", async () => {
    execFileSync("mkfifo", [join(directory, NAME)]);
    await expect(pushWalFile(request(), context)).rejects.toMatchObject(unreadable);
  });

  test("because it may not", async () => {
    await writeFile(join(directory, NAME), segmentBytes(NAME));
    await chmod(directory, 0o755);
    await chmod(join(directory, NAME), 0o000);
    if (process.geteuid?.() === 0) process.seteuid?.(65534);
    try {
      await expect(pushWalFile(request(), context)).rejects.toMatchObject(unreadable);
    } finally {
      if (process.getuid?.() === 0) process.seteuid?.(0);
    }
  });
});

describe("a repository that fails", () => {
  test.each(["REPOSITORY_UNREACHABLE", "REPOSITORY_DENIED"] as const)(
    "%s comes out, whichever call it hits, and a repetition succeeds",
    async (code) => {
      const countBefore = target.faults.calls.length;
      await push(NAME, segmentBytes(NAME));
      await push(NAME, segmentBytes(NAME));
      const callCount = target.faults.calls.length - countBefore;
      expect(callCount).toBeGreaterThan(1);
      for (let nth = 1; nth <= callCount; nth += 1) {
        for (const when of ["before", "after"] as const) {
          target = await makeTestArchive();
          target.faults.setRules([{ nth, fault: { kind: "fail", code, when } }]);
          const twice = async (): Promise<void> => {
            await push(NAME, segmentBytes(NAME));
            await push(NAME, segmentBytes(NAME));
          };
          await expect(twice()).rejects.toMatchObject({ code });
          await push(NAME, segmentBytes(NAME));
          await expectStored(NAME, segmentBytes(NAME));
        }
      }
    },
  );

  test("a stored copy that is damaged is not taken for identical", async () => {
    await push(NAME, segmentBytes(NAME));
    target.faults.setRules([{ method: "get", times: Infinity, fault: { kind: "flipBit" } }]);
    await expect(push(NAME, segmentBytes(NAME))).rejects.toMatchObject({ exitCode: 22 });
  });
});
