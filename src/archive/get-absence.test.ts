// When archive-get takes a segment for absent, which ends a recovery, and when for missing, which stops it. Across a switch
// of timelines: get-timelines.test.ts.
import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { parseLsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { recordGap } from "../repository/wal-archive.ts";
import { type Ask, useGetGround } from "./get.fixture.ts";
import { lsnIn, segmentBytes, segmentName, store } from "./wal-archive.fixture.ts";

const context = createContext();
const NAME = segmentName(1, 5);
const MISSING = { code: "WAL_SEGMENT_MISSING", exitCode: 31 };

const ground = useGetGround();
const { ask, refusal, expectDelivered } = ground;

describe("absence of a segment", () => {
  test("after the last one that is stored", async () => {
    await store(ground.first, segmentName(1, 3), segmentName(1, 4));
    expect(await ask(NAME)).toBe("absent");
    expect(await ask(NAME, { pinned: 1 })).toBe("absent");
    expect(await ask(NAME, { pinned: 1, last: segmentName(1, 4) })).toBe("absent");
    expect(await readdir(ground.directory)).toEqual([]);
  });

  test("in an empty archive", async () => {
    expect(await ask(NAME)).toBe("absent");
  });

  test("is disproved by a later segment of the timeline, however far, in any repository", async () => {
    await store(ground.second, segmentName(1, 5000));
    for (const options of [{}, { pinned: 1 }, { pinned: 1, last: segmentName(1, 3) }]) {
      expect(
        await refusal(ask(NAME, { ...options, archives: [ground.first, ground.second] })),
      ).toMatchObject(MISSING);
    }
  });

  test("is not disproved by a later partial", async () => {
    const name = `${segmentName(1, 6)}.partial`;
    await store(ground.first, [name, segmentBytes(name)]);
    expect(await ask(NAME, { pinned: 1 })).toBe("absent");
  });

  test("is disproved by the plan: up to its last segment everything must be there", async () => {
    expect(await refusal(ask(segmentName(1, 4), { pinned: 1, last: NAME }))).toMatchObject(MISSING);
    expect(await refusal(ask(NAME, { pinned: 1, last: NAME }))).toMatchObject(MISSING);
    expect(await refusal(ask(NAME, { last: NAME }))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 6), { pinned: 1, last: NAME })).toBe("absent");
  });

  test("is disproved by a recorded gap that covers a part of it, on its timeline", async () => {
    const gap = {
      timeline: timeline(1),
      begin: parseLsn(lsnIn(5, 0x8000)),
      end: parseLsn(lsnIn(7, 0)),
    };
    await recordGap(ground.second.archive, gap, { reason: "queue overflow", context });
    const archives = [ground.first, ground.second];
    for (const number of [5, 6]) {
      expect(await refusal(ask(segmentName(1, number), { archives }))).toMatchObject(MISSING);
      expect(await refusal(ask(segmentName(1, number), { archives, pinned: 1 }))).toMatchObject(
        MISSING,
      );
    }
    expect(await ask(segmentName(1, 4), { archives })).toBe("absent");
    expect(await ask(segmentName(1, 7), { archives }), "the gap ends before it").toBe("absent");
    expect(await ask(segmentName(2, 6), { archives })).toBe("absent");
  });

  test("is not concluded from what arrived while it was being proven", async () => {
    await store(ground.first, NAME, segmentName(1, 6));
    ground.first.faults.setRules([{ method: "get", key: /5$/, fault: { kind: "absent" } }]);
    expect(await ask(NAME)).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("needs at least one archive to be asked", async () => {
    await expect(ask(NAME, { archives: [] })).rejects.toBeInstanceOf(RangeError);
  });
});

describe("a target in the last segment", () => {
  const [inside, hole, later] = ["03", "04", "05"].map(
    (digits) => `0000000100000000000000${digits}`,
  );

  test("what lies behind it is absent, stored or lost", async () => {
    await store(ground.first, inside ?? "");
    await store(ground.first, later ?? "");
    const plan: Ask = { last: inside ?? "", nothingAfterLast: true };
    expect(await ask(hole ?? "", plan)).toBe("absent");
    expect(await ask(later ?? "", plan)).toBe("absent");
    expect(await ask(inside ?? "", plan)).toBe("delivered");
  });

  test("without one, a hole behind the last segment stops the recovery", async () => {
    await store(ground.first, inside ?? "");
    await store(ground.first, later ?? "");
    expect(await refusal(ask(hole ?? "", { last: inside ?? "" }))).toMatchObject({
      code: "WAL_SEGMENT_MISSING",
    });
  });
});

test("partial and backup files are absent when their key is, whatever else is stored", async () => {
  await store(ground.first, NAME, segmentName(1, 9));
  expect(await ask(`${segmentName(1, 6)}.partial`, { last: segmentName(1, 9) })).toBe("absent");
  expect(await ask(`${NAME}.00000028.backup`)).toBe("absent");
});
