// The digest of a file's content, computed from the digests of its chunks, so that chunks can be hashed once, by
// whichever thread has them, and the file needs no second pass over its bytes.
import { createHash, type Hash } from "node:crypto";

/** Content is hashed in pieces of this size, counted from its beginning; the last piece may be shorter. */
export const DIGEST_CHUNK_BYTES: number = 1024 * 1024;

/**
 * Collects the SHA-256 of each chunk, in order, and gives the content's digest: of content of at most one chunk its
 * plain SHA-256; of longer content the SHA-256 over the concatenated SHA-256 values of its chunks; of empty content the
 * SHA-256 of nothing.
 */
export class ContentDigest {
  readonly #overall: Hash = createHash("sha256");
  #first: Uint8Array | undefined;
  #count = 0;

  /** @param chunkSha256 32 bytes, the SHA-256 of the next chunk. */
  add(chunkSha256: Uint8Array): void {
    this.#first ??= Uint8Array.from(chunkSha256);
    this.#overall.update(chunkSha256);
    this.#count += 1;
  }

  /** The digest in lower-case hexadecimal, 64 digits. The collector is used up. */
  finish(): string {
    if (this.#count === 1 && this.#first) return Buffer.from(this.#first).toString("hex");
    return this.#overall.digest("hex");
  }
}
