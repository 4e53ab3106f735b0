import fc from "fast-check";
import { expect, test } from "vitest";
import { lsn, parseLsn } from "./lsn.ts";
import { timeline } from "./timeline.ts";
import {
  formatSegmentName,
  isSegmentSize,
  parseArchiveFileName,
  parseSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "./wal-segment.ts";

const MIB = 1024 * 1024;

test("a name is timeline, log and segment, in hexadecimal", () => {
  expect(parseSegmentName("0000000A00000001000000FF", 16 * MIB)).toEqual({
    timeline: 10,
    number: 0x1ffn,
  });
  expect(parseSegmentName("000000010000000200000003", 1024 * MIB)).toEqual({
    timeline: 1,
    number: 11n,
  });
});

test("names and numbers agree for every segment size", () => {
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((size) => size * MIB);
  fc.assert(
    fc.property(
      fc.constantFrom(...sizes),
      fc.integer({ min: 1, max: 0xffffffff }),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      (size, id, position) => {
        const segment = { timeline: timeline(id), number: segmentNumberAt(lsn(position), size) };
        expect(parseSegmentName(formatSegmentName(segment, size), size)).toEqual(segment);
        expect(segmentBegin(segment.number, size) <= position).toBe(true);
      },
    ),
  );
});

test("the segment after the last of a log is the first of the next", () => {
  expect(formatSegmentName({ timeline: timeline(1), number: 255n }, 16 * MIB)).toBe(
    "0000000100000000000000FF",
  );
  expect(formatSegmentName({ timeline: timeline(1), number: 256n }, 16 * MIB)).toBe(
    "000000010000000100000000",
  );
});

test("a name beyond the segments of a log does not fit the segment size", () => {
  expect(() => parseSegmentName("000000010000000000000100", 16 * MIB)).toThrow(
    expect.objectContaining({ code: "WAL_SEGMENT_NAME_INVALID" }),
  );
});

test("a position on a boundary needs only the segment before it", () => {
  expect(segmentNumberBefore(parseLsn("0/3000000"), 16 * MIB)).toBe(2n);
  expect(segmentNumberBefore(parseLsn("0/3000001"), 16 * MIB)).toBe(3n);
  expect(segmentNumberAt(parseLsn("0/3000000"), 16 * MIB)).toBe(3n);
});

test("tells the files that PostgreSQL archives from all others", () => {
  const kind = (name: string): string => parseArchiveFileName(name).kind;
  expect(kind("000000010000000000000001")).toBe("segment");
  expect(kind("000000010000000000000001.partial")).toBe("partial");
  expect(kind("00000002.history")).toBe("history");
  expect(kind("000000010000000000000001.00000028.backup")).toBe("backup");
});

test.each([
  "00000001000000000000000a",
  "00000001",
  "../000000010000000000000001",
  "000000010000000000000001.gz",
  "",
  "00000001.History",
  "RECOVERYXLOG",
])("refuses %j", (name) => {
  expect(() => parseArchiveFileName(name)).toThrow(
    expect.objectContaining({ code: "WAL_SEGMENT_NAME_INVALID" }),
  );
});

test("segment sizes are powers of two from 1 MiB to 1 GiB", () => {
  expect([1, 2, 16, 1024].map((size) => isSegmentSize(size * MIB))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([0, 0.5, 3, 2048].map((size) => isSegmentSize(size * MIB))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});
