import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MIB } from "../base/limits.ts";
import { type ExtentPiece, extentPieces, joinPieces } from "../repository/extent-pieces.ts";
import { type ByteRange, mergeRanges, rangesSize } from "./file-plan.ts";
import { boundFragments, keptPieces } from "./fragments.ts";

const PAGE = 8192;
const PAGES_PER_REGION = MIB / PAGE;

/** A file of full blobs, one for each MiB, as a full backup stores it. */
function fullFile(sizeBytes: number): readonly ExtentPiece[] {
  const extent = {
    fileOffsetBytes: 0,
    lengthBytes: sizeBytes,
    source: { pack: 0, blob: 0, blobOffsetBytes: 0 },
  };
  return [...extentPieces(extent, () => MIB)];
}

/** Pieces of one new blob that hold the ranges, packed one after the other. */
function freshPieces(ranges: readonly ByteRange[]): readonly ExtentPiece[] {
  let blobOffsetBytes = 0;
  return ranges.map(({ begin, end }) => {
    const lengthBytes = end - begin;
    const place = { pack: 1, blob: 0, blobOffsetBytes, blobSizeBytes: rangesSize(ranges) };
    blobOffsetBytes += lengthBytes;
    return { fileOffsetBytes: begin, lengthBytes, ...place };
  });
}

function pages(...numbers: readonly number[]): readonly ByteRange[] {
  return mergeRanges(numbers.map((page) => ({ begin: page * PAGE, end: (page + 1) * PAGE })));
}

/** For every page of the file: where it comes from. */
function layOut(pieces: readonly ExtentPiece[], pageCount: number): readonly string[] {
  const found = Array.from({ length: pageCount }, () => "nowhere");
  for (const { fileOffsetBytes, lengthBytes, pack, blob, blobOffsetBytes } of pieces) {
    for (let at = 0; at < lengthBytes; at += PAGE) {
      const page = (fileOffsetBytes + at) / PAGE;
      expect(found[page]).toBe("nowhere");
      found[page] = `${pack}/${blob}+${(blobOffsetBytes + at) / PAGE}`;
    }
  }
  return found;
}

test("what is not read anew stays where it was, page by page, whatever is read and however long the file became", () => {
  const count = 3 * PAGES_PER_REGION;
  const changed = fc.array(fc.nat(count - 1), { maxLength: 60 });
  fc.assert(
    fc.property(changed, fc.integer({ min: 1, max: count }), (numbers, pageCount) => {
      const sizeBytes = pageCount * PAGE;
      const ranges = pages(...numbers.filter((page) => page < pageCount));
      const prior = fullFile(count * PAGE);
      const kept = keptPieces(prior, ranges, sizeBytes);
      const before = layOut(prior, count);
      const after = layOut([...kept, ...freshPieces(ranges)], pageCount);
      const isFresh = new Set(numbers);
      for (const [page, place] of after.entries()) {
        expect(place).toMatch(isFresh.has(page) ? /^1\/0/ : before[page]!);
      }
    }),
  );
});

test("joined extents say the same as the pieces, and a whole file of full blobs is one extent", () => {
  const prior = fullFile(5 * MIB + PAGE);
  expect(joinPieces(prior, 5 * MIB + PAGE)).toHaveLength(1);
  const ranges = pages(0, 1, 200, 639);
  const kept = keptPieces(prior, ranges, 5 * MIB + PAGE);
  const all = [...kept, ...freshPieces(ranges)].toSorted(
    (left, right) => left.fileOffsetBytes - right.fileOffsetBytes,
  );
  const extents = joinPieces(all, 5 * MIB + PAGE);
  const fresh = rangesSize(ranges);
  const again = extents.flatMap((extent) => [
    ...extentPieces(extent, () => (extent.source?.pack === 0 ? MIB : fresh)),
  ]);
  expect(layOut(again, 5 * PAGES_PER_REGION + 1)).toEqual(layOut(all, 5 * PAGES_PER_REGION + 1));
  expect(extents.map(({ source }) => source?.pack)).toEqual([1, 0, 1, 0, 1, 0]);
});

describe("what is read more than changed", () => {
  test("nothing, while a region has few pieces", () => {
    const ranges = pages(3, 70, 500);
    expect(boundFragments(fullFile(8 * MIB), ranges, 8 * MIB)).toEqual(ranges);
  });

  test("a whole region that would fall into more than forty pieces, and no other", () => {
    const apart = (count: number): readonly number[] =>
      Array.from({ length: count }, (_, place) => 1 + 2 * place);
    expect(boundFragments(fullFile(8 * MIB), pages(...apart(19)), 8 * MIB)).toEqual(
      pages(...apart(19)),
    );
    expect(boundFragments(fullFile(8 * MIB), pages(...apart(20), 300), 8 * MIB)).toEqual([
      { begin: 0, end: MIB },
      ...pages(300),
    ]);
  });

  test("a whole region that would come from more than eight blobs", () => {
    const overlaid = (count: number): readonly ExtentPiece[] => {
      const ranges = pages(...Array.from({ length: count }, (_, place) => 2 * place));
      const fresh = freshPieces(ranges).map((piece, place) => ({
        ...piece,
        blob: place,
        blobOffsetBytes: 0,
        blobSizeBytes: PAGE,
      }));
      return [...keptPieces(fullFile(2 * MIB), ranges, 2 * MIB), ...fresh].toSorted(
        (left, right) => left.fileOffsetBytes - right.fileOffsetBytes,
      );
    };
    expect(boundFragments(overlaid(6), pages(100, 200), 2 * MIB)).toEqual(pages(100, 200));
    expect(boundFragments(overlaid(7), pages(100, 200), 2 * MIB)).toEqual([
      { begin: 0, end: MIB },
      ...pages(200),
    ]);
  });

  test("what is left of a blob of which hardly anything is in use", () => {
    const old = freshPieces(pages(5, 150, 300, 450, 600));
    const ranges = pages(5, 150, 300, 450);
    const kept = keptPieces(fullFile(8 * MIB), pages(5, 150, 300, 450, 600), 8 * MIB);
    const prior = [...kept, ...old].toSorted(
      (left, right) => left.fileOffsetBytes - right.fileOffsetBytes,
    );
    expect(boundFragments(prior, ranges, 8 * MIB)).toEqual(pages(5, 150, 300, 450, 600));
  });

  test("the file ends where it ends", () => {
    const size = MIB + 42 * PAGE;
    const last = Array.from({ length: 21 }, (_, place) => PAGES_PER_REGION + 2 * place);
    expect(boundFragments(fullFile(size), pages(...last), size)).toEqual([
      { begin: MIB, end: size },
    ]);
  });
});
