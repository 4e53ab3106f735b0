// What the main thread of a restore asks of its worker threads. The main thread fetches blobs and opens directories and
// large files; a worker expands, hashes, compares and writes, synchronously. A file is named by its descriptor, which
// threads share, or by a path through an open directory (open-tree.ts), never by a path from the root.
import type { BytePath } from "../model/byte-path.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { Piece } from "./blob-uses.ts";
import type { Owner } from "./location.ts";

/** A file of at most one digest chunk, as it must be. */
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
  /** Writes pieces of a proven blob. `isFresh`: the file reads as zeros there, so zeros are left out. */
  | {
      readonly kind: "fill";
      readonly fd: number;
      readonly isFresh: boolean;
      readonly fileSizeBytes: number;
      readonly blob: PackedBlob;
      readonly pieces: readonly Piece[];
    }
  /** Which pages of these pieces differ from the hashes of the blob's pages? */
  | {
      readonly kind: "compare";
      readonly fd: number;
      readonly pages: BlobPages;
      readonly pieces: readonly Piece[];
    }
  /** Writes pages of a blob, each proven by its hash. */
  | {
      readonly kind: "mend";
      readonly fd: number;
      readonly blob: PackedBlob;
      readonly pages: BlobPages;
      readonly pieces: readonly Piece[];
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

/** The hashes of a blob's pages, as codec/digest.ts makes them. */
export interface BlobPages {
  readonly sizeBytes: number;
  readonly hashes: Uint8Array;
}

/** What a worker found; each kind of job fills what it is about. */
export interface RestoreAnswer {
  /** `check`: for each file, whether it is right. */
  readonly kept: readonly boolean[];
  /** `compare`: the pages that differ, neighbours joined. `clear`: what was cleared. */
  readonly differing: readonly Pick<Piece, "fileOffsetBytes" | "blobOffsetBytes" | "lengthBytes">[];
  /** `fill`: for each piece that is a whole digest chunk its SHA-256. `digest`: that of the range. */
  readonly digests: readonly (Uint8Array | undefined)[];
}
