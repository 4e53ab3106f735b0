import * as fc from "fast-check";
import { expect, test } from "vitest";
import { textPath } from "../model/byte-path.ts";
import type { Extent } from "../repository/extent-map.ts";
import { blobUses } from "./blob-uses.ts";

/** Blob n of every pack is 100 + n bytes long. */
const sizesOf = async (): Promise<{ blobPlainSize: (blob: number) => number }> => ({
  blobPlainSize: (blob) => 100 + blob,
});

const path = textPath("base/5/1259");

function extent(fileOffsetBytes: number, lengthBytes: number, source?: Extent["source"]): Extent {
  return { fileOffsetBytes, lengthBytes, source };
}

test("an extent runs over consecutive blobs, from its offset in the first one", async () => {
  const extents = [extent(0, 200, { pack: 3, blob: 0, blobOffsetBytes: 40 })];
  expect(await blobUses({ path, sizeBytes: 200 }, extents, sizesOf)).toEqual([
    { pack: 3, blob: 0, pieces: [{ fileOffsetBytes: 0, blobOffsetBytes: 40, lengthBytes: 60 }] },
    { pack: 3, blob: 1, pieces: [{ fileOffsetBytes: 60, blobOffsetBytes: 0, lengthBytes: 101 }] },
    { pack: 3, blob: 2, pieces: [{ fileOffsetBytes: 161, blobOffsetBytes: 0, lengthBytes: 39 }] },
  ]);
});

test("a blob that is used in several places is decoded once; holes need none", async () => {
  const extents = [
    extent(0, 10, { pack: 1, blob: 5, blobOffsetBytes: 0 }),
    extent(10, 30),
    extent(40, 10, { pack: 0, blob: 9, blobOffsetBytes: 50 }),
    extent(50, 10, { pack: 1, blob: 5, blobOffsetBytes: 20 }),
  ];
  expect(await blobUses({ path, sizeBytes: 60 }, extents, sizesOf)).toEqual([
    { pack: 0, blob: 9, pieces: [{ fileOffsetBytes: 40, blobOffsetBytes: 50, lengthBytes: 10 }] },
    {
      pack: 1,
      blob: 5,
      pieces: [
        { fileOffsetBytes: 0, blobOffsetBytes: 0, lengthBytes: 10 },
        { fileOffsetBytes: 50, blobOffsetBytes: 20, lengthBytes: 10 },
      ],
    },
  ]);
});

test.each<[string, number, readonly Extent[]]>([
  ["too short", 20, [extent(0, 10)]],
  ["too long", 5, [extent(0, 10)]],
  ["a gap", 20, [extent(0, 10), extent(15, 5)]],
  ["an overlap", 15, [extent(0, 10), extent(5, 10)]],
  ["an empty extent", 0, [extent(0, 0)]],
  ["past the end of its blob", 10, [extent(0, 10, { pack: 0, blob: 0, blobOffsetBytes: 100 })]],
])("extents that are wrong: %s", async (_, sizeBytes, extents) => {
  await expect(blobUses({ path, sizeBytes }, extents, sizesOf)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("base/5/1259"),
  });
});

test("every byte of a file comes from exactly one place, whatever the extents", async () => {
  const part = fc.record({
    lengthBytes: fc.integer({ min: 1, max: 500 }),
    source: fc.option(
      fc.record({
        pack: fc.nat(3),
        blob: fc.nat(20),
        blobOffsetBytes: fc.integer({ min: 0, max: 99 }),
      }),
      { nil: undefined },
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 30 }), async (parts) => {
      let sizeBytes = 0;
      const extents = parts.map(({ lengthBytes, source }) => {
        sizeBytes += lengthBytes;
        return extent(sizeBytes - lengthBytes, lengthBytes, source);
      });
      const covered = new Uint8Array(sizeBytes);
      for (const { blob, pieces } of await blobUses({ path, sizeBytes }, extents, sizesOf)) {
        for (const { fileOffsetBytes, blobOffsetBytes, lengthBytes } of pieces) {
          expect(blobOffsetBytes + lengthBytes).toBeLessThanOrEqual(100 + blob);
          for (let at = 0; at < lengthBytes; at += 1) {
            const byte = fileOffsetBytes + at;
            covered[byte] = (covered[byte] ?? 0) + 1;
          }
        }
      }
      for (const { fileOffsetBytes, lengthBytes, source } of extents) {
        const times = new Set(covered.subarray(fileOffsetBytes, fileOffsetBytes + lengthBytes));
        expect([...times]).toEqual([source ? 1 : 0]);
      }
    }),
  );
});
