// How much a recovery has to do, and a rough guess of how long that takes.
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import { timelinePath } from "../model/timeline.ts";
import { formatSegmentName, parseSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { statWalFile, type WalArchive } from "../repository/wal-archive.ts";
import type { Route } from "./plan-route.ts";

/** Bytes of a backup's files that are written in a second: what a plain disk of 2020 does. Not measured here. */
const COPY_BYTES_PER_SECOND: number = 150 * MIB;
/** Bytes of WAL that PostgreSQL replays in a second, when the pages are mostly in memory. Not measured here. */
const REPLAY_BYTES_PER_SECOND: number = 50 * MIB;
/** Starting PostgreSQL, and ending its recovery. */
const START_SECONDS = 2;

/** Segments whose stored size is asked for; of more WAL as many are asked, evenly spaced. */
const STAT_COUNT_MAX = 512;
/** Questions to the store at a time. */
const STAT_LANES = 16;

/** The amount of work, and the guess. */
export interface RouteForecast {
  /** Whole segments from the backup's first to the last one. */
  readonly walBytes: number;
  /** The same as they are stored; from a sample when there are very many. */
  readonly walStoredBytes: number;
  /** Rough. */
  readonly copySeconds: number;
  /** Rough; 0 when nothing is recovered. */
  readonly replaySeconds: number;
}

/** @throws {HindsightError} what the store throws. */
export async function forecastRoute(
  archive: WalArchive,
  { backup, history, wal, answer }: Pick<Route, "backup" | "history" | "wal" | "answer">,
  context: Context,
): Promise<RouteForecast> {
  const copySeconds = backup.sizeBytes / COPY_BYTES_PER_SECOND;
  if (!wal) return { walBytes: 0, walStoredBytes: 0, copySeconds, replaySeconds: 0 };
  const walBytes = wal.segmentCount * backup.segmentSizeBytes;
  const replayBytes = answer ? Number(answer.stopLsn - backup.startLsn) : walBytes;
  const names = sampleNames({ backup, history, wal });
  const sampleBytes = await storedBytes(archive, names, context);
  return {
    walBytes,
    walStoredBytes: Math.round((sampleBytes * wal.segmentCount) / Math.max(1, names.length)),
    copySeconds,
    replaySeconds: START_SECONDS + replayBytes / REPLAY_BYTES_PER_SECOND,
  };
}

/** Names of the segments, or of evenly spaced ones among them. */
function sampleNames({
  backup: { segmentSizeBytes },
  history,
  wal,
}: Pick<Route, "backup" | "history"> & {
  readonly wal: NonNullable<Route["wal"]>;
}): readonly string[] {
  const first = parseSegmentName(wal.first, segmentSizeBytes);
  const last = parseSegmentName(wal.last, segmentSizeBytes);
  const path = timelinePath(history).filter(({ timeline }) => timeline <= last.timeline);
  const count = Math.min(wal.segmentCount, STAT_COUNT_MAX);
  return Array.from({ length: count }, (_, place) => {
    const number = first.number + BigInt(Math.floor((place * wal.segmentCount) / count));
    const owner = path.findLast(({ begin }) => segmentNumberAt(begin, segmentSizeBytes) <= number);
    const timeline = owner?.timeline ?? first.timeline;
    return formatSegmentName({ timeline, number }, segmentSizeBytes);
  });
}

async function storedBytes(
  archive: WalArchive,
  names: readonly string[],
  context: Context,
): Promise<number> {
  let sum = 0;
  const lane = async (first: number): Promise<void> => {
    for (let place = first; place < names.length; place += STAT_LANES) {
      const found = await statWalFile(archive, names[place] ?? "", context);
      sum += found?.sizeBytes ?? 0;
    }
  };
  await Promise.all(Array.from({ length: STAT_LANES }, (_, first) => lane(first)));
  return sum;
}
