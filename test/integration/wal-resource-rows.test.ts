// What records say of rows, on every major: how many were inserted, changed and deleted, against the server's counts; and
// which relations were made, against pg_class. The other resource managers: wal-resource-managers.test.ts.
import { describe, expect, test } from "vitest";
import type { Lsn } from "../../src/model/lsn.ts";
import { imageCompression } from "../../src/wal/page-image.ts";
import type { WalRecord } from "../../src/wal/record.ts";
import {
  HEAP2_OPERATION,
  HEAP_OPERATION,
  HEAP_OPERATION_MASK,
  isPartitionMove,
  isSpeculativeInsert,
  isSuperDelete,
  multiInsertCount,
} from "../../src/wal/resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "../../src/wal/resource-manager/ids.ts";
import { type ClassRow, parseClassRows } from "../../src/wal/resource-manager/pg-class.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import { expectDescriptions, insertLsn, readWal, SETTINGS } from "./wal-ground.ts";

/** What a record does to rows of its block 0, by kind. */
function countRow(record: WalRecord): readonly [string, number] | undefined {
  const operation = record.operation & HEAP_OPERATION_MASK;
  if (record.resourceManager === RESOURCE_MANAGER.heap2) {
    const isMultiInsert = operation === HEAP2_OPERATION.multiInsert;
    return isMultiInsert ? ["multiInserted", multiInsertCount(record)] : undefined;
  }
  switch (operation) {
    case HEAP_OPERATION.insert:
      return [isSpeculativeInsert(record) ? "speculative" : "inserted", 1];
    case HEAP_OPERATION.confirm:
      return ["confirmed", 1];
    case HEAP_OPERATION.update:
    case HEAP_OPERATION.hotUpdate:
      return ["updated", 1];
    case HEAP_OPERATION.delete:
      if (isSuperDelete(record)) return ["takenBack", 1];
      return [isPartitionMove(record) ? "movedOut" : "deleted", 1];
    default:
      return undefined;
  }
}

/** Heap and Heap2 records of a relation since `begin`; they are valid only during the call. */
async function readRows(
  cluster: Cluster,
  { begin, table }: { readonly begin: Lsn; readonly table: string },
  visit: (record: WalRecord) => void,
): Promise<void> {
  const filenode = Number(await cluster.value("select pg_relation_filenode($1)", [table]));
  await readWal(cluster, begin, (record) => {
    const { resourceManager, blockCount, blocks } = record;
    const isHeap =
      resourceManager === RESOURCE_MANAGER.heap || resourceManager === RESOURCE_MANAGER.heap2;
    if (isHeap && blockCount > 0 && blocks[0]?.relfilenode === filenode) visit(record);
  });
}

async function countRows(
  cluster: Cluster,
  begin: Lsn,
  table: string,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  await readRows(cluster, { begin, table }, (record) => {
    const [kind, count] = countRow(record) ?? [];
    if (kind !== undefined) counts[kind] = (counts[kind] ?? 0) + (count ?? 0);
  });
  return counts;
}

/**
 * Makes one session insert a row speculatively and lose against another that inserts the same: the index evaluates its
 * expression once to look for a conflict and once more, behind the insert, to enter the row, and waits there.
 */
async function collide(cluster: Cluster): Promise<void> {
  await using holder = await cluster.connect();
  await using loser = await cluster.connect();
  await holder.sql(`create table collided (id int, who text);
    create function gate(id int) returns int language plpgsql immutable as $$
    declare calls int := coalesce(nullif(current_setting('gate.calls', true), ''), '-1');
    begin
      if calls >= 0 then perform set_config('gate.calls', (calls + 1)::text, false); end if;
      if calls = 1 then perform pg_advisory_lock(7), pg_advisory_unlock(7); end if;
      return id;
    end $$;
    create unique index on collided (gate(id));
    select pg_advisory_lock(7)`);
  await loser.sql("set gate.calls = 0");
  const lost = loser.sql("insert into collided values (1, 'loser') on conflict do nothing");
  const waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
  await waitUntil("the insert's lock", async () => (await holder.value(waiting)) === "1");
  await holder.sql("insert into collided values (1, 'holder')");
  await holder.sql("select pg_advisory_unlock(7)");
  await lost;
}

const CLASS_COLUMNS =
  "oid, relname, relnamespace, relfilenode, reltablespace, relkind, relpersistence";

async function classRows(cluster: Cluster, condition: string): Promise<readonly ClassRow[]> {
  const rows = await cluster.sql(
    `select ${CLASS_COLUMNS} from pg_class where ${condition} order by oid`,
  );
  return rows.map((row) => ({
    oid: Number(row["oid"]),
    name: String(row["relname"]),
    namespace: Number(row["relnamespace"]),
    relfilenode: Number(row["relfilenode"]),
    tablespace: Number(row["reltablespace"]),
    kind: String(row["relkind"]),
    persistence: String(row["relpersistence"]),
  }));
}

/** Rows that records put into a table since `begin`, in the order of oids, and how the images were made they came from. */
async function insertedClassRows(
  cluster: Cluster,
  begin: Lsn,
  table: string,
): Promise<{ readonly rows: readonly ClassRow[]; readonly images: ReadonlySet<string> }> {
  const rows: ClassRow[] = [];
  const images = new Set<string>();
  await readRows(cluster, { begin, table }, (record) => {
    const found = parseClassRows(record);
    const block = record.blocks[0]!;
    if (found.length > 0 && block.dataBytes === 0) images.add(imageCompression(block));
    rows.push(...found);
  });
  return { rows: rows.toSorted((left, right) => left.oid - right.oid), images };
}

/** Settings of wal_compression by the compression they lead to; a build may lack some. */
async function compressions(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const sql = "select unnest(enumvals) as value from pg_settings where name = 'wal_compression'";
  const methods = (await cluster.sql(sql)).map((row) => String(row["value"]));
  const known = ["pglz", "lz4", "zstd"].filter((method) => methods.includes(method));
  const settings = known.map((method) => [method, method] as const);
  return new Map([["none", "off"], ...(known.length > 0 ? settings : [["pglz", "on"] as const])]);
}

/** Relations of every kind; each is a row of pg_class that is not updated afterwards in what is compared. */
const RELATIONS = `create schema made;
  create table made.plain (id int primary key, note text);
  create unlogged table made.unlogged (id int);
  create table made."Ünïcode ""name""" (id int);
  create view made.seen as select 1 as one;
  create sequence made.counter;
  create materialized view made.kept as select 1 as one with no data;
  create type made.pair as (a int, b int);
  create table made.parted (id int) partition by range (id);
  create table made.part partition of made.parted for values from (0) to (10);`;

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("rows are counted as the statements affected them", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    const begin = await insertLsn(cluster);
    await cluster.sql(`create table counted (id int primary key, note text);
      insert into counted select n, 'a' from generate_series(1, 100) n;
      copy counted from program 'seq 1001 1500 | sed s/$/,copied/' (format csv);
      update counted set note = 'b' where id <= 30;
      update counted set id = -id where id <= 5;
      delete from counted where id between 41 and 60;
      insert into counted select n, 'c' from generate_series(91, 110) n on conflict do nothing`);
    await cluster.sql(
      "begin; insert into counted select n, 'd' from generate_series(2001, 2007) n; rollback",
    );
    await cluster.sql(`create table moving (id int) partition by range (id);
      create table source partition of moving for values from (0) to (100);
      create table target partition of moving for values from (100) to (200);
      insert into moving select generate_series(1, 10);
      delete from moving where id > 8;
      update moving set id = id + 100;`);
    await collide(cluster);
    expect(await countRows(cluster, begin, "counted")).toEqual({
      inserted: 107,
      speculative: 10,
      confirmed: 10,
      multiInserted: 500,
      updated: 35,
      deleted: 20,
    });
    expect(await cluster.count("counted")).toBe(100 + 10 + 500 - 20);
    expect(await countRows(cluster, begin, "source")).toEqual({
      inserted: 10,
      deleted: 2,
      movedOut: 8,
    });
    expect(await countRows(cluster, begin, "target")).toEqual({ inserted: 8 });
    expect(await countRows(cluster, begin, "collided")).toEqual({
      inserted: 1,
      speculative: 1,
      takenBack: 1,
    });
    await expectDescriptions(cluster, begin);
  });

  test("relations are made as pg_class has them, also where only a page image does", async () => {
    await using cluster = await startCluster({ major, settings: SETTINGS });
    for (const [compression, setting] of await compressions(cluster)) {
      const begin = await insertLsn(cluster);
      const before = await cluster.value("select max(oid::oid::int8) from pg_class");
      await cluster.sql(`set wal_compression = ${setting}; checkpoint; ${RELATIONS}`);
      const { rows, images } = await insertedClassRows(cluster, begin, "pg_class");
      expect(rows.length).toBeGreaterThan(10);
      expect(rows).toEqual(await classRows(cluster, `oid::int8 > ${before}`));
      expect([...images]).toContain(compression);
      await cluster.sql("drop schema made cascade");
    }
  });

  test("many rows at once are read like single ones", async () => {
    // At wal_level=logical rows of an ordinary table stay in WAL beside the page image.
    const settings = { ...SETTINGS, wal_level: "replica" };
    await using cluster = await startCluster({ major, settings });
    // A table like pg_class, but for a column whose type a table may not have: pg_class itself cannot be copied into.
    const columns = String(
      await cluster.value(`select string_agg(quote_ident(attname), ', ' order by attnum)
        from pg_attribute where attrelid = 'pg_class'::regclass and attnum > 0 and attname <> 'relpartbound'`),
    );
    const path = cluster.workspace.path("class.copy");
    const begin = await insertLsn(cluster);
    await cluster.sql(`create table alike as select ${columns} from pg_class with no data;
      copy (select ${columns} from pg_class where oid < 10000 order by oid) to '${path}';
      copy alike from '${path}';`);
    const expected = await classRows(cluster, "oid < 10000");
    expect((await insertedClassRows(cluster, begin, "alike")).rows).toEqual(expected);
    for (const [compression, setting] of await compressions(cluster)) {
      await cluster.sql("delete from alike where oid > 2700");
      await cluster.sql("vacuum alike");
      const again = await insertLsn(cluster);
      await cluster.sql(`checkpoint; set wal_compression = ${setting};
        copy (select ${columns} from pg_class where oid between 2701 and 9999) to '${path}';
        copy alike from '${path}';`);
      const { rows, images } = await insertedClassRows(cluster, again, "alike");
      expect(rows).toEqual(expected.filter(({ oid }) => oid > 2700));
      expect([...images]).toEqual([compression]);
    }
  });
});
