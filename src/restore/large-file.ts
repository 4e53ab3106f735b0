// One file that is put together from several blobs. Where it is there already and may be right in part, its pages are
// compared with the hashes that the backup has of them, and only what differs is fetched and written.
import type { FileHandle } from "node:fs/promises";
import { forEachLimited, MIB } from "../base/limits.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import { batchUses, type BlobUse, hasWholePages, type Piece } from "./blob-uses.ts";
import { ContentProof } from "./content-proof.ts";
import type { PlannedFile } from "./file-units.ts";
import type { TreePath } from "./places.ts";
import type { HashedPart } from "./restore-job.ts";
import type { WorkerCrew } from "./worker-crew.ts";

/** Blobs that one job is about. */
const BLOBS_PER_JOB_MAX = 4;

/** Jobs of one file under way at a time: enough for two workers when it is the last one. */
const JOBS_AT_ONCE_MAX = 2;

/**
 * Beyond this share of blobs that differ, blobs are fetched unasked and compared byte by byte: hashing costs about as much
 * as expanding does.
 */
const OVERLAY_SHARE_MIN = 0.55;

/** How much the last job changes the share. */
const SHARE_STEP = 0.25;

/** Zeros looked for in one job. */
const CLEAR_BYTES: number = 64 * MIB;

/** A file beyond this size is made durable as soon as it is written, so that not everything is left for the end. */
const SYNC_AT_ONCE_BYTES: number = 64 * MIB;

/** What becomes of one file. */
export interface LargeFileOptions {
  /** Whether a file that is there may be right in part. */
  readonly isDelta: boolean;
  readonly onBytes: (bytes: number) => void;
}

/** @returns whether the file was right already. */
export async function restoreLargeFile(
  file: PlannedFile,
  { tree, path }: TreePath,
  { crew, options }: { readonly crew: WorkerCrew; readonly options: LargeFileOptions },
): Promise<boolean> {
  const existing = options.isDelta ? await tree.openFile(path) : undefined;
  await using handle = existing ?? (await tree.createFile(path));
  const work = new LargeFile(file, handle, { crew, options, isFresh: existing === undefined });
  return await work.restore();
}

class LargeFile {
  readonly #file: PlannedFile;
  readonly #handle: FileHandle;
  readonly #crew: WorkerCrew;
  readonly #options: LargeFileOptions;
  readonly #isFresh: boolean;
  readonly #proof: ContentProof;
  #isKept: boolean;
  /** How many blobs differed of those that were looked at last. */
  #differingShare = 0;

  constructor(
    file: PlannedFile,
    handle: FileHandle,
    {
      crew,
      options,
      isFresh,
    }: {
      readonly crew: WorkerCrew;
      readonly options: LargeFileOptions;
      readonly isFresh: boolean;
    },
  ) {
    this.#file = file;
    this.#handle = handle;
    this.#crew = crew;
    this.#options = options;
    this.#isFresh = isFresh;
    this.#isKept = !isFresh;
    this.#proof = new ContentProof(file.entry);
  }

  async restore(): Promise<boolean> {
    const { entry, uses, holes } = this.#file;
    await this.#giveLength();
    const batches = batchUses(uses, BLOBS_PER_JOB_MAX);
    await forEachLimited(batches, JOBS_AT_ONCE_MAX, async (batch) => {
      if (this.#isFresh) await this.#fill(batch);
      else await this.#mend(batch);
      for (const { pieces } of batch) {
        this.#options.onBytes(pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0));
      }
    });
    for (const hole of holes) {
      if (!this.#isFresh) await this.#clear(hole);
      this.#options.onBytes(hole.lengthBytes);
    }
    if (this.#file.isWhole) await this.#prove();
    await settle(this.#handle, entry);
    return this.#isKept;
  }

  /** What no blob fills reads as zeros, and takes no space where the file system allows it. */
  async #giveLength(): Promise<void> {
    const { sizeBytes } = this.#file.entry;
    const { size } = await this.#handle.stat();
    if (size === sizeBytes) return;
    this.#isKept = false;
    await this.#handle.truncate(sizeBytes);
  }

  async #fill(batch: readonly BlobUse[]): Promise<void> {
    const blobs = await this.#crew.fetchAll(batch);
    const { digests } = await this.#crew.run({
      kind: "fill",
      fd: this.#handle.fd,
      isFresh: this.#isFresh,
      fileSizeBytes: this.#file.entry.sizeBytes,
      parts: zip(batch, blobs).map(([{ pieces }, blob]) => ({ blob, pieces })),
    });
    const pieces = batch.flatMap((use) => use.pieces);
    for (const [piece, digest] of zip(pieces, digests)) this.#proof.add(piece, digest);
  }

  async #mend(batch: readonly BlobUse[]): Promise<void> {
    const { shelf } = this.#crew;
    const pack = await shelf.take(batch[0]?.pack ?? 0);
    const { pageSizeBytes } = pack;
    const isHashed = ({ blob, pieces }: BlobUse): boolean =>
      pieces.every((piece) =>
        hasWholePages(piece, { pageSizeBytes, blobSizeBytes: pack.blobPlainSize(blob) }),
      );
    const others = batch.filter((use) => !isHashed(use));
    if (others.length > 0) {
      this.#isKept = false;
      await this.#fill(others);
    }
    const uses = batch.filter(isHashed);
    const hashesOf = await shelf.takeHashes(batch[0]?.pack ?? 0);
    const parts = uses.map(({ blob, pieces }) => ({
      pages: { sizeBytes: pageSizeBytes, hashes: hashesOf(blob) },
      pieces,
    }));
    if (this.#differingShare > OVERLAY_SHARE_MIN) await this.#overlay(uses, parts);
    else await this.#compare(uses, parts);
    // Its pages were proven by their hashes, so a chunk that is one whole blob has the blob's digest.
    for (const { blob, pieces } of uses) {
      for (const piece of pieces) {
        if (piece.lengthBytes !== pack.blobPlainSize(blob)) continue;
        this.#proof.add(piece, pack.blobSha256(blob));
      }
    }
  }

  async #compare(uses: readonly BlobUse[], parts: readonly HashedPart[]): Promise<void> {
    const { fd } = this.#handle;
    const { differing } = await this.#crew.run({ kind: "compare", fd, parts });
    this.#note(differing);
    await this.#mendPages(uses, parts, differing);
  }

  async #overlay(uses: readonly BlobUse[], parts: readonly HashedPart[]): Promise<void> {
    const { fd } = this.#handle;
    const blobs = await this.#crew.fetchAll(uses);
    const { differing } = await this.#crew.run({
      kind: "overlay",
      fd,
      parts: zip(parts, blobs).map(([part, blob]) => ({ ...part, blob })),
    });
    this.#note(differing);
  }

  #note(differing: readonly (readonly Piece[])[]): void {
    const count = differing.filter((pieces) => pieces.length > 0).length;
    if (count > 0) this.#isKept = false;
    const share = count / Math.max(1, differing.length);
    this.#differingShare += (share - this.#differingShare) * SHARE_STEP;
  }

  async #mendPages(
    uses: readonly BlobUse[],
    parts: readonly HashedPart[],
    differing: readonly (readonly Piece[])[],
  ): Promise<void> {
    const wrong = zip(zip(uses, parts), differing).filter(([, pieces]) => pieces.length > 0);
    if (wrong.length === 0) return;
    const blobs = await this.#crew.fetchAll(wrong.map(([[use]]) => use));
    await this.#crew.run({
      kind: "mend",
      fd: this.#handle.fd,
      parts: zip(wrong, blobs).map(([[[, { pages }], pieces], blob]) => ({ pages, pieces, blob })),
    });
  }

  async #clear({
    fileOffsetBytes,
    lengthBytes,
  }: {
    readonly fileOffsetBytes: number;
    readonly lengthBytes: number;
  }): Promise<void> {
    for (let at = 0; at < lengthBytes; at += CLEAR_BYTES) {
      this.#crew.context.signal.throwIfAborted();
      const { clearedBytes } = await this.#crew.run({
        kind: "clear",
        fd: this.#handle.fd,
        offsetBytes: fileOffsetBytes + at,
        lengthBytes: Math.min(CLEAR_BYTES, lengthBytes - at),
      });
      if (clearedBytes > 0) this.#isKept = false;
    }
  }

  async #prove(): Promise<void> {
    await this.#proof.prove(async (offsetBytes, lengthBytes) => {
      const range = { fd: this.#handle.fd, offsetBytes, lengthBytes };
      const { digests } = await this.#crew.run({ kind: "digest", ...range });
      return digests[0] ?? Buffer.alloc(0);
    });
  }
}

/** What belongs together of two lists of the same length. */
function zip<Left, Right>(
  lefts: readonly Left[],
  rights: readonly Right[],
): readonly (readonly [Left, Right])[] {
  return lefts.map((left, place) => [left, rights[place] as Right] as const);
}

/** Permissions and time as they were; the owner was given when the file was made. */
async function settle(file: FileHandle, entry: ManifestFile): Promise<void> {
  await file.chmod(entry.mode & 0o777);
  const seconds = entry.modifiedAt.epochMilliseconds / 1000;
  await file.utimes(seconds, seconds);
  if (entry.sizeBytes >= SYNC_AT_ONCE_BYTES) await file.datasync();
}
