// One file that is put together from several blobs. Where it is there already and may be right in part, its pages are
// compared with the hashes that the backup has of them, and only what differs is fetched and written.
import type { FileHandle } from "node:fs/promises";
import { forEachLimited, MIB } from "../base/limits.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import { type BlobUse, hasWholePages } from "./blob-uses.ts";
import { ContentProof } from "./content-proof.ts";
import type { PlannedFile } from "./file-units.ts";
import type { TreePath } from "./places.ts";
import type { WorkerCrew } from "./worker-crew.ts";

/** Blobs of one file under way at a time: enough for all workers when it is the last one. */
const USES_AT_ONCE_MAX = 4;

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
    await forEachLimited(uses, USES_AT_ONCE_MAX, async (use) => {
      if (this.#isFresh) await this.#fill(use);
      else await this.#mend(use);
      this.#options.onBytes(use.pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0));
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

  async #fill(use: BlobUse): Promise<void> {
    const { pieces } = use;
    const { digests } = await this.#crew.run({
      kind: "fill",
      fd: this.#handle.fd,
      isFresh: this.#isFresh,
      fileSizeBytes: this.#file.entry.sizeBytes,
      blob: await this.#crew.fetch(use),
      pieces,
    });
    for (const [index, piece] of pieces.entries()) this.#proof.add(piece, digests[index]);
  }

  async #mend(use: BlobUse): Promise<void> {
    const { shelf } = this.#crew;
    const pack = await shelf.take(use.pack);
    const { pageSizeBytes } = pack;
    const blobSizeBytes = pack.blobPlainSize(use.blob);
    if (!use.pieces.every((piece) => hasWholePages(piece, { pageSizeBytes, blobSizeBytes }))) {
      this.#isKept = false;
      return await this.#fill(use);
    }
    const hashes = (await shelf.takeHashes(use.pack))(use.blob);
    const job = { fd: this.#handle.fd, pages: { sizeBytes: pageSizeBytes, hashes } };
    const { differing } = await this.#crew.run({ kind: "compare", ...job, pieces: use.pieces });
    if (differing.length > 0) {
      this.#isKept = false;
      const blob = await this.#crew.fetch(use);
      await this.#crew.run({ kind: "mend", ...job, blob, pieces: differing });
    }
    // Its pages were proven by their hashes, so a chunk that is one whole blob has the blob's digest.
    for (const piece of use.pieces) {
      if (piece.lengthBytes === blobSizeBytes) this.#proof.add(piece, pack.blobSha256(use.blob));
    }
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
      const { differing } = await this.#crew.run({
        kind: "clear",
        fd: this.#handle.fd,
        offsetBytes: fileOffsetBytes + at,
        lengthBytes: Math.min(CLEAR_BYTES, lengthBytes - at),
      });
      if (differing.length > 0) this.#isKept = false;
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

/** Permissions and time as they were; the owner was given when the file was made. */
async function settle(file: FileHandle, entry: ManifestFile): Promise<void> {
  await file.chmod(entry.mode & 0o777);
  const seconds = entry.modifiedAt.epochMilliseconds / 1000;
  await file.utimes(seconds, seconds);
  if (entry.sizeBytes >= SYNC_AT_ONCE_BYTES) await file.datasync();
}
