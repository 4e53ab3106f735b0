// What the main thread of a restore asks of its worker threads. The main thread fetches blobs and opens directories and
// large files; a worker expands, hashes, compares and writes, synchronously. A file is named by its descriptor, which
// threads share, or by a path through an open directory (open-tree.ts), never by a path from the root.
import type { BytePath } from "../model/byte-path.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { Piece } from "./blob-uses.ts";
import type { Owner } from "./location.ts";

/** A file that a worker makes by itself, as it must be: of at most one digest chunk, or without content. */
export interface SmallFile {
  /** Leads through an open directory that stays open until the job is done. */
  readonly place: Uint8Array;
  /** As the manifest has it, for messages. */
  readonly path: BytePath;
  readonly sizeBytes: number;
  /** As codec/content-digest.ts defines it, in hexadecimal. */
  readonly sha256: string | undefined;
  /** Permission bits. */
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly modifiedAtMs: number;
  /** Undefined: whoever runs the restore. */
  readonly owner: Owner | undefined;
}

/** One task for a worker thread. */
export type RestoreJob =
  /** Which of these files are there, whole and right? Their permissions, owner and time are set. */
  | { readonly kind: "check"; readonly files: readonly SmallFile[] }
  /** Makes files out of one blob. `replacing`: what has their name is removed first. */
  | {
      readonly kind: "create";
      readonly replacing: boolean;
      /** Undefined for empty files. */
      readonly blob: PackedBlob | undefined;
      readonly files: readonly (SmallFile & { readonly blobOffsetBytes: number })[];
    }
  /** Makes files that read as zeros, whatever their digests say. */
  | { readonly kind: "hollow"; readonly files: readonly SmallFile[] }
  /** Writes pieces of proven blobs. `isFresh`: the file reads as zeros there, so zeros are left out. */
  | {
      readonly kind: "fill";
      readonly fd: number;
      readonly isFresh: boolean;
      readonly fileSizeBytes: number;
      readonly parts: readonly { readonly blob: PackedBlob; readonly pieces: readonly Piece[] }[];
    }
  /** Which pages of these pieces differ from the hashes of the blobs' pages? */
  | { readonly kind: "compare"; readonly fd: number; readonly parts: readonly HashedPart[] }
  /**
   * Writes pages of blobs, each proven by its hash. `mend`: all that are named. `overlay`: those of them that the file has
   * otherwise; the answer tells which, as that of `compare` does.
   */
  | {
      readonly kind: "mend" | "overlay";
      readonly fd: number;
      readonly parts: readonly BlobPart[];
    }
  /** Makes a range read as zeros. */
  | ({ readonly kind: "clear" } & FileRange)
  /** The SHA-256 of a range. */
  | ({ readonly kind: "digest" } & FileRange);

/** A range of an open file. */
export interface FileRange {
  readonly fd: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Pieces of one blob, and the hashes of its pages, as codec/digest.ts makes them. */
export interface HashedPart {
  readonly pages: BlobPages;
  readonly pieces: readonly Piece[];
}

/** The same, with the blob itself. */
export interface BlobPart extends HashedPart {
  readonly blob: PackedBlob;
}

/** The pages of a blob. */
export interface BlobPages {
  readonly sizeBytes: number;
  readonly hashes: Uint8Array;
}

/** What a worker found; each kind of job fills what it is about. */
export interface RestoreAnswer {
  /** `check`: for each file, whether it is right. */
  readonly kept: readonly boolean[];
  /** `compare`, `overlay`: for each part the pages that differ, neighbours joined. */
  readonly differing: readonly (readonly Piece[])[];
  /** `clear`: how many bytes were something else than zeros. */
  readonly clearedBytes: number;
  /** `fill`: for each piece, part by part, its SHA-256 when it is a digest chunk. `digest`: that of the range. */
  readonly digests: readonly (Uint8Array | undefined)[];
}

/** The blobs that a job comes with. */
export function blobsOf(job: RestoreJob): readonly PackedBlob[] {
  if (job.kind === "create") return job.blob ? [job.blob] : [];
  if (job.kind === "fill" || job.kind === "mend" || job.kind === "overlay") {
    return job.parts.map(({ blob }) => blob);
  }
  return [];
}
