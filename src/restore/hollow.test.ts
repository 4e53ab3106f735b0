import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { BlobUse } from "./blob-uses.ts";
import { hollowUses } from "./hollow.ts";

const PAGE = 8192;

test("of each blob only the kept pages are taken, and blobs without any not at all", () => {
  const uses: BlobUse[] = [
    {
      pack: 0,
      blob: 0,
      pieces: [{ fileOffsetBytes: 0, blobOffsetBytes: 100, lengthBytes: 4 * PAGE }],
    },
    {
      pack: 0,
      blob: 1,
      pieces: [{ fileOffsetBytes: 4 * PAGE, blobOffsetBytes: 0, lengthBytes: PAGE + 10 }],
    },
    {
      pack: 1,
      blob: 0,
      pieces: [{ fileOffsetBytes: 5 * PAGE + 10, blobOffsetBytes: 0, lengthBytes: PAGE }],
    },
  ];
  expect(hollowUses(uses, { kept: [1, 3, 5, 90], pageSizeBytes: PAGE })).toEqual([
    {
      pack: 0,
      blob: 0,
      pieces: [
        { fileOffsetBytes: PAGE, blobOffsetBytes: 100 + PAGE, lengthBytes: PAGE },
        { fileOffsetBytes: 3 * PAGE, blobOffsetBytes: 100 + 3 * PAGE, lengthBytes: PAGE },
      ],
    },
    {
      pack: 0,
      blob: 1,
      pieces: [{ fileOffsetBytes: 5 * PAGE, blobOffsetBytes: PAGE, lengthBytes: 10 }],
    },
    {
      pack: 1,
      blob: 0,
      pieces: [{ fileOffsetBytes: 5 * PAGE + 10, blobOffsetBytes: 0, lengthBytes: PAGE - 10 }],
    },
  ]);
  expect(hollowUses(uses, { kept: [], pageSizeBytes: PAGE })).toEqual([]);
});

test("whatever is kept is taken from where the whole file takes it, and nothing else", () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });
  const pages = fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { maxLength: 30 });
  fc.assert(
    fc.property(lengths, pages, (pieceLengths, keptPages) => {
      let fileOffsetBytes = 0;
      const uses = pieceLengths.map((lengthBytes, blob): BlobUse => {
        const piece = { fileOffsetBytes, blobOffsetBytes: blob * 7, lengthBytes };
        fileOffsetBytes += lengthBytes;
        return { pack: 0, blob, pieces: [piece] };
      });
      const kept = keptPages.toSorted((left, right) => left - right);
      const expected = bytesOf(uses).filter(([offset]) => kept.includes(Math.floor(offset / 4)));
      expect(bytesOf(hollowUses(uses, { kept, pageSizeBytes: 4 }))).toEqual(expected);
    }),
  );
});

/** Where every byte of the file comes from. */
function bytesOf(uses: readonly BlobUse[]): readonly (readonly [number, number, number])[] {
  return uses.flatMap(({ blob, pieces }) =>
    pieces.flatMap(({ fileOffsetBytes, blobOffsetBytes, lengthBytes }) =>
      Array.from(
        { length: lengthBytes },
        (_, at) => [fileOffsetBytes + at, blob, blobOffsetBytes + at] as const,
      ),
    ),
  );
}
