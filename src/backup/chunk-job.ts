// What the main thread asks of a worker and what comes back: one chunk, read from the data directory, its pages checked,
// hashed and encoded, ready to be appended to a pack. Plaintext never crosses threads.
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
}

/** What a worker thread is given: the pieces of one blob, to be read, checked and compressed. */
export interface ChunkJob {
  readonly root: string;
  readonly pieces: readonly ChunkPiece[];
  readonly blockSizeBytes: number;
  /** Whether the cluster keeps data checksums; without them only page headers are checked. */
  readonly checksums: boolean;
  /** Pages at or after it were changed during the backup, and WAL replaces them. */
  readonly startLsn: Lsn;
  readonly compression: CompressionChoice;
}

/** What became of a piece. A vanished one takes no bytes of the chunk. */
export type PieceOutcome =
  | { readonly kind: "vanished" }
  | {
      readonly kind: "read";
      /** Where it lies in the chunk. */
      readonly chunkOffsetBytes: number;
      readonly lengthBytes: number;
      readonly sha256: Uint8Array;
      /** Blocks, counted within the fork, that stayed wrong when read again. */
      readonly badBlocks: readonly number[];
    };

/** What a worker thread gives back: the blob, and for each piece of the job, in its order, what became of it. */
export interface ChunkAnswer {
  /** Undefined when there was nothing to store: every piece vanished or was empty. */
  readonly blob: EncodedBlob | undefined;
  readonly pieces: readonly PieceOutcome[];
}
