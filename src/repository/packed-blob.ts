// A blob between its pack and its plaintext: fetched, its stored bytes proven and unsealed, not expanded yet. Fetching is
// the main thread's business; expanding and hashing is a worker's, so this form survives being sent between threads.
import { errorMessage } from "../base/errors.ts";
import { type Compression, expand } from "../codec/compress.ts";
import { sha256 } from "../codec/digest.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";

/** A blob as its pack stored it, and what the pack says about it. */
export interface PackedBlob {
  /** Unsealed, still compressed. */
  readonly packed: Uint8Array;
  readonly compression: Compression;
  readonly plainSizeBytes: number;
  /** Of the plaintext: 32 bytes. */
  readonly sha256: Uint8Array;
  /** Where it comes from, for messages. */
  readonly origin: {
    readonly key: ObjectKey;
    readonly blob: number;
    readonly offsetBytes: number;
  };
}

/** The error for a blob that is not what its pack says. */
export function damagedBlob(
  { key, blob, offsetBytes }: PackedBlob["origin"],
  what: string,
  cause?: unknown,
): Error {
  return corrupt(key, `blob ${blob} ${what}`, { offsetBytes, cause });
}

/**
 * The plaintext, not compared with its SHA-256: for whoever proves the pages that he takes by their hashes.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function expandBlob({ packed, compression, plainSizeBytes, origin }: PackedBlob): Buffer {
  try {
    return expand(packed, compression, plainSizeBytes);
  } catch (cause) {
    throw damagedBlob(origin, errorMessage(cause), cause);
  }
}

/** The plaintext, proven. @throws {HindsightError} `OBJECT_CORRUPT` */
export function unpackBlob(blob: PackedBlob): Buffer {
  const plain = expandBlob(blob);
  if (sha256(plain).equals(blob.sha256)) return plain;
  throw damagedBlob(blob.origin, "does not have the SHA-256 it should");
}
