// Whether a page can follow the pages before it. PostgreSQL's recovery asks the same of every page and takes a "no" for
// the end of WAL. How a header is laid out: page.ts.
//
// Source: PostgreSQL src/backend/access/transam/xlogreader.c, XLogReaderValidatePageHeader.
import type { SystemIdentifier } from "../model/system-identifier.ts";
import {
  isPageSize,
  LONG_PAGE_HEADER_BYTES,
  MAGICS,
  PAGE_FLAGS,
  PAGE_FLAGS_ALL,
  parseLongPageHeader,
  SHORT_PAGE_HEADER_BYTES,
} from "./page.ts";
import type { SegmentBase } from "./record.ts";

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

/** A page that was found to be in its place; valid until the next one is asked for. */
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
  readonly #magic: number | undefined;
  /** Filled again for every page. */
  readonly #page: { -readonly [Field in keyof Page]: Page[Field] } = {
    begin: 0,
    bodyBegin: 0,
    end: 0,
    flags: 0,
    remainingBytes: 0,
  };
  /** 0 until the first page of a segment has said it. */
  #pageSizeBytes = 0;
  #timelineMax = 0;

  constructor(rules: PageRules) {
    this.#rules = rules;
    this.#magic = [...MAGICS].find(([, majorVersion]) => majorVersion === rules.majorVersion)?.[0];
  }

  /**
   * The page that holds a byte.
   *
   * @param segment a whole segment. Its first page must be the first that is asked for.
   * @param base where it begins.
   */
  pageAt(segment: DataView, base: SegmentBase, offset: number): Page | PageProblem {
    const begin = this.#pageSizeBytes === 0 ? 0 : offset - (offset % this.#pageSizeBytes);
    const flags = segment.getUint16(begin + 2, true);
    const long = (flags & PAGE_FLAGS.longHeader) !== 0;
    const problem =
      this.#headerProblem(segment, begin, flags) ??
      (long ? this.#ownerProblem(segment, begin) : undefined) ??
      this.#placeProblem(segment, begin, base);
    if (problem !== undefined) return problem;
    const page = this.#page;
    page.begin = begin;
    page.bodyBegin = begin + (long ? LONG_PAGE_HEADER_BYTES : SHORT_PAGE_HEADER_BYTES);
    page.end = begin + this.#pageSizeBytes;
    page.flags = flags;
    page.remainingBytes = segment.getUint32(begin + 16, true);
    return page;
  }

  #headerProblem(segment: DataView, begin: number, flags: number): PageProblem | undefined {
    const magic = segment.getUint16(begin, true);
    if (magic === 0) return "zeros";
    if (magic !== this.#magic) return "pageMagic";
    const long = (flags & PAGE_FLAGS.longHeader) !== 0;
    return (flags & ~PAGE_FLAGS_ALL) !== 0 || (begin === 0 && !long) ? "pageFlags" : undefined;
  }

  /** What a long header says about the cluster; the size of pages is learnt from the first. */
  #ownerProblem(segment: DataView, begin: number): PageProblem | undefined {
    const { segmentSizeBytes, systemIdentifier } = this.#rules;
    const long = parseLongPageHeader(
      new Uint8Array(segment.buffer, segment.byteOffset + begin, LONG_PAGE_HEADER_BYTES),
    );
    // Pages of no bytes would be looked at for ever.
    if (!isPageSize(long.blockSizeBytes)) return "pageOwner";
    if (this.#pageSizeBytes === 0) this.#pageSizeBytes = long.blockSizeBytes;
    const ours =
      long.segmentSizeBytes === segmentSizeBytes &&
      long.blockSizeBytes === this.#pageSizeBytes &&
      (systemIdentifier === undefined || long.systemIdentifier === systemIdentifier);
    return ours ? undefined : "pageOwner";
  }

  #placeProblem(segment: DataView, begin: number, base: SegmentBase): PageProblem | undefined {
    const addressLow = segment.getUint32(begin + 8, true);
    const addressHigh = segment.getUint32(begin + 12, true);
    if (addressLow !== base.low + begin || addressHigh !== base.high) return "pageAddress";
    const timeline = segment.getUint32(begin + 4, true);
    if (timeline < this.#timelineMax) return "pageTimeline";
    this.#timelineMax = timeline;
    return undefined;
  }
}
