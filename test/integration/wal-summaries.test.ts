// Blocks that WAL changes, against PostgreSQL's own WAL summaries (17 and later): every block of a main fork that a
// summary names must be in our indexes, or lie behind a place where the file was made, cut or removed. Other forks are
// left out: for the visibility map the server's own summaries are known to be incomplete.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseLsn } from "../../src/model/lsn.ts";
import { systemIdentifier } from "../../src/model/system-identifier.ts";
import { timeline } from "../../src/model/timeline.ts";
import { formatSegmentName, segmentNumberAt } from "../../src/model/wal-segment.ts";
import { buildWalIndex, indexRest, type IndexRest } from "../../src/wal/index-builder.ts";
import type { WalIndex } from "../../src/wal/index-content.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import type { Row } from "../harness/sql-session.ts";
import { waitUntil } from "../harness/wait.ts";
import { insertLsn } from "./wal-ground.ts";

const SEGMENT_SIZE = 1024 * 1024;
const SETTINGS = { summarize_wal: true, wal_keep_size: "500MB", autovacuum: false };

const WORKLOAD = [
  "create table t (id int primary key, n int, body text)",
  "insert into t select i, i, repeat('x', 100) from generate_series(1, 20000) i",
  "checkpoint",
  "update t set n = n + 1 where id % 5 = 0",
  "delete from t where id > 15000",
  "vacuum t",
  "create index on t (n)",
  "create table bulk as select i as id, repeat('y', 200) as body from generate_series(1, 20000) i",
  "update bulk set id = id + 1 where id % 50 = 0",
  "create sequence s; select nextval('s') from generate_series(1, 100)",
  "create table gone as select * from bulk; drop table gone",
  "truncate bulk",
  "insert into bulk select i, 'z' from generate_series(1, 5000) i",
  "vacuum full t",
  "begin; update t set n = 0; savepoint one; delete from t; rollback to one; commit",
  "create database other strategy wal_log",
  "checkpoint",
];

/** Blocks and limits of main forks, by `tablespace/database/relfilenode`. */
interface Known {
  readonly blocks: Map<string, Set<number>>;
  /** Files that were made, cut or removed: a block from here on may be left out. */
  readonly limits: Map<string, number>;
}

async function indexAll(cluster: Cluster, [from, to]: readonly [bigint, bigint]): Promise<Known> {
  const identifier = await cluster.value("select system_identifier from pg_control_system()");
  const known: Known = { blocks: new Map(), limits: new Map() };
  let previous: IndexRest | undefined;
  for (let number = from; number <= to; number += 1n) {
    const name = formatSegmentName({ timeline: timeline(1), number }, SEGMENT_SIZE);
    const index = buildWalIndex(await readFile(join(cluster.dataDirectory, "pg_wal", name)), {
      segmentNumber: number,
      segmentSizeBytes: SEGMENT_SIZE,
      layout: { majorVersion: cluster.major, blockSizeBytes: 8192 },
      systemIdentifier: systemIdentifier(BigInt(identifier ?? "0")),
      previous,
      skipsRest: previous === undefined,
    });
    if (!index) throw new Error(`${name} cannot be indexed`);
    addBlocks(known, index);
    addLimits(known, index);
    previous = indexRest(index);
  }
  return known;
}

function addBlocks({ blocks }: Known, index: WalIndex): void {
  for (const { relation, fork, blocks: changed } of index.blocks) {
    const file = index.relations[relation];
    if (fork !== 0 || !file) continue;
    const key = keyOf(file);
    const all = blocks.get(key) ?? new Set<number>();
    for (const block of changed) all.add(block);
    blocks.set(key, all);
  }
}

function addLimits({ limits }: Known, index: WalIndex): void {
  const limit = (file: Parameters<typeof keyOf>[0], block: number): void => {
    const key = keyOf(file);
    limits.set(key, Math.min(limits.get(key) ?? block, block));
  };
  for (const event of index.events) {
    // Of a whole database the server says file 0.
    if (event.kind === "databaseCreate") limit({ ...event, relfilenode: 0 }, 0);
    if (event.kind === "fileCreate" && event.fork === "main") limit(event.relation, 0);
    if (event.kind === "fileTruncate" && event.forks.includes("main")) {
      limit(event.relation, event.blockCount);
    }
  }
  for (const { droppedRelations } of index.endDetails.values()) {
    for (const file of droppedRelations) limit(file, 0);
  }
}

function keyOf(file: {
  readonly tablespace: number;
  readonly database: number;
  readonly relfilenode: number;
}): string {
  return `${file.tablespace}/${file.database}/${file.relfilenode}`;
}

function isKnown({ blocks, limits }: Known, row: Row): boolean {
  const key = `${row["reltablespace"]}/${row["reldatabase"]}/${row["relfilenode"]}`;
  const block = Number(row["relblocknumber"]);
  const limit = limits.get(key) ?? Number.POSITIVE_INFINITY;
  // A limit of the server's must be one of ours, at the same place or before.
  if (row["is_limit_block"] === "t") return limit <= block;
  return block >= limit || blocks.get(key)?.has(block) === true;
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test.skipIf(major < 17)(
    "every block of a main fork that a summary names is known (needs 17)",
    async () => {
      await using cluster = await startCluster({ major, settings: SETTINGS });
      await cluster.sql("checkpoint");
      const begin = await insertLsn(cluster);
      for (const statements of WORKLOAD) await cluster.sql(statements);
      const end = await insertLsn(cluster);
      await cluster.sql("checkpoint");
      await waitUntil("WAL to be summarized", async () => {
        const place = await cluster.value(
          "select summarized_lsn from pg_get_wal_summarizer_state()",
        );
        return parseLsn(place ?? "0/0") >= end;
      });
      const range = [
        segmentNumberAt(begin, SEGMENT_SIZE),
        segmentNumberAt(end, SEGMENT_SIZE),
      ] as const;
      const known = await indexAll(cluster, range);
      const rows = await cluster.sql(
        `select c.* from pg_available_wal_summaries() s,
         pg_wal_summary_contents(s.tli, s.start_lsn, s.end_lsn) c
       where s.start_lsn >= $1 and s.end_lsn <= $2 and c.relforknumber = 0`,
        [await summaryBegin(cluster, begin), await summaryEnd(cluster, end)],
      );
      expect(rows.length).toBeGreaterThan(1000);
      expect(rows.filter((row) => !isKnown(known, row))).toEqual([]);
    },
  );
});

/** The first summary that begins behind the place where indexing begins. */
async function summaryBegin(cluster: Cluster, begin: bigint): Promise<string> {
  const starts = await cluster.sql("select start_lsn from pg_available_wal_summaries()");
  const later = starts
    .map((row) => String(row["start_lsn"]))
    .filter((text) => parseLsn(text) >= begin);
  return later.toSorted((left, right) => (parseLsn(left) < parseLsn(right) ? -1 : 1))[0] ?? "0/0";
}

/** The last summary that ends before the place where indexing ends. */
async function summaryEnd(cluster: Cluster, end: bigint): Promise<string> {
  const ends = await cluster.sql("select end_lsn from pg_available_wal_summaries()");
  const earlier = ends.map((row) => String(row["end_lsn"])).filter((text) => parseLsn(text) <= end);
  return (
    earlier.toSorted((left, right) => (parseLsn(left) < parseLsn(right) ? -1 : 1)).at(-1) ?? "0/0"
  );
}
