// Copies the files of a data directory into packs. Several lanes take units of the plan, one after the other; each lane
// fills packs of its own, so they need no lock. A worker thread reads, checks, hashes and compresses a chunk; this
// thread appends what comes back and remembers where it lies.
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
import { parseRelationFile } from "../model/relation.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { CopyProgress } from "../model/progress.ts";
import { readControlFile } from "../postgres/control-file.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import {
  type Extent,
  EXTENTS_INLINE_MAX_COUNT,
  type FileExtents,
  writeExtentMap,
} from "../repository/extent-map.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import { type PackEntry, PackWriter } from "../repository/pack-writer.ts";
import type { Repository } from "../repository/repository.ts";
import type { ChunkAnswer, ChunkJob, ChunkPiece, PieceOutcome } from "./chunk-job.ts";
import { CHUNK_SIZE_BYTES, type CopyPlan, type CopyUnit } from "./copy-plan.ts";

/** What is copied, as planned, and where to. The server is in backup mode since `startLsn`. */
export interface CopyRequest {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly label: BackupLabel;
  readonly root: string;
  readonly plan: CopyPlan;
  readonly blockSizeBytes: number;
  readonly relationSegmentBlocks: number;
  readonly checksums: boolean;
  readonly startLsn: Lsn;
  readonly compression: CompressionChoice;
  readonly processMax: number;
  readonly onProgress: (progress: CopyProgress) => void;
}

/** What was copied, for the manifest. */
export interface CopyResult {
  /** Files as they were read; those that vanished are not here. In no order. */
  readonly files: readonly ManifestFile[];
  readonly packs: readonly PackEntry[];
  readonly pageErrors: readonly PageErrors[];
}

/** Blocks of one relation file whose checksum or header stayed wrong when they were read again. */
export interface PageErrors {
  readonly path: BytePath;
  /** Counted within the relation's fork. */
  readonly blocks: readonly number[];
}

/**
 * Reads everything the plan names. global/pg_control comes last, after every other byte was handed on.
 *
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`, or what the store throws; nothing is listed then.
 */
export async function copyFiles(request: CopyRequest, context: Context): Promise<CopyResult> {
  await using pool = new WorkerPool<ChunkJob, ChunkAnswer>(
    new URL("./chunk-worker", import.meta.url),
    request.processMax,
  );
  await using copy = new Copy(request, pool, context);
  return await copy.run();
}

/** Chunks of one file that are encoded at a time: enough for two cores when there is only one large file. */
const CHUNKS_AHEAD_MAX = 2;

interface ChunkAhead {
  readonly wantedBytes: number;
  readonly answer: ChunkAnswer;
}

class Copy implements AsyncDisposable {
  readonly #request: CopyRequest;
  readonly #pool: WorkerPool<ChunkJob, ChunkAnswer>;
  readonly #context: Context;
  readonly #writers: PackWriter[] = [];
  readonly #files: ManifestFile[] = [];
  readonly #pageErrors: PageErrors[] = [];
  #nextPack = 0;
  #bytesDone = 0;
  #filesDone = 0;

  constructor(request: CopyRequest, pool: WorkerPool<ChunkJob, ChunkAnswer>, context: Context) {
    this.#request = request;
    this.#pool = pool;
    this.#context = context;
  }

  async run(): Promise<CopyResult> {
    const { plan } = this.#request;
    // Two lanes a worker: while one lane's blob is written, the other's chunk is compressed.
    const idle = Array.from({ length: this.#pool.sizeCount * 2 }, () => this.#openWriter());
    await forEachLimited(plan.units, idle.length, async (unit) => {
      this.#context.signal.throwIfAborted();
      const writer = idle.pop() ?? this.#openWriter();
      await this.#copyUnit(unit, writer);
      idle.push(writer);
    });
    if (plan.controlFile)
      await this.#copyControlFile(plan.controlFile, idle[0] ?? this.#openWriter());
    return { files: this.#files, packs: await this.#finishPacks(), pageErrors: this.#pageErrors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.#writers) await writer[Symbol.asyncDispose]();
  }

  #openWriter(): PackWriter {
    const { repository, stanza, label, compression, blockSizeBytes } = this.#request;
    const nextPackNumber = (): number => this.#nextPack++;
    const options = { stanza, label, nextPackNumber, compression, pageSizeBytes: blockSizeBytes };
    const writer = new PackWriter(repository, options, this.#context);
    this.#writers.push(writer);
    return writer;
  }

  /** Numbers were handed out without gaps, so a pack's number is its place in the manifest's table. */
  async #finishPacks(): Promise<readonly PackEntry[]> {
    const packs: PackEntry[] = [];
    for (const writer of this.#writers) packs.push(...(await writer.finish()));
    const sorted = packs.toSorted((left, right) => left.number - right.number);
    assert(sorted.every((pack, place) => pack.number === place));
    return sorted;
  }

  /** Extents as the manifest holds them: a few in the file's line, many in a blob of their own. */
  async #placeExtents(extents: readonly Extent[], writer: PackWriter): Promise<FileExtents> {
    if (extents.length <= EXTENTS_INLINE_MAX_COUNT) return extents;
    const { label } = this.#request;
    const table = Array.from({ length: this.#nextPack }, (_, number) => ({ label, number }));
    return await writeExtentMap(writer, extents, table);
  }

  async #copyUnit(unit: CopyUnit, writer: PackWriter): Promise<void> {
    if (unit.kind === "bundle") await this.#copyBundle(unit.entries, writer);
    else await this.#copyLargeFile(unit.entry, writer);
  }

  async #copyBundle(entries: readonly DataEntry[], writer: PackWriter): Promise<void> {
    const answer = await this.#encode(
      entries.map((entry) => this.#piece(entry, 0, entry.sizeBytes)),
    );
    const source = answer.blob && (await writer.appendEncoded(answer.blob));
    for (const [index, entry] of entries.entries()) {
      const outcome = answer.pieces[index];
      if (outcome?.kind !== "read") continue;
      const digest = new ContentDigest();
      if (outcome.lengthBytes > 0) digest.add(outcome.sha256);
      const extents: Extent[] = [];
      if (outcome.lengthBytes > 0 && source) {
        extents.push({
          fileOffsetBytes: 0,
          lengthBytes: outcome.lengthBytes,
          source: { ...source, blobOffsetBytes: outcome.chunkOffsetBytes },
        });
      }
      this.#notePages(entry, outcome.badBlocks);
      this.#addFile(entry, { sizeBytes: outcome.lengthBytes, sha256: digest.finish(), extents });
    }
    this.#report(entries);
  }

  async #copyLargeFile(entry: DataEntry, writer: PackWriter): Promise<void> {
    const digest = new ContentDigest();
    const extents: Extent[] = [];
    const badBlocks: number[] = [];
    let sizeBytes = 0;
    for await (const { answer, wantedBytes } of this.#encodeAhead(entry)) {
      this.#context.signal.throwIfAborted();
      const outcome: PieceOutcome | undefined = answer.pieces[0];
      if (outcome?.kind !== "read") return this.#report([entry]);
      if (!answer.blob) break;
      const source = await writer.appendEncoded(answer.blob);
      appendExtent(extents, {
        fileOffsetBytes: sizeBytes,
        lengthBytes: outcome.lengthBytes,
        source,
      });
      digest.add(outcome.sha256);
      badBlocks.push(...outcome.badBlocks);
      sizeBytes += outcome.lengthBytes;
      this.#progress(outcome.lengthBytes, 0);
      if (outcome.lengthBytes < wantedBytes) break;
    }
    this.#notePages(entry, badBlocks);
    this.#addFile(entry, {
      sizeBytes,
      sha256: digest.finish(),
      extents: await this.#placeExtents(extents, writer),
    });
    this.#progress(0, 1);
  }

  /** The chunks of a file in order; while one is looked at, the next are encoded, or a single file keeps one core busy. */
  async *#encodeAhead(entry: DataEntry): AsyncGenerator<ChunkAhead, void, undefined> {
    const running: { readonly wantedBytes: number; readonly answer: Promise<ChunkAnswer> }[] = [];
    let nextBytes = 0;
    for (;;) {
      while (running.length < CHUNKS_AHEAD_MAX && nextBytes < entry.sizeBytes) {
        const wantedBytes = Math.min(CHUNK_SIZE_BYTES, entry.sizeBytes - nextBytes);
        const answer = this.#encode([this.#piece(entry, nextBytes, wantedBytes)]);
        // It is looked at in its turn; until then its failure is not unhandled.
        answer.catch(() => undefined);
        running.push({ wantedBytes, answer });
        nextBytes += wantedBytes;
      }
      const first = running.shift();
      if (!first) return;
      yield { wantedBytes: first.wantedBytes, answer: await first.answer };
    }
  }

  /** The server rewrites this file in place, so it is read until its own checksum holds. */
  async #copyControlFile(entry: DataEntry, writer: PackWriter): Promise<void> {
    const { bytes } = await readControlFile(this.#request.root, this.#context);
    const source = { ...(await writer.append(bytes)), blobOffsetBytes: 0 };
    const extents: Extent[] = [{ fileOffsetBytes: 0, lengthBytes: bytes.length, source }];
    this.#addFile(entry, {
      sizeBytes: bytes.length,
      sha256: sha256(bytes).toString("hex"),
      extents,
    });
    this.#report([entry]);
  }

  #encode(pieces: readonly ChunkPiece[]): Promise<ChunkAnswer> {
    const { root, blockSizeBytes, checksums, startLsn, compression } = this.#request;
    return this.#pool.run({ root, pieces, blockSizeBytes, checksums, startLsn, compression });
  }

  #piece(entry: DataEntry, offsetBytes: number, lengthBytes: number): ChunkPiece {
    return {
      path: entry.path,
      offsetBytes,
      lengthBytes,
      firstBlock: this.#firstBlock(entry, offsetBytes),
    };
  }

  #firstBlock(entry: DataEntry, offsetBytes: number): number | undefined {
    const relation = relationFile(entry.path);
    if (!relation) return undefined;
    const { blockSizeBytes, relationSegmentBlocks } = this.#request;
    return relation.segment * relationSegmentBlocks + Math.floor(offsetBytes / blockSizeBytes);
  }

  #addFile(entry: DataEntry, read: Pick<ManifestFile, "sizeBytes" | "sha256" | "extents">): void {
    const { path, mode, modifiedAt } = entry;
    this.#files.push({ kind: "file", path, mode, modifiedAt, ...read });
  }

  #notePages(entry: DataEntry, blocks: readonly number[]): void {
    if (blocks.length > 0) this.#pageErrors.push({ path: entry.path, blocks });
  }

  #report(entries: readonly DataEntry[]): void {
    this.#progress(
      entries.reduce((sum, entry) => sum + entry.sizeBytes, 0),
      entries.length,
    );
  }

  #progress(bytes: number, files: number): void {
    this.#bytesDone += bytes;
    this.#filesDone += files;
    const { plan, onProgress } = this.#request;
    onProgress({
      bytesDone: this.#bytesDone,
      bytesTotal: plan.sizeBytes,
      filesDone: this.#filesDone,
      filesTotal: plan.fileCount,
    });
  }
}

/** The relation file a path names, for files below a database's directory. */
function relationFile(path: BytePath): ReturnType<typeof parseRelationFile> {
  if (!/^(?:global|base\/\d+|pg_tblspc\/\d+\/PG_[^/]+\/\d+)\//.test(path)) return undefined;
  return parseRelationFile(path.slice(path.lastIndexOf("/") + 1));
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
