// The launcher's side, which takes segments from the spool: cli/launcher.test.ts.
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { parseLsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { putWalFile } from "../repository/wal-archive.ts";
import { performRestore } from "./perform.ts";
import { planRestore } from "./plan.ts";
import { Site, SMALL_CLUSTER, walSegment } from "./restore.fixture.ts";
import type { WalPlan } from "./wal-path.ts";
import { segmentsAhead } from "./wal-spool.ts";

const SEGMENT_BYTES = 1024 * 1024;
const SPOOL = "to/pg_wal/hindsight-spool";

const name = (id: number, number: number): string =>
  `0000000${id}00000000000000${number.toString(16).toUpperCase().padStart(2, "0")}`;

const wal: WalPlan = {
  first: name(1, 3),
  last: name(1, 5),
  segmentCount: 3,
  isEndOfArchive: true,
  missing: undefined,
  leftAt: undefined,
};
const history: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const question = {
  type: "default",
  wal,
  history,
  segmentSizeBytes: SEGMENT_BYTES,
  walAheadMaxBytes: 100 * SEGMENT_BYTES,
} as const;

test("the plan's segments are fetched ahead, up to the limit and the first that is not stored", () => {
  expect(segmentsAhead(question)).toEqual([name(1, 3), name(1, 4), name(1, 5)]);
  const limited = { ...question, walAheadMaxBytes: 2.5 * SEGMENT_BYTES };
  expect(segmentsAhead(limited)).toEqual([name(1, 3), name(1, 4)]);
  expect(segmentsAhead({ ...question, walAheadMaxBytes: 0 })).toEqual([]);
  expect(segmentsAhead({ ...question, wal: { ...wal, missing: name(1, 4) } })).toEqual([
    name(1, 3),
  ]);
});

test("where a timeline was left, the younger one's segment is fetched, and nothing behind", () => {
  const path: TimelineHistory = {
    timeline: timeline(2),
    ancestors: [{ timeline: timeline(1), switchLsn: parseLsn("0/400080"), reason: "" }],
  };
  const onPath = { ...question, history: path, wal: { ...wal, last: name(2, 5) } };
  expect(segmentsAhead(onPath)).toEqual([name(1, 3), name(2, 4), name(2, 5)]);
  const leftAt = parseLsn("0/400080");
  const parentOnly = { ...onPath, wal: { ...wal, last: name(1, 4), leftAt } };
  expect(segmentsAhead(parentOnly), "archive-get judges the parent's").toEqual([name(1, 3)]);
});

test("nothing is fetched ahead without an end, without a restore_command, or into too much memory", () => {
  for (const type of ["standby", "preserve", "none"] as const) {
    expect(segmentsAhead({ ...question, type })).toEqual([]);
  }
  expect(segmentsAhead({ ...question, wal: undefined })).toEqual([]);
  const huge = { ...wal, first: "000000010000000100000000", last: "000000010000000100000001" };
  expect(
    segmentsAhead({
      ...question,
      wal: huge,
      segmentSizeBytes: 1024 ** 3,
      walAheadMaxBytes: 1024 ** 4,
    }),
  ).toEqual([]);
});

async function siteWith(segments: readonly string[]): Promise<Site> {
  const site = await Site.create();
  await site.backUp({ entries: SMALL_CLUSTER });
  await site.storeWal(segments);
  return site;
}

async function restore(site: Site, parts: Parameters<Site["request"]>[0] = {}): Promise<void> {
  const plan = await planRestore(site.request(parts), site.context);
  await performRestore(plan, { repository: site.archive.repository }, site.context);
}

test("what lies in the spool is the archived segment, the owner's alone, and nothing of an earlier restore", async () => {
  await using site = await siteWith(["3", "4"]);
  await restore(site);
  expect(await readdir(site.path(SPOOL))).toEqual([name(1, 3), name(1, 4)]);
  const bytes = await readFile(site.path(`${SPOOL}/${name(1, 4)}`));
  expect(bytes.equals(walSegment({ timeline: timeline(1), number: 4n }))).toBe(true);
  const file = await stat(site.path(`${SPOOL}/${name(1, 4)}`));
  expect([file.mode & 0o777, file.uid]).toEqual([0o600, (await stat(site.path("to"))).uid]);
  await mkdir(site.path(SPOOL), { recursive: true });
  await writeFile(site.path(`${SPOOL}/${name(1, 9)}`), "of another recovery");
  await restore(site, { overwrite: true });
  expect(await readdir(site.path(SPOOL))).toEqual([name(1, 3), name(1, 4)]);
});

test("a segment that is not what its name says is left to archive-get, and restores all the same", async () => {
  await using site = await siteWith(["3", "5"]);
  const wrong = walSegment({ timeline: timeline(1), number: 9n });
  const options = { compression: { kind: "none", level: 0 } } as const;
  await putWalFile(site.archive, name(1, 4), wrong, options, site.context);
  await restore(site);
  expect(await readdir(site.path(SPOOL))).not.toContain(name(1, 4));
  expect((await readdir(site.path("to"))).toSorted()).toContain("recovery.signal");
});
