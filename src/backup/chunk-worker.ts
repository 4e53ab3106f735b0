// The worker thread of a backup: reads the pieces of a chunk one after the other, checks their pages, hashes them and
// encodes the chunk; compares; looks at pages. Runs synchronously; see base/worker-pool.ts.
import { serveJobs } from "../base/worker-pool.ts";
import { PAGE_HASH_BYTES, pageHashes, sha256 } from "../codec/digest.ts";
import type { BytePath } from "../model/byte-path.ts";
import { lsn } from "../model/lsn.ts";
import {
  type DataFile,
  openDataFile,
  readChunkSync,
  readPagesSync,
} from "../postgres/data-directory/read-file.ts";
import { allocatePages } from "../postgres/page-checksum.ts";
import { encodeBlob } from "../repository/blob.ts";
import type {
  ChunkAnswer,
  ChunkJob,
  ChunkPiece,
  CompareAnswer,
  CompareJob,
  EncodeAnswer,
  EncodeJob,
  MissedPage,
  PieceOutcome,
  SampleAnswer,
  SampleJob,
} from "./chunk-job.ts";
import { CHUNK_SIZE_BYTES } from "./copy-plan.ts";

// Every worker has one chunk in its hands at a time. `encodeBlob` keeps nothing of it.
const chunk = allocatePages(CHUNK_SIZE_BYTES);
/** pd_lsn is the first thing in a page. */
const PAGE_LSN_BYTES = 8;

serveJobs((job: ChunkJob) => {
  const result = answer(job);
  return { result, transfer: ownBuffers(result) };
});

/** What moves to the main thread instead of being copied. Small results may share their memory with others. */
function ownBuffers(result: ChunkAnswer): readonly ArrayBuffer[] {
  if (!("blob" in result) || !result.blob) return [];
  const { buffer, byteLength } = result.blob.stored;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

function answer(job: ChunkJob): ChunkAnswer {
  switch (job.kind) {
    case "encode":
      return encodeChunk(job);
    case "compare":
      return compareChunk(job);
    case "sample":
      return samplePages(job);
  }
}

/** The file that was opened last: changed pages of one file are many pieces. */
class OpenFile implements Disposable {
  readonly #root: string;
  #path: BytePath | undefined;
  #file: DataFile | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** @returns undefined when it has vanished. */
  open(path: BytePath): DataFile | undefined {
    if (this.#path === path) return this.#file;
    this[Symbol.dispose]();
    this.#file = openDataFile(this.#root, path);
    this.#path = path;
    return this.#file;
  }

  [Symbol.dispose](): void {
    this.#file?.[Symbol.dispose]();
    this.#file = undefined;
    this.#path = undefined;
  }
}

function encodeChunk(job: EncodeJob): EncodeAnswer {
  using source = new OpenFile(job.root);
  const pieces: PieceOutcome[] = [];
  let filled = 0;
  for (const piece of job.pieces) {
    const file = source.open(piece.path);
    const outcome = file ? readPiece(job, piece, { file, filled }) : VANISHED;
    pieces.push(outcome);
    if (outcome.kind === "read") filled += outcome.lengthBytes;
  }
  if (filled === 0) return { blob: undefined, pieces };
  const options = { compression: job.compression, pageSizeBytes: job.blockSizeBytes };
  return { blob: encodeBlob(chunk.subarray(0, filled), options), pieces };
}

const VANISHED = { kind: "vanished" } as const;

function readPiece(
  job: EncodeJob,
  piece: ChunkPiece,
  { file, filled }: { readonly file: DataFile; readonly filled: number },
): PieceOutcome {
  const buffer = chunk.subarray(filled, filled + piece.lengthBytes);
  const { blockSizeBytes, checksums, startLsn } = job;
  const { lengthBytes, badBlocks } =
    piece.firstBlock === undefined
      ? { lengthBytes: readChunkSync(file, piece, buffer), badBlocks: [] }
      : readPagesSync(file, piece, {
          buffer,
          check: { blockSizeBytes, checksums, startLsn, firstBlock: piece.firstBlock },
        });
  const digest = job.digests ? sha256(buffer.subarray(0, lengthBytes)) : undefined;
  const isComparable = piece.priorSha256 !== undefined && badBlocks.length === 0;
  const isSame = isComparable && digest?.toString("hex") === piece.priorSha256;
  if (isSame && lengthBytes === piece.lengthBytes) return { kind: "same" };
  return { kind: "read", chunkOffsetBytes: filled, lengthBytes, badBlocks, sha256: digest };
}

function compareChunk(job: CompareJob): CompareAnswer {
  using file = openDataFile(job.root, job.path);
  if (!file) return VANISHED;
  const lengthBytes = readChunkSync(file, job, chunk);
  const found = pageHashes(chunk.subarray(0, lengthBytes), job.blockSizeBytes);
  const changedPages: number[] = [];
  const view = Buffer.from(job.pageHashes);
  for (let page = 0; page * PAGE_HASH_BYTES < found.length; page += 1) {
    const [begin, end] = [page * PAGE_HASH_BYTES, (page + 1) * PAGE_HASH_BYTES];
    const isSame = job.isKnown[page] === 1 && found.compare(view, begin, end, begin, end) === 0;
    if (!isSame) changedPages.push(page);
  }
  return { kind: "compared", lengthBytes, changedPages };
}

function samplePages({ root, files, after, upTo }: SampleJob): SampleAnswer {
  const missed: MissedPage[] = [];
  const bytes = chunk.subarray(0, PAGE_LSN_BYTES);
  for (const { path, offsets } of files) {
    using file = openDataFile(root, path);
    if (!file) continue;
    for (const offsetBytes of offsets) {
      const range = { offsetBytes, lengthBytes: PAGE_LSN_BYTES };
      if (readChunkSync(file, range, bytes) < PAGE_LSN_BYTES) break;
      const pageLsn = lsn((BigInt(bytes.readUInt32LE(0)) << 32n) | BigInt(bytes.readUInt32LE(4)));
      if (pageLsn > after && pageLsn <= upTo) missed.push({ path, offsetBytes, pageLsn });
    }
  }
  return { missed };
}
