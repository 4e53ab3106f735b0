// The worker threads of a restore and what they are handed: blobs are fetched here, on the main thread, and travel to the
// worker without a copy.
import type { Context } from "../base/context.ts";
import { WorkerPool } from "../base/worker-pool.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { BlobUse } from "./blob-uses.ts";
import type { PackShelf } from "../repository/pack-shelf.ts";
import { blobsOf, type RestoreAnswer, type RestoreJob } from "./restore-job.ts";

/** Node hands out small buffers as views of memory that others use, too; it is a little larger than the pool's size. */
const SHARED_MEMORY_MAX_BYTES: number = 2 * Buffer.poolSize;

/** Fetches blobs, and runs jobs on them. */
export class WorkerCrew implements AsyncDisposable {
  readonly shelf: PackShelf;
  readonly context: Context;
  readonly #pool: WorkerPool<RestoreJob, RestoreAnswer>;

  constructor(shelf: PackShelf, threadCount: number, context: Context) {
    this.shelf = shelf;
    this.context = context;
    this.#pool = new WorkerPool(new URL("./restore-worker", import.meta.url), threadCount);
  }

  /**
   * Fetches a blob.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`, what the store throws; the reason of the signal.
   */
  async fetch({ pack, blob }: Pick<BlobUse, "pack" | "blob">): Promise<PackedBlob> {
    this.context.signal.throwIfAborted();
    return (await this.shelf.take(pack)).readPacked(blob, this.context);
  }

  /**
   * Fetches blobs of one pack, neighbours at once.
   *
   * @param uses in the order of their blobs.
   * @throws {HindsightError} as {@link fetch}.
   */
  async fetchAll(uses: readonly Pick<BlobUse, "pack" | "blob">[]): Promise<readonly PackedBlob[]> {
    this.context.signal.throwIfAborted();
    const [first] = uses;
    if (!first) return [];
    const pack = await this.shelf.take(first.pack);
    return pack.readPackedRun(
      uses.map(({ blob }) => blob),
      this.context,
    );
  }

  /** Runs a job. Blobs in it are gone afterwards. */
  run(job: RestoreJob): Promise<RestoreAnswer> {
    return this.#pool.run(job, ownMemory(blobsOf(job)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

/** Memory that was read for these blobs, which moves to the other thread; small pieces of shared memory are copied there. */
function ownMemory(blobs: readonly PackedBlob[]): readonly ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { packed } of blobs) {
    const { buffer } = packed;
    if (buffer instanceof ArrayBuffer && buffer.byteLength > SHARED_MEMORY_MAX_BYTES) {
      buffers.add(buffer);
    }
  }
  return [...buffers];
}
