// Reads one object from front to back in bounded memory, by ranges. An object never changes, so ranges read one after
// the other belong together.
import { createHash, type Hash } from "node:crypto";
import type { Context } from "../base/context.ts";
import type { ObjectKey, ObjectStore } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import {
  type DecodedHeader,
  decodeObjectHeader,
  type ExpectedObject,
  HEADER_SIZE_MAX_BYTES,
} from "./object-header.ts";

/** A position in one object, and the bytes fetched ahead of it. */
export class ObjectReader {
  readonly key: ObjectKey;
  readonly #store: ObjectStore;
  readonly #windowSizeBytes: number;
  readonly #context: Context;
  readonly #hash: Hash | undefined;
  #window: Buffer;
  /** Of the window's first byte that was not taken yet. */
  #cursor = 0;
  #offsetBytes = 0;
  #isAtEnd: boolean;

  private constructor(
    key: ObjectKey,
    window: Buffer,
    options: OpenOptions & { readonly store: ObjectStore; readonly context: Context },
  ) {
    this.key = key;
    this.#store = options.store;
    this.#context = options.context;
    this.#windowSizeBytes = options.windowSizeBytes;
    this.#window = window;
    this.#isAtEnd = window.length < options.windowSizeBytes;
    this.#hash = options.withSha256 ? createHash("sha256") : undefined;
  }

  /** @returns undefined when there is no such object. */
  static async open(
    store: ObjectStore,
    key: ObjectKey,
    { options, context }: { readonly options: OpenOptions; readonly context: Context },
  ): Promise<ObjectReader | undefined> {
    const range = { offsetBytes: 0, lengthBytes: options.windowSizeBytes };
    const window = await store.get(key, { range, signal: context.signal });
    if (!window) return undefined;
    return new ObjectReader(key, window, { ...options, store, context });
  }

  /** How many bytes were taken so far. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /**
   * The next bytes, as a view of what was fetched. Fetched memory is never used again, so the view stays good.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT` when the object ends before.
   */
  async take(lengthBytes: number): Promise<Buffer> {
    while (this.#window.length - this.#cursor < lengthBytes && !this.#isAtEnd) {
      await this.#fetch(lengthBytes);
    }
    const bytes = this.#window.subarray(this.#cursor, this.#cursor + lengthBytes);
    if (bytes.length < lengthBytes) {
      const end = this.#offsetBytes + bytes.length;
      throw corrupt(this.key, "the object ends too early", { offsetBytes: end });
    }
    this.#advance(bytes);
    return bytes;
  }

  /**
   * Reads and checks the header; only at the beginning.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
   */
  takeHeader(expected: ExpectedObject): DecodedHeader {
    const header = decodeObjectHeader(this.#window.subarray(0, HEADER_SIZE_MAX_BYTES), expected);
    this.#advance(this.#window.subarray(0, header.sizeBytes));
    return header;
  }

  /** @throws {HindsightError} `OBJECT_CORRUPT` when bytes follow. */
  async expectEnd(): Promise<void> {
    if (this.#cursor === this.#window.length && !this.#isAtEnd) await this.#fetch(1);
    if (this.#cursor === this.#window.length) return;
    throw corrupt(this.key, "bytes follow after the object's end", {
      offsetBytes: this.#offsetBytes,
    });
  }

  /** Takes all that is left, without looking at it. */
  async skipToEnd(): Promise<void> {
    while (true) {
      this.#advance(this.#window.subarray(this.#cursor));
      if (this.#isAtEnd) return;
      await this.#fetch(1);
    }
  }

  /** The SHA-256 of all bytes taken, 64 hexadecimal digits; asked for when opening. The reader is used up. */
  sha256(): string {
    if (!this.#hash) throw new Error("the reader was not asked to hash");
    return this.#hash.digest("hex");
  }

  #advance(bytes: Buffer): void {
    this.#hash?.update(bytes);
    this.#cursor += bytes.length;
    this.#offsetBytes += bytes.length;
  }

  async #fetch(neededBytes: number): Promise<void> {
    const rest = this.#window.subarray(this.#cursor);
    const lengthBytes = Math.max(this.#windowSizeBytes, neededBytes - rest.length);
    const range = { offsetBytes: this.#offsetBytes + rest.length, lengthBytes };
    const next = await this.#store.get(this.key, { range, signal: this.#context.signal });
    if (!next) throw corrupt(this.key, "the object vanished while it was read");
    this.#window = rest.length === 0 ? next : Buffer.concat([rest, next]);
    this.#cursor = 0;
    this.#isAtEnd = next.length < lengthBytes;
  }
}

/** How an object is read. */
export interface OpenOptions {
  /** Bytes fetched at a time; more than the longest header. */
  readonly windowSizeBytes: number;
  /** Whether to hash everything that is taken. */
  readonly withSha256?: boolean;
}
