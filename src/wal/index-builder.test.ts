import { describe, expect, test } from "vitest";
import type { WalIndex } from "./index-content.ts";
import { buildWalIndex, indexRest, type IndexRest } from "./index-builder.ts";
import {
  committedRows,
  confirmation,
  DELETE_IS_PARTITION_MOVE,
  DELETE_IS_SUPER,
  deletion,
  hotUpdate,
  indexesOf,
  indexOf,
  INSERT_IS_SPECULATIVE,
  insertion,
  ITEMS,
  multiInsertion,
  nearSegmentEnd,
  NOTHING,
  ORDERS,
  rowLock,
  update,
} from "./index.fixture.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { RECORDS_18 } from "./resource-manager/records.fixture.ts";
import { type DraftRecord, filler, transactionEnd, WalBuilder } from "./wal.fixture.ts";

const AT = "2026-11-21T08:00:00.123456Z";
function write(...records: readonly DraftRecord[]): readonly WalIndex[] {
  const builder = new WalBuilder();
  for (const record of records) builder.append(record);
  return indexesOf(builder);
}

describe("rows", () => {
  test("are counted by relation and transaction", () => {
    const indexes = write(
      insertion({ xid: 700 }),
      multiInsertion({ xid: 700, rows: 117 }),
      update({ xid: 700, relation: ITEMS }),
      hotUpdate({ xid: 700, relation: ITEMS }),
      deletion({ xid: 701 }),
      rowLock({ xid: 701 }),
      transactionEnd("commit", 701, AT),
      transactionEnd("commit", 700, AT),
    );
    expect(committedRows(indexes)).toEqual({
      "700/16384": { ...NOTHING, inserted: 118 },
      "700/16390": { ...NOTHING, updated: 2 },
      "701/16384": { ...NOTHING, deleted: 1 },
    });
  });

  test("of subtransactions are their top transaction's, unless they were rolled back", () => {
    const indexes = write(
      insertion({ xid: 700 }),
      insertion({ xid: 701 }),
      deletion({ xid: 702 }),
      transactionEnd("abort", 702, AT),
      insertion({ xid: 703 }),
      transactionEnd("commit", 700, AT, [701, 703]),
    );
    expect(committedRows(indexes)).toEqual({ "700/16384": { ...NOTHING, inserted: 3 } });
  });

  test("that were inserted speculatively count once, when they are confirmed", () => {
    const indexes = write(
      insertion({ xid: 700, flags: INSERT_IS_SPECULATIVE }),
      confirmation({ xid: 700 }),
      insertion({ xid: 700, flags: INSERT_IS_SPECULATIVE }),
      deletion({ xid: 700, flags: DELETE_IS_SUPER }),
      transactionEnd("commit", 700, AT),
    );
    expect(committedRows(indexes)).toEqual({ "700/16384": { ...NOTHING, inserted: 1 } });
  });

  test("that move to another partition are marked where they leave, and come in like any other", () => {
    const indexes = write(
      deletion({ xid: 700, flags: DELETE_IS_PARTITION_MOVE }),
      deletion({ xid: 701 }),
      insertion({ xid: 701, relation: ITEMS }),
      insertion({ xid: 700, relation: ITEMS }),
      insertion({ xid: 700, relation: ITEMS }),
      transactionEnd("commit", 701, AT),
      transactionEnd("commit", 700, AT),
    );
    expect(committedRows(indexes)).toEqual({
      "700/16384": { ...NOTHING, movedOut: 1 },
      "700/16390": { ...NOTHING, inserted: 2 },
      "701/16384": { ...NOTHING, deleted: 1 },
      "701/16390": { ...NOTHING, inserted: 1 },
    });
  });

  test("of transactions with the same effect share one pattern, whatever the order", () => {
    const [index] = write(
      insertion({ xid: 700 }),
      update({ xid: 700, relation: ITEMS }),
      transactionEnd("commit", 700, AT),
      update({ xid: 701, relation: ITEMS }),
      insertion({ xid: 701 }),
      transactionEnd("commit", 701, AT),
    );
    expect(index?.patterns).toHaveLength(2);
    expect([...(index?.ends.pattern ?? [])]).toEqual([1, 1]);
  });

  test("of many relations in one transaction are kept apart", () => {
    const relations = Array.from({ length: 30 }, (_, n) => ({ ...ORDERS, relfilenode: 17000 + n }));
    const changes = [...relations, ...relations.toReversed(), ...relations];
    const indexes = write(
      ...changes.map((relation) => insertion({ xid: 700, relation })),
      transactionEnd("commit", 700, AT),
    );
    expect(Object.values(committedRows(indexes))).toEqual(
      relations.map(() => ({ ...NOTHING, inserted: 3 })),
    );
  });
});

test("blocks are listed once, in order, by relation and fork", () => {
  const [index] = write(
    ...[7, 3, 7, 7, 900_000, 3].map((block) => insertion({ xid: 700, block })),
    ...Array.from({ length: 100 }, (_, n) =>
      insertion({ xid: 700, block: n % 40, relation: ITEMS }),
    ),
  );
  expect(index?.relations).toEqual([ORDERS, ITEMS]);
  expect(index?.blocks.map(({ relation, fork, blocks }) => [relation, fork, [...blocks]])).toEqual([
    [0, 0, [3, 7, 900_000]],
    [1, 0, Array.from({ length: 40 }, (_, n) => n)],
  ]);
});

describe("pg_class", () => {
  /** A golden record, with other bytes in place of some. */
  const golden = (name: "relationMap" | "classInsert", from = "", to = ""): DraftRecord => {
    const bytes = Buffer.from(RECORDS_18[name].replace(from, to), "hex");
    return {
      resourceManager: bytes[17] ?? 0,
      operation: bytes[16] ?? 0,
      xid: 700,
      body: bytes.subarray(24),
    };
  };
  const [own, rewritten] = ["eb04000005000000", "3140000005000000"].map(
    (relation) => "7f06000005000000" + relation.slice(0, 8),
  ) as [string, string];
  const namesOf = ({ events }: WalIndex): readonly string[] =>
    events.flatMap((event) => (event.kind === "classRow" ? [event.name] : []));
  const intoRewritten = golden("classInsert", own, rewritten);

  test("that was rewritten is known by the map of relations, in later segments too", () => {
    const builder = new WalBuilder();
    builder.append(golden("classInsert"));
    builder.append(intoRewritten);
    builder.append(golden("relationMap"));
    builder.append(intoRewritten);
    builder.switchSegment();
    builder.append(intoRewritten);
    builder.append(golden("relationMap", "eb04000031400000", "eb040000eb040000"));
    builder.append(intoRewritten);
    builder.switchSegment();
    const indexes = indexesOf(builder);
    expect(indexes.map(namesOf)).toEqual([["many1", "many1"], ["many1"]]);
    expect(indexes.map(({ classFiles }) => classFiles)).toEqual([
      [{ database: 5, relfilenode: 16_433 }],
      [],
    ]);
  });

  test.each([
    ["is copied with its database", 0, true],
    ["is gone with its database", 700, false],
  ])("%s", (_, xid, isKnown) => {
    const copied = Buffer.alloc(16);
    for (const [place, oid] of [6, 1663, 5, 1663].entries()) copied.writeUInt32LE(oid, 4 * place);
    const dropped = Buffer.alloc(12);
    for (const [place, oid] of [6, 1, 1663].entries()) dropped.writeUInt32LE(oid, 4 * place);
    const main = (data: Buffer): Buffer => Buffer.concat([Buffer.from([255, data.length]), data]);
    const { database } = RESOURCE_MANAGER;
    const builder = new WalBuilder();
    builder.append(golden("relationMap"));
    builder.append({ resourceManager: database, operation: 0x00, xid: 0, body: main(copied) });
    builder.append({ resourceManager: database, operation: 0x20, xid, body: main(dropped) });
    const [index] = indexesOf(builder);
    const known = index?.classFiles.map((each) => each.database);
    expect(known).toEqual(isKnown ? [5, 6] : [5]);
  });
});

describe("a segment boundary", () => {
  test("inside a record needs what the segment before left", () => {
    const builder = nearSegmentEnd(40);
    builder.append(filler(500));
    const segment = builder.segments().get(2n) as Buffer;
    const source = {
      segmentNumber: 2n,
      segmentSizeBytes: segment.length,
      layout: { majorVersion: 18, blockSizeBytes: 8192 },
      systemIdentifier: 7440000000000000001n as never,
      previous: undefined,
    };
    expect(buildWalIndex(segment, source)).toBeUndefined();
    const foreign = {
      lastRecord: undefined,
      unfinished: undefined,
      nextXid: undefined,
    };
    expect(buildWalIndex(segment, { ...source, previous: foreign })).toBeUndefined();
  });

  test("inside a long record keeps its first 64 KiB only, and says so", () => {
    const builder = nearSegmentEnd(40);
    builder.append(filler(100));
    const { generic } = RESOURCE_MANAGER;
    builder.append({ ...filler(3 * 1024 * 1024), resourceManager: generic });
    builder.append(insertion({ xid: 700 }));
    builder.append(transactionEnd("commit", 700, AT));
    const segments = builder.segments();
    const [first, second] = [segments.get(1n), segments.get(2n)] as Buffer[];
    const one = indexOf(first as Buffer, 1n, undefined);
    const two = indexOf(second as Buffer, 2n, indexRest(one));
    expect(two.isUnfinishedCut).toBe(true);
    expect(two.unfinished?.bytes).toHaveLength(64 * 1024);
    expect(indexRest(two)).toBeUndefined();
  });

  test("inside a long message needs the index before it alone", () => {
    const builder = nearSegmentEnd(40);
    builder.append(filler(3 * 1024 * 1024));
    builder.append(insertion({ xid: 700 }));
    const indexes = indexesOf(builder);
    expect(indexes.map(({ first }) => first !== undefined)).toEqual([
      true,
      false,
      false,
      false,
      true,
    ]);
    for (const { unfinished, isUnfinishedCut } of indexes) {
      expect(isUnfinishedCut).toBe(false);
      expect(unfinished?.bytes.length ?? 0).toBeLessThanOrEqual(64 * 1024);
    }
    expect(indexes.at(-1)?.first?.previous).toBe(indexes[0]?.last?.lsn);
    expect(indexes.at(-1)?.end?.reason).toBe("zeros");
  });

  test("inside a long message leaves its checksum to be proven at its end", () => {
    const builder = nearSegmentEnd(40);
    builder.append(filler(3 * 1024 * 1024));
    builder.append(insertion({ xid: 700 }));
    const segments = [...builder.segments()];
    segments[2]?.[1].writeUInt8(0x62, 500_000);
    let previous: IndexRest | undefined;
    for (const [number, segment] of segments.slice(0, -1)) {
      previous = indexRest(indexOf(segment, number, previous));
    }
    const [number, last] = segments.at(-1) as [bigint, Buffer];
    const source = {
      segmentNumber: number,
      segmentSizeBytes: last.length,
      layout: { majorVersion: 18, blockSizeBytes: 8192 },
      systemIdentifier: 7440000000000000001n as never,
      previous,
    };
    expect(previous?.unfinished?.passedBytes).toBeGreaterThan(2_900_000);
    expect(buildWalIndex(last, source)).toBeUndefined();
    expect(buildWalIndex(last, { ...source, skipsRest: true })?.end?.reason).toBe("checksum");
  });
});
