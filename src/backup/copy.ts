// Copies the files of a data directory into packs. Several lanes take units of the plan, one after the other; each lane
// fills packs of its own, so they need no lock. A worker thread reads, checks, hashes and compresses a chunk; this
// thread appends what comes back and remembers where it lies. Files of which the prior backup has most: copy-changes.ts.
import assert from "node:assert/strict";
import type { Context } from "../base/context.ts";
import { forEachLimited } from "../base/limits.ts";
import { WorkerPool } from "../base/worker-pool.ts";
import { ContentDigest } from "../codec/content-digest.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { sha256 } from "../codec/digest.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { CopyProgress } from "../model/progress.ts";
import { readControlFile } from "../postgres/control-file.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import {
  type Extent,
  EXTENTS_INLINE_AIM_COUNT,
  type FileExtents,
  packsOf,
  writeExtentMap,
} from "../repository/extent-map.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { PackShelf } from "../repository/pack-shelf.ts";
import { type PackEntry, PackWriter } from "../repository/pack-writer.ts";
import type { Repository } from "../repository/repository.ts";
import { ChunkPool, type ChunkSource } from "./chunk-pool.ts";
import { ChangeCopier } from "./copy-changes.ts";
import {
  type BundledFile,
  CHUNK_SIZE_BYTES,
  type CopyPlan,
  type CopyUnit,
  splitRanges,
} from "./copy-plan.ts";
import { PackTable } from "./pack-table.ts";

/** What is copied, as planned, and where to. The server is in backup mode since `startLsn`. */
export interface CopyRequest extends ChunkSource {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly label: BackupLabel;
  readonly plan: CopyPlan;
  readonly startLsn: Lsn;
  readonly compression: CompressionChoice;
  /** What the prior backup holds; undefined when there is none. */
  readonly prior: PriorPacks | undefined;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** The packs of the prior backup. */
export interface PriorPacks {
  readonly packs: readonly PackEntry[];
  readonly shelf: PackShelf;
}

/** What was copied, for the manifest. */
export interface CopyResult {
  /** All files but the empty ones; those that vanished are not here. In no order. */
  readonly files: readonly ManifestFile[];
  /** Those of earlier backups that are still in use, then this one's. */
  readonly packs: readonly PackEntry[];
  readonly pageErrors: readonly PageErrors[];
  /** Bytes of files that were stored now. */
  readonly storedBytes: number;
}

/** Blocks of one relation file whose checksum or header stayed wrong when they were read again. */
export interface PageErrors {
  readonly path: BytePath;
  /** Counted within the relation's fork. */
  readonly blocks: readonly number[];
}

/** What reading a file gave. */
export type FileRead = Pick<ManifestFile, "sizeBytes" | "sha256" | "extents">;

/**
 * Reads everything the plan names. global/pg_control comes last, after every other byte was handed on.
 *
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`, or what the store throws; nothing is listed then.
 */
export async function copyFiles(
  request: CopyRequest,
  pool: ChunkPool,
  context: Context,
): Promise<CopyResult> {
  await using copy = new Copy(request, pool, context);
  return await copy.run();
}

/** Opens the worker threads of a backup; they start while the server prepares. */
export function openChunkPool(processMax: number): ChunkPool {
  return new ChunkPool(new WorkerPool(new URL("./chunk-worker", import.meta.url), processMax));
}

/** One copy on its way; it keeps the books that all lanes write into. */
export class Copy implements AsyncDisposable {
  readonly request: CopyRequest;
  readonly context: Context;
  readonly pool: ChunkPool;
  readonly table: PackTable;
  readonly #writers: PackWriter[] = [];
  readonly #files: ManifestFile[] = [];
  readonly #pageErrors: PageErrors[] = [];
  readonly #changes: ChangeCopier | undefined;
  #storedBytes = 0;
  #bytesDone = 0;
  #filesDone = 0;

  constructor(request: CopyRequest, pool: ChunkPool, context: Context) {
    this.request = request;
    this.pool = pool;
    this.context = context;
    this.table = new PackTable(request.prior?.packs ?? [], request.label);
    this.#changes = request.prior && new ChangeCopier(this, request.prior);
  }

  async run(): Promise<CopyResult> {
    const { plan } = this.request;
    for (const { entry, prior } of plan.kept) this.addFile(entry, prior);
    // Two lanes a worker: while one lane's blob is written, the other's chunk is compressed.
    const idle = Array.from({ length: this.pool.sizeCount * 2 }, () => this.#openWriter());
    await forEachLimited(plan.units, idle.length, async (unit) => {
      this.context.signal.throwIfAborted();
      const writer = idle.shift() ?? this.#openWriter();
      await this.#copyUnit(unit, writer);
      // Back to the front: few writers in use are few packs.
      idle.unshift(writer);
    });
    if (plan.controlFile)
      await this.#copyControlFile(plan.controlFile, idle[0] ?? this.#openWriter());
    const settled = this.table.settle(await this.#finishPacks(), this.#files);
    return { ...settled, pageErrors: this.#pageErrors, storedBytes: this.#storedBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.#writers) await writer[Symbol.asyncDispose]();
  }

  /** Extents as the manifest holds them: a few in the file's line, many in a blob of their own. */
  async placeExtents(extents: readonly Extent[], writer: PackWriter): Promise<FileExtents> {
    if (extents.length <= EXTENTS_INLINE_AIM_COUNT) return extents;
    const { pack, blob } = await writeExtentMap(writer, extents, this.table.names);
    return { pack: this.table.indexOf(pack), blob, uses: packsOf(extents) };
  }

  /** Copies a file of more than one chunk from its beginning to its end. */
  async copyWhole(entry: DataEntry, writer: PackWriter): Promise<void> {
    const digest = new ContentDigest();
    const extents: Extent[] = [];
    const badBlocks: number[] = [];
    let sizeBytes = 0;
    const chunks = splitRanges([{ begin: 0, end: entry.sizeBytes }]);
    for await (const { answer, ranges } of this.pool.encodeAhead(this.request, entry, chunks)) {
      this.context.signal.throwIfAborted();
      const [outcome] = answer.pieces;
      if (outcome?.kind !== "read") return this.progress(entry.sizeBytes - sizeBytes, 1);
      if (!answer.blob || !outcome.sha256) break;
      const { pack, blob } = await writer.appendEncoded(answer.blob);
      const source = { pack: this.table.indexOf(pack), blob };
      appendExtent(extents, {
        fileOffsetBytes: sizeBytes,
        lengthBytes: outcome.lengthBytes,
        source,
      });
      digest.add(outcome.sha256);
      badBlocks.push(...outcome.badBlocks);
      sizeBytes += outcome.lengthBytes;
      this.stored(outcome.lengthBytes);
      this.progress(outcome.lengthBytes, 0);
      if (outcome.lengthBytes < (ranges[0]?.end ?? 0) - (ranges[0]?.begin ?? 0)) break;
    }
    this.notePages(entry, badBlocks);
    const placed = await this.placeExtents(extents, writer);
    this.addFile(entry, { sizeBytes, sha256: digest.finish(), extents: placed });
    this.progress(0, 1);
  }

  addFile(entry: DataEntry, { sizeBytes, sha256: digest, extents }: FileRead): void {
    const { path, mode, modifiedAt } = entry;
    this.#files.push({ kind: "file", path, mode, modifiedAt, sizeBytes, sha256: digest, extents });
  }

  notePages(entry: DataEntry, blocks: readonly number[]): void {
    if (blocks.length > 0) this.#pageErrors.push({ path: entry.path, blocks });
  }

  /** Counts bytes of a file that went into this backup's packs. */
  stored(bytes: number): void {
    this.#storedBytes += bytes;
  }

  progress(bytes: number, files: number): void {
    this.#bytesDone += bytes;
    this.#filesDone += files;
    const { plan, onProgress } = this.request;
    onProgress({
      bytesDone: this.#bytesDone,
      bytesTotal: plan.readBytes,
      filesDone: this.#filesDone,
      filesTotal: plan.fileCount,
    });
  }

  #openWriter(): PackWriter {
    const { repository, stanza, label, compression, blockSizeBytes } = this.request;
    const nextPackNumber = (): number => this.table.next();
    const options = { stanza, label, nextPackNumber, compression, pageSizeBytes: blockSizeBytes };
    const writer = new PackWriter(repository, options, this.context);
    this.#writers.push(writer);
    return writer;
  }

  /** Numbers were handed out without gaps, so a pack's number is its place among this backup's packs. */
  async #finishPacks(): Promise<readonly PackEntry[]> {
    const packs: PackEntry[] = [];
    for (const written of await Promise.all(this.#writers.map((writer) => writer.finish()))) {
      packs.push(...written);
    }
    const sorted = packs.toSorted((left, right) => left.number - right.number);
    assert(sorted.every((pack, place) => pack.number === place));
    return sorted;
  }

  async #copyUnit(unit: CopyUnit, writer: PackWriter): Promise<void> {
    switch (unit.kind) {
      case "bundle":
        return await this.#copyBundle(unit.files, writer);
      case "file":
        return await this.copyWhole(unit.entry, writer);
      case "blocks":
      case "compare":
        assert(this.#changes, "only a prior backup gives such units");
        return await this.#changes.copy(unit, writer);
    }
  }

  async #copyBundle(files: readonly BundledFile[], writer: PackWriter): Promise<void> {
    const answer = await this.pool.encodeBundle(this.request, files);
    const blob = answer.blob && (await writer.appendEncoded(answer.blob));
    for (const [index, { entry, prior }] of files.entries()) {
      const outcome = answer.pieces[index];
      this.progress(entry.sizeBytes, 1);
      if (outcome?.kind === "same" && prior) this.addFile(entry, prior);
      if (outcome?.kind !== "read") continue;
      const { lengthBytes, chunkOffsetBytes: blobOffsetBytes } = outcome;
      const digest = new ContentDigest();
      const extents: Extent[] = [];
      if (lengthBytes > 0 && blob && outcome.sha256) {
        digest.add(outcome.sha256);
        const source = { pack: this.table.indexOf(blob.pack), blob: blob.blob, blobOffsetBytes };
        extents.push({ fileOffsetBytes: 0, lengthBytes, source });
      }
      this.stored(lengthBytes);
      this.notePages(entry, outcome.badBlocks);
      this.addFile(entry, { sizeBytes: lengthBytes, sha256: digest.finish(), extents });
    }
  }

  /** The server rewrites this file in place, so it is read until its own checksum holds. */
  async #copyControlFile(entry: DataEntry, writer: PackWriter): Promise<void> {
    const { bytes } = await readControlFile(this.request.root, this.context);
    const { pack, blob } = await writer.append(bytes);
    const source = { pack: this.table.indexOf(pack), blob, blobOffsetBytes: 0 };
    const extents: Extent[] = [{ fileOffsetBytes: 0, lengthBytes: bytes.length, source }];
    const digest = sha256(bytes).toString("hex");
    this.addFile(entry, { sizeBytes: bytes.length, sha256: digest, extents });
    this.stored(bytes.length);
    this.progress(entry.sizeBytes, 1);
  }
}

/** Adds a chunk to the extents; one that follows the last in file and pack makes it longer. */
function appendExtent(
  extents: Extent[],
  next: { fileOffsetBytes: number; lengthBytes: number; source: { pack: number; blob: number } },
): void {
  const last = extents.at(-1);
  const blobsSoFar = last ? Math.ceil(last.lengthBytes / CHUNK_SIZE_BYTES) : 0;
  if (
    last?.source?.pack === next.source.pack &&
    last.source.blob + blobsSoFar === next.source.blob &&
    last.lengthBytes % CHUNK_SIZE_BYTES === 0
  ) {
    extents[extents.length - 1] = { ...last, lengthBytes: last.lengthBytes + next.lengthBytes };
    return;
  }
  const { fileOffsetBytes, lengthBytes, source } = next;
  extents.push({ fileOffsetBytes, lengthBytes, source: { ...source, blobOffsetBytes: 0 } });
}
