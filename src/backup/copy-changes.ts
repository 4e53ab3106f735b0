// Copies files of which the prior backup holds most: some ranges are read anew, the rest stays where it is in older packs.
// Where WAL cannot tell the ranges, the file's pages are held against the page hashes of the prior backup first.
import assert from "node:assert/strict";
import { PAGE_HASH_BYTES } from "../codec/digest.ts";
import { ContentDigest } from "../codec/content-digest.ts";
import { showPath } from "../model/byte-path.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import { EXTENTS_MAP_MAX_COUNT, readExtents } from "../repository/extent-map.ts";
import { type ExtentPiece, extentPieces, joinPieces } from "../repository/extent-pieces.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { PackWriter } from "../repository/pack-writer.ts";
import type { CompareAnswer } from "./chunk-job.ts";
import type { Copy, PriorPacks } from "./copy.ts";
import { CHUNK_SIZE_BYTES, type CopyUnit, splitRanges } from "./copy-plan.ts";
import { type ByteRange, mergeRanges } from "./file-plan.ts";
import { boundFragments, keptPieces } from "./fragments.ts";

type ChangeUnit = Extract<CopyUnit, { kind: "blocks" | "compare" }>;

/** Parts of one file that are compared at a time. */
const PARTS_AHEAD_MAX = 2;

/** What is to be read of a file, and what the prior backup has of it. */
interface ChangedFile {
  readonly entry: DataEntry;
  readonly pieces: readonly ExtentPiece[];
  readonly ranges: readonly ByteRange[];
}

/** Belongs to one {@link Copy}. */
export class ChangeCopier {
  readonly #copy: Copy;
  readonly #prior: PriorPacks;

  constructor(copy: Copy, prior: PriorPacks) {
    this.#copy = copy;
    this.#prior = prior;
  }

  async copy(unit: ChangeUnit, writer: PackWriter): Promise<void> {
    const { entry, prior } = unit;
    const pieces = await this.#priorPieces(prior);
    if (!pieces) return await this.#copy.copyWhole(entry, writer);
    if (unit.kind === "blocks") {
      return await this.#copyRanges({ entry, pieces, ranges: unit.ranges }, writer);
    }
    const compared = await this.#compare(entry, pieces);
    if (!compared) return;
    const ranges = mergeRanges([...compared.ranges, ...unit.ranges]);
    const { sizeBytes } = compared;
    if (ranges.length === 0 && sizeBytes === prior.sizeBytes) {
      this.#copy.addFile(entry, prior);
      return this.#copy.progress(0, 1);
    }
    await this.#copyRanges({ entry: { ...entry, sizeBytes }, pieces, ranges }, writer);
  }

  /** Where the prior backup has the file's bytes; undefined when that cannot be read, or leaves holes. */
  async #priorPieces(prior: ManifestFile): Promise<readonly ExtentPiece[] | undefined> {
    const { packs, shelf } = this.#prior;
    const { context } = this.#copy;
    try {
      const openPack = shelf.take.bind(shelf);
      const pieces: ExtentPiece[] = [];
      for (const extent of await readExtents(prior, { packs, openPack, context })) {
        if (!extent.source) return undefined;
        const pack = await shelf.take(extent.source.pack);
        pieces.push(...extentPieces(extent, (blob) => pack.blobPlainSize(blob)));
      }
      if (pieces.every(({ lengthBytes }) => lengthBytes > 0)) return pieces;
      throw failure("OBJECT_CORRUPT", "an extent takes bytes past the end of a blob");
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT", "OBJECT_MISSING")) throw error;
      this.#warnOfDamage(prior, error.message);
      return undefined;
    }
  }

  #warnOfDamage({ path }: ManifestFile, reason: string): void {
    const file = showPath(path);
    const message = "the prior backup is damaged, and a file of it is stored again";
    this.#copy.context.log.warn(message, { file, reason });
  }

  async #copyRanges(file: ChangedFile, writer: PackWriter): Promise<void> {
    const { entry, pieces } = file;
    const ranges = boundFragments(pieces, file.ranges, entry.sizeBytes);
    const read = await this.#readRanges(entry, ranges, writer);
    if (!read) return this.#copy.progress(0, 1);
    const { fresh, sizeBytes, badBlocks } = read;
    const kept = keptPieces(pieces, ranges, sizeBytes);
    const all = [...kept, ...fresh.filter((piece) => piece.fileOffsetBytes < sizeBytes)];
    const sorted = all.toSorted((left, right) => left.fileOffsetBytes - right.fileOffsetBytes);
    const extents = joinPieces(sorted, sizeBytes);
    assert(
      extents.every(({ source }) => source !== undefined),
      `no byte of ${showPath(entry.path)} may be missing`,
    );
    if (extents.length > EXTENTS_MAP_MAX_COUNT) return await this.#copy.copyWhole(entry, writer);
    this.#copy.notePages(entry, badBlocks);
    const digest = sizeBytes === 0 ? new ContentDigest().finish() : undefined;
    const placed = await this.#copy.placeExtents(extents, writer);
    this.#copy.addFile(entry, { sizeBytes, sha256: digest, extents: placed });
    this.#copy.progress(0, 1);
  }

  /** @returns undefined when the file vanished. A file that became shorter ends where the first range was cut short. */
  async #readRanges(
    entry: DataEntry,
    ranges: readonly ByteRange[],
    writer: PackWriter,
  ): Promise<
    | {
        readonly fresh: readonly ExtentPiece[];
        readonly sizeBytes: number;
        readonly badBlocks: readonly number[];
      }
    | undefined
  > {
    const { pool, request, table } = this.#copy;
    const fresh: ExtentPiece[] = [];
    const badBlocks: number[] = [];
    let { sizeBytes } = entry;
    for await (const step of pool.encodeAhead(request, entry, splitRanges(ranges))) {
      this.#copy.context.signal.throwIfAborted();
      const { blob: encoded, pieces } = step.answer;
      const ref = encoded && (await writer.appendEncoded(encoded));
      for (const [index, { begin, end }] of step.ranges.entries()) {
        const outcome = pieces[index];
        if (outcome?.kind !== "read") return undefined;
        const { lengthBytes, chunkOffsetBytes: blobOffsetBytes } = outcome;
        badBlocks.push(...outcome.badBlocks);
        if (lengthBytes < end - begin) sizeBytes = Math.min(sizeBytes, begin + lengthBytes);
        if (lengthBytes === 0 || !ref || !encoded) continue;
        const place = { pack: table.indexOf(ref.pack), blob: ref.blob, blobOffsetBytes };
        const blobSizeBytes = encoded.plainSizeBytes;
        fresh.push({ fileOffsetBytes: begin, lengthBytes, ...place, blobSizeBytes });
        this.#copy.stored(lengthBytes);
        this.#copy.progress(lengthBytes, 0);
      }
    }
    return { fresh, sizeBytes, badBlocks };
  }

  /** @returns the ranges that differ from the prior backup; undefined when the file vanished. */
  async #compare(
    entry: DataEntry,
    pieces: readonly ExtentPiece[],
  ): Promise<{ readonly ranges: readonly ByteRange[]; readonly sizeBytes: number } | undefined> {
    const ranges: ByteRange[] = [];
    const running: { readonly begin: number; readonly answer: Promise<CompareAnswer> }[] = [];
    for (let begin = 0; begin < entry.sizeBytes || running.length > 0;) {
      while (running.length < PARTS_AHEAD_MAX && begin < entry.sizeBytes) {
        const end = Math.min(begin + CHUNK_SIZE_BYTES, entry.sizeBytes);
        const answer = this.#comparePart(entry, { begin, end }, pieces);
        answer.catch(() => undefined);
        running.push({ begin, answer });
        begin = end;
      }
      const part = running.shift();
      const answer = await part?.answer;
      if (!part || !answer || answer.kind === "vanished") return undefined;
      const partEnd = part.begin + answer.lengthBytes;
      ranges.push(...this.#changedRanges(part.begin, partEnd, answer.changedPages));
      this.#copy.progress(answer.lengthBytes, 0);
      const isCut = partEnd < Math.min(part.begin + CHUNK_SIZE_BYTES, entry.sizeBytes);
      if (isCut) return { ranges: mergeRanges(ranges), sizeBytes: partEnd };
    }
    return { ranges: mergeRanges(ranges), sizeBytes: entry.sizeBytes };
  }

  #changedRanges(
    begin: number,
    end: number,
    changedPages: readonly number[],
  ): readonly ByteRange[] {
    const { blockSizeBytes } = this.#copy.request;
    return changedPages.map((page) => {
      const first = begin + page * blockSizeBytes;
      return { begin: first, end: Math.min(first + blockSizeBytes, end) };
    });
  }

  async #comparePart(
    entry: DataEntry,
    { begin, end }: ByteRange,
    pieces: readonly ExtentPiece[],
  ): Promise<CompareAnswer> {
    this.#copy.context.signal.throwIfAborted();
    const { root, blockSizeBytes } = this.#copy.request;
    const pageCount = Math.ceil((end - begin) / blockSizeBytes);
    const hashes = Buffer.alloc(pageCount * PAGE_HASH_BYTES);
    const isKnown = new Uint8Array(pageCount);
    for (const piece of pieces) {
      const pieceEnd = piece.fileOffsetBytes + piece.lengthBytes;
      if (pieceEnd <= begin) continue;
      if (piece.fileOffsetBytes >= end) break;
      await this.#takeHashes(piece, { begin, hashes, isKnown });
    }
    return await this.#copy.pool.compare({
      kind: "compare",
      root,
      path: entry.path,
      offsetBytes: begin,
      lengthBytes: end - begin,
      blockSizeBytes,
      pageHashes: hashes,
      isKnown,
    });
  }

  /** The hashes of the whole pages of a piece; one that does not lie on the blob's own pages has none. */
  async #takeHashes(
    piece: ExtentPiece,
    part: { readonly begin: number; readonly hashes: Buffer; readonly isKnown: Uint8Array },
  ): Promise<void> {
    const { blockSizeBytes } = this.#copy.request;
    const { fileOffsetBytes, lengthBytes, blobOffsetBytes } = piece;
    const isAligned = [fileOffsetBytes, blobOffsetBytes].every((at) => at % blockSizeBytes === 0);
    const pack = await this.#prior.shelf.take(piece.pack);
    if (!isAligned || pack.pageSizeBytes !== blockSizeBytes) return;
    const known = await pack.pageHashes(piece.blob, this.#copy.context);
    for (let at = 0; at + blockSizeBytes <= lengthBytes; at += blockSizeBytes) {
      const page = (fileOffsetBytes + at - part.begin) / blockSizeBytes;
      if (page < 0 || page >= part.isKnown.length) continue;
      const from = ((blobOffsetBytes + at) / blockSizeBytes) * PAGE_HASH_BYTES;
      known.copy(part.hashes, page * PAGE_HASH_BYTES, from, from + PAGE_HASH_BYTES);
      part.isKnown[page] = 1;
    }
  }
}
