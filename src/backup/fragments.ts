// Puts the extents of a file together from what the prior backup holds and what is read now, and keeps them from falling
// into ever smaller pieces while the file is at hand: where a region would have too many, or hardly anything of an old
// blob is still in use, more is read than changed.
import { MIB } from "../base/limits.ts";
import type { Extent } from "../repository/extent-map.ts";
import { type ExtentPiece, joinPieces } from "../repository/extent-pieces.ts";
import { type ByteRange, mergeRanges } from "./file-plan.ts";

/** Regions in which fragments are counted. */
const REGION_BYTES: number = MIB;
/** More pieces than that in one region, and it is read anew. */
const REGION_PIECES_MAX = 8;
/** Less than this share of a blob in use, and what is used of it is read anew. */
const LIVE_SHARE_MIN = 0.25;

/** What is kept of the prior backup's pieces when `ranges` are read anew and the file has `sizeBytes`. */
export function keptPieces(
  prior: readonly ExtentPiece[],
  ranges: readonly ByteRange[],
  sizeBytes: number,
): readonly ExtentPiece[] {
  const kept: ExtentPiece[] = [];
  let place = 0;
  for (const piece of prior) {
    const pieceEnd = Math.min(piece.fileOffsetBytes + piece.lengthBytes, sizeBytes);
    let begin = piece.fileOffsetBytes;
    while (place < ranges.length && ranges[place]!.end <= begin) place += 1;
    for (let next = place; begin < pieceEnd; next += 1) {
      const range = ranges[next];
      const end = Math.min(pieceEnd, range?.begin ?? pieceEnd);
      if (begin < end) kept.push(cut(piece, begin, end));
      if (!range || range.begin >= pieceEnd) break;
      begin = Math.max(begin, range.end);
    }
  }
  return kept;
}

function cut(piece: ExtentPiece, begin: number, end: number): ExtentPiece {
  const blobOffsetBytes = piece.blobOffsetBytes + begin - piece.fileOffsetBytes;
  return { ...piece, fileOffsetBytes: begin, lengthBytes: end - begin, blobOffsetBytes };
}

/** The ranges to be read so that the file does not fall apart; they contain those that must be read. */
export function boundFragments(
  prior: readonly ExtentPiece[],
  ranges: readonly ByteRange[],
  sizeBytes: number,
): readonly ByteRange[] {
  const kept = keptPieces(prior, ranges, sizeBytes);
  const regions = crowdedRegions(joinPieces(kept, sizeBytes), ranges, sizeBytes);
  const wider = mergeRanges([...ranges, ...regions]);
  const left = regions.length === 0 ? kept : keptPieces(prior, wider, sizeBytes);
  return mergeRanges([...wider, ...hardlyUsed(left)]);
}

/** A hole of the joined extents is a range that is read: it counts as one piece like any other. */
function crowdedRegions(
  extents: readonly Extent[],
  ranges: readonly ByteRange[],
  sizeBytes: number,
): readonly ByteRange[] {
  const counts = new Map<number, number>();
  for (const { fileOffsetBytes, lengthBytes, source } of extents) {
    if (source === undefined) continue;
    countIn(counts, { begin: fileOffsetBytes, end: fileOffsetBytes + lengthBytes });
  }
  for (const range of ranges) countIn(counts, range);
  return [...counts].flatMap(([region, count]) => {
    if (count <= REGION_PIECES_MAX) return [];
    const begin = region * REGION_BYTES;
    return [{ begin, end: Math.min(begin + REGION_BYTES, sizeBytes) }];
  });
}

function countIn(counts: Map<number, number>, { begin, end }: ByteRange): void {
  for (let region = Math.floor(begin / REGION_BYTES); region * REGION_BYTES < end; region += 1) {
    counts.set(region, (counts.get(region) ?? 0) + 1);
  }
}

function hardlyUsed(kept: readonly ExtentPiece[]): readonly ByteRange[] {
  const used = new Map<string, number>();
  const keyOf = ({ pack, blob }: ExtentPiece): string => `${pack}/${blob}`;
  for (const piece of kept) {
    used.set(keyOf(piece), (used.get(keyOf(piece)) ?? 0) + piece.lengthBytes);
  }
  return kept
    .filter((piece) => (used.get(keyOf(piece)) ?? 0) < LIVE_SHARE_MIN * piece.blobSizeBytes)
    .map(({ fileOffsetBytes: begin, lengthBytes }) => ({ begin, end: begin + lengthBytes }));
}
