import { expect, test } from "vitest";
import { parseLsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import {
  checkSegmentHeader,
  type ExpectedSegment,
  LONG_PAGE_HEADER_BYTES,
  MAGICS,
  parseLongPageHeader,
  parsePageHeader,
} from "./page.ts";

const MIB = 1024 * 1024;

const EXPECTED: ExpectedSegment = {
  name: "00000002000000010000000A",
  systemIdentifier: systemIdentifier("7440000000000000001"),
  majorVersion: 16,
  segmentSizeBytes: MIB,
};

/** The long header of the segment that EXPECTED names, of timeline 2, and zeros up to the segment size. */
function segment(): Buffer {
  const bytes = Buffer.alloc(MIB);
  Buffer.from(
    "13d1020002000000" + // magic, flags, timeline
      "0000a00001000000" + // page address 1/A00000
      "0000000000000000" + // nothing remains of an earlier record
      "0100e6f593874067" + // system identifier
      "0000100000200000", // segment size, block size
    "hex",
  ).copy(bytes);
  bytes.writeBigUInt64LE(EXPECTED.systemIdentifier, 24);
  return bytes;
}

test("reads every field of a long header", () => {
  expect(parseLongPageHeader(segment())).toEqual({
    magic: 0xd113,
    majorVersion: 16,
    flags: 2,
    timeline: 2,
    pageLsn: parseLsn("1/A00000"),
    remainingBytes: 0,
    systemIdentifier: 7440000000000000001n,
    segmentSizeBytes: MIB,
    blockSizeBytes: 8192,
  });
});

test("reads a short header in the middle of a segment", () => {
  const bytes = segment();
  Buffer.from("13d10100020000000020a000010000007b000000", "hex").copy(bytes, 8192);
  expect(parsePageHeader(bytes, 8192)).toEqual({
    magic: 0xd113,
    majorVersion: 16,
    flags: 1,
    timeline: 2,
    pageLsn: parseLsn("1/A02000"),
    remainingBytes: 123,
  });
});

test("a segment under its own name passes, also when its first page is the parent timeline's", () => {
  for (const name of [EXPECTED.name, "00000005000000010000000A"]) {
    expect(() => checkSegmentHeader(segment(), { ...EXPECTED, name })).not.toThrow();
  }
});

test.each([...MAGICS])("magic %i is major version %i and no other", (magic, majorVersion) => {
  const bytes = segment();
  bytes.writeUInt16LE(magic, 0);
  checkSegmentHeader(bytes, { ...EXPECTED, majorVersion });
  expect(() => checkSegmentHeader(bytes, { ...EXPECTED, majorVersion: 13 })).toThrow(
    expect.objectContaining({ code: "WAL_SEGMENT_FOREIGN", exitCode: 23 }),
  );
});

test.each<[string, Partial<ExpectedSegment>]>([
  ["another system identifier", { systemIdentifier: systemIdentifier(1n) }],
  ["another major version", { majorVersion: 17 }],
  ["another segment size", { segmentSizeBytes: 16 * MIB }],
])("%s is foreign", (_what, change) => {
  expect(() => checkSegmentHeader(segment(), { ...EXPECTED, ...change })).toThrow(
    expect.objectContaining({ code: "WAL_SEGMENT_FOREIGN", exitCode: 23 }),
  );
});

test.each<[string, (bytes: Buffer) => Uint8Array]>([
  ["nothing at all", () => Buffer.alloc(0)],
  ["half a header", (bytes) => bytes.subarray(0, LONG_PAGE_HEADER_BYTES - 1)],
  ["a short file", (bytes) => bytes.subarray(0, MIB - 1)],
  ["a long file", (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
  ["zeros", (bytes) => bytes.fill(0)],
  ["a magic of no version", (bytes) => ((bytes[0] = 0x12), bytes)],
  ["no long header", (bytes) => ((bytes[2] = 0), bytes)],
  ["unknown flags", (bytes) => ((bytes[3] = 1), bytes)],
  ["timeline 0", (bytes) => ((bytes[4] = 0), bytes)],
  ["a younger timeline than the name's", (bytes) => ((bytes[4] = 3), bytes)],
  ["another page address", (bytes) => ((bytes[10] = 0xb0), bytes)],
  ["an impossible segment size", (bytes) => ((bytes[32] = 1), bytes)],
  ["an impossible block size", (bytes) => ((bytes[36] = 1), bytes)],
])("%s is invalid", (_what, damage) => {
  expect(() => checkSegmentHeader(damage(segment()), EXPECTED)).toThrow(
    expect.objectContaining({ code: "WAL_SEGMENT_INVALID", exitCode: 22 }),
  );
});

test("a view into a larger buffer is read from its own beginning", () => {
  const around = Buffer.concat([Buffer.alloc(7, 0xff), segment()]);
  expect(() => checkSegmentHeader(around.subarray(7), EXPECTED)).not.toThrow();
});
