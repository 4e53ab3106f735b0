// Collects the ends of transactions of one segment in columns. Most commits say nothing but their time; those are read
// without making an object, because there are tens of thousands in a segment.
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { toPostgresMicroseconds } from "../model/timestamp.ts";
import { END_FLAGS, type EndDetail, type TransactionEnds } from "./index-content.ts";
import type { RowsByTransaction } from "./index-rows.ts";
import { recordLsn, type WalRecord } from "./record.ts";
import {
  parseTransaction,
  TRANSACTION_OPERATION,
  type TransactionEnd,
  type TransactionPrepare,
} from "./resource-manager/transaction.ts";

/** Kind of dropped statistics that belong to a relation. @source PostgreSQL src/include/utils/pgstat_kind.h */
const STATISTICS_OF_RELATION = 2;
const TIME_BYTES = 8;
/** Times from 1964-04-28 up to 2249-09-06. A clock that says another one is wrong, and its records are refused. */
const TIME_MIN: number = -(2 ** 50);
const TIME_LIMIT: number = 2 ** 53 - 2 ** 50;

/** Takes the records of the Transaction resource manager, in the order of WAL. */
export class EndCollector {
  readonly #segmentBegin: Lsn;
  readonly #rows: RowsByTransaction;
  readonly #offset: number[] = [];
  readonly #length: number[] = [];
  readonly #flags: number[] = [];
  readonly #xid: number[] = [];
  readonly #at: number[] = [];
  readonly #pattern: number[] = [];
  readonly #details: Map<number, EndDetail> = new Map();

  constructor(segmentBegin: Lsn, rows: RowsByTransaction) {
    this.#segmentBegin = segmentBegin;
    this.#rows = rows;
  }

  /** @returns what was prepared, when the record prepares a transaction. */
  take(record: WalRecord): TransactionPrepare | undefined {
    const { operation } = record;
    const isBare =
      (operation === TRANSACTION_OPERATION.commit || operation === TRANSACTION_OPERATION.abort) &&
      record.mainDataBytes >= TIME_BYTES;
    if (isBare) {
      const isAborted = operation === TRANSACTION_OPERATION.abort;
      const pattern = this.#rows.finish(record.xid, []);
      this.#place(record, record.xid, isAborted ? END_FLAGS.aborted : 0);
      this.#at.push(checkedTime(record, timeOf(record)));
      this.#pattern.push(pattern);
      return undefined;
    }
    const transaction = parseTransaction(record);
    if (transaction?.kind === "prepare") return transaction;
    if (transaction) this.#takeEnd(record, transaction);
    return undefined;
  }

  finish(): {
    readonly ends: TransactionEnds;
    readonly endDetails: ReadonlyMap<number, EndDetail>;
  } {
    const ends = {
      count: this.#xid.length,
      offset: Int32Array.from(this.#offset),
      length: Int32Array.from(this.#length),
      flags: Uint8Array.from(this.#flags),
      xid: Uint32Array.from(this.#xid),
      at: Float64Array.from(this.#at),
      pattern: Uint32Array.from(this.#pattern),
    };
    return { ends, endDetails: this.#details };
  }

  #takeEnd(record: WalRecord, end: TransactionEnd): void {
    const detail = detailOf(end);
    if (detail) this.#details.set(this.#xid.length, detail);
    const aborted = end.kind === "abort" ? END_FLAGS.aborted : 0;
    this.#place(record, end.xid, aborted | (end.prepared ? END_FLAGS.prepared : 0));
    this.#at.push(checkedTime(record, Number(toPostgresMicroseconds(end.at))));
    this.#pattern.push(this.#rows.finish(end.xid, end.subtransactions));
  }

  #place(record: WalRecord, xid: number, flags: number): void {
    const { segment, segmentOffset, endSegment, endSegmentOffset } = record;
    const base = distance(this.#segmentBegin, segment.begin);
    const begin = base + segmentOffset;
    this.#offset.push(begin);
    this.#length.push(distance(this.#segmentBegin, endSegment.begin) + endSegmentOffset - begin);
    this.#flags.push(flags);
    this.#xid.push(xid);
  }
}

/** Nearly always both are the same bigint, whose difference need not be made. */
function distance(from: Lsn, to: Lsn): number {
  return from === to ? 0 : Number(to - from);
}

/** The time of a commit or abort, as microseconds since 2000-01-01. */
function timeOf(record: WalRecord): number {
  const { view, mainDataOffset } = record;
  const high = view.getInt32(mainDataOffset + 4, true);
  return high * 2 ** 32 + view.getUint32(mainDataOffset, true);
}

function checkedTime(record: WalRecord, at: number): number {
  if (at >= TIME_MIN && at < TIME_LIMIT) return at;
  const place = formatLsn(recordLsn(record));
  throw failure(
    "WAL_RECORD_INVALID",
    `the record at ${place} has a time before 1965 or after 2248`,
  );
}

function detailOf(end: TransactionEnd): EndDetail | undefined {
  const { database, subtransactions, droppedRelations, invalidatedRelations, globalIdentifier } =
    end;
  const droppedObjects = end.droppedStatistics
    .filter(({ kind }) => kind === STATISTICS_OF_RELATION)
    .map((each) => ({ database: each.database, relation: Number(each.object) }));
  const lists = [subtransactions, droppedRelations, droppedObjects, invalidatedRelations];
  if (lists.every((list) => list.length === 0) && globalIdentifier === undefined) return undefined;
  return {
    database,
    subtransactions,
    droppedRelations,
    droppedObjects,
    invalidatedRelations,
    globalIdentifier,
  };
}
