import fc from "fast-check";
import { expect, test } from "vitest";
import { HindsightError } from "../base/errors.ts";
import { formatLsn } from "../model/lsn.ts";
import type { BlockReference } from "./block-reference.ts";
import {
  createRecordCursor,
  decodeRecordBody,
  decodeRecordHeader,
  mainData,
  matchesChecksum,
  previousLsn,
  type WalRecord,
} from "./record.ts";
import { decodeBytes } from "./wal.fixture.ts";

// Records as servers of these versions have written them.
const IMAGE_14 =
  "ad000000ae020000a816710000000000000b00000d2c736e0010000078002800057f060000010000007a0a000001000000ff020000000048201200000000002800b01ff01f042000000000e09f2000d09f2000c09f2000b09f20000000000004001000753500000000000000000000030010000e0000000000000000000000020010000d0000000000000000000000010010000c00000000000000000000000000000000000000030000000400";
const IMAGE_16 =
  "ad000000ab020000386e520000000000000b0000e7419b9b0010000078002800037f060000010000007a0a000001000000ff020000000098301200000000002800b01ff01f042000000000e09f2000d09f2000c09f2000b09f20000000000004001000ab3400000000000000000000030010000e0000000000000000000000020010000d0000000000000000000000010010000c00000000000000000000000000000000000000030000000400";
const TWO_BLOCKS_18 =
  "3b00000000000000108181000000000040090000d8c05c88000200007f06000001000000420d0000000000000180000001000000ff050000000003";
const TOP_LEVEL_18 =
  "540000002b030000b8efad0000000000000a00008094f49a00201e007f060000050000000040000000000000fc2a030000ff03040002081800a28601000100000005620000000000000d9b1de1c30303000b0008";
const ORIGIN_18 =
  "410000003b03000068d0ae000000000080010000d0899241fd0100ff2423a81de1c303030021000000050000007f06000078563412000000000060c286073e0200";

const GOLDEN: readonly (readonly [number, string])[] = [
  [14, IMAGE_14],
  [16, IMAGE_16],
  [18, TWO_BLOCKS_18],
  [18, TOP_LEVEL_18],
  [18, ORIGIN_18],
];

function decode(hex: string, majorVersion: number): WalRecord {
  return decodeBytes(Buffer.from(hex, "hex"), majorVersion);
}

function blocksOf(record: WalRecord): readonly BlockReference[] {
  return record.blocks.slice(0, record.blockCount);
}

test("reads every field of a header", () => {
  const record = decode(TOP_LEVEL_18, 18);
  expect(record).toMatchObject({
    totalBytes: 84,
    xid: 811,
    resourceManager: 10,
    operation: 0,
    flags: 0,
    checksum: 0x9af49480,
    origin: 0,
    topLevelXid: 810,
    mainDataBytes: 3,
  });
  expect(formatLsn(previousLsn(record))).toBe("0/ADEFB8");
});

test("finds the block, its data and the main data of an insert", () => {
  const record = decode(TOP_LEVEL_18, 18);
  const [block] = blocksOf(record);
  expect(block).toMatchObject({
    id: 0,
    fork: 0,
    tablespace: 1663,
    database: 5,
    relfilenode: 16384,
    blockNumber: 0,
    imageBytes: 0,
    dataBytes: 30,
  });
  expect(block?.dataOffset).toBe(84 - 3 - 30);
  const main = mainData(record);
  expect([main.getUint8(0), main.getUint8(1), main.getUint8(2)]).toEqual([0x0b, 0, 0x08]);
});

test.each([
  [14, IMAGE_14, 5],
  [16, IMAGE_16, 3],
])("reads a page image with a hole, whose flags moved after 14: %i", (majorVersion, hex, flags) => {
  const record = decode(hex, majorVersion);
  expect(blocksOf(record)).toEqual([
    expect.objectContaining({
      relfilenode: 2682,
      blockNumber: 1,
      imageBytes: 120,
      imageFlags: flags,
      appliesImage: true,
      holeOffset: 40,
      holeBytes: 8192 - 120,
      imageOffset: 173 - 2 - 120,
    }),
  ]);
  expect(mainData(record).getUint16(0, true)).toBe(4);
});

test("the flags of one version are not those of the other", () => {
  expect(() => decode(IMAGE_14, 16)).toThrow(
    expect.objectContaining({ code: "WAL_RECORD_INVALID" }),
  );
});

test("a block of the same relation as the one before takes its relation", () => {
  const blocks = blocksOf(decode(TWO_BLOCKS_18, 18));
  const places = blocks.map(({ relfilenode, fork, blockNumber }) => ({
    relfilenode,
    fork,
    blockNumber,
  }));
  expect(places).toEqual([
    { relfilenode: 3394, fork: 2, blockNumber: 0 },
    { relfilenode: 3394, fork: 0, blockNumber: 1 },
  ]);
});

test("reads the origin of a replicated transaction", () => {
  expect(decode(ORIGIN_18, 18)).toMatchObject({ origin: 1, mainDataBytes: 36, xid: 827 });
});

test("the checksum is the one PostgreSQL wrote, and no other byte can change unseen", () => {
  for (const [majorVersion, hex] of GOLDEN) {
    const bytes = Buffer.from(hex, "hex");
    const record = decodeBytes(bytes, majorVersion);
    expect(matchesChecksum(record)).toBe(true);
    for (let offset = 0; offset < bytes.length; offset += 1) {
      bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
      expect(matchesChecksum(record)).toBe(false);
      bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
    }
  }
});

/** The record, or the code of the error that its bytes gave. */
function decodeHostile(bytes: Buffer, majorVersion: number): WalRecord | string {
  try {
    return decodeBytes(bytes, majorVersion);
  } catch (error) {
    if (error instanceof HindsightError) return error.code;
    throw error;
  }
}

/** Whether everything that the record points to lies inside its bytes. */
function isInBounds(record: WalRecord, bytes: Buffer): boolean {
  return (
    record.mainDataOffset + record.mainDataBytes === bytes.length &&
    blocksOf(record).every(
      ({ dataOffset, dataBytes, imageOffset, imageBytes }) =>
        dataOffset + dataBytes <= bytes.length && imageOffset + imageBytes <= bytes.length,
    )
  );
}

test("hostile bytes give a record within its bounds or an error, and nothing else", () => {
  const change = fc.tuple(fc.nat(160), fc.nat(255));
  const changes = fc.array(change, { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(...GOLDEN), changes, ([majorVersion, hex], edits) => {
      const bytes = Buffer.from(hex, "hex");
      for (const [place, value] of edits) bytes[24 + (place % (bytes.length - 24))] = value;
      const outcome = decodeHostile(bytes, majorVersion);
      expect(typeof outcome === "string" ? outcome : isInBounds(outcome, bytes)).toBeOneOf([
        true,
        "WAL_RECORD_INVALID",
      ]);
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
  );
});

test("random bytes behind a header give a record within its bounds or an error", () => {
  const tails = fc.uint8Array({ maxLength: 400 });
  fc.assert(
    fc.property(tails, fc.constantFrom(14, 18), (tail, majorVersion) => {
      const bytes = Buffer.concat([Buffer.alloc(24), tail]);
      bytes.writeUInt32LE(bytes.length, 0);
      const outcome = decodeHostile(bytes, majorVersion);
      expect(typeof outcome === "string" ? outcome : isInBounds(outcome, bytes)).toBeOneOf([
        true,
        "WAL_RECORD_INVALID",
      ]);
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
  );
});

test("nothing of an earlier record remains in the cursor", () => {
  const record = createRecordCursor({ majorVersion: 18, blockSizeBytes: 8192 });
  for (const hex of [ORIGIN_18, TOP_LEVEL_18, TWO_BLOCKS_18]) {
    const bytes = Buffer.from(hex, "hex");
    decodeRecordHeader(record, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0);
    decodeRecordBody(record);
  }
  expect(record).toMatchObject({ origin: 0, topLevelXid: 0, blockCount: 2, mainDataBytes: 5 });
  const alone = decode(TWO_BLOCKS_18, 18);
  expect(blocksOf(record).map(({ relfilenode }) => relfilenode)).toEqual(
    blocksOf(alone).map(({ relfilenode }) => relfilenode),
  );
});
