// The worker threads of a restore and what they are handed: blobs are fetched here, on the main thread, and travel to the
// worker without a copy.
import type { Context } from "../base/context.ts";
import { WorkerPool } from "../base/worker-pool.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { BlobUse } from "./blob-uses.ts";
import type { PackShelf } from "../repository/pack-shelf.ts";
import type { RestoreAnswer, RestoreJob } from "./restore-job.ts";

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

  /** Runs a job. A blob in it is gone afterwards. */
  run(job: RestoreJob): Promise<RestoreAnswer> {
    return this.#pool.run(job, "blob" in job && job.blob ? ownMemory(job.blob.packed) : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }
}

/** Memory that nothing else shares, which can move to another thread; other memory is copied there. */
function ownMemory({ buffer, byteLength }: Uint8Array): readonly ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
