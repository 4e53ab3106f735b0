// WAL pages: a segment is a row of pages (8 KiB unless PostgreSQL was built otherwise), each with a header; the first of
// a segment has the long form, which says whose segment it is. This file reads headers and judges the header of a
// segment against its name and its cluster. What stands between the headers: record.ts; how they follow: reader.ts.
//
// Header of every page. All integers in this folder are little endian: PostgreSQL writes in the byte order of the
// machine, and 14 to 18 run on little-endian machines wherever Hindsight does.
//
//   offset size type  meaning
//        0    2 u16   xlp_magic: changes with every major version, see MAGICS
//        2    2 u16   xlp_info: PAGE_FLAGS
//        4    4 u32   xlp_tli: timeline of the first record on the page
//        8    8 u64   xlp_pageaddr: LSN of the page's first byte
//       16    4 u32   xlp_rem_len: bytes still to come of a record continued from the page before, else 0
//       20    4       padding
//
// Long header, which goes on:
//       24    8 u64   xlp_sysid: system identifier of the cluster
//       32    4 u32   xlp_seg_size: wal_segment_size
//       36    4 u32   xlp_xlog_blcksz: size of a page
//
// Source: PostgreSQL src/include/access/xlog_internal.h, XLogPageHeaderData and XLogLongPageHeaderData.
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn, lsn } from "../model/lsn.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { isSegmentSize, parseSegmentName, segmentBegin } from "../model/wal-segment.ts";

/** Bytes of the header of most pages, with padding. */
export const SHORT_PAGE_HEADER_BYTES = 24;
/** Bytes of the header of a segment's first page. */
export const LONG_PAGE_HEADER_BYTES = 40;

/** XLOG_PAGE_MAGIC of every supported major version; checked against real servers of each. */
export const MAGICS: ReadonlyMap<number, number> = new Map([
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

/** What the bits of `xlp_info` say. */
export const PAGE_FLAGS = {
  /** The page begins with the rest of a record. */
  firstIsContinuation: 0x0001,
  longHeader: 0x0002,
  /** Says nothing to a reader: full-page images may be left out of a copy of this page. */
  backupBlocksRemovable: 0x0004,
  /** The record continued to this page was given up in a crash; it never completes. Since 14, and minors before. */
  overwritesContinuation: 0x0008,
} as const;

/** Every bit of {@link PAGE_FLAGS}; another one is damage. */
export const PAGE_FLAGS_ALL = 0x000f;
const PAGE_SIZE_MIN_BYTES = 1024;
const PAGE_SIZE_MAX_BYTES = 65_536;

/** The header that every page has. */
export interface WalPageHeader {
  readonly magic: number;
  /** The major version that writes this magic; undefined for any other. */
  readonly majorVersion: number | undefined;
  /** {@link PAGE_FLAGS}, ored. */
  readonly flags: number;
  /** As stored, so that a damaged 0 can be told; it may be older than the timeline of the segment's name. */
  readonly timeline: number;
  readonly pageLsn: Lsn;
  readonly remainingBytes: number;
}

/** The header of a segment's first page. */
export interface WalLongPageHeader extends WalPageHeader {
  readonly systemIdentifier: SystemIdentifier;
  readonly segmentSizeBytes: number;
  readonly blockSizeBytes: number;
}

/** What a segment must be to belong to a cluster under its name. */
export interface ExpectedSegment {
  /** 24 hexadecimal digits; for a `.partial` file the name without its suffix. */
  readonly name: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly majorVersion: number;
  readonly segmentSizeBytes: number;
}

/**
 * Reads the header of the page that begins at `offsetBytes`. Nothing is judged.
 *
 * @throws {RangeError} when fewer than {@link SHORT_PAGE_HEADER_BYTES} bytes are there: a mistake of the caller.
 */
export function parsePageHeader(bytes: Uint8Array, offsetBytes = 0): WalPageHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offsetBytes, SHORT_PAGE_HEADER_BYTES);
  const magic = view.getUint16(0, true);
  return {
    magic,
    majorVersion: MAGICS.get(magic),
    flags: view.getUint16(2, true),
    timeline: view.getUint32(4, true),
    pageLsn: lsn(view.getBigUint64(8, true)),
    remainingBytes: view.getUint32(16, true),
  };
}

/**
 * Reads the long header at the beginning of a segment. Nothing is judged: see {@link checkSegmentHeader}.
 *
 * @throws {HindsightError} `WAL_SEGMENT_INVALID` when the bytes are too few.
 */
export function parseLongPageHeader(bytes: Uint8Array): WalLongPageHeader {
  if (bytes.length < LONG_PAGE_HEADER_BYTES) {
    throw failure(
      "WAL_SEGMENT_INVALID",
      `a WAL segment begins with a header of ${LONG_PAGE_HEADER_BYTES} bytes, but there are only ${bytes.length}`,
    );
  }
  const header = parsePageHeader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, LONG_PAGE_HEADER_BYTES);
  return {
    ...header,
    systemIdentifier: systemIdentifier(view.getBigUint64(24, true)),
    segmentSizeBytes: view.getUint32(32, true),
    blockSizeBytes: view.getUint32(36, true),
  };
}

/**
 * Makes sure that a segment is what its name says and belongs to the cluster. Only the first page's header and the
 * length are looked at; records are the business of reader.ts.
 *
 * @param plain the whole segment, as PostgreSQL wrote it.
 * @throws {HindsightError} `WAL_SEGMENT_FOREIGN` for another cluster, major version or segment size;
 *   `WAL_SEGMENT_INVALID` for damage, a wrong length, or a page address or timeline that is not the name's;
 *   `WAL_SEGMENT_NAME_INVALID` for a name that is no segment of that size.
 */
export function checkSegmentHeader(plain: Uint8Array, expected: ExpectedSegment): void {
  const { name } = expected;
  const segment = parseSegmentName(name, expected.segmentSizeBytes);
  const header = parseLongPageHeader(plain);
  checkWellFormed(name, header);
  checkCluster(header, expected);
  if (plain.length !== expected.segmentSizeBytes) {
    throw invalid(name, `has ${plain.length} bytes instead of ${expected.segmentSizeBytes}`);
  }
  const begin = segmentBegin(segment.number, expected.segmentSizeBytes);
  if (header.pageLsn !== begin) {
    throw invalid(
      name,
      `begins with the page of ${formatLsn(header.pageLsn)} instead of ${formatLsn(begin)}`,
    );
  }
  // The first segment of a new timeline repeats the parent's WAL up to the switch point, with the parent's number.
  if (header.timeline > segment.timeline) {
    throw invalid(
      name,
      `begins on timeline ${header.timeline}, which is younger than the timeline of its name`,
    );
  }
}

function checkWellFormed(name: string, header: WalLongPageHeader): void {
  if (header.majorVersion === undefined) {
    const magic = header.magic.toString(16).toUpperCase().padStart(4, "0");
    throw invalid(name, `begins with ${magic}, which is no page magic of PostgreSQL 14 to 18`);
  }
  const sane =
    (header.flags & ~PAGE_FLAGS_ALL) === 0 &&
    (header.flags & PAGE_FLAGS.longHeader) !== 0 &&
    header.timeline > 0 &&
    isSegmentSize(header.segmentSizeBytes) &&
    isPageSize(header.blockSizeBytes);
  if (!sane) throw invalid(name, "has a damaged page header");
}

/** Whether PostgreSQL can be built with WAL pages of that size. */
export function isPageSize(sizeBytes: number): boolean {
  return (
    sizeBytes >= PAGE_SIZE_MIN_BYTES &&
    sizeBytes <= PAGE_SIZE_MAX_BYTES &&
    Number.isInteger(Math.log2(sizeBytes))
  );
}

function checkCluster(header: WalLongPageHeader, expected: ExpectedSegment): void {
  const { name } = expected;
  if (header.majorVersion !== expected.majorVersion) {
    throw foreign(
      name,
      `was written by PostgreSQL ${header.majorVersion}, not ${expected.majorVersion}`,
    );
  }
  if (header.systemIdentifier !== expected.systemIdentifier) {
    throw foreign(
      name,
      `belongs to the cluster with system identifier ${header.systemIdentifier}, not ${expected.systemIdentifier}`,
    );
  }
  if (header.segmentSizeBytes !== expected.segmentSizeBytes) {
    throw foreign(
      name,
      `is of a cluster with segments of ${header.segmentSizeBytes} bytes, not ${expected.segmentSizeBytes}`,
    );
  }
}

function invalid(name: string, what: string): Error {
  return failure("WAL_SEGMENT_INVALID", `WAL segment ${name} ${what}`, {
    hint: "The file is damaged or was given another name; compare it with the one in pg_wal.",
  });
}

function foreign(name: string, what: string): Error {
  return failure("WAL_SEGMENT_FOREIGN", `WAL segment ${name} ${what}`, {
    hint: "Each cluster needs a stanza of its own; check which one this server's archive_command names.",
  });
}
