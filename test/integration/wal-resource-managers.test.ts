// What the parsers of single records say against what a real server of every major says: its catalogue, its functions,
// its log, and from 15 on pg_walinspect's descriptions. Rows: wal-resource-rows.test.ts; how WAL is cut into records:
// wal-records.test.ts.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Lsn, parseLsn } from "../../src/model/lsn.ts";
import type { WalRecord } from "../../src/wal/record.ts";
import { parseDatabase } from "../../src/wal/resource-manager/database.ts";
import {
  HEAP_OPERATION,
  HEAP_OPERATION_MASK,
  parseHeapTruncate,
} from "../../src/wal/resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "../../src/wal/resource-manager/ids.ts";
import { parseRelationMap } from "../../src/wal/resource-manager/relation-map.ts";
import {
  parseStorageCreate,
  parseStorageTruncate,
  STORAGE_OPERATION,
} from "../../src/wal/resource-manager/storage.ts";
import { parseTablespace } from "../../src/wal/resource-manager/tablespace.ts";
import {
  parseAssignment,
  parseTransaction,
  TRANSACTION_OPERATION,
} from "../../src/wal/resource-manager/transaction.ts";
import {
  parseBackupEnd,
  parseFullPageWrites,
  parseOverwriteContinuation,
  XLOG_OPERATION,
} from "../../src/wal/resource-manager/xlog.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import { expectDescriptions, insertLsn, readWal, SETTINGS } from "./wal-ground.ts";

/** Which records to parse: all of a resource manager, or those of one operation. */
interface Wanted<Value> {
  readonly manager: number;
  readonly operation?: number;
  /** What of `operation` counts; default all of it. */
  readonly mask?: number;
  readonly parse: (record: WalRecord) => Value;
}

/** What a parser makes of the records since `begin`. */
async function parsed<Value>(
  cluster: Cluster,
  begin: Lsn,
  { manager, operation, mask = 0xf0, parse }: Wanted<Value>,
): Promise<readonly Value[]> {
  const values: Value[] = [];
  await readWal(cluster, begin, (record) => {
    if (record.resourceManager !== manager) return;
    if (operation === undefined || (record.operation & mask) === operation) {
      values.push(parse(record));
    }
  });
  return values;
}

const storage = <Value>(operation: number, parse: (record: WalRecord) => Value): Wanted<Value> => ({
  manager: RESOURCE_MANAGER.storage,
  operation,
  parse,
});

const xlog = <Value>(operation: number, parse: (record: WalRecord) => Value): Wanted<Value> => ({
  manager: RESOURCE_MANAGER.xlog,
  operation,
  parse,
});

/** Numbers that a query gives, as rows of one column. */
async function numbers(cluster: Cluster, sql: string): Promise<readonly number[]> {
  return (await cluster.sql(sql)).map((row) => Number(Object.values(row)[0]));
}

/** Leaves a record without its end, as a crash does; the server then says so in WAL. Returns where the record begins. */
async function cutRecord(cluster: Cluster): Promise<Lsn> {
  const begin = await insertLsn(cluster);
  await cluster.sql("select pg_logical_emit_message(false, 'p', repeat('z', 2500000))");
  await cluster.sql("create table flushed (a int)");
  await cluster.stop("immediate");
  const number = Number(begin / 2n ** 20n);
  const pgWal = join(cluster.dataDirectory, "pg_wal");
  for (const name of await readdir(pgWal)) {
    if (/^[0-9A-F]{24}$/.test(name) && Number(`0x${name.slice(16)}`) > number) {
      await rm(join(pgWal, name));
    }
  }
  await cluster.start();
  return begin;
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("files that are made and shortened are those of the catalogue", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const begin = await insertLsn(cluster);
    const directory = await cluster.workspace.makeDirectory("space");
    await cluster.sql(`create unlogged table unlogged (id int)`);
    await cluster.sql(`create tablespace space location '${directory}'`);
    await cluster.sql(`create table elsewhere (id int) tablespace space`);
    await cluster.sql(`create table cut as select n from generate_series(1, 20000) n`);
    await cluster.sql("delete from cut where n > 5000");
    await cluster.sql("vacuum cut");
    const locators =
      await cluster.sql(`select coalesce(nullif(c.reltablespace, 0), d.dattablespace) as tablespace,
      d.oid as database, pg_relation_filenode(c.oid) as relfilenode
      from pg_class c, pg_database d where datname = current_database()
      and relname in ('unlogged', 'elsewhere', 'cut') order by 3`);
    const [unlogged, elsewhere, cut] = locators.map((row) =>
      Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])),
    );
    const creates = await parsed(
      cluster,
      begin,
      storage(STORAGE_OPERATION.create, parseStorageCreate),
    );
    // Of an unlogged relation only the fork is logged that it is reset to.
    expect(creates).toEqual([
      { relation: unlogged, fork: "init" },
      { relation: elsewhere, fork: "main" },
      { relation: cut, fork: "main" },
    ]);
    const truncate = storage(STORAGE_OPERATION.truncate, parseStorageTruncate);
    expect(await parsed(cluster, begin, truncate)).toEqual([
      {
        relation: cut,
        blockCount: Number(await cluster.value("select pg_relation_size('cut') / 8192")),
        forks: ["main", "vm", "fsm"],
      },
    ]);
    await expectDescriptions(cluster, begin);
  });

  test("databases and tablespaces come and go as the catalogue says", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const begin = await insertLsn(cluster);
    const path = await cluster.workspace.makeDirectory("space");
    await cluster.sql(`create tablespace space location '${path}'`);
    const [space] = await numbers(cluster, "select oid from pg_tablespace where spcname = 'space'");
    const strategies = major === 14 ? ["fileCopy"] : ["fileCopy", "wal"];
    const clause = { fileCopy: major === 14 ? "" : "strategy file_copy", wal: "strategy wal_log" };
    await cluster.sql(`create database one tablespace space ${clause.fileCopy}`);
    if (major > 14) await cluster.sql(`create database two tablespace space ${clause.wal}`);
    const oids = "select oid from pg_database where datname in ('one', 'two') order by datname";
    const [one, two] = await numbers(cluster, oids);
    const [template] = await numbers(
      cluster,
      "select oid from pg_database where datname = 'template1'",
    );
    {
      await using session = await cluster.connect("one");
      await session.sql("create table here (id int) tablespace pg_default");
    }
    await cluster.sql("drop database one");
    if (major > 14) {
      await cluster.sql("alter database two set tablespace pg_default");
      await cluster.sql("drop database two");
    }
    await cluster.sql("drop tablespace space");

    const changes = { manager: RESOURCE_MANAGER.database, parse: parseDatabase };
    const made = { kind: "create", tablespace: space };
    const source = { database: template, tablespace: 1663 };
    const created = [
      { ...made, strategy: "fileCopy", database: one, source },
      { ...made, strategy: "wal", database: two, source: undefined },
    ];
    const moved = [
      {
        kind: "create",
        strategy: "fileCopy",
        database: two,
        tablespace: 1663,
        source: { database: two, tablespace: space },
      },
      { kind: "drop", database: two, tablespaces: [space] },
      { kind: "drop", database: two, tablespaces: [1663] },
    ];
    expect(await parsed(cluster, begin, changes)).toEqual([
      ...created.slice(0, strategies.length),
      { kind: "drop", database: one, tablespaces: [1663, space] },
      ...(major > 14 ? moved : []),
    ]);
    const spaces = { manager: RESOURCE_MANAGER.tablespace, parse: parseTablespace };
    expect(await parsed(cluster, begin, spaces)).toEqual([
      { kind: "create", oid: space, path },
      { kind: "drop", oid: space },
    ]);
    await expectDescriptions(cluster, begin);
  });

  test("transactions name their parts and what they invalidate, TRUNCATE its tables, maps their databases", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const begin = await insertLsn(cluster);
    await cluster.sql("create table parts (id int)");
    await cluster.sql("create table child (id int) inherits (parts)");
    const [database] = await numbers(
      cluster,
      "select oid from pg_database where datname = 'postgres'",
    );
    const oids = await numbers(
      cluster,
      "select oid from pg_class where relname in ('parts', 'child') order by oid",
    );
    const top = Number(
      await cluster.value(`begin; select pg_current_xact_id() as xid;
        do $$ begin for n in 1..70 loop begin insert into parts values (n);
          exception when division_by_zero then null; end; end loop; end $$;
        commit; select xmin::text::int - 1 from parts where id = 1`),
    );
    const parts = await numbers(cluster, "select xmin from parts order by id");
    await cluster.sql("truncate parts restart identity cascade");
    await cluster.sql("vacuum full pg_class");
    await cluster.sql("vacuum full pg_database");

    const transactions = { manager: RESOURCE_MANAGER.transaction, mask: 0x70 };
    const assignment = { operation: TRANSACTION_OPERATION.assignment, parse: parseAssignment };
    const assigned = await parsed(cluster, begin, { ...transactions, ...assignment });
    // At wal_level=logical the first subtransaction is made known by itself, and then 64 at a time.
    expect(assigned).toEqual([
      { topLevelXid: top, subtransactions: parts.slice(0, 1) },
      { topLevelXid: top, subtransactions: parts.slice(1, 65) },
    ]);
    const commit = { operation: TRANSACTION_OPERATION.commit, parse: parseTransaction };
    const ends = (await parsed(cluster, begin, { ...transactions, ...commit })).flatMap((end) =>
      end?.kind === "commit" ? [end] : [],
    );
    expect(ends.find((end) => end.xid === top)?.subtransactions).toEqual(parts);
    // The first two commits make the tables; the second also tells the parent that it has a child.
    const invalidated = ends.map((end) => end.invalidatedRelations);
    expect(invalidated[0]).toContainEqual({ database, relation: oids[0] });
    expect(invalidated[1]).toContainEqual({ database, relation: oids[1] });
    expect(invalidated[1]).toContainEqual({ database, relation: oids[0] });
    const truncates = {
      manager: RESOURCE_MANAGER.heap,
      operation: HEAP_OPERATION.truncate,
      mask: HEAP_OPERATION_MASK,
      parse: parseHeapTruncate,
    };
    expect(await parsed(cluster, begin, truncates)).toEqual([
      { database, cascade: true, restartIdentity: true, relations: oids },
    ]);
    const maps = { manager: RESOURCE_MANAGER.relationMap, parse: parseRelationMap };
    const classFile = Number(await cluster.value("select pg_relation_filenode('pg_class')"));
    expect(classFile).toBeGreaterThan(16_384);
    expect(new Set(await parsed(cluster, begin, maps))).toEqual(
      new Set([
        { database, tablespace: 1663, classFile },
        { database: 0, tablespace: 1664, classFile: 0 },
      ]),
    );
    await expectDescriptions(cluster, begin);
  });

  test("a backup's end, full_page_writes, and a record that a crash cut off", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const begin = await insertLsn(cluster);
    let backupBegin = "";
    {
      await using session = await cluster.connect();
      const start =
        major === 14 ? "pg_start_backup('b', true, false)" : "pg_backup_start('b', true)";
      backupBegin = String(await session.value(`select ${start}`));
      const stop = major === 14 ? "pg_stop_backup(false, false)" : "pg_backup_stop(false)";
      await session.sql(`select ${stop}`);
    }
    const change = xlog(XLOG_OPERATION.fullPageWrites, parseFullPageWrites);
    for (const [index, word] of ["off", "on"].entries()) {
      await cluster.sql(`alter system set full_page_writes = ${word}`);
      await cluster.reload();
      await waitUntil(
        "the record of full_page_writes",
        async () => (await parsed(cluster, begin, change)).length > index,
      );
    }
    expect(await parsed(cluster, begin, change)).toEqual([false, true]);
    const end = xlog(XLOG_OPERATION.backupEnd, parseBackupEnd);
    expect(await parsed(cluster, begin, end)).toEqual([parseLsn(backupBegin)]);
    await expectDescriptions(cluster, begin);

    const lost = await cutRecord(cluster);
    const overwrite = xlog(XLOG_OPERATION.overwriteContinuation, parseOverwriteContinuation);
    const [overwritten] = await parsed(cluster, lost, overwrite);
    expect(overwritten?.lsn).toBe(lost);
    const seconds = Math.abs(Number(overwritten?.at.epochMilliseconds) - Date.now()) / 1000;
    expect(seconds).toBeLessThan(3600);
  });
});
