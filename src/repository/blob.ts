// A blob is one chunk as a pack stores it. Encoding is pure work on bytes, so that a worker thread can do it; placing
// the result in a pack is the business of pack-writer.ts.
import { compress, type Compression, type CompressionChoice } from "../codec/compress.ts";
import { pageHashes, sha256 } from "../codec/digest.ts";

/** Plaintext of one blob at most. */
export const CHUNK_SIZE_MAX_BYTES: number = 1024 * 1024;

/** A compressed chunk and everything its pack says about it. Survives being sent between threads. */
export interface EncodedBlob {
  /** Compressed, not sealed yet. */
  readonly stored: Uint8Array;
  readonly compression: Compression;
  readonly plainSizeBytes: number;
  /** Of the plaintext: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Of the plaintext: 8 bytes a page. */
  readonly pageHashes: Uint8Array;
}

/** The pages that a pack hashes, and how its blobs are compressed. */
export interface BlobOptions {
  readonly compression: CompressionChoice;
  readonly pageSizeBytes: number;
  /** SHA-256 of the very bytes that are encoded, where the caller has it already: it costs a third of compressing them. */
  readonly sha256?: Uint8Array | undefined;
}

/**
 * Encodes one chunk. What compression does not make smaller is stored as it is.
 *
 * @param plain 1 byte to {@link CHUNK_SIZE_MAX_BYTES}; not kept.
 * @throws {RangeError} for any other length: a mistake of the caller.
 */
export function encodeBlob(plain: Uint8Array, options: BlobOptions): EncodedBlob {
  if (plain.length === 0 || plain.length > CHUNK_SIZE_MAX_BYTES) {
    throw new RangeError(`a blob holds 1 to ${CHUNK_SIZE_MAX_BYTES} bytes, not ${plain.length}`);
  }
  const compressed = compress(plain, options.compression);
  const isWorthIt = options.compression.kind === "none" || compressed.length < plain.length;
  return {
    stored: isWorthIt ? compressed : Buffer.from(plain),
    compression: isWorthIt ? options.compression.kind : "none",
    plainSizeBytes: plain.length,
    sha256: options.sha256 ?? sha256(plain),
    pageHashes: pageHashes(plain, options.pageSizeBytes),
  };
}
