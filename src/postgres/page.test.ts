// Pages that PostgreSQL wrote, with the checksums it gave them. Whole clusters of all majors:
// test/integration/postgres-pages.test.ts.
import { inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Lsn, lsn } from "../model/lsn.ts";
import { checkPages, type PageCheck } from "./page.ts";
import { allocatePages, checksumsIn } from "./page-checksum.ts";

/** Deflated pages of clusters made by initdb with checksums. */
const GOLDEN = [
  {
    // PostgreSQL 18, base/5/2664: pg_constraint_conname_nsp_index
    block: 3,
    checksum: 0x08b9,
    deflated:
      "7cwxDoJAEIXhwVDQ6Q2gsLD0GJbeYEBYCWbdRcHEY3ADrqE3srS3cYkxsbX/v+QV8/IyIiKb1zy6JyJLGdJnGmehkse4kGHcym3MBQAAAAAAAAAAAAAA/CuWSFZ5W6stzrXxu4Mpe7W+qbR12rjKXD+7Wditp13faendvqn1WLRTOnNyXp3v1V2s/f6NQpLs95qFvAE=",
  },
  {
    // PostgreSQL 18, base/5/3607: pg_ts_parser_oid_index
    block: 1,
    checksum: 0xee2c,
    deflated:
      "7cjBDUBAAEXBv+EsCpBQgB7dNaEdZWwFogQbVw04zCTv8pLk3EpZr2RKne+5X9pKPZY3AAAAAAAAAOAfSsbsw/d3rQc=",
  },
  {
    // PostgreSQL 15, base/5/2602_fsm
    block: 1,
    checksum: 0x0dea,
    deflated:
      "7dUxCoAwDAXQL7hmd+zJvHhv4ClU0EEnHRyE95ZPCKWUUJIkU5+HpbZMWtrYcqhK7XGWubrXednPx+fz8/vj/Zg/4P8DAPY/AAAA8NQK",
  },
  {
    // PostgreSQL 15, base/5/2841: the TOAST index of pg_statistic
    block: 1,
    checksum: 0xeaff,
    deflated:
      "7c+7EYJAGEXhfwFzOmBLMKAAU2cMDCzAEizBEuwAUt+UYAmUYGxkB3pXFmHGBgzON3ODw+qiZmb1au5eD7OF+eJZZF6P7F55a7Wb1mi1ttO22kZba0ttpk01X32+BgAAAAAAAAAAAADAn0ostdyacuhEfVW72C52x9lEffmeO8ti9+fhvvOow32n0edd7F6471iGN3Wy2C52Gnv4hbkdRh3u25e//yzV3g==",
  },
] as const;

const SIZE = 8192;
const EVERY_PAGE = lsn((1n << 64n) - 1n);

function page(index: 0 | 1 | 2 | 3): Buffer {
  const bytes = Buffer.alloc(SIZE);
  inflateRawSync(Buffer.from(GOLDEN[index].deflated, "base64")).copy(bytes);
  return bytes;
}

function check(bytes: Uint8Array, options: Partial<PageCheck> = {}): readonly number[] {
  const all = { blockSizeBytes: SIZE, firstBlock: 0, checksums: true, startLsn: EVERY_PAGE };
  return checkPages(bytes, { ...all, ...options });
}

function checksumOf(bytes: Buffer, block: number): number {
  return checksumsIn(bytes)(0, bytes.length, block);
}

describe("checksums of pages", () => {
  test.each([0, 1, 2, 3] as const)("gives what PostgreSQL wrote into golden page %i", (index) => {
    const bytes = page(index);
    expect(bytes.readUInt16LE(8)).toBe(GOLDEN[index].checksum);
    expect(checksumOf(bytes, GOLDEN[index].block)).toBe(GOLDEN[index].checksum);
  });

  test("are the same in memory of the kernel's own and anywhere else", () => {
    const memory = allocatePages(5 * SIZE);
    expect(memory.every((byte) => byte === 0)).toBe(true);
    const view = memory.subarray(SIZE);
    for (const index of [0, 1, 2, 3] as const) view.set(page(index), index * SIZE);
    const [inKernel, elsewhere] = [checksumsIn(view), checksumsIn(Buffer.from(view))];
    for (const [index, { block, checksum }] of GOLDEN.entries()) {
      expect(inKernel(index * SIZE, SIZE, block)).toBe(checksum);
      expect(elsewhere(index * SIZE, SIZE, block)).toBe(checksum);
    }
  });

  test("does not count the checksum itself, but the flags beside it and the block", () => {
    const bytes = page(0);
    const before = checksumOf(bytes, 3);
    bytes.writeUInt16LE(0x1234, 8);
    expect(checksumOf(bytes, 3)).toBe(before);
    expect(checksumOf(bytes, 4)).not.toBe(before);
    bytes.writeUInt16LE(bytes.readUInt16LE(10) ^ 1, 10);
    expect(checksumOf(bytes, 3)).not.toBe(before);
  });

  test("is 1 to 65535 for any page, and sees every flipped bit", () => {
    const anywhere = fc
      .integer({ min: 0, max: SIZE * 8 - 1 })
      .filter((bit) => bit < 64 || bit >= 80);
    const property = fc.property(fc.integer(), anywhere, (content, bit) => {
      const bytes = page(3);
      bytes.writeInt32LE(content, 4096);
      const before = checksumOf(bytes, 7);
      expect(before).toBeGreaterThanOrEqual(1);
      expect(before).toBeLessThanOrEqual(65_535);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(checksumOf(bytes, 7)).not.toBe(before);
    });
    // One change in 65535 keeps a 16-bit checksum, so the run must be one that is known to have none.
    fc.assert(property, { numRuns: 200, seed: 1 });
  });
});

describe("checkPages", () => {
  test("accepts PostgreSQL's pages at their block and nowhere else", () => {
    expect(check(page(0), { firstBlock: 3 })).toEqual([]);
    expect(check(page(0), { firstBlock: 2 })).toEqual([0]);
    expect(check(Buffer.concat([page(2), page(0)]), { firstBlock: 1 })).toEqual([1]);
    expect(
      check(Buffer.concat([page(1), new Uint8Array(SIZE), page(0)]), { firstBlock: 1 }),
    ).toEqual([]);
  });

  test("without checksums looks at headers only", () => {
    const bytes = page(0);
    bytes[5000] = 1;
    expect(check(bytes, { firstBlock: 3 })).toEqual([0]);
    expect(check(bytes, { checksums: false })).toEqual([]);
    for (const [offset, value] of [
      [10, 0x0008],
      [12, 9000],
      [14, 8193],
      [16, 8185],
    ] as const) {
      const broken = page(0);
      broken.writeUInt16LE(value, offset);
      expect(check(broken, { checksums: false }), `offset ${offset}`).toEqual([0]);
    }
  });

  test("does not judge pages changed at or after the start", () => {
    const bytes = page(0);
    bytes[5000] = 1;
    const at = (value: bigint): Lsn => lsn(value);
    bytes.writeUInt32LE(2, 0);
    bytes.writeUInt32LE(0x80000000, 4);
    expect(check(bytes, { startLsn: at(0x2_8000_0000n) })).toEqual([]);
    expect(check(bytes, { startLsn: at(0x2_8000_0001n) })).toEqual([0]);
    expect(check(bytes, { startLsn: at(0x1_ffff_ffffn) })).toEqual([]);
    expect(check(bytes, { startLsn: at(0x3_0000_0000n) })).toEqual([0]);
  });

  test("wants a page that was never initialised to be all zero", () => {
    const bytes = Buffer.alloc(SIZE * 2);
    expect(check(bytes)).toEqual([]);
    bytes[SIZE * 2 - 1] = 1;
    expect(check(bytes)).toEqual([1]);
  });

  test("leaves a partial page at the end alone, and takes bytes at any offset of their memory", () => {
    const partial = Buffer.concat([page(0), page(0).fill(0xff).subarray(0, 4000)]);
    expect(check(partial, { firstBlock: 3 })).toEqual([]);
    const memory = new Uint8Array(SIZE + 1);
    memory.set(page(0), 1);
    expect(check(memory.subarray(1), { firstBlock: 3 })).toEqual([]);
    expect(check(new Uint8Array())).toEqual([]);
  });
});
