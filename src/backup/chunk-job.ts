// What the main thread asks of a worker and what comes back. Plaintext never crosses threads:
// - encode: pieces of files become one chunk, its pages checked, hashed and encoded, ready to be appended to a pack;
// - compare: a part of a file is held against the page hashes that the prior backup has of it;
// - sample: pages that nobody else reads are asked for their LSN.
import type { CompressionChoice } from "../codec/compress.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { Lsn } from "../model/lsn.ts";
import type { EncodedBlob } from "../repository/blob.ts";

/** A part of one file, or a whole small one. */
export interface ChunkPiece {
  readonly path: BytePath;
  readonly offsetBytes: number;
  /** Bytes to read at most; fewer when the file shrank. */
  readonly lengthBytes: number;
  /** Number of the piece's first page in its relation fork when it consists of pages that carry checksums. */
  readonly firstBlock: number | undefined;
  /** Its SHA-256 in the prior backup, in hexadecimal: content that still has it is not stored again. */
  readonly priorSha256?: string | undefined;
}

/** What a worker thread is given: the pieces of one blob, to be read, checked and compressed. */
export interface EncodeJob {
  readonly kind: "encode";
  readonly root: string;
  readonly pieces: readonly ChunkPiece[];
  /** Whether each piece's own SHA-256 is wanted. */
  readonly digests: boolean;
  readonly blockSizeBytes: number;
  /** Whether the cluster keeps data checksums; without them only page headers are checked. */
  readonly checksums: boolean;
  /** Pages at or after it were changed during the backup, and WAL replaces them. */
  readonly startLsn: Lsn;
  readonly compression: CompressionChoice;
}

/** What became of a piece. Only a piece that was read takes bytes of the chunk. */
export type PieceOutcome =
  | { readonly kind: "vanished" }
  | { readonly kind: "same" }
  | {
      readonly kind: "read";
      /** Where it lies in the chunk. */
      readonly chunkOffsetBytes: number;
      readonly lengthBytes: number;
      /** Undefined when it was not asked for. */
      readonly sha256: Uint8Array | undefined;
      /** Blocks, counted within the fork, that stayed wrong when read again. */
      readonly badBlocks: readonly number[];
    };

/** What a worker thread gives back: the blob, and for each piece of the job, in its order, what became of it. */
export interface EncodeAnswer {
  /** Undefined when there was nothing to store: every piece vanished, was the same or empty. */
  readonly blob: EncodedBlob | undefined;
  readonly pieces: readonly PieceOutcome[];
}

/** A part of a file of at most one chunk, from a page boundary. */
export interface CompareJob {
  readonly kind: "compare";
  readonly root: string;
  readonly path: BytePath;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly blockSizeBytes: number;
  /** 8 bytes for each page from `offsetBytes` on; pages without one count as changed. */
  readonly pageHashes: Uint8Array;
  /** Which of the pages have a hash: 1 or 0 each. */
  readonly isKnown: Uint8Array;
}

/** What a comparison found. */
export type CompareAnswer =
  | { readonly kind: "vanished" }
  | {
      readonly kind: "compared";
      readonly lengthBytes: number;
      /** Pages that differ, counted from the beginning of the part. */
      readonly changedPages: readonly number[];
    };

/** Pages of one file whose LSN is looked at. */
export interface SampledFile {
  readonly path: BytePath;
  /** Where the pages begin in the file, in bytes. */
  readonly offsets: readonly number[];
}

/** Looks for pages that were changed after `after`, up to and including `upTo`. */
export interface SampleJob {
  readonly kind: "sample";
  readonly root: string;
  readonly files: readonly SampledFile[];
  readonly after: Lsn;
  readonly upTo: Lsn;
}

/** A page that was changed although WAL did not say so. */
export interface MissedPage {
  readonly path: BytePath;
  readonly offsetBytes: number;
  readonly pageLsn: Lsn;
}

/** What became of a sample. */
export interface SampleAnswer {
  readonly missed: readonly MissedPage[];
}

/** Any of the three. */
export type ChunkJob = EncodeJob | CompareJob | SampleJob;
/** The answer to a job of the same place in {@link ChunkJob}. */
export type ChunkAnswer = EncodeAnswer | CompareAnswer | SampleAnswer;
