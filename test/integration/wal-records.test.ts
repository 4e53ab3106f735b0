// The WAL decoder against real servers of every major: record by record against pg_walinspect (15 and later), and where
// WAL ends against the server's own crash recovery, also behind a record that a crash cut off.
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FORKS } from "../../src/model/relation.ts";
import { formatLsn, lsn, parseLsn } from "../../src/model/lsn.ts";
import { checkSegmentHeader, parseLongPageHeader } from "../../src/wal/page.ts";
import { readRecords, type RecordVisitor, type WalEnd } from "../../src/wal/reader.ts";
import { previousLsn, recordEndLsn, recordLsn, type WalRecord } from "../../src/wal/record.ts";
import { RESOURCE_MANAGER, RESOURCE_MANAGER_NAMES } from "../../src/wal/resource-manager/ids.ts";
import { XLOG_OPERATION } from "../../src/wal/resource-manager/xlog.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import type { Row } from "../harness/sql-session.ts";

const SEGMENT_SIZE = 1024 * 1024;

const SETTINGS = {
  wal_level: "logical",
  max_prepared_transactions: 4,
  wal_keep_size: "500MB",
  min_wal_size: "2MB",
};

/** Something of every kind of record that ordinary work writes. */
const WORKLOAD = [
  `create table orders (id int primary key, customer int, note text);
   insert into orders select n, n % 100, repeat('x', n % 50) from generate_series(1, 2000) n;`,
  `create table kinds (a int, b text);
   create index on kinds using hash (a);
   create index on kinds using gin (to_tsvector('english', b));
   create index on kinds using gist (point(a, a));
   create index on kinds using brin (a);
   create index on kinds using spgist (b);
   insert into kinds select n, 'word' || n from generate_series(1, 300) n;`,
  "create table big (a text); alter table big alter a set storage external;",
  "insert into big select string_agg(md5(n::text), '') from generate_series(1, 3000) n;",
  "update orders set note = 'changed' where id % 7 = 0; delete from orders where id % 11 = 0;",
  "vacuum orders",
  "vacuum full kinds",
  "truncate kinds",
  `begin; insert into orders values (100001, 1, 'a'); savepoint one;
   insert into orders values (100002, 1, 'b'); savepoint two;
   insert into orders values (100003, 1, 'c'); rollback to two; commit;`,
  `begin; insert into orders values (100010, 2, 'p'); create table prepared (a int);
   prepare transaction 'gid';`,
  "commit prepared 'gid'",
  "select lo_create(4711); select lowrite(lo_open(4711, 131072), repeat('abcd', 5000)::bytea);",
  `select pg_replication_origin_create('origin');
   select pg_replication_origin_session_setup('origin');
   begin; insert into orders values (100021, 2, 'o');
   select pg_replication_origin_xact_setup('0/12345678', '2020-01-01 00:00:00+00'); commit;
   select pg_replication_origin_session_reset();`,
  "select pg_create_restore_point('a point')",
  "select pg_logical_emit_message(false, 'p', repeat('z', 2500000))",
  "select pg_switch_wal()",
  "checkpoint",
  "update orders set note = 'image' where id % 3 = 0",
  "set wal_compression = on; checkpoint; update orders set note = 'packed' where id % 3 = 0;",
  "set wal_consistency_checking = 'all'; update orders set note = 'checked' where id % 50 = 0;",
  "create database other",
  "drop database other",
];

async function work(cluster: Cluster): Promise<void> {
  await using session = await cluster.connect();
  for (const statements of WORKLOAD) await session.sql(statements);
}

/** The cluster's segments as they lie in pg_wal, by number. */
async function segmentsOf(cluster: Cluster): Promise<ReadonlyMap<bigint, Buffer>> {
  const directory = join(cluster.dataDirectory, "pg_wal");
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const segments = new Map<bigint, Buffer>();
  for (const name of names) {
    const number = BigInt(`0x${name.slice(8, 16)}`) * 4096n + BigInt(`0x${name.slice(16)}`);
    segments.set(number, await readFile(join(directory, name)));
  }
  return segments;
}

async function readAll(
  major: number,
  segments: ReadonlyMap<bigint, Buffer>,
  visit: RecordVisitor,
): Promise<WalEnd> {
  const first = [...segments.keys()].toSorted((left, right) => (left < right ? -1 : 1))[0] ?? 0n;
  const start = {
    begin: lsn(first * BigInt(SEGMENT_SIZE)),
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: major, blockSizeBytes: 8192 },
    skipsRest: true,
  };
  return await readRecords(start, (number) => Promise.resolve(segments.get(number)), visit);
}

/** A record in one line, with what both sides know. */
function describeRecord(record: WalRecord): string {
  const blocks = record.blocks.slice(0, record.blockCount);
  const imageBytes = blocks.reduce((sum, block) => sum + block.imageBytes, 0);
  const references = blocks.map(
    (block) =>
      `${block.tablespace}/${block.database}/${block.relfilenode} ${FORKS[block.fork]} ${block.blockNumber}`,
  );
  return [
    ...[recordLsn(record), recordEndLsn(record), previousLsn(record)].map(formatLsn),
    record.xid,
    RESOURCE_MANAGER_NAMES[record.resourceManager],
    record.totalBytes,
    record.mainDataBytes,
    imageBytes,
    ...references,
  ].join(" ");
}

const REFERENCE = /rel (\d+\/\d+\/\d+) fork(?:num)? (\w+) bl(?:oc)?k (\d+)/g;

function describeRow(row: Row): string {
  const references = [...(row["block_ref"] ?? "").matchAll(REFERENCE)];
  const columns = ["start_lsn", "end_lsn", "prev_lsn", "xid", "resource_manager"];
  const sizes = ["record_length", "main_data_length", "fpi_length"];
  return [
    ...[...columns, ...sizes].map((name) => row[name]),
    ...references.map(([, relation, fork, block]) => `${relation} ${fork} ${block}`),
  ].join(" ");
}

/** Where the server said that its crash recovery ended: the beginning of the last record. */
async function lastRedo(cluster: Cluster): Promise<string | undefined> {
  return [...(await cluster.log()).matchAll(/redo done at ([0-9A-F]+\/[0-9A-F]+)/g)].at(-1)?.[1];
}

/** Crashes the server, reads its WAL, and lets it recover. */
async function crashAndRead(
  cluster: Cluster,
  visit: RecordVisitor = () => undefined,
): Promise<{ readonly last: string; readonly end: WalEnd }> {
  await cluster.stop("immediate");
  let last = "";
  const end = await readAll(cluster.major, await segmentsOf(cluster), (record) => {
    last = formatLsn(recordLsn(record));
    visit(record);
  });
  await cluster.start();
  return { last, end };
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("writes the magic of its version into segments that pass the check", async () => {
    await using cluster = await startCluster({ major });
    const identifier = await cluster.value("select system_identifier from pg_control_system()");
    const name = String(await cluster.value("select pg_walfile_name(pg_current_wal_lsn())"));
    const bytes = await readFile(join(cluster.dataDirectory, "pg_wal", name));
    const header = parseLongPageHeader(bytes);
    expect(header).toMatchObject({ majorVersion: major, blockSizeBytes: 8192 });
    expect(String(header.systemIdentifier)).toBe(identifier);
    const { systemIdentifier } = header;
    const expected = {
      name,
      systemIdentifier,
      majorVersion: major,
      segmentSizeBytes: SEGMENT_SIZE,
    };
    expect(() => checkSegmentHeader(bytes, expected)).not.toThrow();
  });

  test.skipIf(major < 15)(
    "is read record by record as pg_walinspect (15 and later) reads it",
    async () => {
      await using cluster = await startCluster({ major, settings: SETTINGS });
      await work(cluster);
      await cluster.sql("create extension pg_walinspect");
      const flushed = await cluster.value("select pg_current_wal_flush_lsn()");
      const ours: string[] = [];
      let first = "";
      await readAll(major, await segmentsOf(cluster), (record) => {
        first ||= formatLsn(recordLsn(record));
        if (recordEndLsn(record) <= parseLsn(String(flushed))) ours.push(describeRecord(record));
      });
      const rows = await cluster.sql("select * from pg_get_wal_records_info($1, $2)", [
        first,
        flushed,
      ]);
      const theirs = rows.map(describeRow);
      expect(theirs.length).toBeGreaterThan(10_000);
      // Record by record, so that a failure shows the first difference and not all.
      for (const [index, line] of theirs.entries()) expect(ours[index]).toBe(line);
    },
  );

  test("ends where the server's own recovery ends", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    await work(cluster);
    const { last } = await crashAndRead(cluster);
    expect(last).toBe(await lastRedo(cluster));
  });

  test("goes on behind a record that a crash cut off", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const before = parseLsn(String(await cluster.value("select pg_current_wal_insert_lsn()")));
    await cluster.sql("select pg_logical_emit_message(false, 'p', repeat('z', 2500000))");
    await cluster.sql("create table flushed (a int)");
    await cluster.stop("immediate");
    // The record begins in this segment; what it goes on in never reached the disk.
    const number = Number(before / BigInt(SEGMENT_SIZE));
    const pgWal = join(cluster.dataDirectory, "pg_wal");
    for (const name of await readdir(pgWal)) {
      if (/^[0-9A-F]{24}$/.test(name) && Number(`0x${name.slice(16)}`) > number) {
        await rm(join(pgWal, name));
      }
    }
    await cluster.start();
    await cluster.sql("create table later (a int)");
    const operations: number[] = [];
    const { last } = await crashAndRead(cluster, (record) => {
      if (record.resourceManager === RESOURCE_MANAGER.xlog) operations.push(record.operation);
    });
    expect(operations).toContain(XLOG_OPERATION.overwriteContinuation);
    expect(last).toBe(await lastRedo(cluster));
  });
});
