// Compression of pieces that fit in memory. Which kind was used is written beside every piece, so changing the option
// never makes an old object unreadable. Checksums are not the business of this file.
import { createRequire } from "node:module";
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type * as Lz4 from "lz4-napi";
import { KIB } from "../base/limits.ts";
import { failure } from "../model/failure.ts";

/** Kinds of compression; `compress-type` names them zst and gz. */
export const COMPRESSIONS = ["none", "zstd", "gzip", "lz4"] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** What to compress with. `level` is zstd's (-7 to 22) or gzip's (0 to 9), and has no meaning for the others. */
export interface CompressionChoice {
  readonly kind: Compression;
  readonly level: number;
}

/** Smaller buffers may be parts of one that Node shares out, which must stay whole. */
const OWN_BUFFER_MIN_BYTES: number = 128 * KIB;

/** Node's own limit for the size of a buffer that results are collected in. */
const CHUNK_MIN_BYTES = 64;

/** Size of the number that the library writes before an LZ4 block: the size of the plaintext. */
const LZ4_PREFIX_BYTES = 4;

let loadedLz4: typeof Lz4 | undefined;

/** Native code that only those load who chose it. */
function lz4(): typeof Lz4 {
  loadedLz4 ??= createRequire(import.meta.url)("lz4-napi") as typeof Lz4;
  return loadedLz4;
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
      return trim(zstdCompressSync(plain, { params: zstdLevel(choice.level), ...roomFor(plain) }));
    case "gzip":
      return trim(gzipSync(plain, { level: choice.level, ...roomFor(plain) }));
    case "lz4":
      return lz4().compressSync(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength));
  }
}

/** Node takes -1 for a parameter that was not given, and would compress at level 3. */
function zstdLevel(level: number): Record<number, number> {
  return { [constants.ZSTD_c_compressionLevel]: level === -1 ? 1 : level };
}

/**
 * One buffer for all that may come out. With Node's own, of 16 KiB, the compressor keeps a copy of its input and is called
 * for every bufferful: a third more time at level 1.
 */
function roomFor({ length }: Uint8Array): { readonly chunkSize: number } {
  return { chunkSize: length + (length >>> 8) + KIB };
}

/** Gives back at once what a result did not need of its buffer; the garbage collector would take its time. */
function trim(result: Buffer): Buffer {
  const { buffer, byteLength } = result;
  const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength >= OWN_BUFFER_MIN_BYTES;
  return isOwn ? Buffer.from(buffer.transfer(byteLength)) : Buffer.from(result);
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
  const input = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  if (kind === "none") return input;
  // Zero is no valid limit for zlib; the caller compares the exact size anyway. One chunk holds all of the result, so that
  // nothing is gathered and copied afterwards.
  const maxOutputLength = Math.max(1, sizeMaxBytes);
  const options = { maxOutputLength, chunkSize: Math.max(CHUNK_MIN_BYTES, sizeMaxBytes) };
  try {
    switch (kind) {
      case "zstd":
        return zstdDecompressSync(input, options);
      case "gzip":
        return gunzipSync(input, options);
      case "lz4":
        return expandLz4(input, sizeMaxBytes);
    }
  } catch (cause) {
    throw failure("OBJECT_CORRUPT", `${kind} data cannot be expanded to ${sizeMaxBytes} bytes`, {
      cause,
    });
  }
}

/** The library allocates what the prefix says, so that is looked at first. */
function expandLz4(stored: Buffer, plainSizeBytes: number): Buffer {
  const found = stored.length < LZ4_PREFIX_BYTES ? undefined : stored.readUInt32LE(0);
  if (found === plainSizeBytes) return lz4().uncompressSync(stored);
  throw new Error(`it says that it holds ${found} bytes`);
}
