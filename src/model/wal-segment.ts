// Names of the files that PostgreSQL archives, and the arithmetic between segments and LSNs. The segment size is never
// assumed: it is a property of the cluster.
import { failure } from "./failure.ts";
import { type Lsn, lsn } from "./lsn.ts";
import { formatTimeline, parseTimelineDigits, type Timeline } from "./timeline.ts";

/** The smallest `wal_segment_size`. */
const SEGMENT_SIZE_MIN_BYTES: number = 1024 * 1024;
/** The largest `wal_segment_size`. */
export const SEGMENT_SIZE_MAX_BYTES: number = 1024 * 1024 * 1024;

/** A place in the sequence of segments of one timeline. `number` counts from LSN 0/0 in units of the segment size. */
export interface WalSegment {
  readonly timeline: Timeline;
  readonly number: bigint;
}

/** What kind of file a name in pg_wal denotes. */
export type ArchiveFileName =
  | { readonly kind: "segment"; readonly name: string }
  | { readonly kind: "partial"; readonly name: string; readonly segmentName: string }
  | { readonly kind: "history"; readonly name: string; readonly timeline: Timeline }
  | { readonly kind: "backup"; readonly name: string; readonly segmentName: string };

const SEGMENT_NAME = /^[0-9A-F]{24}$/;
const PARTIAL_NAME = /^([0-9A-F]{24})\.partial$/;
const HISTORY_NAME = /^([0-9A-F]{8})\.history$/;
const BACKUP_NAME = /^([0-9A-F]{24})\.[0-9A-F]{8}\.backup$/;

/** Whether `sizeBytes` is a power of two from 1 MiB to 1 GiB, as initdb --wal-segsize allows. */
export function isSegmentSize(sizeBytes: number): boolean {
  return (
    sizeBytes >= SEGMENT_SIZE_MIN_BYTES &&
    sizeBytes <= SEGMENT_SIZE_MAX_BYTES &&
    Number.isInteger(Math.log2(sizeBytes))
  );
}

/**
 * Says what a file in pg_wal is.
 *
 * @param name a bare file name, case-sensitive.
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID` for a name that PostgreSQL never archives.
 * @source PostgreSQL src/include/access/xlog_internal.h; src/include/postmaster/pgarch.h, VALID_XFN_CHARS
 */
export function parseArchiveFileName(name: string): ArchiveFileName {
  if (SEGMENT_NAME.test(name)) return { kind: "segment", name };
  const partial = PARTIAL_NAME.exec(name);
  if (partial?.[1]) return { kind: "partial", name, segmentName: partial[1] };
  const history = HISTORY_NAME.exec(name);
  if (history?.[1]) return { kind: "history", name, timeline: parseTimelineDigits(history[1]) };
  const backup = BACKUP_NAME.exec(name);
  if (backup?.[1]) return { kind: "backup", name, segmentName: backup[1] };
  throw failure("WAL_SEGMENT_NAME_INVALID", `"${name}" is not a file that PostgreSQL archives`, {
    hint: "Expected a WAL segment (24 hexadecimal digits), or a .partial, .history or .backup file.",
  });
}

/**
 * Splits a WAL file name into timeline and segment number.
 *
 * @param name 24 upper-case hex digits: timeline (8), log (8), segment (8).
 * @param segmentSizeBytes `wal_segment_size`: a power of two, 1 MiB to 1 GiB.
 * @returns timeline ≥ 1 and segment number (uint64, counted from LSN 0/0).
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID` if the name is not of that form, or its last part is not below
 *   the number of segments in 4 GiB.
 * @source PostgreSQL src/include/access/xlog_internal.h, XLogFromFileName
 */
export function parseSegmentName(name: string, segmentSizeBytes: number): WalSegment {
  const segmentsPerLog = 0x100000000n / BigInt(segmentSizeBytes);
  const low = SEGMENT_NAME.test(name) ? BigInt(`0x${name.slice(16)}`) : segmentsPerLog;
  if (low >= segmentsPerLog) {
    throw failure(
      "WAL_SEGMENT_NAME_INVALID",
      `"${name}" is not a WAL segment of ${segmentSizeBytes} bytes`,
    );
  }
  return {
    timeline: parseTimelineDigits(name.slice(0, 8)),
    number: BigInt(`0x${name.slice(8, 16)}`) * segmentsPerLog + low,
  };
}

/** The inverse of {@link parseSegmentName}: 24 upper-case hexadecimal digits. */
export function formatSegmentName(segment: WalSegment, segmentSizeBytes: number): string {
  const segmentsPerLog = 0x100000000n / BigInt(segmentSizeBytes);
  const digits = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, "0");
  return (
    formatTimeline(segment.timeline) +
    digits(segment.number / segmentsPerLog) +
    digits(segment.number % segmentsPerLog)
  );
}

/** The number of the segment that holds the byte at `position`. */
export function segmentNumberAt(position: Lsn, segmentSizeBytes: number): bigint {
  return position / BigInt(segmentSizeBytes);
}

/**
 * The number of the last segment needed to have everything before `end`: a position on a boundary needs only the
 * segment before it.
 *
 * @source PostgreSQL src/include/access/xlog_internal.h, XLByteToPrevSeg
 */
export function segmentNumberBefore(end: Lsn, segmentSizeBytes: number): bigint {
  return (end - 1n) / BigInt(segmentSizeBytes);
}

/** The LSN of the first byte of a segment. */
export function segmentBegin(number: bigint, segmentSizeBytes: number): Lsn {
  return lsn(number * BigInt(segmentSizeBytes));
}
