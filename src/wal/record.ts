// One WAL record: its header, the blocks it touches, and its main data. Bytes in, facts out; the bytes are not copied.
//
// A record is decoded into a cursor that the caller makes once and fills again for every record, because WAL comes at
// millions of records a second and an object for each would be garbage at the same rate. What shall outlive the next
// record must be copied out of it. Offsets count from the beginning of `view`; they and sizes are plain numbers, and
// only the functions at the end of this file make bigints.
//
// What a block reference holds: block-reference.ts. How records follow each other: reader.ts. What main data mean:
// resource-manager/.
//
// Header, 24 bytes, at an offset that is a multiple of 8:
//
//   offset size type  meaning
//        0    4 u32   xl_tot_len: length of the whole record, this header included, padding behind it not
//        4    4 u32   xl_xid: the (sub)transaction, 0 for none
//        8    8 u64   xl_prev: where the record before this one begins
//       16    1 u8    xl_info: upper four bits say the operation, lower four are RECORD_FLAGS
//       17    1 u8    xl_rmid: resource manager
//       18    2       padding
//       20    4 u32   xl_crc: CRC-32C of the bytes behind the header and then of the first 20 bytes
//
// Fragment headers follow, each beginning with its kind, one byte; then the fragments' data in the same order:
//
//   kind        header behind the kind                                     data
//   0 to 32     block reference, see block-reference.ts                    page image, then block data
//   252         u32 top-level transaction id (since 14)                    none
//   253         u16 replication origin                                     none
//   254         u32 length of main data; ends the headers                  main data
//   255         u8 length of main data; ends the headers                   main data
//
// The headers also end where the data they announced are all that is left.
//
// Source: PostgreSQL src/include/access/xlogrecord.h; src/backend/access/transam/xlogreader.c, DecodeXLogRecord.
import { failure } from "../model/failure.ts";
import { addLsn, formatLsn, type Lsn, lsn, LSN_ZERO } from "../model/lsn.ts";
import {
  BLOCK_ID_MAX,
  type BlockCursor,
  type BlockLayout,
  type BlockReference,
  createBlockCursor,
  decodeBlockHeader,
} from "./block-reference.ts";
import { extendCrc32c } from "./crc32c.ts";

/** Bytes of the header that every record begins with. */
export const RECORD_HEADER_BYTES = 24;
/** Records begin at multiples of this. */
export const RECORD_ALIGNMENT_BYTES = 8;
/** The longest record that 16 and later write. @source PostgreSQL src/include/access/xlogrecord.h, XLogRecordMaxSize */
const RECORD_SIZE_MAX_BYTES: number = 1020 * 1024 * 1024;
/**
 * The longest one that 14 and 15 can read back, which write longer ones all the same: it must fit, rounded up to more
 * than whole pages, into the largest piece of memory.
 * @source PostgreSQL src/backend/access/transam/xlogreader.c, allocate_recordbuf; src/include/utils/memutils.h, MaxAllocSize
 */
const RECORD_SIZE_MAX_14_BYTES: number = 0x3fff_ffff - 8192;

/** Where the header has the checksum; the bytes before it are summed last. */
export const CHECKSUM_OFFSET = 20;
const OPERATION_MASK = 0xf0;
const FLAGS_MASK = 0x0f;

const KIND_TOP_LEVEL_XID = 252;
const KIND_ORIGIN = 253;
const KIND_MAIN_DATA_LONG = 254;
const KIND_MAIN_DATA_SHORT = 255;

/** What the lower bits of `xl_info` say. */
export const RECORD_FLAGS = {
  /** Touches a relation in a way that block references do not show. */
  specialRelationUpdate: 0x01,
  /** Page images are there for comparison after replay (wal_consistency_checking). */
  checkConsistency: 0x02,
} as const;

/**
 * Where a segment begins, as an LSN and as its two halves, made once a segment. The halves stay numbers where a bigint
 * a record would be too slow; an offset can be added to the lower one, for no segment straddles a multiple of 4 GiB.
 */
export interface SegmentBase {
  readonly begin: Lsn;
  readonly high: number;
  readonly low: number;
}

/** A decoded record, valid until its cursor is filled again. */
export interface WalRecord {
  /**
   * The buffer that holds the whole record: a segment, or a copy of a record that lay on several pages. Of a long message
   * for logical decoding it has only the beginning.
   */
  readonly view: DataView;
  /** Offset of the header in `view`. */
  readonly begin: number;
  readonly layout: BlockLayout;
  /** Where the record begins in WAL: an offset in a segment; see {@link recordLsn}. */
  readonly segment: SegmentBase;
  readonly segmentOffset: number;
  /** Where it ends, likewise; see {@link recordEndLsn}. */
  readonly endSegment: SegmentBase;
  readonly endSegmentOffset: number;

  readonly totalBytes: number;
  /** 0 for none. */
  readonly xid: number;
  /** The beginning of the record before, upper and lower 32 bits; see {@link previousLsn}. */
  readonly previousHigh: number;
  readonly previousLow: number;
  /** One of {@link RESOURCE_MANAGER}, or from 128 on an extension's. */
  readonly resourceManager: number;
  /** The upper four bits of `xl_info`, in place: a multiple of 16. */
  readonly operation: number;
  /** {@link RECORD_FLAGS}, ored. */
  readonly flags: number;
  readonly checksum: number;

  /** How many of `blocks` belong to this record; those behind are left from earlier ones. */
  readonly blockCount: number;
  readonly blocks: readonly BlockReference[];
  readonly mainDataOffset: number;
  readonly mainDataBytes: number;
  /** The replication origin, 0 for none. */
  readonly origin: number;
  /** The transaction that `xid` is a part of; 0 when unknown. Written at wal_level=logical, once a subtransaction. */
  readonly topLevelXid: number;
}

/** A {@link WalRecord} as it is filled. */
export type RecordCursor = {
  -readonly [Field in keyof Omit<WalRecord, "blocks">]: WalRecord[Field];
} & {
  readonly blocks: readonly BlockCursor[];
};

const NO_SEGMENT: SegmentBase = { begin: LSN_ZERO, high: 0, low: 0 };

/** The base of the segment that begins at `begin`. */
export function segmentBase(begin: Lsn): SegmentBase {
  return { begin, high: Number(begin >> 32n), low: Number(begin & 0xffffffffn) };
}

/** The longest record that a major version reads; a longer one ends WAL. */
export function recordSizeMax(majorVersion: number): number {
  return majorVersion < 16 ? RECORD_SIZE_MAX_14_BYTES : RECORD_SIZE_MAX_BYTES;
}

/** An empty cursor for WAL of one cluster. */
export function createRecordCursor(layout: BlockLayout): RecordCursor {
  return {
    view: new DataView(new ArrayBuffer(0)),
    begin: 0,
    layout,
    segment: NO_SEGMENT,
    segmentOffset: 0,
    endSegment: NO_SEGMENT,
    endSegmentOffset: 0,
    totalBytes: 0,
    xid: 0,
    previousHigh: 0,
    previousLow: 0,
    resourceManager: 0,
    operation: 0,
    flags: 0,
    checksum: 0,
    blockCount: 0,
    blocks: Array.from({ length: BLOCK_ID_MAX + 1 }, () => createBlockCursor(layout)),
    mainDataOffset: 0,
    mainDataBytes: 0,
    origin: 0,
    topLevelXid: 0,
  };
}

/**
 * Reads the header at `begin`. Nothing is judged: that needs the record before, see reader.ts.
 *
 * @throws {RangeError} when fewer than {@link RECORD_HEADER_BYTES} bytes are there: a mistake of the caller.
 */
export function decodeRecordHeader(record: RecordCursor, view: DataView, begin: number): void {
  // To store a reference costs more than to read all the rest, for the garbage collector wants to know of it.
  if (record.view !== view) record.view = view;
  record.begin = begin;
  record.totalBytes = view.getUint32(begin, true);
  record.xid = view.getUint32(begin + 4, true);
  record.previousLow = view.getUint32(begin + 8, true);
  record.previousHigh = view.getUint32(begin + 12, true);
  const operationAndManager = view.getUint16(begin + 16, true);
  record.operation = operationAndManager & OPERATION_MASK;
  record.flags = operationAndManager & FLAGS_MASK;
  record.resourceManager = operationAndManager >>> 8;
  record.checksum = view.getUint32(begin + CHECKSUM_OFFSET, true);
}

/**
 * Whether the bytes of a record, whose header {@link decodeRecordHeader} has read, have the checksum that stands there.
 *
 * @param record its `totalBytes` must be in its view, and be at least {@link RECORD_HEADER_BYTES}.
 * @source PostgreSQL src/backend/access/transam/xlogreader.c, ValidXLogRecord
 */
export function matchesChecksum({ view, begin, totalBytes }: WalRecord): boolean {
  const body = extendCrc32c(0, view, begin + RECORD_HEADER_BYTES, begin + totalBytes);
  const sum = extendCrc32c(body, view, begin, begin + CHECKSUM_OFFSET);
  return sum === view.getInt32(begin + CHECKSUM_OFFSET, true);
}

/**
 * Reads the fragments behind a header that {@link decodeRecordHeader} has read.
 *
 * @param record its `totalBytes` must be in its view, and be at least {@link RECORD_HEADER_BYTES}.
 * @throws {HindsightError} `WAL_RECORD_INVALID` for anything that PostgreSQL's own reader refuses.
 */
export function decodeRecordBody(record: RecordCursor): void {
  const { view } = record;
  const end = record.begin + record.totalBytes;
  let position = record.begin + RECORD_HEADER_BYTES;
  let dataBytes = 0;
  record.blockCount = 0;
  record.mainDataBytes = 0;
  record.origin = 0;
  record.topLevelXid = 0;
  while (end - position > dataBytes) {
    const kind = view.getUint8(position);
    if (kind <= BLOCK_ID_MAX) {
      const block = nextBlock(record, kind);
      const next = decodeBlockHeader(block, view, position, end);
      if (typeof next === "string") throw malformed(record, next);
      if (block.sameRelation) copyRelation(record, block);
      position = next;
      dataBytes += block.imageBytes + block.dataBytes;
    } else {
      position = decodeOtherHeader(record, kind, position);
      dataBytes += record.mainDataBytes;
      if (kind >= KIND_MAIN_DATA_LONG) break;
    }
  }
  if (end - position !== dataBytes) {
    throw malformed(record, "announces more or less data than it has");
  }
  locateData(record, position);
}

/** The cursor of the next block; ids increase from one to the next. */
function nextBlock(record: RecordCursor, id: number): BlockCursor {
  const count = record.blockCount;
  if (count > 0 && id <= record.blocks[count - 1]!.id) {
    throw malformed(record, `refers to block ${id} out of order`);
  }
  record.blockCount = count + 1;
  return record.blocks[count]!;
}

/** Gives a block that says "the same relation as before" that relation. */
function copyRelation(record: RecordCursor, block: BlockCursor): void {
  if (record.blockCount < 2) {
    throw malformed(record, "refers to the relation of a block before the first");
  }
  const before = record.blocks[record.blockCount - 2]!;
  block.tablespace = before.tablespace;
  block.database = before.database;
  block.relfilenode = before.relfilenode;
}

/** Reads the headers of main data, origin and top-level transaction; returns the position behind. */
function decodeOtherHeader(record: RecordCursor, kind: number, position: number): number {
  const { view } = record;
  const value = position + 1;
  const available = record.begin + record.totalBytes - value;
  if (kind === KIND_MAIN_DATA_SHORT && available >= 1) {
    record.mainDataBytes = view.getUint8(value);
    return value + 1;
  }
  if (kind === KIND_MAIN_DATA_LONG && available >= 4) {
    record.mainDataBytes = view.getUint32(value, true);
    return value + 4;
  }
  if (kind === KIND_ORIGIN && available >= 2) {
    record.origin = view.getUint16(value, true);
    return value + 2;
  }
  if (kind === KIND_TOP_LEVEL_XID && available >= 4) {
    record.topLevelXid = view.getUint32(value, true);
    return value + 4;
  }
  throw malformed(record, `has a damaged or unknown fragment header of kind ${kind}`);
}

/** Says where the data of each fragment lie: block by block image and data, and the main data last. */
function locateData(record: RecordCursor, begin: number): void {
  let position = begin;
  for (let index = 0; index < record.blockCount; index += 1) {
    const block = record.blocks[index]!;
    block.imageOffset = position;
    block.dataOffset = position + block.imageBytes;
    position = block.dataOffset + block.dataBytes;
  }
  record.mainDataOffset = position;
}

function malformed(record: WalRecord, what: string): Error {
  return failure("WAL_RECORD_INVALID", `the WAL record at ${formatLsn(recordLsn(record))} ${what}`);
}

/** Where the record begins. */
export function recordLsn(record: WalRecord): Lsn {
  return addLsn(record.segment.begin, BigInt(record.segmentOffset));
}

/** Where the record ends, as PostgreSQL counts (EndRecPtr): padding included, the next page's header not. */
export function recordEndLsn(record: WalRecord): Lsn {
  return addLsn(record.endSegment.begin, BigInt(record.endSegmentOffset));
}

/** Where the record before this one begins. */
export function previousLsn(record: WalRecord): Lsn {
  return lsn((BigInt(record.previousHigh) << 32n) | BigInt(record.previousLow));
}

/** The main data, as a view that lives no longer than the record. */
export function mainData(record: WalRecord): DataView {
  const { view } = record;
  return new DataView(view.buffer, view.byteOffset + record.mainDataOffset, record.mainDataBytes);
}
