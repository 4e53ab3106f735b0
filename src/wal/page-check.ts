// Whether a page can follow the pages before it. PostgreSQL's recovery asks the same of every page and takes a "no" for
// the end of WAL. How a header is laid out: page.ts.
//
// Source: PostgreSQL src/backend/access/transam/xlogreader.c, XLogReaderValidatePageHeader.
import { addLsn, type Lsn } from "../model/lsn.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import {
  isPageSize,
  LONG_PAGE_HEADER_BYTES,
  PAGE_FLAGS,
  PAGE_FLAGS_ALL,
  parseLongPageHeader,
  parsePageHeader,
  SHORT_PAGE_HEADER_BYTES,
  type WalPageHeader,
} from "./page.ts";

/** What all pages of a cluster's WAL agree in. */
export interface PageRules {
  readonly majorVersion: number;
  readonly segmentSizeBytes: number;
  /** Not checked when undefined. */
  readonly systemIdentifier: SystemIdentifier | undefined;
}

/**
 * - `zeros`: nothing was written here yet.
 * - `pageAddress`: the page belongs to another place: a recycled segment that was not overwritten yet.
 * - `pageMagic`, `pageFlags`, `pageOwner`, `pageTimeline`: damaged, or of another version, cluster or branch.
 */
export type PageProblem =
  | "zeros"
  | "pageMagic"
  | "pageFlags"
  | "pageOwner"
  | "pageAddress"
  | "pageTimeline";

/** A page that was found to be in its place. */
export interface Page {
  readonly begin: number;
  /** Where records, or the rest of one, begin. */
  readonly bodyBegin: number;
  readonly end: number;
  readonly flags: number;
  /** Bytes still to come, from this page on, of the record that was begun before. */
  readonly remainingBytes: number;
}

/** Checks pages in the order in which they are read. */
export class PageChecker {
  readonly #rules: PageRules;
  /** 0 until the first page of a segment has said it. */
  #pageSizeBytes = 0;
  #timelineMax = 0;

  constructor(rules: PageRules) {
    this.#rules = rules;
  }

  /**
   * The page that holds a byte.
   *
   * @param segment a whole segment. Its first page must be the first that is asked for.
   * @param segmentBegin LSN of its first byte.
   */
  pageAt(segment: Uint8Array, segmentBegin: Lsn, offset: number): Page | PageProblem {
    const begin = this.#pageSizeBytes === 0 ? 0 : offset - (offset % this.#pageSizeBytes);
    const header = parsePageHeader(segment, begin);
    const problem =
      this.#headerProblem(header, begin) ?? this.#ownerProblem(header, segment, begin);
    if (problem !== undefined) return problem;
    if (header.pageLsn !== addLsn(segmentBegin, BigInt(begin))) return "pageAddress";
    if (header.timeline < this.#timelineMax) return "pageTimeline";
    this.#timelineMax = header.timeline;
    const long = (header.flags & PAGE_FLAGS.longHeader) !== 0;
    return {
      begin,
      bodyBegin: begin + (long ? LONG_PAGE_HEADER_BYTES : SHORT_PAGE_HEADER_BYTES),
      end: begin + this.#pageSizeBytes,
      flags: header.flags,
      remainingBytes: header.remainingBytes,
    };
  }

  #headerProblem(header: WalPageHeader, begin: number): PageProblem | undefined {
    if (header.magic === 0) return "zeros";
    if (header.majorVersion !== this.#rules.majorVersion) return "pageMagic";
    const long = (header.flags & PAGE_FLAGS.longHeader) !== 0;
    return (header.flags & ~PAGE_FLAGS_ALL) !== 0 || (begin === 0 && !long)
      ? "pageFlags"
      : undefined;
  }

  /** What long headers say about the cluster; the size of pages is learnt from the first. */
  #ownerProblem(
    header: WalPageHeader,
    segment: Uint8Array,
    begin: number,
  ): PageProblem | undefined {
    if ((header.flags & PAGE_FLAGS.longHeader) === 0) return undefined;
    const { segmentSizeBytes, systemIdentifier } = this.#rules;
    const long = parseLongPageHeader(segment.subarray(begin));
    if (this.#pageSizeBytes === 0 && isPageSize(long.blockSizeBytes)) {
      this.#pageSizeBytes = long.blockSizeBytes;
    }
    const ours =
      long.segmentSizeBytes === segmentSizeBytes &&
      long.blockSizeBytes === this.#pageSizeBytes &&
      (systemIdentifier === undefined || long.systemIdentifier === systemIdentifier);
    return ours ? undefined : "pageOwner";
  }
}
