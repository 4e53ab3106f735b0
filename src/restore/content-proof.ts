// Proof that the right blobs went to the right places of a file: the digest that the backup recorded. Every blob or page
// was proven by a hash of its own when it was read. A file of which the backup read only some pages has no digest: there the
// manifest's extents alone say what goes where.
import { ContentDigest, DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { sha256 } from "../codec/digest.ts";
import { type BytePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import type { Piece } from "./blob-uses.ts";

/** What the manifest says about a file's content. */
export interface ExpectedContent {
  readonly path: BytePath;
  readonly sizeBytes: number;
  /** As codec/content-digest.ts defines it, in hexadecimal; undefined when the backup never saw the file whole. */
  readonly sha256: string | undefined;
}

/** Whether a piece is exactly one of the chunks that a file's digest is made of. */
export function isDigestChunk(
  { fileOffsetBytes, lengthBytes }: Pick<Piece, "fileOffsetBytes" | "lengthBytes">,
  fileSizeBytes: number,
): boolean {
  return (
    fileOffsetBytes % DIGEST_CHUNK_BYTES === 0 &&
    lengthBytes === Math.min(DIGEST_CHUNK_BYTES, fileSizeBytes - fileOffsetBytes)
  );
}

/** The digest of a file that is put together in any order. */
export class ContentProof {
  readonly #expected: ExpectedContent;
  readonly #chunks: (Uint8Array | undefined)[];

  constructor(expected: ExpectedContent) {
    this.#expected = expected;
    this.#chunks = Array.from({ length: Math.ceil(expected.sizeBytes / DIGEST_CHUNK_BYTES) });
  }

  /** Takes the SHA-256 of a piece that is one chunk; of any other piece it takes nothing. */
  add(piece: Pick<Piece, "fileOffsetBytes" | "lengthBytes">, digest: Uint8Array | undefined): void {
    if (!isDigestChunk(piece, this.#expected.sizeBytes)) return;
    this.#chunks[piece.fileOffsetBytes / DIGEST_CHUNK_BYTES] = digest;
  }

  /**
   * Call it when everything is written.
   *
   * @param readBack gives the SHA-256 of a range: of the chunks that did not come in one piece.
   * @throws {HindsightError} `OBJECT_CORRUPT` when what was written is not what was backed up.
   */
  async prove(
    readBack: (offsetBytes: number, lengthBytes: number) => Promise<Uint8Array>,
  ): Promise<void> {
    if (this.#expected.sha256 === undefined) return;
    const digest = new ContentDigest();
    for (const [chunk, known] of this.#chunks.entries()) {
      const offsetBytes = chunk * DIGEST_CHUNK_BYTES;
      const lengthBytes = Math.min(DIGEST_CHUNK_BYTES, this.#expected.sizeBytes - offsetBytes);
      digest.add(known ?? (await readBack(offsetBytes, lengthBytes)));
    }
    proveDigest(this.#expected, digest.finish());
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
