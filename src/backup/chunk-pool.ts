// The worker threads of a backup, asked in the words of a backup.
import type { WorkerPool } from "../base/worker-pool.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { Lsn } from "../model/lsn.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type {
  ChunkAnswer,
  ChunkJob,
  ChunkPiece,
  CompareAnswer,
  CompareJob,
  EncodeAnswer,
  SampleAnswer,
  SampleJob,
} from "./chunk-job.ts";
import type { BundledFile } from "./copy-plan.ts";
import type { ByteRange } from "./file-plan.ts";
import { parseRelationPath } from "./relation-path.ts";

/** What all chunks have in common. */
export interface ChunkSource {
  /** The data directory. */
  readonly root: string;
  readonly blockSizeBytes: number;
  readonly relationSegmentBlocks: number;
  readonly checksums: boolean;
  readonly startLsn: Lsn;
  readonly compression: CompressionChoice;
}

/** A chunk of one file: what was asked for, and what came of it. */
export interface EncodedRanges {
  readonly ranges: readonly ByteRange[];
  readonly answer: EncodeAnswer;
}

/** Chunks of one file that are encoded at a time: enough for two cores when there is only one large file. */
const CHUNKS_AHEAD_MAX = 2;

/** Dispose it, or the process will not end. */
export class ChunkPool implements AsyncDisposable {
  readonly #pool: WorkerPool<ChunkJob, ChunkAnswer>;

  constructor(pool: WorkerPool<ChunkJob, ChunkAnswer>) {
    this.#pool = pool;
  }

  /** Threads. */
  get sizeCount(): number {
    return this.#pool.sizeCount;
  }

  /** Small files as one chunk. */
  async encodeBundle(source: ChunkSource, files: readonly BundledFile[]): Promise<EncodeAnswer> {
    const pieces = files.map(({ entry, prior }) => {
      const piece = pieceOf(source, entry, { begin: 0, end: entry.sizeBytes });
      return { ...piece, priorSha256: prior?.sha256 };
    });
    return await this.#encode(source, pieces, true);
  }

  /**
   * The chunks of a file in order; while one is looked at, the next are encoded, or a single file keeps one core busy.
   *
   * @param chunks the ranges of each; a chunk of one range comes with its digest.
   */
  async *encodeAhead(
    source: ChunkSource,
    entry: DataEntry,
    chunks: readonly (readonly ByteRange[])[],
  ): AsyncGenerator<EncodedRanges, void, undefined> {
    const running: { readonly ranges: readonly ByteRange[]; answer: Promise<EncodeAnswer> }[] = [];
    let next = 0;
    for (;;) {
      while (running.length < CHUNKS_AHEAD_MAX && next < chunks.length) {
        const ranges = chunks[next] ?? [];
        const pieces = ranges.map((range) => pieceOf(source, entry, range));
        const answer = this.#encode(source, pieces, ranges.length === 1);
        // It is looked at in its turn; until then its failure is not unhandled.
        answer.catch(() => undefined);
        running.push({ ranges, answer });
        next += 1;
      }
      const first = running.shift();
      if (!first) return;
      yield { ranges: first.ranges, answer: await first.answer };
    }
  }

  async compare(job: CompareJob): Promise<CompareAnswer> {
    return (await this.#pool.run(job)) as CompareAnswer;
  }

  async sample(job: SampleJob): Promise<SampleAnswer> {
    return (await this.#pool.run(job)) as SampleAnswer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  async #encode(
    { root, blockSizeBytes, checksums, startLsn, compression }: ChunkSource,
    pieces: readonly ChunkPiece[],
    digests: boolean,
  ): Promise<EncodeAnswer> {
    const common = { root, blockSizeBytes, checksums, startLsn, compression };
    return (await this.#pool.run({ kind: "encode", pieces, digests, ...common })) as EncodeAnswer;
  }
}

function pieceOf(
  { blockSizeBytes, relationSegmentBlocks }: ChunkSource,
  { path }: DataEntry,
  { begin, end }: ByteRange,
): ChunkPiece {
  const relation = parseRelationPath(path);
  const firstBlock =
    relation && relation.segment * relationSegmentBlocks + Math.floor(begin / blockSizeBytes);
  return { path, offsetBytes: begin, lengthBytes: end - begin, firstBlock };
}
