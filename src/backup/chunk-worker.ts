// The worker thread of a backup: reads the pieces of a chunk one after the other, checks their pages, hashes them and
// encodes the chunk. Runs synchronously; see base/worker-pool.ts.
import { serveJobs } from "../base/worker-pool.ts";
import { sha256 } from "../codec/digest.ts";
import {
  openDataFile,
  readChunkSync,
  readPagesSync,
} from "../postgres/data-directory/read-file.ts";
import { allocatePages } from "../postgres/page-checksum.ts";
import { encodeBlob } from "../repository/blob.ts";
import type { ChunkAnswer, ChunkJob, ChunkPiece, PieceOutcome } from "./chunk-job.ts";
import { CHUNK_SIZE_BYTES } from "./copy-plan.ts";

// Every worker has one chunk in its hands at a time. `encodeBlob` keeps nothing of it.
const chunk = allocatePages(CHUNK_SIZE_BYTES);

serveJobs((job: ChunkJob) => {
  const result = encodeChunk(job);
  return { result, transfer: ownBuffers(result) };
});

/** What moves to the main thread instead of being copied. Small results may share their memory with others. */
function ownBuffers({ blob }: ChunkAnswer): readonly ArrayBuffer[] {
  if (!blob) return [];
  const { buffer, byteLength } = blob.stored;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

function encodeChunk(job: ChunkJob): ChunkAnswer {
  const pieces: PieceOutcome[] = [];
  let filled = 0;
  for (const piece of job.pieces) {
    const outcome = readPiece(job, piece, filled);
    pieces.push(outcome);
    if (outcome.kind === "read") filled += outcome.lengthBytes;
  }
  if (filled === 0) return { blob: undefined, pieces };
  const options = { compression: job.compression, pageSizeBytes: job.blockSizeBytes };
  return { blob: encodeBlob(chunk.subarray(0, filled), options), pieces };
}

function readPiece(job: ChunkJob, piece: ChunkPiece, chunkOffsetBytes: number): PieceOutcome {
  using file = openDataFile(job.root, piece.path);
  if (!file) return { kind: "vanished" };
  const buffer = chunk.subarray(chunkOffsetBytes, chunkOffsetBytes + piece.lengthBytes);
  const { blockSizeBytes, checksums, startLsn } = job;
  const { lengthBytes, badBlocks } =
    piece.firstBlock === undefined
      ? { lengthBytes: readChunkSync(file, piece, buffer), badBlocks: [] }
      : readPagesSync(file, piece, {
          buffer,
          check: { blockSizeBytes, checksums, startLsn, firstBlock: piece.firstBlock },
        });
  return {
    kind: "read",
    chunkOffsetBytes,
    lengthBytes,
    badBlocks,
    sha256: sha256(buffer.subarray(0, lengthBytes)),
  };
}
