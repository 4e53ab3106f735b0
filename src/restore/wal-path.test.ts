import { expect, test } from "vitest";
import { parseLsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { readHistory, recordGap } from "../repository/wal-archive.ts";
import { Site } from "./restore.fixture.ts";
import { planWal, type WalPlan, type WalReach } from "./wal-path.ts";

const END: WalReach = { kind: "end" };

async function plan(
  site: Site,
  reach: WalReach,
  { id = 1, start = "0/300028", stop = "0/300100" } = {},
): Promise<WalPlan> {
  const history: TimelineHistory = (await readHistory(
    site.archive,
    timeline(id),
    site.context,
  )) ?? {
    timeline: timeline(id),
    ancestors: [],
  };
  const question = { history, startLsn: parseLsn(start), stopLsn: parseLsn(stop), reach };
  return planWal(site.archive, question, site.context);
}

test("to the end of the archive: first, last and count", async () => {
  await using site = await Site.create();
  await site.storeWal(["1", "3", "4", "5"]);
  expect(await plan(site, END)).toEqual({
    first: "000000010000000000000003",
    last: "000000010000000000000005",
    segmentCount: 3,
    isEndOfArchive: true,
    missing: undefined,
  });
});

test("to a position, a segment, or just the backup's stop: no further than needed", async () => {
  await using site = await Site.create();
  await site.storeWal(["3", "4", "6"]);
  const position: WalReach = { kind: "position", lsn: parseLsn("0/4FFFFF") };
  expect(await plan(site, position)).toMatchObject({
    last: "000000010000000000000004",
    isEndOfArchive: false,
  });
  const segment: WalReach = { kind: "segment", name: "000000010000000000000004" };
  expect((await plan(site, segment)).last).toBe("000000010000000000000004");
  expect((await plan(site, { kind: "backup" })).last).toBe("000000010000000000000003");
  const stop = { stop: "0/500000" };
  expect((await plan(site, { kind: "backup" }, stop)).last, "a stop on a boundary").toBe(
    "000000010000000000000004",
  );
});

test("a hole is named, whatever lies behind it", async () => {
  await using site = await Site.create();
  await site.storeWal(["3", "4", "6", "7"]);
  await expect(plan(site, END)).rejects.toMatchObject({
    code: "WAL_SEGMENT_MISSING",
    exitCode: 31,
    message: expect.stringContaining("000000010000000000000005"),
    hint: expect.stringContaining("before 0/500000"),
  });
  expect(await plan(site, { kind: "some" })).toMatchObject({
    last: "000000010000000000000007",
    missing: "000000010000000000000005",
  });
});

test("a recorded gap is the reason that is given", async () => {
  await using site = await Site.create();
  await site.storeWal(["3", "5"]);
  const gap = { timeline: timeline(1), begin: parseLsn("0/400000"), end: parseLsn("0/500000") };
  await recordGap(site.archive, gap, { reason: "queue", context: site.context });
  await expect(plan(site, END)).rejects.toThrow(/given up when the archive queue overflowed/);
});

test("WAL of the backup itself is needed by every reach", async () => {
  await using site = await Site.create();
  await site.storeWal(["4"]);
  const reaches: readonly WalReach[] = [
    END,
    { kind: "backup" },
    { kind: "some" },
    { kind: "position", lsn: parseLsn("0/450000") },
  ];
  for (const reach of reaches) {
    await expect(plan(site, reach), reach.kind).rejects.toMatchObject({
      code: "WAL_SEGMENT_MISSING",
      context: { segment: "000000010000000000000003" },
    });
  }
});

test("a target past the end of the archive is not a missing segment", async () => {
  await using site = await Site.create();
  await site.storeWal(["3", "4"]);
  await expect(plan(site, { kind: "position", lsn: parseLsn("0/500000") })).rejects.toMatchObject({
    code: "TARGET_UNREACHABLE",
    exitCode: 29,
    message: expect.stringContaining("000000010000000000000004"),
  });
});

test("at a switch the child's segment counts, and what the parent wrote afterwards does not", async () => {
  await using site = await Site.create();
  await site.storeHistory(2, ["1\t0/500800\tno recovery target specified"]);
  await site.storeWal(["3", "4", "5", "6", "7"], 1);
  await site.storeWal(["5", "6"], 2);
  expect(await plan(site, END, { id: 2 })).toMatchObject({
    first: "000000010000000000000003",
    last: "000000020000000000000006",
    segmentCount: 4,
  });
  expect(await plan(site, END, { id: 1 })).toMatchObject({ last: "000000010000000000000007" });
});

test("the parent's copy does not stand in for the child's when the child went on", async () => {
  await using site = await Site.create();
  await site.storeHistory(2, ["1\t0/500800\tx"]);
  await site.storeWal(["3", "4", "5"], 1);
  await site.storeWal(["6"], 2);
  await expect(plan(site, END, { id: 2 })).rejects.toMatchObject({
    code: "WAL_SEGMENT_MISSING",
    context: { segment: "000000020000000000000005" },
  });
});

test("a child of which only the history is stored ends where the parent does", async () => {
  await using site = await Site.create();
  await site.storeHistory(2, ["1\t0/500800\tx"]);
  await site.storeWal(["3", "4", "5", "6"], 1);
  expect(await plan(site, END, { id: 2 })).toMatchObject({ last: "000000010000000000000005" });
});

test("two switches in one segment: the youngest timeline's file counts", async () => {
  await using site = await Site.create();
  await site.storeHistory(2, ["1\t0/500100\tx"]);
  await site.storeHistory(3, ["1\t0/500100\tx", "2\t0/500900\ty"]);
  await site.storeWal(["3", "4"], 1);
  await site.storeWal(["5", "6"], 3);
  expect(await plan(site, END, { id: 3 })).toMatchObject({
    first: "000000010000000000000003",
    last: "000000030000000000000006",
    segmentCount: 4,
  });
});

test("a switch on a boundary: the parent owns everything before it", async () => {
  await using site = await Site.create();
  await site.storeHistory(2, ["1\t0/500000\tx"]);
  await site.storeWal(["3", "4", "5"], 1);
  await site.storeWal(["5"], 2);
  expect(await plan(site, END, { id: 2 })).toMatchObject({
    last: "000000020000000000000005",
    segmentCount: 3,
  });
});
