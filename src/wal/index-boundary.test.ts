// Wherever segments begin, the same is counted, once, in the same place: every kind of record that an index tells of is cut
// at each of its places, as real servers have written it.
import { expect, test } from "vitest";
import { addLsn, formatLsn, type Lsn } from "../model/lsn.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import type { WalIndex } from "./index-content.ts";
import {
  committedRows,
  confirmation,
  DELETE_IS_PARTITION_MOVE,
  deletion,
  hotUpdate,
  indexesOf,
  INSERT_IS_SPECULATIVE,
  insertion,
  ITEMS,
  multiInsertion,
  ORDERS,
  update,
} from "./index.fixture.ts";
import { HEAP_OPERATION } from "./resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import {
  ABORT_PREPARED_18,
  CHECKPOINT_18,
  COMMIT_PREPARED_18,
  END_OF_RECOVERY_18,
  LOCK_18,
  PARAMETERS_17,
  PREPARE_18,
  RECORDS_18,
  RESTORE_POINT_18,
  RUNNING_18,
} from "./resource-manager/records.fixture.ts";
import { XLOG_OPERATION } from "./resource-manager/xlog.ts";
import {
  type DraftRecord,
  filler,
  PAGE_SIZE,
  restorePoint,
  runningTransactions,
  SEGMENT_SIZE,
  transactionEnd,
  WalBuilder,
} from "./wal.fixture.ts";

const AT = "2026-11-21T08:00:00.123456Z";

/** A record of a real server, of transaction 700 if it has one. */
function golden(hex: string): DraftRecord {
  const bytes = Buffer.from(hex, "hex");
  const xid = bytes.readUInt32LE(4) === 0 ? 0 : 700;
  return {
    resourceManager: bytes[17] ?? 0,
    operation: bytes[16] ?? 0,
    xid,
    body: bytes.subarray(24),
  };
}

/** Images of whole pages and nothing else, as index builds and VACUUM FULL write them. */
function pageImages(): DraftRecord {
  const reference = Buffer.alloc(25);
  reference.writeUInt8(0x10, 1);
  reference.writeUInt16LE(PAGE_SIZE, 4);
  reference.writeUInt8(0x02, 8);
  reference.writeUInt32LE(ORDERS.tablespace, 9);
  reference.writeUInt32LE(ORDERS.database, 13);
  reference.writeUInt32LE(ORDERS.relfilenode, 17);
  const body = Buffer.concat([reference, Buffer.alloc(PAGE_SIZE, 1)]);
  const operation = XLOG_OPERATION.fullPageImage;
  return { resourceManager: RESOURCE_MANAGER.xlog, operation, xid: 700, body };
}

/** A row of pg_database that is changed in place. */
function inPlace(): DraftRecord {
  const reference = Buffer.alloc(20);
  reference.writeUInt8(0x20, 1);
  reference.writeUInt16LE(8, 2);
  reference.writeUInt32LE(1664, 4);
  reference.writeUInt32LE(1262, 12);
  const data = Buffer.from([6, 0, 0, 0, 1, 2, 3, 4]);
  const body = Buffer.concat([reference, Buffer.from([255, 4]), data, Buffer.from([1, 0, 0, 0])]);
  const operation = HEAP_OPERATION.inplace;
  return { resourceManager: RESOURCE_MANAGER.heap, operation, xid: 0, body };
}

const KINDS: Readonly<Record<string, DraftRecord>> = {
  "an insertion": insertion({ xid: 700, block: 5 }),
  "a speculative insertion": insertion({ xid: 700, flags: INSERT_IS_SPECULATIVE }),
  "a confirmation": confirmation({ xid: 700 }),
  "a multi-insertion": multiInsertion({ xid: 700, rows: 60 }),
  "an update": update({ xid: 700 }),
  "a hot update": hotUpdate({ xid: 700 }),
  "a deletion": deletion({ xid: 700 }),
  "a deletion that moves a row": deletion({ xid: 700, flags: DELETE_IS_PARTITION_MOVE }),
  "images of pages": pageImages(),
  "a change in place": inPlace(),
  "a commit": transactionEnd("commit", 699, AT),
  "a commit with subtransactions": transactionEnd("commit", 699, AT, [690, 691, 692]),
  "a rollback": transactionEnd("abort", 699, AT),
  "running transactions": runningTransactions({
    xids: [699, 700],
    overflowed: true,
    nextXid: 701,
    oldestRunningXid: 699,
  }),
  "a restore point with a long name": restorePoint("before_disaster".repeat(4), AT),
  "a long message": filler(20_000),
  "a preparation": golden(PREPARE_18),
  "a commit of a prepared transaction": golden(COMMIT_PREPARED_18),
  "a rollback of a prepared transaction": golden(ABORT_PREPARED_18),
  "a checkpoint": golden(CHECKPOINT_18),
  "changed parameters": golden(PARAMETERS_17),
  "an end of recovery": golden(END_OF_RECOVERY_18),
  "a restore point": golden(RESTORE_POINT_18),
  "running transactions of a server": golden(RUNNING_18),
  "a lock": golden(LOCK_18),
  ...Object.fromEntries(
    Object.entries(RECORDS_18).map(([name, hex]) => [`${name} of a server`, golden(hex)]),
  ),
};

/** What an index says, with every place as the number of its record. */
function summarise(
  indexes: readonly WalIndex[],
  places: readonly { readonly begin: Lsn; readonly end: Lsn }[],
): unknown {
  const records = new Map(places.map(({ begin, end }, number) => [`${begin}-${end}`, number]));
  const placeOf = (begin: Lsn, end: Lsn): number | string =>
    records.get(`${begin}-${end}`) ?? `${formatLsn(begin)}-${formatLsn(end)}`;
  return {
    rows: committedRows(indexes),
    ends: indexes.flatMap(({ segmentNumber, ends, endDetails }) =>
      Array.from(ends.xid, (xid, row) => {
        const begin = addLsn(
          segmentBegin(segmentNumber, SEGMENT_SIZE),
          BigInt(ends.offset[row] ?? 0),
        );
        const place = placeOf(begin, addLsn(begin, BigInt(ends.length[row] ?? 0)));
        return [place, xid, ends.flags[row], ends.at[row], endDetails.get(row)];
      }),
    ),
    events: indexes.flatMap(({ events }) =>
      events.map(({ lsn, endLsn, ...event }) => [placeOf(lsn, endLsn), event]),
    ),
    blocks: blocksOf(indexes),
    classFiles: indexes.at(-1)?.classFiles,
    nextXid: indexes.at(-1)?.nextXid,
  };
}

/** Changed blocks over all segments, as texts. */
function blocksOf(indexes: readonly WalIndex[]): ReadonlySet<string> {
  const all = indexes.flatMap(({ relations, blocks }) =>
    blocks.flatMap((list) => {
      const relation = JSON.stringify(relations[list.relation]);
      return [...list.blocks].map((block) => `${relation} ${list.fork} ${block}`);
    }),
  );
  return new Set(all.toSorted());
}

/** Writes the records so that the first one begins as many bytes before the end of a segment. */
function summaryAt(availableBytes: number, drafts: readonly DraftRecord[]): unknown {
  const builder = new WalBuilder();
  const pageHeaders = 40 + (SEGMENT_SIZE / PAGE_SIZE - 1) * 24;
  builder.append(filler(SEGMENT_SIZE - pageHeaders - availableBytes));
  const places = drafts.map((draft) => builder.append(draft));
  const indexes = indexesOf(builder);
  expect(indexes).toHaveLength(2);
  expect(indexes[1]?.first?.previous).toBe(indexes[0]?.last?.lsn);
  return summarise(indexes, places);
}

test.each(Object.entries(KINDS))("a boundary at any place of %s changes nothing", (_, draft) => {
  const drafts = [
    insertion({ xid: 699 }),
    draft,
    insertion({ xid: 700, relation: ITEMS }),
    transactionEnd("commit", 700, AT, [688]),
    transactionEnd("commit", 699, AT),
  ];
  const before = 56;
  // All of it in the second segment.
  const reference = summaryAt(before, drafts);
  const length = 24 + draft.body.length;
  const step = length > 1000 ? 512 : length > 300 ? 24 : 8;
  for (let cut = 8; cut <= Math.min(length + 8, PAGE_SIZE - 200); cut += step) {
    expect({ cut, found: summaryAt(before + cut, drafts) }).toEqual({ cut, found: reference });
  }
});
