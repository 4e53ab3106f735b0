// A fixed set of worker threads that all run the same module, for work that would block the main thread: compressing,
// hashing, checking pages. Jobs are handed to whichever worker is free, in the order they came; buffers named in a
// job's transfer list change hands without a copy. Reading and writing stay on the main thread.
//
// A worker that dies fails every job of the pool, once and for ever: a half-working pool would only hide the fault.
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort, Worker } from "node:worker_threads";
import { type ErrorDetails, errorMessage, HindsightError, systemErrorCode } from "./errors.ts";

/** What a worker gives back, with the buffers that travel along. */
export interface JobAnswer<Result> {
  readonly result: Result;
  readonly transfer?: readonly ArrayBuffer[];
}

type Reply<Result> = { readonly result: Result } | { readonly error: PlainError };

/** An error between threads: copying between them would lose its class and everything that was added to it. */
interface PlainError extends ErrorDetails {
  readonly code: string | undefined;
  /** Of an error of the system, such as ENOSPC. */
  readonly systemCode?: string | undefined;
  readonly exitCode: number;
  readonly message: string;
}

function toPlain(error: unknown): PlainError {
  const message = errorMessage(error);
  if (!(error instanceof HindsightError)) {
    const systemCode = systemErrorCode(error);
    return { code: undefined, systemCode, exitCode: 1, message, cause: error };
  }
  const { code, exitCode, hint, context } = error;
  return { code, exitCode, message, hint, context };
}

function fromPlain(plain: PlainError): Error {
  const { code, systemCode, exitCode, message, hint, context, cause } = plain;
  if (code === undefined) {
    const error = new Error(message, { cause });
    return systemCode === undefined ? error : Object.assign(error, { code: systemCode });
  }
  return new HindsightError(code, exitCode, message, { hint, context });
}

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly transfer: readonly ArrayBuffer[];
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** Worker threads for jobs of one kind. Dispose it, or the process will not end. */
export class WorkerPool<Job, Result> implements AsyncDisposable {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #running: Map<Worker, Waiting<Job, Result>> = new Map();
  readonly #queue: Waiting<Job, Result>[] = [];
  #fault: { readonly error: unknown } | undefined;

  /**
   * @param module the worker's module without extension, as `new URL("./encode-worker", import.meta.url)`: the pool
   *   adds the one that this file itself has, because the compiler does not rewrite such names.
   * @param sizeCount threads, at least one.
   */
  constructor(module: URL, sizeCount: number) {
    const file = fileURLToPath(module) + extname(import.meta.filename);
    for (let count = 0; count < Math.max(1, sizeCount); count += 1) this.#start(file);
  }

  /** Threads in the pool. */
  get sizeCount(): number {
    return this.#workers.length;
  }

  /**
   * Runs one job on the next free worker.
   *
   * @param transfer buffers of the job that move to the worker and are gone here.
   * @throws what the worker threw, or why the pool is broken.
   */
  run(job: Job, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.#fault) {
        reject(this.#fault.error as Error);
        return;
      }
      this.#queue.push({ job, transfer, resolve, reject });
      this.#dispatch();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#break(new Error("the worker pool was closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #start(file: string): void {
    const worker = new Worker(file);
    this.#workers.push(worker);
    this.#idle.push(worker);
    worker.on("message", (reply: Reply<Result>) => this.#settle(worker, reply));
    worker.on("error", (error) => this.#break(error));
    worker.on("exit", (code) =>
      this.#break(new Error(`a worker thread ended with status ${code}`)),
    );
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop();
      if (!worker) return;
      const waiting = this.#queue.shift();
      if (!waiting) return;
      this.#running.set(worker, waiting);
      try {
        worker.postMessage(waiting.job, [...waiting.transfer]);
      } catch (error) {
        // What cannot be sent is the fault of this one job.
        this.#running.delete(worker);
        this.#idle.push(worker);
        waiting.reject(error);
      }
    }
  }

  #settle(worker: Worker, reply: Reply<Result>): void {
    const waiting = this.#running.get(worker);
    this.#running.delete(worker);
    this.#idle.push(worker);
    if ("error" in reply) waiting?.reject(fromPlain(reply.error));
    else waiting?.resolve(reply.result);
    this.#dispatch();
  }

  #break(error: unknown): void {
    this.#fault ??= { error };
    const waiting = [...this.#running.values(), ...this.#queue.splice(0)];
    this.#running.clear();
    for (const job of waiting) job.reject(this.#fault.error);
  }
}

/**
 * The worker's side: answers every job with `handle`. Call it once, at the top of the worker's module.
 *
 * @param handle runs synchronously; a HindsightError that it throws arrives as one, with its code and hint.
 */
export function serveJobs<Job, Result>(handle: (job: Job) => JobAnswer<Result>): void {
  const port = parentPort;
  if (!port) throw new Error("serveJobs runs in a worker thread only");
  port.on("message", (job: Job) => {
    try {
      const { result, transfer = [] } = handle(job);
      port.postMessage({ result }, [...transfer]);
    } catch (error) {
      port.postMessage({ error: toPlain(error) });
    }
  });
}
