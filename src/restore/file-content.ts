// The content of one file, written blob by blob and proven against the digest that the backup recorded. Every blob was
// proven by its own hash when it was read; the file's digest proves that the right blobs went to the right places. A file
// of which the backup read only some pages has none: there the manifest's extents alone say what goes where.
import type { FileHandle } from "node:fs/promises";
import { ContentDigest, DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { sha256 } from "../codec/digest.ts";
import { type BytePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import type { BlobUse } from "./blob-uses.ts";

/** What the manifest says about a file's content. */
export interface ExpectedContent {
  readonly path: BytePath;
  readonly sizeBytes: number;
  /** As codec/content-digest.ts defines it, in hexadecimal; undefined when the backup never saw the file whole. */
  readonly sha256: string | undefined;
}

/** A file that is being filled. */
export class FileContent {
  readonly #expected: ExpectedContent;
  readonly #file: FileHandle;
  /** SHA-256 of each chunk that came in one piece; the others are read back. */
  readonly #chunks: (Buffer | undefined)[];

  constructor(expected: ExpectedContent, file: FileHandle) {
    this.#expected = expected;
    this.#file = file;
    this.#chunks = Array.from({ length: Math.ceil(expected.sizeBytes / DIGEST_CHUNK_BYTES) });
  }

  /** Gives the file its length. Needed when it has holes: what no blob fills then reads as zeros. */
  async extend(): Promise<void> {
    await this.#file.truncate(this.#expected.sizeBytes);
  }

  /** Writes what the file takes from one decoded blob. */
  async fill(plain: Uint8Array, { pieces }: Pick<BlobUse, "pieces">): Promise<void> {
    for (const { fileOffsetBytes, blobOffsetBytes, lengthBytes } of pieces) {
      const bytes = plain.subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes);
      await writeAt(this.#file, bytes, fileOffsetBytes);
      const chunk = fileOffsetBytes / DIGEST_CHUNK_BYTES;
      const isProven = this.#expected.sha256 !== undefined;
      if (isProven && Number.isInteger(chunk) && lengthBytes === this.#chunkSize(chunk)) {
        this.#chunks[chunk] = sha256(bytes);
      }
    }
  }

  /** Call it last. @throws {HindsightError} `OBJECT_CORRUPT` when what was written is not what was backed up. */
  async prove(): Promise<void> {
    if (this.#expected.sha256 === undefined) return;
    const digest = new ContentDigest();
    for (const [chunk, known] of this.#chunks.entries()) {
      digest.add(known ?? (await this.#readBack(chunk)));
    }
    proveDigest(this.#expected, digest.finish());
  }

  #chunkSize(chunk: number): number {
    return Math.min(DIGEST_CHUNK_BYTES, this.#expected.sizeBytes - chunk * DIGEST_CHUNK_BYTES);
  }

  async #readBack(chunk: number): Promise<Buffer> {
    const bytes = Buffer.alloc(this.#chunkSize(chunk));
    let length = 0;
    while (length < bytes.length) {
      const position = chunk * DIGEST_CHUNK_BYTES + length;
      const { bytesRead } = await this.#file.read(bytes, length, bytes.length - length, position);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return sha256(bytes.subarray(0, length));
  }
}

/** The digest of content that is in memory. */
export function contentDigest(content: Uint8Array): string {
  const digest = new ContentDigest();
  for (let at = 0; at < content.length; at += DIGEST_CHUNK_BYTES) {
    digest.add(sha256(content.subarray(at, at + DIGEST_CHUNK_BYTES)));
  }
  return digest.finish();
}

/** @throws {HindsightError} `OBJECT_CORRUPT` unless the digest is the one that the backup recorded, if it did. */
export function proveDigest(
  { path, sha256: expected }: Pick<ExpectedContent, "path" | "sha256">,
  found: string,
): void {
  if (expected === undefined || found === expected) return;
  throw failure(
    "OBJECT_CORRUPT",
    `${showPath(path)} does not have the content that was backed up`,
    {
      hint: "Restore another backup with --set.",
      context: { found, expected },
    },
  );
}

/** Writes all of `bytes`: one call may take fewer and report no error. */
export async function writeAt(
  file: FileHandle,
  bytes: Uint8Array,
  positionBytes: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const position = positionBytes + done;
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position);
    if (bytesWritten === 0) {
      throw Object.assign(new Error("a write took nothing"), { code: "EIO" });
    }
    done += bytesWritten;
  }
}
