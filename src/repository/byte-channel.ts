// A queue of bytes between one writer and one reader, with backpressure: it turns "here is the next piece" into the
// async iterable that a store wants to put.

/** Pushed bytes come out in order; the writer waits while too many are inside. */
export class ByteChannel implements AsyncIterable<Uint8Array> {
  readonly #queueSizeMaxBytes: number;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #state: "open" | "ended" | "closed" = "open";
  #failure: { readonly error: unknown } | undefined;
  #change: PromiseWithResolvers<void> = Promise.withResolvers();

  /** @param queueSizeMaxBytes {@link push} waits while more than that is inside. */
  constructor(queueSizeMaxBytes: number) {
    this.#queueSizeMaxBytes = queueSizeMaxBytes;
  }

  /** Whether nobody will read any more, because the reader is done or gave up. */
  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Hands bytes over; they must not change afterwards. Once the channel is closed they go nowhere, without an error:
   * the reader's own result tells why.
   */
  async push(bytes: Uint8Array): Promise<void> {
    if (this.#state === "ended") throw new Error("the channel was ended");
    if (this.#state === "closed") return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#announce();
    while (this.#state === "open" && this.#queuedBytes > this.#queueSizeMaxBytes) {
      await this.#change.promise;
    }
  }

  /** The reader gets what is inside, then its end. */
  end(): void {
    if (this.#state === "open") this.#state = "ended";
    this.#announce();
  }

  /** The reader gets `error` instead of what is inside. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#announce();
  }

  /** Says that nobody reads; waiting pushes return. */
  close(): void {
    this.#state = "closed";
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#announce();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      while (true) {
        if (this.#failure) throw this.#failure.error;
        const bytes = this.#queue.shift();
        if (bytes) {
          this.#queuedBytes -= bytes.length;
          this.#announce();
          yield bytes;
        } else if (this.#state !== "open") {
          return;
        } else {
          await this.#change.promise;
        }
      }
    } finally {
      this.close();
    }
  }

  #announce(): void {
    const change = this.#change;
    this.#change = Promise.withResolvers();
    change.resolve();
  }
}
