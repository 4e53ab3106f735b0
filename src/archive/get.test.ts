// What archive-get delivers, what it refuses to deliver, and what it makes of an outage. What it takes for absent:
// get-absence.test.ts and get-timelines.test.ts.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FaultRule } from "../storage/faulty.ts";
import { useGetGround } from "./get.fixture.ts";
import {
  backupBytes,
  historyBytes,
  lsnIn,
  segmentBytes,
  segmentName,
  store,
  type TestArchive,
} from "./wal-archive.fixture.ts";

const NAME = segmentName(1, 5);
const UNREACHABLE = { code: "REPOSITORY_UNREACHABLE", exitCode: 20 };

const ground = useGetGround();
const { ask, refusal, expectDelivered } = ground;

describe("delivery", () => {
  test.each([
    [NAME, segmentBytes(NAME)],
    [`${NAME}.partial`, segmentBytes(NAME)],
    ["00000002.history", historyBytes([1, "0/500028"])],
    [`${NAME}.00000028.backup`, backupBytes(NAME)],
  ])("%s arrives whole, under the name that was asked for", async (name, bytes) => {
    await store(ground.first, [name, bytes]);
    expect(await ask(name)).toBe("delivered");
    await expectDelivered(bytes);
    expect(await readdir(ground.directory)).toEqual(["RECOVERYXLOG"]);
  });

  test("a file that is there already is replaced, and again", async () => {
    await store(ground.first, NAME);
    await writeFile(ground.destination, "left by an earlier try");
    expect(await ask(NAME)).toBe("delivered");
    expect(await ask(NAME)).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("a partial segment never stands in for the whole one", async () => {
    await store(ground.first, [`${NAME}.partial`, segmentBytes(NAME)]);
    expect(await ask(NAME)).toBe("absent");
    expect(await readdir(ground.directory)).toEqual([]);
  });

  test("a destination that cannot be written is said, and nothing is left", async () => {
    await store(ground.first, NAME);
    const missing = { code: "DESTINATION_DENIED" };
    expect(
      await refusal(ask(NAME, { destination: join(ground.directory, "no/such/place") })),
    ).toMatchObject(missing);
    await mkdir(ground.destination);
    await expect(ask(NAME)).rejects.toMatchObject(missing);
    expect(await readdir(ground.directory)).toEqual(["RECOVERYXLOG"]);
  });

  test.each(["RECOVERYXLOG", "00000001000000000000000", "../000000010000000000000001"])(
    "the name %s is refused",
    async (name) => {
      expect(await refusal(ask(name))).toMatchObject({ code: "WAL_SEGMENT_NAME_INVALID" });
    },
  );
});

describe("damage", () => {
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ["a flipped bit at the end", (bytes) => flipped(bytes, bytes.length - 1)],
    ["a flipped bit at the beginning", (bytes) => flipped(bytes, 0)],
    ["a flipped bit in the middle", (bytes) => flipped(bytes, bytes.length >> 1)],
    ["no bytes", () => Buffer.alloc(0)],
    ["half of the bytes", (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ["one byte more", (bytes) => Buffer.concat([bytes, Buffer.from("x")])],
  ];

  test.each(damages)("%s is never delivered", async (_, change) => {
    await store(ground.first, NAME);
    ground.first.memory.tamper(keyOf(ground.first, NAME), change);
    expect(await refusal(ask(NAME))).toMatchObject({ exitCode: 22 });
  });

  test("another segment's object under this name is never delivered", async () => {
    const other = segmentName(1, 6);
    await store(ground.first, NAME, other);
    const moved = await ground.first.memory.get(keyOf(ground.first, other));
    ground.first.memory.tamper(keyOf(ground.first, NAME), () => moved);
    expect(await refusal(ask(NAME))).toMatchObject({ exitCode: 22 });
  });

  test("a well stored file that is not what its name says is never delivered", async () => {
    await store(
      ground.first,
      [NAME, segmentBytes(segmentName(1, 6))],
      [segmentName(1, 6), segmentBytes(segmentName(1, 6), { systemIdentifier: 1n })],
      ["00000002.history", Buffer.alloc(0)],
    );
    expect(await refusal(ask(NAME))).toMatchObject({ code: "WAL_SEGMENT_INVALID" });
    expect(await refusal(ask(segmentName(1, 6)))).toMatchObject({ code: "WAL_SEGMENT_FOREIGN" });
    expect(await refusal(ask("00000002.history"))).toMatchObject({ code: "HISTORY_INVALID" });
  });

  test("is passed over when the next repository has the file", async () => {
    await store(ground.first, NAME);
    await store(ground.second, NAME);
    ground.first.memory.tamper(keyOf(ground.first, NAME), (bytes) =>
      flipped(bytes, bytes.length - 1),
    );
    expect(await ask(NAME, { archives: [ground.first, ground.second] })).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("is thrown when the next repository lacks the file: that is not absence", async () => {
    await store(ground.first, NAME);
    ground.first.memory.tamper(keyOf(ground.first, NAME), () => Buffer.alloc(0));
    expect(await refusal(ask(NAME, { archives: [ground.first, ground.second] }))).toMatchObject({
      code: "OBJECT_CORRUPT",
    });
    expect(await refusal(ask(NAME, { archives: [ground.second, ground.first] }))).toMatchObject({
      code: "OBJECT_CORRUPT",
    });
  });

  test("is thrown before an outage of another repository", async () => {
    await store(ground.first, NAME);
    ground.first.memory.tamper(keyOf(ground.first, NAME), () => Buffer.alloc(0));
    ground.second.faults.setRules([{ times: Infinity, fault: { kind: "fail" } }]);
    expect(await refusal(ask(NAME, { archives: [ground.second, ground.first] }))).toMatchObject({
      code: "OBJECT_CORRUPT",
    });
  });

  function flipped(bytes: Buffer, offset: number): Buffer {
    bytes.writeUInt8(bytes.readUInt8(offset) ^ 4, offset);
    return bytes;
  }

  function keyOf({ memory }: TestArchive, name: string): string {
    const key = memory.keys().find((candidate) => candidate.endsWith(`/${name}`));
    if (key === undefined) throw new Error(`${name} is not stored`);
    return key;
  }
});

describe("outage", () => {
  const away: readonly FaultRule[] = [{ times: Infinity, fault: { kind: "fail" } }];

  test("is never absence, for any kind of file", async () => {
    ground.first.faults.setRules(away);
    for (const name of [NAME, `${NAME}.partial`, "00000002.history", `${NAME}.00000028.backup`]) {
      expect(await refusal(ask(name))).toMatchObject(UNREACHABLE);
    }
  });

  test("of one repository is passed over when the other delivers", async () => {
    await store(ground.second, NAME);
    ground.first.faults.setRules(away);
    expect(await ask(NAME, { archives: [ground.first, ground.second] })).toBe("delivered");
    expect(await ask(NAME, { archives: [ground.second, ground.first] })).toBe("delivered");
  });

  test("of one repository is not absence, although the other says absent", async () => {
    ground.first.faults.setRules(away);
    expect(await refusal(ask(NAME, { archives: [ground.first, ground.second] }))).toMatchObject(
      UNREACHABLE,
    );
    expect(await refusal(ask(NAME, { archives: [ground.second, ground.first] }))).toMatchObject(
      UNREACHABLE,
    );
  });

  test("at any single call on the way to proven absence is not absence", async () => {
    const names = [segmentName(2, 8), "00000003.history"];
    await store(ground.first, ["00000002.history", historyBytes([1, lsnIn(7)])], segmentName(2, 7));
    for (const name of names) {
      for (const pinned of [undefined, 2]) {
        const before = ground.first.faults.calls.length;
        const options = { allowPromotion: true, ...(pinned === undefined ? {} : { pinned }) };
        expect(await ask(name, options)).toBe("absent");
        const callCount = ground.first.faults.calls.length - before;
        expect(callCount).toBeGreaterThan(1);
        for (let nth = 1; nth <= callCount; nth += 1) {
          ground.first.faults.setRules([{ nth, fault: { kind: "fail" } }]);
          expect(await refusal(ask(name, options))).toMatchObject(UNREACHABLE);
        }
        ground.first.faults.setRules([]);
      }
    }
  });
});
