// Proves by samples that WAL told all: of the pages that an incremental backup does not read, some are asked for their LSN.
// One that was changed between the backups, although no record named it, shows that the record of changes is not to be
// trusted: then everything is compared by content, and somebody has to know.
import type { Context } from "../base/context.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { showPath } from "../model/byte-path.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { MissedPage, SampledFile } from "./chunk-job.ts";
import type { ChunkPool } from "./chunk-pool.ts";
import { type FileReading, rangesSize } from "./file-plan.ts";
import { parseRelationPath } from "./relation-path.ts";

/** Pages looked at, at least, as far as there are so many. */
const SAMPLE_MIN_COUNT = 10_000;
/** And one page of so many. */
const SAMPLE_SHARE = 1000;
/** Pages that one worker looks at before the next job. */
const JOB_PAGE_COUNT = 2_500;

/** Where the files are and what the sample is about. */
export interface SelfCheck {
  readonly root: string;
  readonly blockSizeBytes: number;
  /** Start of the prior backup and of this one. */
  readonly after: Lsn;
  readonly upTo: Lsn;
}

/** Pages of main forks that are not read: a whole file, or what lies between its ranges. */
interface UnreadFile {
  readonly reading: Extract<FileReading, { kind: "same" | "blocks" }>;
  readonly pageCount: number;
}

/** The pages of a random sample, by file. */
export function drawSample(
  files: readonly FileReading[],
  { blockSizeBytes, random }: { readonly blockSizeBytes: number; readonly random: Random },
): readonly SampledFile[] {
  const unread = files.flatMap((reading) => unreadOf(reading, blockSizeBytes));
  const total = unread.reduce((sum, { pageCount }) => sum + pageCount, 0);
  const wanted = Math.min(total, Math.max(SAMPLE_MIN_COUNT, Math.ceil(total / SAMPLE_SHARE)));
  // One page of each stride, at a random place within it.
  const stride = total / Math.max(1, wanted);
  const sampled: SampledFile[] = [];
  let passed = 0;
  let next = 0;
  for (const { reading, pageCount } of unread) {
    const places: number[] = [];
    for (; next < wanted; next += 1) {
      const at = stride === 1 ? next : Math.floor((next + random.integer(0, 1000) / 1000) * stride);
      if (at >= passed + pageCount) break;
      if (at >= passed) places.push(at - passed);
    }
    passed += pageCount;
    const offsets = offsetsOf(reading, places, blockSizeBytes);
    if (offsets.length > 0) sampled.push({ path: reading.entry.path, offsets });
  }
  return sampled;
}

function unreadOf(reading: FileReading, blockSizeBytes: number): readonly UnreadFile[] {
  if (reading.kind !== "same" && reading.kind !== "blocks") return [];
  if (parseRelationPath(reading.entry.path)?.fork !== "main") return [];
  const read = reading.kind === "blocks" ? rangesSize(reading.ranges) : 0;
  const pageCount = (reading.entry.sizeBytes - read) / blockSizeBytes;
  return pageCount > 0 ? [{ reading, pageCount }] : [];
}

/** @param places ascending, counted among the pages that are not read. */
function offsetsOf(
  reading: UnreadFile["reading"],
  places: readonly number[],
  blockSizeBytes: number,
): readonly number[] {
  const ranges = reading.kind === "blocks" ? reading.ranges : [];
  let skipped = 0;
  let range = 0;
  return places.map((place) => {
    for (; range < ranges.length; range += 1) {
      const { begin, end } = ranges[range]!;
      if (place * blockSizeBytes + skipped < begin) break;
      skipped += end - begin;
    }
    return place * blockSizeBytes + skipped;
  });
}

/**
 * Looks at a sample.
 *
 * @returns pages that were changed between the backups and that WAL did not name.
 */
export async function findMissedPages(
  pool: ChunkPool,
  files: readonly FileReading[],
  check: SelfCheck,
  context: Context,
): Promise<readonly MissedPage[]> {
  const { root, blockSizeBytes, after, upTo } = check;
  // Ten thousand numbers are asked for: a seed is enough chance.
  const random = seededRandom(context.random.integer(0, 2 ** 31));
  const sample = drawSample(files, { blockSizeBytes, random });
  const jobs = jobsOf(sample);
  const answers = await Promise.all(
    jobs.map((job) => pool.sample({ kind: "sample", root, files: job, after, upTo })),
  );
  const missed = answers.flatMap((answer) => answer.missed);
  for (const { path, offsetBytes, pageLsn } of missed.slice(0, 10)) {
    context.log.error("a page was changed, but the WAL indexes do not name it", {
      file: showPath(path),
      block: offsetBytes / blockSizeBytes,
      pageLsn: formatLsn(pageLsn),
      after: formatLsn(after),
      upTo: formatLsn(upTo),
    });
  }
  return missed;
}

function jobsOf(sample: readonly SampledFile[]): readonly (readonly SampledFile[])[] {
  const jobs: SampledFile[][] = [];
  let current: SampledFile[] = [];
  let count = 0;
  for (const file of sample) {
    current.push(file);
    count += file.offsets.length;
    if (count < JOB_PAGE_COUNT) continue;
    jobs.push(current);
    current = [];
    count = 0;
  }
  if (current.length > 0) jobs.push(current);
  return jobs;
}
