import { beforeAll, expect, test } from "vitest";
import { timeline } from "../../model/timeline.ts";
import type { SegmentProfile } from "../../recovery/find.ts";
import { findResult, stepLsn, stepTime } from "../../recovery/find.fixture.ts";
import { archiveIn, backupAt } from "../../recovery/target.fixture.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { createMemoryStore } from "../../storage/memory.ts";
import type { FoundView } from "./find-json.ts";
import { historyPicture } from "./history-picture.ts";

let archive: WalArchive;

beforeAll(async () => {
  archive = await archiveIn(createMemoryStore(), []);
});

/** Minutes behind 8 o'clock; a history of an hour has one for each of the 60 columns. */
const minute = (count: number): Temporal.Instant => stepTime(1, count);

function backup(type: ManifestHeader["type"], stopTime: Temporal.Instant): ManifestHeader {
  return { ...backupAt(stepLsn(1, 0), stepLsn(1, 1), [0, 1]), type, stopTime };
}

function picture(
  parts: {
    readonly profile?: readonly SegmentProfile[];
    readonly points?: readonly Temporal.Instant[];
    readonly backups?: readonly ManifestHeader[];
    readonly timeZone?: string;
  },
  isPlain = true,
): readonly string[] {
  const { profile = [], points = [], backups = [], timeZone = "UTC" } = parts;
  const history = { timeline: timeline(1), ancestors: [] };
  const found: FoundView = {
    view: { archive, history, backups, timeZone, blockSizeBytes: 8192 },
    result: findResult([], {
      profile,
      points: points.map((at) => ({ name: "point", lsn: stepLsn(1, 0), at })),
    }),
    options: [],
  };
  return historyPicture(found, isPlain).split("\n");
}

/** Sixty columns with these signs at their places. */
function columns(signs: Readonly<Record<number, string>>): string {
  return Array.from({ length: 60 }, (_, place) => signs[place] ?? " ").join("");
}

const HOUR: readonly SegmentProfile[] = [
  // Ten columns share one segment of 1 MiB and 100 rows.
  { from: minute(0), to: minute(9), deleted: 100 },
  { from: undefined, to: undefined, deleted: 0 },
  { from: minute(30), to: minute(30), deleted: 0 },
  { from: minute(60), to: minute(60), deleted: 5 },
];

test("WAL and deleted rows are bars, restore points and backups are letters under their time", () => {
  const backups = [
    backup("full", minute(-1)),
    backup("full", minute(20)),
    backup("diff", minute(40)),
    backup("incr", minute(50)),
    backup("full", minute(61)),
  ];
  expect(picture({ profile: HOUR, points: [minute(15), minute(45)], backups })).toEqual([
    "2026-11-25 08:00:00.000000+00:00  to  2026-11-25 09:00:00.000000+00:00  UTC",
    `WAL written    |..........${columns({ 30: "@", 59: "@" }).slice(10)}| at most 1.0 MiB a column`,
    `rows deleted   |@@@@@@@@@@${columns({ 59: "=" }).slice(10)}| at most 10 a column`,
    `restore points |${columns({ 15: "P", 45: "P" })}| P`,
    `backups        |${columns({ 20: "F", 40: "D", 50: "I" })}| F full, D differential, I incremental`,
  ]);
});

test("a terminal shows blocks, the least of which is not nothing", () => {
  const profile = [...HOUR, { from: minute(40), to: minute(40), deleted: 1000 }];
  const [, wal, deleted] = picture({ profile }, false);
  expect(wal).toBe(
    `WAL written    |▁▁▁▁▁▁▁▁▁▁${columns({ 30: "█", 40: "█", 59: "█" }).slice(10)}| at most 1.0 MiB a column`,
  );
  expect(deleted).toBe(
    `rows deleted   |▁▁▁▁▁▁▁▁▁▁${columns({ 40: "█", 59: "▁" }).slice(10)}| at most 1,000 a column`,
  );
});

test("segments of one column are added up", () => {
  const busy = { from: minute(30), to: minute(30), deleted: 700 };
  const [, wal, deleted] = picture({ profile: [...HOUR, busy, busy] });
  expect(wal).toMatch(/at most 3\.0 MiB a column$/);
  expect(deleted).toMatch(/at most 1,400 a column$/);
});

test("times are those of the cluster's zone", () => {
  const paris = picture({ profile: HOUR, timeZone: "Europe/Paris" })[0];
  expect(paris).toBe(
    "2026-11-25 09:00:00.000000+01:00  to  2026-11-25 10:00:00.000000+01:00  Europe/Paris",
  );
  // Only PostgreSQL knows this one.
  expect(picture({ profile: HOUR, timeZone: "<+03>-03" })[0]).toMatch(
    /^2026-11-25 08:00.*\+00:00 {2}UTC$/,
  );
});

test("a single instant is the first column", () => {
  expect(picture({ points: [minute(7)] })).toEqual([
    "2026-11-25 08:07:00.000000+00:00  to  2026-11-25 08:07:00.000000+00:00  UTC",
    `WAL written    |${columns({})}| at most 0.0 MiB a column`,
    `rows deleted   |${columns({})}| at most 0 a column`,
    `restore points |${columns({ 0: "P" })}| P`,
    `backups        |${columns({})}| F full, D differential, I incremental`,
  ]);
});

test("a history in which nothing ended has no picture", () => {
  const profile = [{ from: undefined, to: undefined, deleted: 0 }];
  expect(picture({ profile, backups: [backup("full", minute(0))] })).toEqual([
    "Nothing happened in this history.",
  ]);
});
