// Compression of pieces that fit in memory. Which kind was used is written beside every piece, so changing the option
// never makes an old object unreadable. Checksums are not the business of this file.
import { createRequire } from "node:module";
import { promisify } from "node:util";
import {
  constants,
  gunzip,
  gunzipSync,
  gzipSync,
  type ZlibOptions,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
  type ZstdOptions,
} from "node:zlib";
import type * as Lz4 from "lz4-napi";
import { KIB } from "../base/limits.ts";
import { HindsightError } from "../base/errors.ts";
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
      return ownCopy(
        lz4().compressSync(Buffer.from(plain.buffer, plain.byteOffset, plain.byteLength)),
      );
  }
}

/** Memory that native code allocated can neither move to another thread nor be given back before its time. */
function ownCopy(result: Buffer): Buffer {
  return Buffer.from(result);
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
  try {
    return requireSize(expandAtMost(stored, kind, plainSizeBytes), kind, plainSizeBytes);
  } catch (cause) {
    throw notExpanded(cause, kind, plainSizeBytes);
  }
}

const zstdDecompressed = promisify<Uint8Array, ZstdOptions, Buffer>(zstdDecompress);
const gunzipped = promisify<Uint8Array, ZlibOptions, Buffer>(gunzip);

/**
 * {@link expand} on one of Node's threads, for pieces so large that the others should go on meanwhile. `stored` must not
 * change until it is done.
 */
export async function expandAside(
  stored: Uint8Array,
  kind: Compression,
  plainSizeBytes: number,
): Promise<Buffer> {
  if (kind === "none" || kind === "lz4") return expand(stored, kind, plainSizeBytes);
  const room = roomOf(plainSizeBytes);
  try {
    const plain =
      kind === "zstd" ? await zstdDecompressed(stored, room) : await gunzipped(stored, room);
    return requireSize(plain, kind, plainSizeBytes);
  } catch (cause) {
    throw notExpanded(cause, kind, plainSizeBytes);
  }
}

function requireSize(plain: Buffer, kind: Compression, plainSizeBytes: number): Buffer {
  if (plain.length === plainSizeBytes) return plain;
  throw failure(
    "OBJECT_CORRUPT",
    `${kind} data expands to ${plain.length} bytes instead of ${plainSizeBytes}`,
  );
}

function notExpanded(cause: unknown, kind: Compression, plainSizeBytes: number): Error {
  if (cause instanceof HindsightError) return cause;
  const message = `${kind} data cannot be expanded to ${plainSizeBytes} bytes`;
  return failure("OBJECT_CORRUPT", message, { cause });
}

/** One buffer for the result, and no more. Zero is no valid limit for zlib; the exact size is compared anyway. */
function roomOf(sizeBytes: number): {
  readonly maxOutputLength: number;
  readonly chunkSize: number;
} {
  return {
    maxOutputLength: Math.max(1, sizeBytes),
    chunkSize: Math.max(CHUNK_MIN_BYTES, sizeBytes),
  };
}

function expandAtMost(stored: Uint8Array, kind: Compression, sizeMaxBytes: number): Buffer {
  const input = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  switch (kind) {
    case "none":
      return input;
    case "zstd":
      return zstdDecompressSync(input, roomOf(sizeMaxBytes));
    case "gzip":
      return gunzipSync(input, roomOf(sizeMaxBytes));
    case "lz4":
      return expandLz4(input, sizeMaxBytes);
  }
}

/** The library allocates what the prefix says, so that is looked at first. */
function expandLz4(stored: Buffer, plainSizeBytes: number): Buffer {
  const found = stored.length < LZ4_PREFIX_BYTES ? undefined : stored.readUInt32LE(0);
  if (found === plainSizeBytes) return ownCopy(lz4().uncompressSync(stored));
  throw new Error(`it says that it holds ${found} bytes`);
}
