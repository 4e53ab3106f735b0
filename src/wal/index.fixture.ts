// Records that change rows, for tests of the WAL index: as wal.fixture.ts, and built on it.
import type { RelationLocator } from "../model/relation.ts";
import { lsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { buildWalIndex, indexRest, type IndexRest } from "./index-builder.ts";
import { END_FLAGS, type RowCounts, type WalIndex } from "./index-content.ts";
import { HEAP_OPERATION, HEAP2_OPERATION } from "./resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { type DraftRecord, SEGMENT_SIZE, SYSTEM_IDENTIFIER, WalBuilder } from "./wal.fixture.ts";

export const ORDERS: RelationLocator = { tablespace: 1663, database: 5, relfilenode: 16384 };
export const ITEMS: RelationLocator = { tablespace: 1663, database: 5, relfilenode: 16390 };

/** Rows to be changed by one record. */
export interface RowChange {
  readonly xid: number;
  readonly relation?: RelationLocator;
  readonly block?: number;
  /** Flags of the record's main data. */
  readonly flags?: number;
}

/** Flags of an insertion and of a deletion. @source PostgreSQL src/include/access/heapam_xlog.h */
export const INSERT_IS_SPECULATIVE: number = 1 << 2;
export const DELETE_IS_SUPER: number = 1 << 3;
export const DELETE_IS_PARTITION_MOVE: number = 1 << 4;

export function insertion({ flags = 0, ...change }: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.insert, Buffer.from([1, 0, flags]), change);
}

export function confirmation(change: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.confirm, Buffer.from([1, 0]), change);
}

export function update(change: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.update, Buffer.alloc(14), change);
}

export function hotUpdate(change: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.hotUpdate, Buffer.alloc(14), change);
}

export function deletion({ flags = 0, ...change }: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.delete, Buffer.from([0, 0, 0, 0, 1, 0, 0, flags]), change);
}

export function rowLock(change: RowChange): DraftRecord {
  return heapRecord(HEAP_OPERATION.lock, Buffer.alloc(8), change);
}

export function multiInsertion(change: RowChange & { readonly rows: number }): DraftRecord {
  const data = Buffer.alloc(4 + 2 * change.rows);
  data.writeUInt16LE(change.rows, 2);
  const record = heapRecord(HEAP2_OPERATION.multiInsert, data, change);
  return { ...record, resourceManager: RESOURCE_MANAGER.heap2 };
}

function heapRecord(operation: number, data: Buffer, change: RowChange): DraftRecord {
  const { xid, relation = ORDERS, block = 0 } = change;
  const reference = Buffer.alloc(20);
  reference.writeUInt32LE(relation.tablespace, 4);
  reference.writeUInt32LE(relation.database, 8);
  reference.writeUInt32LE(relation.relfilenode, 12);
  reference.writeUInt32LE(block, 16);
  const main = Buffer.concat([Buffer.from([255, data.length]), data]);
  const body = Buffer.concat([reference, main]);
  return { resourceManager: RESOURCE_MANAGER.heap, operation, xid, body };
}

/** A builder whose next record begins `availableBytes` before the end of its first segment. */
export function nearSegmentEnd(availableBytes: number): WalBuilder {
  const builder = new WalBuilder();
  builder.fillSegment(availableBytes);
  return builder;
}

/** The indexes of all segments, each built from what the one before left. */
export function indexesOf(builder: WalBuilder): readonly WalIndex[] {
  let previous: IndexRest | undefined;
  return [...builder.segments()].map(([number, segment]) => {
    const index = indexOf(segment, number, previous);
    previous = indexRest(index);
    return index;
  });
}

/** The index of one segment, which must be possible to build. */
export function indexOf(
  segment: Buffer,
  number: bigint,
  previous: IndexRest | undefined,
): WalIndex {
  const index = buildWalIndex(segment, {
    segmentNumber: number,
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: 18, blockSizeBytes: 8192 },
    systemIdentifier: systemIdentifier(SYSTEM_IDENTIFIER),
    previous,
  });
  if (!index) throw new Error(`segment ${number} cannot be indexed (${lsn(number)})`);
  return index;
}

/** No rows of any kind. */
export const NOTHING: RowCounts = {
  inserted: 0,
  updated: 0,
  deleted: 0,
  movedOut: 0,
  pages: 0,
};

/** Rows by relfilenode of every committed transaction, summed over segments as a reader does it. */
export function committedRows(indexes: readonly WalIndex[]): Record<string, RowCounts> {
  const open = new Map<number, Map<number, RowCounts>>();
  const committed: Record<string, RowCounts> = {};
  for (const index of indexes) {
    const rowsOf = (place: number): readonly (readonly [number, RowCounts])[] =>
      (index.patterns[place] ?? []).map(({ relation, ...rows }) => [
        index.relations[relation]?.relfilenode ?? 0,
        rows,
      ]);
    for (let row = 0; row < index.ends.count; row += 1) {
      const xid = index.ends.xid[row] ?? 0;
      const parts = [xid, ...(index.endDetails.get(row)?.subtransactions ?? [])];
      const isCommit = ((index.ends.flags[row] ?? 0) & END_FLAGS.aborted) === 0;
      const all = [
        ...rowsOf(index.ends.pattern[row] ?? 0),
        ...parts.flatMap((part) => [...(open.get(part) ?? [])]),
      ];
      for (const part of parts) open.delete(part);
      for (const [relfilenode, rows] of isCommit ? all : []) {
        const name = `${xid}/${relfilenode}`;
        committed[name] = sum(committed[name] ?? NOTHING, rows);
      }
    }
    for (const { xid, pattern } of index.open) {
      const rows = open.get(xid) ?? new Map<number, RowCounts>();
      for (const [relfilenode, more] of rowsOf(pattern)) {
        rows.set(relfilenode, sum(rows.get(relfilenode) ?? NOTHING, more));
      }
      open.set(xid, rows);
    }
  }
  return committed;
}

function sum(left: RowCounts, right: RowCounts): RowCounts {
  return {
    inserted: left.inserted + right.inserted,
    updated: left.updated + right.updated,
    deleted: left.deleted + right.deleted,
    movedOut: left.movedOut + right.movedOut,
    pages: left.pages + right.pages,
  };
}
