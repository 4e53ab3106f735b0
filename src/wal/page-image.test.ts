import { zstdDecompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { type BlockCursor, createBlockCursor } from "./block-reference.ts";
import { restorePageImage } from "./page-image.ts";
import { createRecordCursor, type RecordCursor } from "./record.ts";
import { RECORDS_14, RECORDS_15, RECORDS_18 } from "./resource-manager/records.fixture.ts";
import { decodeBytes } from "./wal.fixture.ts";

const PAGE_BYTES = 8192;

/** A record with one block, whose image is `stored`. */
function recordOf(
  stored: Uint8Array<ArrayBuffer>,
  fields: Partial<BlockCursor>,
  majorVersion = 18,
): { readonly record: RecordCursor; readonly block: BlockCursor } {
  const layout = { majorVersion, blockSizeBytes: PAGE_BYTES };
  const record = createRecordCursor(layout);
  record.view = new DataView(stored.buffer, stored.byteOffset, stored.length);
  return { record, block: { ...createBlockCursor(layout), imageBytes: stored.length, ...fields } };
}

function imageOf(hex: string, major: number): Uint8Array | undefined {
  const record = decodeBytes(Buffer.from(hex, "hex"), major);
  return restorePageImage(record, record.blocks[0]!);
}

test("a page without hole comes back as it is", () => {
  const page = Uint8Array.from({ length: PAGE_BYTES }, (_, place) => place % 251);
  const { record, block } = recordOf(page, {});
  expect(restorePageImage(record, block)).toEqual(page);
});

test("a hole is filled up with zeros", () => {
  const { record, block } = recordOf(new Uint8Array(100).fill(7), {
    holeOffset: 40,
    holeBytes: PAGE_BYTES - 100,
  });
  const page = restorePageImage(record, block);
  const expected = new Uint8Array(PAGE_BYTES).fill(7, 0, 40).fill(7, PAGE_BYTES - 60);
  expect(page).toEqual(expected);
});

test("a block without image has no page", () => {
  const { record, block } = recordOf(new Uint8Array(0), {});
  expect(restorePageImage(record, block)).toBeUndefined();
});

test.each([
  ["14, pglz", RECORDS_14.classImagePglz, 14],
  ["15, lz4", RECORDS_15.classImageLz4, 15],
  ["15, zstd", RECORDS_15.classImageZstd, 15],
  ["18, pglz", RECORDS_18.classImagePglz, 18],
] as const)("a server's compressed page is whole again: %s", (_, hex, major) => {
  const page = imageOf(hex, major);
  expect(page).toHaveLength(PAGE_BYTES);
  const header = new DataView(page!.buffer);
  const lower = header.getUint16(12, true);
  const upper = header.getUint16(14, true);
  // Size and layout version stand in one field; between row pointers and rows there is nothing.
  expect(header.getUint16(18, true)).toBe(PAGE_BYTES | 4);
  expect(lower).toBe(24 + 3 * 4);
  expect(page?.subarray(lower, upper).every((byte) => byte === 0)).toBe(true);
  expect(Buffer.from(page!).includes("orders")).toBe(true);
});

test.each([
  ["an image of another length", new Uint8Array(50), {}],
  ["a hole that leaves nothing", new Uint8Array(1), { holeOffset: 1, holeBytes: PAGE_BYTES }],
  ["a hole behind the end", new Uint8Array(100), { holeOffset: 101, holeBytes: PAGE_BYTES - 100 }],
  ["pglz that is none", new Uint8Array(100).fill(255), { imageFlags: 0x04 }],
  ["lz4 that is none", new Uint8Array(100).fill(255), { imageFlags: 0x08 }],
  ["zstd that is none", new Uint8Array(100).fill(255), { imageFlags: 0x10 }],
])("%s is an error", (_, stored, fields) => {
  const { record, block } = recordOf(stored, fields);
  expect(() => restorePageImage(record, block)).toThrow(
    expect.objectContaining({ code: "WAL_RECORD_INVALID" }),
  );
});

test("zstd that asks for much memory, or expands to more than a page, is refused", () => {
  // Magic; a frame header without content size, with a window of 2^27 bytes; a last block: one byte 128 KiB times.
  const bomb = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x03, 0x00, 0x10, 0x61]);
  const small = bomb.with(5, 7 << 3);
  expect(zstdDecompressSync(small)).toHaveLength(128 * 1024);
  for (const stored of [bomb, small]) {
    const { record, block } = recordOf(stored, { imageFlags: 0x10 });
    expect(() => restorePageImage(record, block)).toThrow("does not expand to 8192 bytes");
  }
});
