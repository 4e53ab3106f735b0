// Follows records through pages and segments, and says where WAL ends and why. Bytes are handed in a segment at a time,
// in order; where they come from is the caller's business. How one record is read: record.ts; what makes a page one of
// the row: page-check.ts; a record on several pages: record-assembly.ts.
//
// WAL has no end marker. It ends at the first place where something that must be there is not, so the end is a result
// and not an error, and it is drawn exactly where PostgreSQL's recovery draws it. Whether it is the end that was
// expected, or damage in the middle of history, only the caller can say.
//
// States, kept from one segment to the next:
// - between records: `#offset` is where the next record, or the next page, begins.
// - inside a record: `#assembly` has its beginning, and the next page must go on with it.
// - skipping, only at the beginning and when asked: the rest of a record that began earlier is passed over.
// - ended: `read` has returned an end, and the reader is of no more use.
//
// Source: PostgreSQL src/backend/access/transam/xlogreader.c, XLogDecodeNextRecord.
import { isFailure } from "../model/failure.ts";
import { addLsn, type Lsn, lsn } from "../model/lsn.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import { segmentBegin, segmentNumberAt } from "../model/wal-segment.ts";
import type { BlockLayout } from "./block-reference.ts";
import { PAGE_FLAGS } from "./page.ts";
import { type Page, PageChecker, type PageProblem } from "./page-check.ts";
import {
  createRecordCursor,
  decodeRecordBody,
  decodeRecordHeader,
  matchesChecksum,
  RECORD_ALIGNMENT_BYTES,
  RECORD_HEADER_BYTES,
  recordSizeMax,
  type RecordCursor,
  previousLsn,
  recordLsn,
  type SegmentBase,
  segmentBase,
  type WalRecord,
} from "./record.ts";
import { RecordAssembly } from "./record-assembly.ts";
import { isResourceManager, RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { XLOG_OPERATION } from "./resource-manager/xlog.ts";

/**
 * Why no complete record begins where one was looked for: a {@link PageProblem}, or
 * - `zeros`: nothing was written there yet. The ordinary end of a server's WAL.
 * - `segmentMissing`: there is no further segment. The ordinary end of an archive.
 * - `previousLink`: the record does not name the one before it: it is left from an earlier use of the segment.
 * - `length`, `resourceManager`, `checksum`, `body`: the record is damaged.
 * - `continuationMissing`, `continuationLength`: the next page does not go on with it: a crash, or damage.
 * - `position`: reading began where no record does.
 */
export type WalEndReason =
  | PageProblem
  | "segmentMissing"
  | "length"
  | "resourceManager"
  | "previousLink"
  | "checksum"
  | "body"
  | "continuationMissing"
  | "continuationLength"
  | "position";

/** Where and why WAL ends. */
export interface WalEnd {
  readonly reason: WalEndReason;
  /** The end of the last complete record. */
  readonly lsn: Lsn;
  /** The segment where this was seen; it is behind `lsn` when an unfinished record began in an earlier one. */
  readonly segmentNumber: bigint;
}

/** Where to begin, and what all segments agree in. */
export interface WalStart {
  /** Where a record begins, or a page. */
  readonly begin: Lsn;
  readonly segmentSizeBytes: number;
  readonly layout: BlockLayout;
  /** When given, a page of another cluster ends WAL. */
  readonly systemIdentifier?: SystemIdentifier | undefined;
  /** Whether `begin` is a page that may lie inside a record, whose rest shall be passed over. */
  readonly skipsRest?: boolean | undefined;
  /** What another reader left at `begin`, the beginning of a segment, to go on from there. */
  readonly resume?: ReaderRest | undefined;
  /**
   * Whether the checksum of every record is proven, which takes more time than all else; default true. False is right
   * only for bytes that are known to be what was read with checksums before: the repository has verified their SHA-256,
   * and they were indexed when they were archived. Anything else may take what an earlier use of the segment left behind
   * for records.
   */
  readonly verifiesChecksums?: boolean | undefined;
}

/** A record of which only the beginning has been read. */
export interface UnfinishedRecord {
  readonly lsn: Lsn;
  /** The length of the whole record, as its header says. */
  readonly totalBytes: number;
  /** What was read of it, without headers of pages; of a message for logical decoding only the beginning. */
  readonly bytes: Uint8Array;
  /** How many bytes were read behind those and are not kept. */
  readonly passedBytes: number;
  /** CRC-32C so far of everything behind the record's header, if bytes were passed over; else 0. */
  readonly checksum: number;
}

/** Where a reader stands at the end of a segment. */
export interface ReaderRest {
  /** Where the last complete record begins; undefined before the first. */
  readonly lastRecord: Lsn | undefined;
  readonly unfinished: UnfinishedRecord | undefined;
}

const ALIGNMENT_MASK = RECORD_ALIGNMENT_BYTES - 1;
const NO_BYTES = new DataView(new ArrayBuffer(0));

/** Is handed each record, which is valid only during the call. */
export type RecordVisitor = (record: WalRecord) => void;

/** Reads the segments of one cluster, in order. */
export class WalReader {
  readonly #segmentSizeBytes: number;
  readonly #verifiesChecksums: boolean;
  readonly #recordMaxBytes: number;
  readonly #pages: PageChecker;
  readonly #record: RecordCursor;
  readonly #assembly: RecordAssembly = new RecordAssembly();
  #segmentNumber: bigint;
  #base: SegmentBase;
  #segment: DataView = NO_BYTES;
  #offset: number;
  #skipsRest: boolean;
  /** Where the last record begins, in halves; the next one must say the same. -1 before the first. */
  #previousHigh = -1;
  #previousLow = -1;

  /** @throws {RangeError} when no record can begin at `begin`: a mistake of the caller. */
  constructor(start: WalStart) {
    const { begin, segmentSizeBytes, layout, systemIdentifier, resume } = start;
    if (begin % BigInt(RECORD_ALIGNMENT_BYTES) !== 0n) {
      throw new RangeError(`no record begins at ${begin}`);
    }
    this.#segmentSizeBytes = segmentSizeBytes;
    this.#verifiesChecksums = start.verifiesChecksums ?? true;
    this.#recordMaxBytes = recordSizeMax(layout.majorVersion);
    this.#pages = new PageChecker({
      majorVersion: layout.majorVersion,
      segmentSizeBytes,
      systemIdentifier,
    });
    this.#record = createRecordCursor(layout);
    this.#segmentNumber = segmentNumberAt(begin, segmentSizeBytes);
    this.#base = segmentBase(segmentBegin(this.#segmentNumber, segmentSizeBytes));
    this.#offset = Number(begin - this.#base.begin);
    this.#skipsRest = start.skipsRest ?? false;
    if (resume) this.#resume(resume);
  }

  /** The number of the segment that {@link read} must be given next. */
  get segmentNumber(): bigint {
    return this.#segmentNumber;
  }

  /** The end of the last complete record. */
  get position(): Lsn {
    const { presentBytes, segment, segmentOffset } = this.#assembly;
    return presentBytes > 0
      ? addLsn(segment.begin, BigInt(segmentOffset))
      : addLsn(this.#base.begin, BigInt(this.#offset));
  }

  /** Where the last complete record begins; undefined before the first. */
  get lastRecord(): Lsn | undefined {
    if (this.#previousHigh < 0) return undefined;
    return lsn((BigInt(this.#previousHigh) << 32n) | BigInt(this.#previousLow));
  }

  /** What the next reader needs to go on behind the last segment; the bytes are a copy. */
  get rest(): ReaderRest {
    const { lastRecord } = this;
    const { presentBytes, keptBytes, passedBytes, totalBytes, segment, view } = this.#assembly;
    if (presentBytes === 0) return { lastRecord, unfinished: undefined };
    const bytes = Uint8Array.from(new Uint8Array(view.buffer, view.byteOffset, keptBytes));
    const begin = addLsn(segment.begin, BigInt(this.#assembly.segmentOffset));
    const checksum = passedBytes > 0 ? this.#assembly.checksum : 0;
    return { lastRecord, unfinished: { lsn: begin, totalBytes, bytes, passedBytes, checksum } };
  }

  #resume({ lastRecord, unfinished }: ReaderRest): void {
    if (lastRecord !== undefined) {
      this.#previousHigh = Number(lastRecord >> 32n);
      this.#previousLow = Number(lastRecord & 0xffffffffn);
    }
    if (!unfinished) return;
    const number = segmentNumberAt(unfinished.lsn, this.#segmentSizeBytes);
    const base = segmentBase(segmentBegin(number, this.#segmentSizeBytes));
    this.#assembly.segment = base;
    this.#assembly.segmentOffset = Number(unfinished.lsn - base.begin);
    this.#assembly.totalBytes = unfinished.totalBytes;
    this.#assembly.append(unfinished.bytes);
    if (unfinished.passedBytes === 0) return;
    this.#assembly.passedBytes = unfinished.passedBytes;
    this.#assembly.checksum = unfinished.checksum;
  }

  /**
   * Reads one segment and hands on every record that ends in it.
   *
   * @param segment the whole segment of number {@link segmentNumber}; it is not kept.
   * @param visit what it throws is thrown on.
   * @returns undefined when WAL may go on in the next segment, else where and why it ends.
   */
  read(segment: Uint8Array, visit: RecordVisitor): WalEnd | undefined {
    if (segment.length !== this.#segmentSizeBytes) {
      throw new RangeError(`a segment has ${this.#segmentSizeBytes} bytes, not ${segment.length}`);
    }
    this.#segment = new DataView(segment.buffer, segment.byteOffset, segment.length);
    this.#record.endSegment = this.#base;
    const problem = this.#readPages(visit);
    this.#segment = NO_BYTES;
    if (problem !== undefined) return this.end(problem);
    this.#segmentNumber += 1n;
    this.#base = segmentBase(segmentBegin(this.#segmentNumber, this.#segmentSizeBytes));
    this.#offset = 0;
    return undefined;
  }

  /** The end of WAL at the present position, for a reason that the caller found. */
  end(reason: WalEndReason): WalEnd {
    return { reason, lsn: this.position, segmentNumber: this.#segmentNumber };
  }

  #readPages(visit: RecordVisitor): WalEndReason | undefined {
    // The first page says whose segment this is, so it is looked at also when reading begins further on.
    if (this.#offset > 0) {
      const first = this.#pages.pageAt(this.#segment, this.#base, 0);
      if (typeof first === "string") return first;
    }
    while (this.#offset < this.#segmentSizeBytes) {
      const page = this.#pages.pageAt(this.#segment, this.#base, this.#offset);
      if (typeof page === "string") return page;
      const problem = this.#enterPage(page, visit) ?? this.#readRecords(page, visit);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  /** Goes to the first record of a page, past its header and the rest of a record from the page before. */
  #enterPage(page: Page, visit: RecordVisitor): WalEndReason | undefined {
    const continues = (page.flags & PAGE_FLAGS.firstIsContinuation) !== 0;
    if (this.#offset !== page.begin) {
      const atRest = this.#offset === page.bodyBegin && continues;
      return this.#offset < page.bodyBegin || atRest ? "position" : undefined;
    }
    if (this.#assembly.presentBytes > 0) {
      const overwritten = (page.flags & PAGE_FLAGS.overwritesContinuation) !== 0;
      if (!overwritten) return continues ? this.#goOn(page, visit) : "continuationMissing";
      // The rest of the record was lost in a crash, and other records were written in its place.
      this.#assembly.clear();
    }
    if (continues && !this.#skipsRest) return "position";
    // A damaged number may be larger than what can be aligned.
    const rest = continues ? Math.min(page.remainingBytes, page.end - page.bodyBegin) : 0;
    this.#offset = page.bodyBegin + alignUp(rest);
    // A rest that fills the page may go on: the next page says so, or not.
    this.#skipsRest = this.#skipsRest && continues && this.#offset === page.end;
    return undefined;
  }

  /** Adds what this page has of the unfinished record, and hands it on when it is complete. */
  #goOn(page: Page, visit: RecordVisitor): WalEndReason | undefined {
    const assembly = this.#assembly;
    const { remainingBytes } = page;
    if (remainingBytes === 0 || assembly.presentBytes + remainingBytes !== assembly.totalBytes) {
      return "continuationLength";
    }
    const headerWasSplit = assembly.presentBytes < RECORD_HEADER_BYTES;
    assembly.append(
      this.#bytes(page.bodyBegin, Math.min(page.bodyBegin + remainingBytes, page.end)),
    );
    decodeRecordHeader(this.#record, assembly.view, 0);
    this.#record.segment = assembly.segment;
    this.#record.segmentOffset = assembly.segmentOffset;
    const headerProblem = headerWasSplit ? this.#headerProblem() : undefined;
    if (headerProblem !== undefined) return headerProblem;
    if (assembly.presentBytes < assembly.totalBytes) {
      this.#offset = page.end;
      return undefined;
    }
    return this.#finishRecord(page.bodyBegin + alignUp(remainingBytes), visit);
  }

  /** Reads the records that begin on a page; the last may go on behind it. */
  #readRecords(page: Page, visit: RecordVisitor): WalEndReason | undefined {
    const record = this.#record;
    const view = this.#segment;
    record.segment = this.#base;
    while (this.#offset < page.end) {
      const begin = this.#offset;
      const totalBytes = view.getUint32(begin, true);
      if (totalBytes === 0) return "zeros";
      if (totalBytes < RECORD_HEADER_BYTES || totalBytes > this.#recordMaxBytes) return "length";
      const availableBytes = page.end - begin;
      if (availableBytes >= RECORD_HEADER_BYTES) {
        decodeRecordHeader(record, view, begin);
        record.segmentOffset = begin;
        const problem = this.#headerProblem();
        if (problem !== undefined) return problem;
      }
      if (totalBytes > availableBytes) {
        this.#beginAssembly(totalBytes, page.end);
        return undefined;
      }
      const problem = this.#finishRecord(begin + alignUp(totalBytes), visit);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #beginAssembly(totalBytes: number, pageEnd: number): void {
    const assembly = this.#assembly;
    assembly.segment = this.#base;
    assembly.segmentOffset = this.#offset;
    assembly.totalBytes = totalBytes;
    assembly.append(this.#bytes(this.#offset, pageEnd));
    this.#offset = pageEnd;
  }

  #bytes(begin: number, end: number): Uint8Array {
    return new Uint8Array(this.#segment.buffer, this.#segment.byteOffset + begin, end - begin);
  }

  /** Judges the header that was just decoded, as far as that needs no more bytes of the record. */
  #headerProblem(): WalEndReason | undefined {
    const record = this.#record;
    if (!isResourceManager(record.resourceManager, record.layout.majorVersion)) {
      return "resourceManager";
    }
    const linked =
      this.#previousHigh >= 0
        ? record.previousLow === this.#previousLow && record.previousHigh === this.#previousHigh
        : previousLsn(record) < recordLsn(record);
    return linked ? undefined : "previousLink";
  }

  /** Checks a record that is whole, and hands it on. */
  #finishRecord(end: number, visit: RecordVisitor): WalEndReason | undefined {
    const record = this.#record;
    if (this.#verifiesChecksums) {
      const isWhole = this.#assembly.passedBytes === 0;
      const matches = isWhole ? matchesChecksum(record) : this.#assembly.matchesChecksum();
      if (!matches) return "checksum";
    }
    try {
      decodeRecordBody(record);
    } catch (error) {
      if (isFailure(error, "WAL_RECORD_INVALID")) return "body";
      throw error;
    }
    this.#assembly.clear();
    // Behind a switch record the segment is empty.
    const isSwitch =
      record.resourceManager === RESOURCE_MANAGER.xlog &&
      record.operation === XLOG_OPERATION.switch;
    this.#offset = isSwitch ? this.#segmentSizeBytes : end;
    record.endSegmentOffset = this.#offset;
    this.#previousHigh = record.segment.high;
    this.#previousLow = record.segment.low + record.segmentOffset;
    visit(record);
    return undefined;
  }
}

/**
 * Reads segment after segment until WAL ends.
 *
 * @param readSegment gives a segment by its number, or undefined when there is none. What it throws is thrown on.
 */
export async function readRecords(
  start: WalStart,
  readSegment: (segmentNumber: bigint) => Promise<Uint8Array | undefined>,
  visit: RecordVisitor,
): Promise<WalEnd> {
  const reader = new WalReader(start);
  for (;;) {
    const segment = await readSegment(reader.segmentNumber);
    const end = segment === undefined ? reader.end("segmentMissing") : reader.read(segment, visit);
    if (end !== undefined) return end;
  }
}

function alignUp(sizeBytes: number): number {
  return (sizeBytes + ALIGNMENT_MASK) & ~ALIGNMENT_MASK;
}
