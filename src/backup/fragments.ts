// Puts the extents of a file together from what the prior backup holds and what is read now, and keeps them from falling
// into ever smaller pieces while the file is at hand: where a region would come from too many blobs, or hardly anything of
// an old blob is still in use, more is read than changed.
import { MIB } from "../base/limits.ts";
import type { ExtentPiece } from "../repository/extent-pieces.ts";
import { type ByteRange, mergeRanges } from "./file-plan.ts";

/** Regions in which fragments are counted. */
const REGION_BYTES: number = MIB;
/**
 * A region that would come from more blobs than that is read anew: a restore decodes each of them. An incremental backup
 * adds one or two, however many pages of the region changed.
 */
const REGION_BLOBS_MAX = 8;
/** So is one that would fall into more pieces: a file of 1 GiB must stay within what one extent map can hold. */
const REGION_PIECES_MAX = 40;
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
  const regions = crowdedRegions(kept, ranges, sizeBytes);
  const wider = mergeRanges([...ranges, ...regions]);
  const left = regions.length === 0 ? kept : keptPieces(prior, wider, sizeBytes);
  return mergeRanges([...wider, ...hardlyUsed(left)]);
}

/** What a region would be put together from. */
interface RegionCount {
  pieces: number;
  readonly blobs: Set<string>;
}

function crowdedRegions(
  kept: readonly ExtentPiece[],
  ranges: readonly ByteRange[],
  sizeBytes: number,
): readonly ByteRange[] {
  const counts = new Map<number, RegionCount>();
  for (const piece of kept) {
    const { fileOffsetBytes: begin, lengthBytes } = piece;
    countIn(counts, { begin, end: begin + lengthBytes }, blobOf(piece));
  }
  for (const range of ranges) countIn(counts, range, "new");
  return [...counts].flatMap(([region, { pieces, blobs }]) => {
    if (pieces <= REGION_PIECES_MAX && blobs.size <= REGION_BLOBS_MAX) return [];
    const begin = region * REGION_BYTES;
    return [{ begin, end: Math.min(begin + REGION_BYTES, sizeBytes) }];
  });
}

function countIn(counts: Map<number, RegionCount>, { begin, end }: ByteRange, blob: string): void {
  for (let region = Math.floor(begin / REGION_BYTES); region * REGION_BYTES < end; region += 1) {
    const count = counts.get(region) ?? { pieces: 0, blobs: new Set<string>() };
    count.pieces += 1;
    count.blobs.add(blob);
    counts.set(region, count);
  }
}

function blobOf({ pack, blob }: ExtentPiece): string {
  return `${pack}/${blob}`;
}

function hardlyUsed(kept: readonly ExtentPiece[]): readonly ByteRange[] {
  const used = new Map<string, number>();
  for (const piece of kept) {
    used.set(blobOf(piece), (used.get(blobOf(piece)) ?? 0) + piece.lengthBytes);
  }
  return kept
    .filter((piece) => (used.get(blobOf(piece)) ?? 0) < LIVE_SHARE_MIN * piece.blobSizeBytes)
    .map(({ fileOffsetBytes: begin, lengthBytes }) => ({ begin, end: begin + lengthBytes }));
}
