import { describe, expect, test } from "vitest";
import {
  makeTestArchive,
  SEGMENT_SIZE,
  segmentBytes,
  segmentName,
  store,
  type TestArchive,
} from "../archive/wal-archive.fixture.ts";
import { SteppingClock } from "../base/clock.fixture.ts";
import { type Context, createContext } from "../base/context.ts";
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { proveWal, segmentsOf, type WalNeed } from "./wal-proof.ts";

const TIMEOUT_MS = 60_000;

/** WAL of timeline 1, from a byte of one segment up to a byte of another one. */
function need(
  [beginSegment, beginOffset]: readonly [number, number],
  [endSegment, endOffset]: readonly [number, number],
): WalNeed {
  const at = (segment: number, offset: number) => lsn(BigInt(segment * SEGMENT_SIZE + offset));
  return {
    timeline: timeline(1),
    begin: at(beginSegment, beginOffset),
    end: at(endSegment, endOffset),
  };
}

describe("segmentsOf", () => {
  const names = (...numbers: readonly number[]): readonly string[] =>
    numbers.map((number) => segmentName(1, number));

  test.each<[string, WalNeed, readonly string[]]>([
    ["within one segment", need([3, 0x28], [3, 0x100]), names(3)],
    ["over three", need([3, 0x28], [5, 0x100]), names(3, 4, 5)],
    ["up to the very end of one: the next has nothing of it", need([3, 0], [5, 0]), names(3, 4)],
    ["one byte into the next", need([3, 0], [5, 1]), names(3, 4, 5)],
    ["the last byte of one alone", need([3, SEGMENT_SIZE - 1], [4, 0]), names(3)],
    ["over the end of a log", need([4095, 0x28], [4096, 0x28]), names(4095, 4096)],
  ])("%s", (_, range, expected) => {
    expect(segmentsOf(range, SEGMENT_SIZE)).toEqual(expected);
  });

  test("the timeline is in the names, and the size of segments counts", () => {
    const range = { ...need([0, 0x28], [64, 0x28]), timeline: timeline(10) };
    expect(segmentsOf(range, 64 * SEGMENT_SIZE)).toEqual([
      "0000000A0000000000000000",
      "0000000A0000000000000001",
    ]);
  });
});

interface Proof {
  readonly target: TestArchive;
  readonly clock: SteppingClock;
  readonly context: Context;
  readonly prove: (range: WalNeed) => Promise<readonly string[]>;
}

/** A proof whose waiting costs no time; `onSleep` is what the server archives meanwhile. */
async function layProof(
  onSleep: (target: TestArchive, sleepCount: number) => void | Promise<void> = () => undefined,
): Promise<Proof> {
  const target = await makeTestArchive();
  const clock = new SteppingClock((sleepCount) => onSleep(target, sleepCount));
  const context = createContext({ clock });
  return {
    target,
    clock,
    context,
    prove: (range) => proveWal(target.archive, range, { timeoutMs: TIMEOUT_MS, context }),
  };
}

const RANGE = need([3, 0x28], [5, 0x100]);

describe("waiting", () => {
  test("what is there already is not waited for", async () => {
    const { target, clock, prove } = await layProof();
    await store(target, segmentName(1, 3), segmentName(1, 4), segmentName(1, 5));
    expect(await prove(RANGE)).toEqual([3, 4, 5].map((number) => segmentName(1, number)));
    expect(clock.delaysMs).toEqual([]);
  });

  test("segments are waited for, in whatever order they come", async () => {
    const coming = [5, 3, 4];
    const { prove } = await layProof(async (target) => {
      const number = coming.shift();
      if (number !== undefined) await store(target, segmentName(1, number));
    });
    expect(await prove(RANGE)).toHaveLength(3);
    expect(coming).toEqual([]);
  });

  test("the wait goes on as long as segments keep coming", async () => {
    const perTimeout = TIMEOUT_MS / 100;
    const { clock, prove } = await layProof(async (target, sleepCount) => {
      if (sleepCount % (perTimeout - 1) === 0) {
        await store(target, segmentName(1, 2 + sleepCount / (perTimeout - 1)));
      }
    });
    expect(await prove(RANGE)).toHaveLength(3);
    expect(clock.monotonicMs()).toBeGreaterThan(2 * TIMEOUT_MS);
  });

  test("the first that is missing is named when none came for so long", async () => {
    const { target, clock, prove } = await layProof();
    await store(target, segmentName(1, 3), segmentName(1, 5));
    await expect(prove(RANGE)).rejects.toMatchObject({
      code: "WAL_ARCHIVE_TIMEOUT",
      message: `WAL segment ${segmentName(1, 4)} did not reach the archive within 60 s`,
      context: { stanza: "main", segment: segmentName(1, 4) },
    });
    expect(clock.monotonicMs()).toBe(TIMEOUT_MS);
  });

  test("a partial segment is not the segment", async () => {
    const { target, prove } = await layProof();
    await store(target, [`${segmentName(1, 3)}.partial`, segmentBytes(segmentName(1, 3))]);
    await expect(prove(RANGE)).rejects.toMatchObject({ code: "WAL_ARCHIVE_TIMEOUT" });
  });

  test("ends when the backup is told to end", async () => {
    const ending = new AbortController();
    const { target, context } = await layProof((_, sleepCount) => {
      if (sleepCount === 3) ending.abort(new Error("enough"));
    });
    const waiting = { ...context, signal: ending.signal };
    await expect(
      proveWal(target.archive, RANGE, { timeoutMs: TIMEOUT_MS, context: waiting }),
    ).rejects.toThrow("enough");
  });

  test("an outage while waiting is said as such", async () => {
    const { prove } = await layProof((target) => {
      target.faults.setRules([{ times: Infinity, fault: { kind: "fail" } }]);
    });
    await expect(prove(RANGE)).rejects.toMatchObject({ code: "REPOSITORY_UNREACHABLE" });
  });
});

describe("reading back", () => {
  const [first, middle, last] = [3, 4, 5].map((number) => segmentName(1, number)) as [
    string,
    string,
    string,
  ];

  test.each<[string, readonly [string, Buffer], string]>([
    [
      "of another cluster",
      [middle, segmentBytes(middle, { systemIdentifier: 1n })],
      "WAL_SEGMENT_FOREIGN",
    ],
    ["of another place", [middle, segmentBytes(last)], "WAL_SEGMENT_INVALID"],
    [
      "of another major version",
      [middle, segmentBytes(middle, { magic: 0xd116 })],
      "WAL_SEGMENT_FOREIGN",
    ],
  ])("a segment %s is found, although it is there", async (_, wrong, code) => {
    const { target, prove } = await layProof();
    await store(target, first, wrong, last);
    await expect(prove(RANGE)).rejects.toMatchObject({ code });
  });

  test("a flipped bit is found in any of them", async () => {
    for (const name of [first, middle, last]) {
      const { target, prove } = await layProof();
      await store(target, first, middle, last);
      const key = target.memory.keys().find((candidate) => candidate.endsWith(name)) ?? "";
      target.memory.tamper(key, (bytes) => {
        bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
        return bytes;
      });
      await expect(prove(RANGE)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    }
  });

  test("one that disappears between the look and the reading is missing", async () => {
    const { target, prove } = await layProof();
    await store(target, first, middle, last);
    target.faults.setRules([{ method: "get", key: /4$/, fault: { kind: "absent" } }]);
    await expect(prove(RANGE)).rejects.toMatchObject({ code: "WAL_SEGMENT_MISSING" });
  });
});
