// What archive-get makes of several timelines: segments on both sides of a switch, and the history files that tell of it.
import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { useGetGround } from "./get.fixture.ts";
import { historyBytes, lsnIn, segmentBytes, segmentName, store } from "./wal-archive.fixture.ts";

const MISSING = { code: "WAL_SEGMENT_MISSING", exitCode: 31 };

const ground = useGetGround();
const { ask, refusal, expectDelivered } = ground;

describe("absence across a switch of timelines", () => {
  const historyOf2 = ["00000002.history", historyBytes([1, lsnIn(7)])] as const;

  test("before the younger timeline began, its later segments say nothing", async () => {
    await store(ground.first, historyOf2, segmentName(2, 7), segmentName(2, 8));
    expect(await ask(segmentName(2, 6))).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2, last: segmentName(1, 6) })).toBe("absent");
  });

  test("in the younger timeline's first segment and after it, they do", async () => {
    await store(ground.first, historyOf2, segmentName(1, 6), segmentName(2, 9));
    for (const options of [{}, { pinned: 2 }]) {
      expect(await refusal(ask(segmentName(2, 7), options))).toMatchObject(MISSING);
      expect(await refusal(ask(segmentName(2, 8), options))).toMatchObject(MISSING);
      expect(await ask(segmentName(2, 10), options)).toBe("absent");
    }
  });

  test("the older timeline is absent after the switch, and withheld if it is stored", async () => {
    await store(ground.first, historyOf2, segmentName(1, 8), segmentName(2, 7));
    expect(await ask(segmentName(1, 8), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(1, 9), { pinned: 2, last: segmentName(2, 9) })).toBe("absent");
    expect(await readdir(ground.directory)).toEqual([]);
    expect(await ask(segmentName(1, 8), { pinned: 1 }), "its own recovery gets it").toBe(
      "delivered",
    );
  });

  test("a segment of the older timeline before the switch is missing: history proves it was there", async () => {
    await store(ground.first, historyOf2, segmentName(1, 5));
    expect(await refusal(ask(segmentName(1, 6), { pinned: 2 }))).toMatchObject(MISSING);
    expect(
      await refusal(ask(segmentName(1, 6), { pinned: 2, last: segmentName(1, 5) })),
    ).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(1, 6)))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 6), { pinned: 1 }), "chosen as it is archived").toBe("absent");
  });

  test("the segment of the switch itself, of which the older timeline has only a part", async () => {
    await store(ground.first, historyOf2, segmentName(1, 6));
    expect(await ask(segmentName(2, 7), { pinned: 2 }), "nothing archived since").toBe("absent");
    expect(await ask(segmentName(1, 7), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(1, 7))).toBe("absent");
    expect(await ask(segmentName(1, 7), { pinned: 2, last: segmentName(1, 6) })).toBe("absent");
    expect(
      await refusal(ask(segmentName(1, 7), { pinned: 2, last: segmentName(2, 7) })),
    ).toMatchObject(MISSING);
    expect(
      await refusal(ask(segmentName(2, 7), { pinned: 2, last: segmentName(2, 7) })),
    ).toMatchObject(MISSING);
  });

  test("the older timeline's whole segment of the switch leaves the path, unless the target lies in it", async () => {
    await store(ground.first, historyOf2, segmentName(1, 6), segmentName(1, 7), segmentName(1, 8));
    expect(await ask(segmentName(2, 7), { pinned: 2 })).toBe("absent");
    expect(await refusal(ask(segmentName(1, 7), { pinned: 2 }))).toMatchObject(MISSING);
    expect(
      await refusal(ask(segmentName(1, 7), { pinned: 2, last: segmentName(1, 6) })),
    ).toMatchObject(MISSING);
    const plan = { pinned: 2, last: segmentName(1, 7) };
    expect(await refusal(ask(segmentName(1, 7), plan)), "only the end").toMatchObject(MISSING);
    const targeted = { ...plan, nothingAfterLast: true };
    expect(await ask(segmentName(1, 7), targeted)).toBe("delivered");
    await expectDelivered(segmentBytes(segmentName(1, 7)));
  });

  test("a switch exactly between two segments", async () => {
    await store(
      ground.first,
      ["00000002.history", historyBytes([1, lsnIn(7, 0)])],
      segmentName(1, 7),
    );
    expect(await ask(segmentName(2, 6), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(1, 7), { pinned: 2 }), "nothing of it is on the path").toBe(
      "absent",
    );
    expect(await refusal(ask(segmentName(1, 6), { pinned: 2 }))).toMatchObject(MISSING);
  });

  test("the plan's last segment counts along the path: timeline ground.first, then number", async () => {
    await store(ground.first, historyOf2, segmentName(1, 6));
    const last = segmentName(2, 9);
    expect(await refusal(ask(segmentName(1, 5), { pinned: 2, last }))).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(2, 8), { pinned: 2, last }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 10), { pinned: 2, last })).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2, last }), "before it began").toBe("absent");
    expect(await ask(segmentName(1, 8), { pinned: 2, last }), "after it was left").toBe("absent");
  });

  test("a timeline between two others has a begin and an end", async () => {
    await store(ground.first, ["0000000A.history", historyBytes([1, lsnIn(3)], [9, lsnIn(7)])]);
    const options = { pinned: 10 };
    expect(await ask(segmentName(9, 2), options)).toBe("absent");
    expect(await ask(segmentName(9, 8), options)).toBe("absent");
    expect(await refusal(ask(segmentName(9, 3), options))).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(1, 2), options))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 4), options)).toBe("absent");
  });

  test("a segment of a timeline that is not on the path stands for itself", async () => {
    await store(
      ground.first,
      historyOf2,
      ["00000003.history", historyBytes([1, lsnIn(5)])],
      segmentName(2, 9),
    );
    expect(await refusal(ask(segmentName(2, 8), { pinned: 3 }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 10), { pinned: 3 })).toBe("absent");
    expect(await ask(segmentName(2, 9), { pinned: 3 })).toBe("delivered");
  });

  test("without the pinned timeline's history nothing is delivered from its ancestors", async () => {
    await store(ground.first, segmentName(1, 5), segmentName(2, 7));
    expect(await refusal(ask(segmentName(1, 5), { pinned: 2 }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 7), { pinned: 2 })).toBe("delivered");
  });

  test("the history may be in another repository than the segment", async () => {
    await store(ground.second, historyOf2);
    await store(ground.first, segmentName(1, 5));
    const archives = [ground.first, ground.second];
    expect(await refusal(ask(segmentName(1, 6), { archives }))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 5), { pinned: 2, archives })).toBe("delivered");
  });
});

describe("history files", () => {
  test("above the pinned timeline are refused, stored or not: the promotion interlock", async () => {
    const refused = { code: "RECOVERY_PROMOTION_REFUSED" };
    await store(ground.first, ["00000003.history", historyBytes([1, lsnIn(5)])]);
    expect(await refusal(ask("00000003.history", { pinned: 2 }))).toMatchObject(refused);
    expect(await refusal(ask("00000004.history", { pinned: 2 }))).toMatchObject(refused);
    expect(await refusal(ask("0000000A.history", { pinned: 9 }))).toMatchObject(refused);
    expect(await ask("00000003.history", { pinned: 3 })).toBe("delivered");
    expect(await ask("00000003.history", { pinned: 2, allowPromotion: true })).toBe("delivered");
    expect(await ask("00000004.history", { pinned: 2, allowPromotion: true })).toBe("absent");
    expect(await ask("00000003.history")).toBe("delivered");
  });

  test("are refused by the interlock before the repository is asked", async () => {
    const callCount = ground.first.faults.calls.length;
    await expect(ask("00000003.history", { pinned: 2 })).rejects.toThrow("timeline 2");
    expect(ground.first.faults.calls).toHaveLength(callCount);
  });

  test("are absent above everything that is stored", async () => {
    await store(ground.first, segmentName(1, 5), ["00000002.history", historyBytes([1, lsnIn(5)])]);
    await store(ground.first, segmentName(2, 5));
    expect(await ask("00000003.history")).toBe("absent");
    expect(await ask("00000003.history", { pinned: 2, allowPromotion: true })).toBe("absent");
  });

  test("of timeline 1 never exist", async () => {
    await store(ground.first, segmentName(1, 5), ["00000002.history", historyBytes([1, lsnIn(5)])]);
    expect(await ask("00000001.history", { pinned: 1 })).toBe("absent");
  });

  test("are missing when a history above, or a segment of theirs or above, is stored anywhere", async () => {
    const archives = [ground.first, ground.second];
    await store(ground.second, ["00000004.history", historyBytes([1, lsnIn(5)])]);
    expect(await refusal(ask("00000002.history", { archives }))).toMatchObject(MISSING);
    expect(await refusal(ask("00000003.history", { archives }))).toMatchObject(MISSING);
    expect(await ask("00000005.history", { archives })).toBe("absent");
    await store(ground.second, segmentName(6, 9));
    expect(await refusal(ask("00000005.history", { archives }))).toMatchObject(MISSING);
    expect(await refusal(ask("00000006.history", { archives }))).toMatchObject(MISSING);
    expect(await ask("00000007.history", { archives })).toBe("absent");
  });

  test("are missing when this recovery follows their timeline", async () => {
    expect(await refusal(ask("00000002.history", { pinned: 2 }))).toMatchObject(MISSING);
  });
});
