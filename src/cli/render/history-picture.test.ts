import { expect, test } from "vitest";
import { lsn } from "../../model/lsn.ts";
import type { FindQuery, FindResult } from "../../recovery/find.ts";
import type { SegmentProfile } from "../../recovery/segment-profile.ts";
import type { HistoryView } from "../history-view.ts";
import { historyPicture } from "./history-picture.ts";

const MIB = 1024 * 1024;
const at = (minute: number): Temporal.Instant =>
  Temporal.Instant.from("2026-11-25T08:00:00Z").add({ seconds: Math.round(minute * 60) });

/** A segment with ends of transactions between these minutes; none without. */
function segment(
  minutes: readonly [number, number] | undefined,
  parts: Partial<SegmentProfile> = {},
): SegmentProfile {
  const [from, to] = minutes ?? [];
  return {
    number: 1n,
    from: from === undefined ? undefined : at(from),
    to: to === undefined ? undefined : at(to),
    deleted: [],
    marks: [],
    ...parts,
  };
}

/** The rows of the picture without their titles; each minute of the first hour is a column of an hour's picture. */
function pictureOf(
  profile: readonly SegmentProfile[],
  {
    query = {},
    points = [],
    timeZone = "UTC",
    isPlain = true,
  }: {
    readonly query?: Partial<FindQuery>;
    readonly points?: readonly number[];
    readonly timeZone?: string;
    readonly isPlain?: boolean;
  } = {},
): { readonly [title: string]: string } {
  const view = {
    timeZone,
    backups: [{ stopTime: at(12), type: "full" }],
    archive: { record: { segmentSizeBytes: MIB } },
  };
  const result = {
    profile,
    points: points.map((minute) => ({ name: "p", lsn: lsn(1n), at: at(minute) })),
  };
  const text = historyPicture(
    {
      view: view as unknown as HistoryView,
      query: { countMax: 10, ...query },
      result: result as unknown as FindResult,
      options: [],
    },
    isPlain,
  );
  return Object.fromEntries(
    text.split("\n").map((line) => {
      const [title = "", bars = ""] = line.split("|");
      return [title.trim(), bars];
    }),
  );
}

const HOUR = [segment([0, 0]), segment([60, 60])];
const columnsOf = (bars = ""): readonly number[] =>
  Array.from(bars, (sign, column) => (sign === " " ? -1 : column)).filter((column) => column >= 0);

test("a picture of nothing says so", () => {
  expect(Object.keys(pictureOf([]))).toEqual(["Nothing happened in this history."]);
  expect(Object.keys(pictureOf([segment(undefined)]))).toHaveLength(1);
});

test("rows, lost tables, restore points and backups stand at their times", () => {
  const busy = segment([0, 60], {
    deleted: [
      { from: at(30), to: at(31), rows: 50 },
      { from: at(40), to: at(40), rows: 100 },
    ],
    marks: [
      { kind: "truncated", at: at(20.5) },
      { kind: "dropped", at: at(60) },
    ],
  });
  const picture = pictureOf([busy], { points: [5.5] });
  expect(picture["rows deleted"]).toBe(`${" ".repeat(30)}=${" ".repeat(9)}@${" ".repeat(19)}`);
  expect(picture["tables lost"]).toBe(`${" ".repeat(20)}T${" ".repeat(38)}D`);
  expect(columnsOf(picture["restore points"])).toEqual([5]);
  expect(columnsOf(picture["backups"])).toEqual([12]);
});

test("the picture is that of the time that was asked for", () => {
  const busy = segment([0, 60], {
    deleted: [
      { from: at(10), to: at(11), rows: 1000 },
      { from: at(30), to: at(31), rows: 5 },
    ],
    marks: [{ kind: "dropped", at: at(10) }],
  });
  const query = { from: at(30), to: at(31) };
  const picture = pictureOf([busy], { query, points: [5, 30.5, 59] });
  const [range = ""] = Object.keys(picture);
  expect(range).toContain("2026-11-25 08:30:00.000000+00:00  to  2026-11-25 08:31:00.000000+00:00");
  // Five rows spread over all sixty columns.
  expect(columnsOf(picture["rows deleted"])).toHaveLength(60);
  expect(columnsOf(picture["WAL written"])).toHaveLength(60);
  expect(columnsOf(picture["tables lost"])).toEqual([]);
  expect(columnsOf(picture["backups"])).toEqual([]);
  expect(columnsOf(picture["restore points"])).toEqual([30]);
});

test("segments in which nothing ended share the time between their neighbours", () => {
  const silent = Array.from({ length: 30 }, () => segment(undefined));
  const [first, last] = HOUR as [SegmentProfile, SegmentProfile];
  const written = pictureOf([first, ...silent, last])["WAL written"];
  expect(columnsOf(written)).toHaveLength(60);
  // One segment at each end, and half of one in every column between.
  expect(written?.slice(1, -1)).toMatch(/^(.)\1+$/);
});

test("a restore point behind the last transaction widens nothing and stands at the edge", () => {
  const picture = pictureOf(HOUR, { points: [600] });
  expect(Object.keys(picture)[0]).toContain("to  2026-11-25 09:00:00");
  expect(columnsOf(picture["restore points"])).toEqual([59]);
});

test("a terminal shows blocks, the least of which is not nothing", () => {
  const many = segment([40, 40], { deleted: [{ from: at(40), to: at(40), rows: 1000 }] });
  const few = segment([50, 50], { deleted: [{ from: at(50), to: at(50), rows: 1 }] });
  const picture = pictureOf([segment([0, 0]), many, few, segment([60, 60])], { isPlain: false });
  expect(picture["rows deleted"]?.trim()).toMatch(/^█ {9}▁$/);
});

test("times are those of the cluster's zone, in UTC where only PostgreSQL knows it", () => {
  const rangeIn = (timeZone: string): string | undefined =>
    Object.keys(pictureOf(HOUR, { timeZone }))[0];
  expect(rangeIn("Europe/Paris")).toBe(
    "2026-11-25 09:00:00.000000+01:00  to  2026-11-25 10:00:00.000000+01:00  Europe/Paris",
  );
  expect(rangeIn("<+03>-03")).toMatch(/^2026-11-25 08:00.*\+00:00 {2}UTC$/);
});
