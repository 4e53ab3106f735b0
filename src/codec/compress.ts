// Compression of pieces that fit in memory. Which kind was used is written beside every piece, so changing the option
// never makes an old object unreadable. Checksums are not the business of this file.
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { failure } from "../model/failure.ts";

/** Kinds of compression, as `compress-type` names them. */
export const COMPRESSIONS = ["none", "zstd", "gzip"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** What to compress with. `level` is zstd's (-7 to 22) or gzip's (0 to 9), and has no meaning for `none`. */
export interface CompressionChoice {
  readonly kind: Compression;
  readonly level: number;
}

/**
 * Compresses one piece.
 *
 * @returns a buffer of its own, never a view of `plain`. It may be longer than `plain`.
 * @throws {RangeError} for a level that the kind does not have.
 */
export function compress(plain: Uint8Array, choice: CompressionChoice): Buffer {
  switch (choice.kind) {
    case "none":
      return Buffer.from(plain);
    case "zstd":
      return zstdCompressSync(plain, {
        params: { [constants.ZSTD_c_compressionLevel]: choice.level },
      });
    case "gzip":
      return gzipSync(plain, { level: choice.level });
  }
}

/**
 * Undoes {@link compress}.
 *
 * @param plainSizeBytes how long the result is known to be; no more than that is ever allocated.
 * @returns for `none` a view of `stored`, else a buffer of its own.
 * @throws {HindsightError} `OBJECT_CORRUPT` when the bytes cannot be expanded to exactly that size.
 */
export function expand(stored: Uint8Array, kind: Compression, plainSizeBytes: number): Buffer {
  const plain = expandAtMost(stored, kind, plainSizeBytes);
  if (plain.length === plainSizeBytes) return plain;
  throw failure(
    "OBJECT_CORRUPT",
    `${kind} data expands to ${plain.length} bytes instead of ${plainSizeBytes}`,
  );
}

function expandAtMost(stored: Uint8Array, kind: Compression, sizeMaxBytes: number): Buffer {
  if (kind === "none") return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  // Zero is no valid limit for zlib; the caller compares the exact size anyway. One chunk holds all of the result, so that
  // nothing is gathered and copied afterwards.
  const maxOutputLength = Math.max(1, sizeMaxBytes);
  const options = { maxOutputLength, chunkSize: Math.max(64, maxOutputLength) };
  try {
    return kind === "zstd" ? zstdDecompressSync(stored, options) : gunzipSync(stored, options);
  } catch (cause) {
    throw failure("OBJECT_CORRUPT", `${kind} data cannot be expanded to ${sizeMaxBytes} bytes`, {
      cause,
    });
  }
}
