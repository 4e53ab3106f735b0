import { expect, test } from "vitest";
import { lsn, parseLsn } from "./lsn.ts";
import {
  describeHistory,
  formatTimeline,
  historyFileName,
  isOnPath,
  parseHistory,
  parseTimelineDigits,
  timeline,
  timelineAt,
  timelinePath,
} from "./timeline.ts";

const THREE =
  "1\t0/3000148\tno recovery target specified\n\n2\t0/5000000\tbefore 2025-11-19 11:49:45+00\n";

test("file names carry eight hexadecimal digits", () => {
  expect(formatTimeline(timeline(10))).toBe("0000000A");
  expect(historyFileName(timeline(0x1f))).toBe("0000001F.history");
  expect(parseTimelineDigits("0000000A")).toBe(10);
  expect(parseTimelineDigits("00000010")).toBe(16);
});

test.each([0, -1, 1.5, 2 ** 32, Number.NaN])("%d is no timeline", (value) => {
  expect(() => timeline(value)).toThrow(expect.objectContaining({ code: "TIMELINE_INVALID" }));
});

test.each(["0000000a", "A", "000000010", "00000000"])(
  "%j are not the digits of a timeline",
  (digits) => {
    expect(() => parseTimelineDigits(digits)).toThrow(
      expect.objectContaining({ code: "TIMELINE_INVALID" }),
    );
  },
);

test("a history names the ancestors and gives the path without gaps", () => {
  const history = parseHistory(timeline(3), THREE);
  expect(history.ancestors.map((step) => step.timeline)).toEqual([1, 2]);
  expect(timelinePath(history)).toEqual([
    { timeline: 1, begin: 0n, end: parseLsn("0/3000148") },
    { timeline: 2, begin: parseLsn("0/3000148"), end: parseLsn("0/5000000") },
    { timeline: 3, begin: parseLsn("0/5000000"), end: undefined },
  ]);
  expect(describeHistory(history)).toBe(
    "timeline 1 until 0/3000148, then timeline 2 until 0/5000000, then timeline 3",
  );
});

test("a switch point belongs to the younger timeline", () => {
  const history = parseHistory(timeline(3), THREE);
  expect(timelineAt(history, lsn(0n))).toBe(1);
  expect(timelineAt(history, parseLsn("0/3000147"))).toBe(1);
  expect(timelineAt(history, parseLsn("0/3000148"))).toBe(2);
  expect(timelineAt(history, parseLsn("7/0"))).toBe(3);
});

test("WAL past a switch point of its timeline is on an abandoned branch", () => {
  const history = parseHistory(timeline(3), THREE);
  expect(isOnPath(history, timeline(1), parseLsn("0/3000148"))).toBe(true);
  expect(isOnPath(history, timeline(1), parseLsn("0/3000149"))).toBe(false);
  expect(isOnPath(history, timeline(3), parseLsn("9/0"))).toBe(true);
  expect(isOnPath(history, timeline(4), parseLsn("0/1"))).toBe(false);
});

test.each(["x\t0/1\treason", "1\tnowhere\treason", "2\t0/1\ta\n1\t0/2\tb", "3\t0/1\tself", "1"])(
  "refuses the history %j",
  (text) => {
    expect(() => parseHistory(timeline(3), text)).toThrow(
      expect.objectContaining({ code: "HISTORY_INVALID" }),
    );
  },
);
