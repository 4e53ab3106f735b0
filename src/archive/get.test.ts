import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createContext } from "../base/context.ts";
import { parseLsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { recordGap, type WalArchive } from "../repository/wal-archive.ts";
import { type FaultRule, faulty, type FaultyStore } from "../storage/faulty.ts";
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import { type GetAnswer, getWalFileTo } from "./get.ts";
import {
  backupBytes,
  historyBytes,
  lsnIn,
  makeArchive,
  segmentBytes,
  segmentName,
  store,
} from "./wal-archive.fixture.ts";

const context = createContext();
const NAME = segmentName(1, 5);
const MISSING = { code: "WAL_SEGMENT_MISSING", exitCode: 31 };
const UNREACHABLE = { code: "REPOSITORY_UNREACHABLE", exitCode: 20 };

let first: TestArchive;
let second: TestArchive;
let directory = "";
let destination = "";
beforeEach(async () => {
  first = await makeTestArchive();
  second = await makeTestArchive();
  directory = await mkdtemp(join(tmpdir(), "archive-get-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  destination = join(directory, "RECOVERYXLOG");
});

interface TestArchive {
  readonly archive: WalArchive;
  readonly memory: MemoryStore;
  /** Stands before the memory; without rules at first. */
  readonly faults: FaultyStore;
}

async function makeTestArchive(): Promise<TestArchive> {
  const memory = createMemoryStore();
  const faults = faulty(memory, [], context);
  return { archive: await makeArchive(faults), memory, faults };
}

interface Ask {
  readonly last?: string;
  readonly nothingAfterLast?: boolean;
  readonly pinned?: number;
  readonly allowPromotion?: boolean;
  readonly archives?: readonly TestArchive[];
  readonly destination?: string;
}

function ask(name: string, options: Ask = {}): Promise<GetAnswer> {
  return getWalFileTo(
    {
      name,
      destination: options.destination ?? destination,
      archives: (options.archives ?? [first]).map(({ archive }) => archive),
      lastSegment: options.last,
      nothingAfterLast: options.nothingAfterLast ?? false,
      pinnedTimeline: options.pinned === undefined ? undefined : timeline(options.pinned),
      allowPromotion: options.allowPromotion ?? false,
    },
    context,
  );
}

async function expectDelivered(bytes: Buffer, path = destination): Promise<void> {
  expect((await readFile(path)).equals(bytes)).toBe(true);
}

/** Why it was refused; whatever is refused leaves no file, not even a part of one. */
async function refusal(answer: Promise<GetAnswer>): Promise<unknown> {
  const error = await answer.then(
    (wrong) => new Error(`was answered: ${wrong}`),
    (thrown: unknown) => thrown,
  );
  expect(await readdir(directory)).toEqual([]);
  return error;
}

describe("a target in the last segment", () => {
  const [inside, hole, later] = ["03", "04", "05"].map(
    (digits) => `0000000100000000000000${digits}`,
  );

  test("what lies behind it is absent, stored or lost", async () => {
    await store(first, inside ?? "");
    await store(first, later ?? "");
    const plan: Ask = { last: inside ?? "", nothingAfterLast: true };
    expect(await ask(hole ?? "", plan)).toBe("absent");
    expect(await ask(later ?? "", plan)).toBe("absent");
    expect(await ask(inside ?? "", plan)).toBe("delivered");
  });

  test("without one, a hole behind the last segment stops the recovery", async () => {
    await store(first, inside ?? "");
    await store(first, later ?? "");
    expect(await refusal(ask(hole ?? "", { last: inside ?? "" }))).toMatchObject({
      code: "WAL_SEGMENT_MISSING",
    });
  });
});

describe("delivery", () => {
  test.each([
    [NAME, segmentBytes(NAME)],
    [`${NAME}.partial`, segmentBytes(NAME)],
    ["00000002.history", historyBytes([1, "0/500028"])],
    [`${NAME}.00000028.backup`, backupBytes(NAME)],
  ])("%s arrives whole, under the name that was asked for", async (name, bytes) => {
    await store(first, [name, bytes]);
    expect(await ask(name)).toBe("delivered");
    await expectDelivered(bytes);
    expect(await readdir(directory)).toEqual(["RECOVERYXLOG"]);
  });

  test("a file that is there already is replaced, and again", async () => {
    await store(first, NAME);
    await writeFile(destination, "left by an earlier try");
    expect(await ask(NAME)).toBe("delivered");
    expect(await ask(NAME)).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("a partial segment never stands in for the whole one", async () => {
    await store(first, [`${NAME}.partial`, segmentBytes(NAME)]);
    expect(await ask(NAME)).toBe("absent");
    expect(await readdir(directory)).toEqual([]);
  });

  test("a destination that cannot be written is said, and nothing is left", async () => {
    await store(first, NAME);
    const missing = { code: "DESTINATION_DENIED" };
    expect(
      await refusal(ask(NAME, { destination: join(directory, "no/such/place") })),
    ).toMatchObject(missing);
    await mkdir(destination);
    await expect(ask(NAME)).rejects.toMatchObject(missing);
    expect(await readdir(directory)).toEqual(["RECOVERYXLOG"]);
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
    await store(first, NAME);
    first.memory.tamper(keyOf(first, NAME), change);
    expect(await refusal(ask(NAME))).toMatchObject({ exitCode: 22 });
  });

  test("another segment's object under this name is never delivered", async () => {
    const other = segmentName(1, 6);
    await store(first, NAME, other);
    const moved = await first.memory.get(keyOf(first, other));
    first.memory.tamper(keyOf(first, NAME), () => moved);
    expect(await refusal(ask(NAME))).toMatchObject({ exitCode: 22 });
  });

  test("a well stored file that is not what its name says is never delivered", async () => {
    await store(
      first,
      [NAME, segmentBytes(segmentName(1, 6))],
      [segmentName(1, 6), segmentBytes(segmentName(1, 6), { systemIdentifier: 1n })],
      ["00000002.history", Buffer.alloc(0)],
    );
    expect(await refusal(ask(NAME))).toMatchObject({ code: "WAL_SEGMENT_INVALID" });
    expect(await refusal(ask(segmentName(1, 6)))).toMatchObject({ code: "WAL_SEGMENT_FOREIGN" });
    expect(await refusal(ask("00000002.history"))).toMatchObject({ code: "HISTORY_INVALID" });
  });

  test("is passed over when the next repository has the file", async () => {
    await store(first, NAME);
    await store(second, NAME);
    first.memory.tamper(keyOf(first, NAME), (bytes) => flipped(bytes, bytes.length - 1));
    expect(await ask(NAME, { archives: [first, second] })).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("is thrown when the next repository lacks the file: that is not absence", async () => {
    await store(first, NAME);
    first.memory.tamper(keyOf(first, NAME), () => Buffer.alloc(0));
    expect(await refusal(ask(NAME, { archives: [first, second] }))).toMatchObject({
      code: "OBJECT_CORRUPT",
    });
    expect(await refusal(ask(NAME, { archives: [second, first] }))).toMatchObject({
      code: "OBJECT_CORRUPT",
    });
  });

  test("is thrown before an outage of another repository", async () => {
    await store(first, NAME);
    first.memory.tamper(keyOf(first, NAME), () => Buffer.alloc(0));
    second.faults.setRules([{ times: Infinity, fault: { kind: "fail" } }]);
    expect(await refusal(ask(NAME, { archives: [second, first] }))).toMatchObject({
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
    first.faults.setRules(away);
    for (const name of [NAME, `${NAME}.partial`, "00000002.history", `${NAME}.00000028.backup`]) {
      expect(await refusal(ask(name))).toMatchObject(UNREACHABLE);
    }
  });

  test("of one repository is passed over when the other delivers", async () => {
    await store(second, NAME);
    first.faults.setRules(away);
    expect(await ask(NAME, { archives: [first, second] })).toBe("delivered");
    expect(await ask(NAME, { archives: [second, first] })).toBe("delivered");
  });

  test("of one repository is not absence, although the other says absent", async () => {
    first.faults.setRules(away);
    expect(await refusal(ask(NAME, { archives: [first, second] }))).toMatchObject(UNREACHABLE);
    expect(await refusal(ask(NAME, { archives: [second, first] }))).toMatchObject(UNREACHABLE);
  });

  test("at any single call on the way to proven absence is not absence", async () => {
    const names = [segmentName(2, 8), "00000003.history"];
    await store(first, ["00000002.history", historyBytes([1, lsnIn(7)])], segmentName(2, 7));
    for (const name of names) {
      for (const pinned of [undefined, 2]) {
        const before = first.faults.calls.length;
        const options = { allowPromotion: true, ...(pinned === undefined ? {} : { pinned }) };
        expect(await ask(name, options)).toBe("absent");
        const callCount = first.faults.calls.length - before;
        expect(callCount).toBeGreaterThan(1);
        for (let nth = 1; nth <= callCount; nth += 1) {
          first.faults.setRules([{ nth, fault: { kind: "fail" } }]);
          expect(await refusal(ask(name, options))).toMatchObject(UNREACHABLE);
        }
        first.faults.setRules([]);
      }
    }
  });
});

describe("absence of a segment", () => {
  test("after the last one that is stored", async () => {
    await store(first, segmentName(1, 3), segmentName(1, 4));
    expect(await ask(NAME)).toBe("absent");
    expect(await ask(NAME, { pinned: 1 })).toBe("absent");
    expect(await ask(NAME, { pinned: 1, last: segmentName(1, 4) })).toBe("absent");
    expect(await readdir(directory)).toEqual([]);
  });

  test("in an empty archive", async () => {
    expect(await ask(NAME)).toBe("absent");
  });

  test("is disproved by a later segment of the timeline, however far, in any repository", async () => {
    await store(second, segmentName(1, 5000));
    for (const options of [{}, { pinned: 1 }, { pinned: 1, last: segmentName(1, 3) }]) {
      expect(await refusal(ask(NAME, { ...options, archives: [first, second] }))).toMatchObject(
        MISSING,
      );
    }
  });

  test("is not disproved by a later partial", async () => {
    const name = `${segmentName(1, 6)}.partial`;
    await store(first, [name, segmentBytes(name)]);
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
    await recordGap(second.archive, gap, { reason: "queue overflow", context });
    const archives = [first, second];
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
    await store(first, NAME, segmentName(1, 6));
    first.faults.setRules([{ method: "get", key: /5$/, fault: { kind: "absent" } }]);
    expect(await ask(NAME)).toBe("delivered");
    await expectDelivered(segmentBytes(NAME));
  });

  test("needs at least one archive to be asked", async () => {
    await expect(ask(NAME, { archives: [] })).rejects.toBeInstanceOf(RangeError);
  });
});

// Timeline 2 begins inside segment 7. PostgreSQL asks on 2, then on 1, as long as it has read nothing of 2.
describe("absence across a switch of timelines", () => {
  const historyOf2 = ["00000002.history", historyBytes([1, lsnIn(7)])] as const;

  test("before the younger timeline began, its later segments say nothing", async () => {
    await store(first, historyOf2, segmentName(2, 7), segmentName(2, 8));
    expect(await ask(segmentName(2, 6))).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2, last: segmentName(1, 6) })).toBe("absent");
  });

  test("in the younger timeline's first segment and after it, they do", async () => {
    await store(first, historyOf2, segmentName(1, 6), segmentName(2, 9));
    for (const options of [{}, { pinned: 2 }]) {
      expect(await refusal(ask(segmentName(2, 7), options))).toMatchObject(MISSING);
      expect(await refusal(ask(segmentName(2, 8), options))).toMatchObject(MISSING);
      expect(await ask(segmentName(2, 10), options)).toBe("absent");
    }
  });

  test("the older timeline is absent after the switch, and withheld if it is stored", async () => {
    await store(first, historyOf2, segmentName(1, 8), segmentName(2, 7));
    expect(await ask(segmentName(1, 8), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(1, 9), { pinned: 2, last: segmentName(2, 9) })).toBe("absent");
    expect(await readdir(directory)).toEqual([]);
    expect(await ask(segmentName(1, 8), { pinned: 1 }), "its own recovery gets it").toBe(
      "delivered",
    );
  });

  test("a segment of the older timeline before the switch is missing: history proves it was there", async () => {
    await store(first, historyOf2, segmentName(1, 5));
    expect(await refusal(ask(segmentName(1, 6), { pinned: 2 }))).toMatchObject(MISSING);
    expect(
      await refusal(ask(segmentName(1, 6), { pinned: 2, last: segmentName(1, 5) })),
    ).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(1, 6)))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 6), { pinned: 1 }), "chosen as it is archived").toBe("absent");
  });

  test("the segment of the switch itself, of which the older timeline has only a part", async () => {
    await store(first, historyOf2, segmentName(1, 6));
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

  test("the older timeline's whole segment of the switch leaves the path, unless the plan ends there", async () => {
    await store(first, historyOf2, segmentName(1, 6), segmentName(1, 7), segmentName(1, 8));
    expect(await ask(segmentName(2, 7), { pinned: 2 })).toBe("absent");
    expect(await refusal(ask(segmentName(1, 7), { pinned: 2 }))).toMatchObject(MISSING);
    expect(
      await refusal(ask(segmentName(1, 7), { pinned: 2, last: segmentName(1, 6) })),
    ).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 7), { pinned: 2, last: segmentName(1, 7) })).toBe("delivered");
    await expectDelivered(segmentBytes(segmentName(1, 7)));
  });

  test("a switch exactly between two segments", async () => {
    await store(first, ["00000002.history", historyBytes([1, lsnIn(7, 0)])], segmentName(1, 7));
    expect(await ask(segmentName(2, 6), { pinned: 2 })).toBe("absent");
    expect(await ask(segmentName(1, 7), { pinned: 2 }), "nothing of it is on the path").toBe(
      "absent",
    );
    expect(await refusal(ask(segmentName(1, 6), { pinned: 2 }))).toMatchObject(MISSING);
  });

  test("the plan's last segment counts along the path: timeline first, then number", async () => {
    await store(first, historyOf2, segmentName(1, 6));
    const last = segmentName(2, 9);
    expect(await refusal(ask(segmentName(1, 5), { pinned: 2, last }))).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(2, 8), { pinned: 2, last }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 10), { pinned: 2, last })).toBe("absent");
    expect(await ask(segmentName(2, 6), { pinned: 2, last }), "before it began").toBe("absent");
    expect(await ask(segmentName(1, 8), { pinned: 2, last }), "after it was left").toBe("absent");
  });

  test("a timeline between two others has a begin and an end", async () => {
    await store(first, ["0000000A.history", historyBytes([1, lsnIn(3)], [9, lsnIn(7)])]);
    const options = { pinned: 10 };
    expect(await ask(segmentName(9, 2), options)).toBe("absent");
    expect(await ask(segmentName(9, 8), options)).toBe("absent");
    expect(await refusal(ask(segmentName(9, 3), options))).toMatchObject(MISSING);
    expect(await refusal(ask(segmentName(1, 2), options))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 4), options)).toBe("absent");
  });

  test("a segment of a timeline that is not on the path stands for itself", async () => {
    await store(
      first,
      historyOf2,
      ["00000003.history", historyBytes([1, lsnIn(5)])],
      segmentName(2, 9),
    );
    expect(await refusal(ask(segmentName(2, 8), { pinned: 3 }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 10), { pinned: 3 })).toBe("absent");
    expect(await ask(segmentName(2, 9), { pinned: 3 })).toBe("delivered");
  });

  test("without the pinned timeline's history nothing is delivered from its ancestors", async () => {
    await store(first, segmentName(1, 5), segmentName(2, 7));
    expect(await refusal(ask(segmentName(1, 5), { pinned: 2 }))).toMatchObject(MISSING);
    expect(await ask(segmentName(2, 7), { pinned: 2 })).toBe("delivered");
  });

  test("the history may be in another repository than the segment", async () => {
    await store(second, historyOf2);
    await store(first, segmentName(1, 5));
    const archives = [first, second];
    expect(await refusal(ask(segmentName(1, 6), { archives }))).toMatchObject(MISSING);
    expect(await ask(segmentName(1, 5), { pinned: 2, archives })).toBe("delivered");
  });
});

describe("history files", () => {
  test("above the pinned timeline are refused, stored or not: the promotion interlock", async () => {
    const refused = { code: "RECOVERY_PROMOTION_REFUSED" };
    await store(first, ["00000003.history", historyBytes([1, lsnIn(5)])]);
    expect(await refusal(ask("00000003.history", { pinned: 2 }))).toMatchObject(refused);
    expect(await refusal(ask("00000004.history", { pinned: 2 }))).toMatchObject(refused);
    expect(await refusal(ask("0000000A.history", { pinned: 9 }))).toMatchObject(refused);
    expect(await ask("00000003.history", { pinned: 3 })).toBe("delivered");
    expect(await ask("00000003.history", { pinned: 2, allowPromotion: true })).toBe("delivered");
    expect(await ask("00000004.history", { pinned: 2, allowPromotion: true })).toBe("absent");
    expect(await ask("00000003.history")).toBe("delivered");
  });

  test("are refused by the interlock before the repository is asked", async () => {
    const callCount = first.faults.calls.length;
    await expect(ask("00000003.history", { pinned: 2 })).rejects.toThrow("timeline 2");
    expect(first.faults.calls).toHaveLength(callCount);
  });

  test("are absent above everything that is stored", async () => {
    await store(first, segmentName(1, 5), ["00000002.history", historyBytes([1, lsnIn(5)])]);
    await store(first, segmentName(2, 5));
    expect(await ask("00000003.history")).toBe("absent");
    expect(await ask("00000003.history", { pinned: 2, allowPromotion: true })).toBe("absent");
  });

  test("of timeline 1 never exist", async () => {
    await store(first, segmentName(1, 5), ["00000002.history", historyBytes([1, lsnIn(5)])]);
    expect(await ask("00000001.history", { pinned: 1 })).toBe("absent");
  });

  test("are missing when a history above, or a segment of theirs or above, is stored anywhere", async () => {
    const archives = [first, second];
    await store(second, ["00000004.history", historyBytes([1, lsnIn(5)])]);
    expect(await refusal(ask("00000002.history", { archives }))).toMatchObject(MISSING);
    expect(await refusal(ask("00000003.history", { archives }))).toMatchObject(MISSING);
    expect(await ask("00000005.history", { archives })).toBe("absent");
    await store(second, segmentName(6, 9));
    expect(await refusal(ask("00000005.history", { archives }))).toMatchObject(MISSING);
    expect(await refusal(ask("00000006.history", { archives }))).toMatchObject(MISSING);
    expect(await ask("00000007.history", { archives })).toBe("absent");
  });

  test("are missing when this recovery follows their timeline", async () => {
    expect(await refusal(ask("00000002.history", { pinned: 2 }))).toMatchObject(MISSING);
  });
});

test("partial and backup files are absent when their key is, whatever else is stored", async () => {
  await store(first, NAME, segmentName(1, 9));
  expect(await ask(`${segmentName(1, 6)}.partial`, { last: segmentName(1, 9) })).toBe("absent");
  expect(await ask(`${NAME}.00000028.backup`)).toBe("absent");
});
