// Builds the WAL index of a segment from its bytes. What is counted, by the record's resource manager:
//
// - rows: heap and heap2, from the main data, which are there with or without a page image. A row that is inserted
//   speculatively (ON CONFLICT) counts when it is confirmed. A row that moves to another partition is a deletion marked
//   as such, and somewhere behind it an insertion, unless a trigger keeps it out.
// - blocks: every reference of every record.
// - the rest: index-facts.ts.
//
// What is not counted: locks of rows, pruning, freezing, visibility; changes of unlogged and temporary relations, which
// leave no trace in WAL.
import { addLsn, type Lsn, lsn } from "../model/lsn.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { BlockLayout } from "./block-reference.ts";
import { BlockLists } from "./index-blocks.ts";
import { type ClassFile, INDEX_BUILDER_VERSION, type WalIndex } from "./index-content.ts";
import type { EventPlace } from "./index-events.ts";
import { EndCollector } from "./index-ends.ts";
import { FactCollector } from "./index-facts.ts";
import { RelationNumbers } from "./index-relations.ts";
import { ROW, RowsByTransaction } from "./index-rows.ts";
import { type ReaderRest, type UnfinishedRecord, WalReader } from "./reader.ts";
import { MESSAGE_KEPT_MAX_BYTES, RESOURCE_MANAGER_OFFSET } from "./record-assembly.ts";
import {
  previousLsn,
  recordEndLsn,
  recordLsn,
  type SegmentBase,
  type WalRecord,
} from "./record.ts";
import {
  HEAP_OPERATION,
  HEAP2_OPERATION,
  isPartitionMove,
  isSpeculativeInsert,
  isSuperDelete,
  multiInsertCount,
} from "./resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { XLOG_OPERATION } from "./resource-manager/xlog.ts";

/** What the index of the segment before hands on. */
export interface IndexRest extends ReaderRest {
  readonly nextXid: bigint | undefined;
  /** None, when undefined. */
  readonly classFiles?: readonly ClassFile[] | undefined;
}

/** A segment to be indexed. */
export interface IndexSource {
  readonly segmentNumber: bigint;
  readonly segmentSizeBytes: number;
  readonly layout: BlockLayout;
  readonly systemIdentifier: SystemIdentifier;
  /** Of the segment before; undefined when that is not known. */
  readonly previous: IndexRest | undefined;
  /**
   * Whether to go on behind the rest of a record whose beginning is not known. Such an index lacks that record: it is
   * good enough to look at history, and must not be stored.
   */
  readonly skipsRest?: boolean | undefined;
}

/** Beginnings of unfinished records are kept up to this size, those that end transactions whole. */
const UNFINISHED_SIZE_MAX_BYTES = MESSAGE_KEPT_MAX_BYTES;
/** Where a record's header names the record before it. */
const PREVIOUS_OFFSET = 8;
const OPERATION_MASK = 0x70;

/**
 * Builds the index of one segment.
 *
 * @param segment the whole segment; it is not kept.
 * @returns undefined when the segment begins inside a record whose beginning is not known, or does not follow the one
 *   before it; with `skipsRest` an index with no record and the reason instead.
 * @throws {HindsightError} `WAL_RECORD_INVALID` for a record that is whole but makes no sense; `WAL_INDEX_TOO_LARGE`.
 */
export function buildWalIndex(segment: Uint8Array, source: IndexSource): WalIndex | undefined {
  const { segmentNumber, segmentSizeBytes, layout, systemIdentifier, previous, skipsRest } = source;
  const reader = new WalReader({
    begin: segmentBegin(segmentNumber, segmentSizeBytes),
    segmentSizeBytes,
    layout,
    systemIdentifier,
    resume: previous,
    skipsRest,
  });
  const builder = new IndexBuilder(source);
  const end = reader.read(segment, (record) => builder.take(record));
  if (end !== undefined && builder.isEmpty && skipsRest !== true) return undefined;
  return { ...builder.finish(), ...keptRest(reader.rest.unfinished), end };
}

/**
 * What the next segment's index is built from.
 *
 * @returns undefined when the index does not keep all of it, and the segment itself is needed.
 */
export function indexRest(index: WalIndex): IndexRest | undefined {
  if (index.isUnfinishedCut || index.end !== undefined) return undefined;
  const { last, unfinished, nextXid, classFiles } = index;
  const lastRecord = last?.lsn ?? (unfinished && recordBefore(unfinished));
  return lastRecord === undefined ? undefined : { lastRecord, unfinished, nextXid, classFiles };
}

/** All of the segment lies in this record, so its header is there, which names the record before it. */
function recordBefore({ bytes }: UnfinishedRecord): Lsn {
  return lsn(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(PREVIOUS_OFFSET, true));
}

function keptRest(
  unfinished: UnfinishedRecord | undefined,
): Pick<WalIndex, "unfinished" | "isUnfinishedCut"> {
  if (!unfinished || unfinished.bytes.length <= UNFINISHED_SIZE_MAX_BYTES) {
    return { unfinished, isUnfinishedCut: false };
  }
  if (unfinished.bytes[RESOURCE_MANAGER_OFFSET] === RESOURCE_MANAGER.transaction) {
    return { unfinished, isUnfinishedCut: false };
  }
  const bytes = unfinished.bytes.slice(0, UNFINISHED_SIZE_MAX_BYTES);
  return { unfinished: { ...unfinished, bytes }, isUnfinishedCut: true };
}

/** Takes the records of one segment. */
class IndexBuilder {
  readonly #source: IndexSource;
  readonly #relations: RelationNumbers = new RelationNumbers();
  readonly #blocks: BlockLists = new BlockLists();
  readonly #rows: RowsByTransaction = new RowsByTransaction();
  readonly #ends: EndCollector;
  readonly #facts: FactCollector;
  #first: (EventPlace & { readonly previous: Lsn }) | undefined;
  /** Of the last record; the record itself is a cursor that has gone on. */
  #lastSegment: SegmentBase | undefined;
  #lastOffset = 0;
  #lastEndSegment: SegmentBase | undefined;
  #lastEndOffset = 0;

  constructor(source: IndexSource) {
    this.#source = source;
    const begin = segmentBegin(source.segmentNumber, source.segmentSizeBytes);
    this.#ends = new EndCollector(begin, this.#rows);
    this.#facts = new FactCollector(source.previous ?? { nextXid: undefined });
  }

  /** Whether no record was taken. */
  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  take(record: WalRecord): void {
    this.#first ??= {
      lsn: recordLsn(record),
      endLsn: recordEndLsn(record),
      previous: previousLsn(record),
    };
    this.#lastSegment = record.segment;
    this.#lastOffset = record.segmentOffset;
    this.#lastEndSegment = record.endSegment;
    this.#lastEndOffset = record.endSegmentOffset;
    for (let place = 0; place < record.blockCount; place += 1) {
      const block = record.blocks[place]!;
      const { tablespace, database, relfilenode } = block;
      const relation = this.#relations.numberOf(tablespace, database, relfilenode);
      this.#blocks.add(relation, block.fork, block.blockNumber);
    }
    switch (record.resourceManager) {
      case RESOURCE_MANAGER.transaction: {
        const prepared = this.#ends.take(record);
        if (prepared) this.#facts.takePrepare(record, prepared);
        return;
      }
      case RESOURCE_MANAGER.heap:
        this.#takeHeap(record);
        break;
      case RESOURCE_MANAGER.heap2:
        if ((record.operation & OPERATION_MASK) === HEAP2_OPERATION.multiInsert) {
          this.#count(record, ROW.inserted, multiInsertCount(record));
        }
        break;
      case RESOURCE_MANAGER.xlog:
        if (record.operation === XLOG_OPERATION.fullPageImage && record.xid !== 0)
          this.#countPages(record);
        break;
      default:
    }
    this.#facts.take(record);
  }

  finish(): Omit<WalIndex, "end" | "unfinished" | "isUnfinishedCut"> {
    const { segmentNumber, segmentSizeBytes } = this.#source;
    const open = this.#rows.finishOpen();
    return {
      builderVersion: INDEX_BUILDER_VERSION,
      segmentNumber,
      segmentSizeBytes,
      first: this.#first,
      last: this.#lastPlace,
      ...this.#ends.finish(),
      ...this.#facts.finish(),
      relations: this.#relations.all,
      patterns: this.#rows.patterns,
      open,
      blocks: this.#blocks.finish(),
    };
  }

  get #lastPlace(): EventPlace | undefined {
    const [begin, end] = [this.#lastSegment, this.#lastEndSegment];
    return (
      begin &&
      end && {
        lsn: addLsn(begin.begin, BigInt(this.#lastOffset)),
        endLsn: addLsn(end.begin, BigInt(this.#lastEndOffset)),
      }
    );
  }

  #takeHeap(record: WalRecord): void {
    switch (record.operation & OPERATION_MASK) {
      case HEAP_OPERATION.insert:
        if (!isSpeculativeInsert(record)) this.#count(record, ROW.inserted, 1);
        break;
      case HEAP_OPERATION.confirm:
        this.#count(record, ROW.inserted, 1);
        break;
      case HEAP_OPERATION.update:
      case HEAP_OPERATION.hotUpdate:
        this.#count(record, ROW.updated, 1);
        break;
      case HEAP_OPERATION.delete:
        if (!isSuperDelete(record)) {
          this.#count(record, isPartitionMove(record) ? ROW.movedOut : ROW.deleted, 1);
        }
        break;
      default:
    }
  }

  #countPages(record: WalRecord): void {
    for (let place = 0; place < record.blockCount; place += 1) {
      const block = record.blocks[place]!;
      if (block.fork !== 0) continue;
      this.#rows.add(
        record.xid,
        this.#relations.numberOf(block.tablespace, block.database, block.relfilenode),
        ROW.pages,
        1,
      );
    }
  }

  /** Counts rows of the relation that a heap record's first block belongs to. */
  #count(record: WalRecord, operation: number, count: number): void {
    if (record.blockCount === 0) return;
    const { tablespace, database, relfilenode } = record.blocks[0]!;
    const relation = this.#relations.numberOf(tablespace, database, relfilenode);
    this.#rows.add(record.xid, relation, operation, count);
  }
}
