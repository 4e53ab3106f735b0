// Catalogue snapshots of running servers of every major, compared with what plain SQL says about each relation.
import { describe, expect, test } from "vitest";
import { type Context, createContext } from "../../src/base/context.ts";
import { createLog, type LogFields } from "../../src/base/log.ts";
import type {
  CatalogueDatabase,
  CatalogueRelation,
  CatalogueSnapshot,
} from "../../src/model/catalogue.ts";
import { parseLsn } from "../../src/model/lsn.ts";
import { readCatalogue } from "../../src/postgres/catalogue.ts";
import type { ConnectionSettings } from "../../src/postgres/connection.ts";
import { type Cluster, openCluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import type { Row } from "../harness/sql-session.ts";
import { createWorkspace } from "../harness/workspace.ts";

const context = createContext();
const ODD = "zeile\n\"2\" 'é' 😀 .,;";

function settingsOf(cluster: Cluster): ConnectionSettings {
  const { socketDirectory, port } = cluster;
  return { socketDirectory, port, user: "postgres", database: "postgres" };
}

/** A context that keeps what is logged. */
function loggingContext(): Context & { readonly lines: readonly [string, string, LogFields][] } {
  const lines: [string, string, LogFields][] = [];
  const log = createLog(
    "debug",
    (level, message, fields) => void lines.push([level, message, fields]),
  );
  return { ...createContext({ log }), lines };
}

function databaseOf(snapshot: CatalogueSnapshot, name: string): CatalogueDatabase {
  const found = snapshot.databases.find((database) => database.name === name);
  if (!found) throw new Error(`there is no database ${name}`);
  return found;
}

function relationOf(database: CatalogueDatabase, name: string): CatalogueRelation {
  const found = database.relations?.filter((relation) => relation.name === name) ?? [];
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} relations named ${name}`);
  return found[0];
}

const OBJECTS = `
  create schema "${ODD.replaceAll('"', '""')}";
  create table "${ODD.replaceAll('"', '""')}"."${ODD.replaceAll('"', '""')}" (id int);
  create table orders (id serial primary key, note text, number int generated always as identity);
  insert into orders (note) select repeat('x', 10) from generate_series(1, 120);
  analyze orders;
  create sequence loose;
  create table bare (id int);
  create table parts (id int primary key) partition by range (id);
  create table parts_low partition of parts for values from (0) to (100);
  create table parts_high partition of parts for values from (100) to (200) partition by range (id);
  create table parts_high_1 partition of parts_high for values from (100) to (200);
  create table child (extra text) inherits (bare, orders);
  create materialized view totals as select id, note from orders;
  create index totals_id on totals (id);
  create view seen as select * from orders;
  create unlogged table quick (id int);
  create type pair as (a int, b text);
  create table moved (id int, note text) tablespace fast;
  create index moved_id on moved (id) tablespace fast;
  create table rewritten (id int, note text);
  vacuum full rewritten;
  vacuum full pg_class;
  vacuum full pg_database`;

/** What plain statements, one thing at a time, say about every relation of a database; keyed by OID. */
const EXPECTED_SQL = `
  select c.oid, coalesce(pg_relation_filenode(c.oid), 0) as relfilenode, c.relisshared as shared,
         case when c.reltablespace = 0 then (select dattablespace from pg_database where datname = current_database())
              else c.reltablespace end as tablespace,
         c.relnamespace as schema, c.relname as name, c.relkind as kind, c.relpersistence as persistence,
         array_to_string(array(select inhparent from pg_inherits where inhrelid = c.oid order by inhseqno), ',') as parents,
         c.reltuples::numeric as rows
    from pg_class c order by c.oid`;

function comparable(relation: CatalogueRelation): Row {
  const { oid, relfilenode, tablespace, schema, name, kind, persistence, rowsEstimate } = relation;
  return {
    oid: String(oid),
    relfilenode: String(relfilenode),
    tablespace: String(tablespace),
    schema: String(schema),
    name,
    kind,
    persistence,
    parents: relation.parents.join(","),
    rows: String(rowsEstimate),
  };
}

/** Compares every relation of a database with {@link EXPECTED_SQL}; shared ones with those of `shared`. */
async function expectSame(
  cluster: Cluster,
  database: CatalogueDatabase,
  shared: CatalogueDatabase,
): Promise<void> {
  await using session = await cluster.connect(database.name);
  const rows = await session.sql(EXPECTED_SQL);
  const withoutShared = (row: Row): Row =>
    Object.fromEntries(Object.entries(row).filter(([key]) => key !== "shared"));
  const own = rows.filter((row) => row["shared"] === "f").map(withoutShared);
  expect(own.length).toBeGreaterThan(300);
  expect(database.relations?.map(comparable)).toEqual(own);
  const oids = rows.filter((row) => row["shared"] === "t").map((row) => Number(row["oid"]));
  expect(shared.relations?.map(({ oid }) => oid)).toEqual(oids);
  const schemas = await session.sql("select oid, nspname as name from pg_namespace order by oid");
  const found = database.schemas.map(({ oid, name }) => ({ oid: String(oid), name }));
  expect(found).toEqual(schemas);
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("every relation of every database, as plain SQL has it", async () => {
    await using workspace = await createWorkspace();
    const location = await workspace.makeDirectory("ts");
    const cluster = await startCluster({ major, workspace, settings: { autovacuum: false } });
    await cluster.sql(`create tablespace fast location '${location}'`);
    for (const statement of OBJECTS.split(/;\n/)) await cluster.sql(statement);
    await cluster.sql('create database "sh""op é" tablespace fast');
    await cluster.sql("create database closed");
    await cluster.sql("alter database closed allow_connections false");
    const lsnBefore = parseLsn(await cluster.currentLsn());

    const logged = loggingContext();
    const snapshot = await readCatalogue(settingsOf(cluster), logged);
    const { databases } = snapshot;
    expect(snapshot.timeline).toBe(1);
    expect(snapshot.lsn).toBeGreaterThanOrEqual(lsnBefore);
    expect(Math.abs(snapshot.at.epochMilliseconds - Date.now())).toBeLessThan(60_000);
    const listed = await cluster.sql("select oid, datname from pg_database order by oid");
    expect(databases.map(({ oid, name }) => ({ oid: String(oid), datname: name }))).toEqual([
      { oid: "0", datname: "" },
      ...listed,
    ]);
    const unread = databases.filter(({ relations }) => relations === undefined);
    expect(unread.map(({ name }) => name).toSorted()).toEqual(["closed", "template0"]);
    expect(logged.lines).toEqual([]);
    expect(unread).toMatchObject(unread.map(() => ({ lsn: undefined, schemas: [] })));
    for (const { lsn } of databases.filter(({ relations }) => relations))
      expect(lsn).toBeGreaterThanOrEqual(snapshot.lsn);

    const [shared, postgres, shop] = ["", "postgres", 'sh"op é'].map((name) =>
      databaseOf(snapshot, name),
    );
    if (!shared || !postgres || !shop) throw new Error("unreachable");
    for (const database of databases.filter(({ oid, relations }) => oid !== 0 && relations))
      await expectSame(cluster, database, shared);

    // What belongs to what, spelt out.
    const relation = (name: string): CatalogueRelation => relationOf(postgres, name);
    const oidOf = async (name: string): Promise<number> =>
      Number(await cluster.value("select $1::regclass::oid", [name]));
    const orders = relation("orders");
    const toast = relation(`pg_toast_${orders.oid}`);
    expect(orders).toMatchObject({ kind: "r", table: undefined, parents: [], rowsEstimate: 120 });
    expect(relation("orders_pkey")).toMatchObject({ kind: "i", table: orders.oid });
    expect(toast).toMatchObject({ kind: "t", table: orders.oid });
    expect(relation(`pg_toast_${orders.oid}_index`)).toMatchObject({
      kind: "i",
      table: orders.oid,
    });
    expect(relation("orders_id_seq")).toMatchObject({ kind: "S", table: orders.oid });
    expect(relation("orders_number_seq")).toMatchObject({ kind: "S", table: orders.oid });
    expect(relation("loose")).toMatchObject({ kind: "S", table: undefined });
    expect(relation("bare")).toMatchObject({ rowsEstimate: -1, parents: [] });
    expect(relation("child")).toMatchObject({
      parents: [await oidOf("bare"), await oidOf("orders")],
      table: undefined,
    });
    const parts = relation("parts");
    expect(parts).toMatchObject({ kind: "p", relfilenode: 0, parents: [] });
    expect(relation("parts_low")).toMatchObject({ kind: "r", parents: [parts.oid] });
    expect(relation("parts_high_1").parents).toEqual([relation("parts_high").oid]);
    const partsIndex = relation("parts_pkey");
    expect(partsIndex).toMatchObject({ kind: "I", relfilenode: 0, table: parts.oid });
    expect(relation("parts_low_pkey")).toMatchObject({
      kind: "i",
      table: relation("parts_low").oid,
      parents: [partsIndex.oid],
    });
    const totals = relation("totals");
    expect(totals).toMatchObject({ kind: "m", table: undefined });
    expect(relation("totals_id").table).toBe(totals.oid);
    expect(relation(`pg_toast_${totals.oid}`).table).toBe(totals.oid);
    expect(relation("seen")).toMatchObject({ kind: "v", relfilenode: 0 });
    expect(relation("pair")).toMatchObject({ kind: "c", relfilenode: 0 });
    expect(relation("quick").persistence).toBe("u");
    expect(relation(ODD)).toMatchObject({ kind: "r" });
    expect(postgres.schemas).toContainEqual({ oid: relation(ODD).schema, name: ODD });
    const rewritten = relation("rewritten");
    expect(rewritten.relfilenode).toBeGreaterThan(rewritten.oid);

    // Tablespaces: 0 is resolved, whatever the database.
    const fast = Number(
      await cluster.value("select oid from pg_tablespace where spcname = 'fast'"),
    );
    const moved = relation("moved");
    for (const name of ["moved", "moved_id", `pg_toast_${moved.oid}`])
      expect(relation(name).tablespace, name).toBe(fast);
    expect(orders.tablespace).toBe(1663);
    expect(shop.tablespace).toBe(fast);
    expect(relationOf(shop, "pg_class").tablespace).toBe(fast);

    // Catalogues whose file only the relation map knows; rewritten ones have numbers of their own.
    expect(relation("pg_class")).toMatchObject({ oid: 1259, schema: 11 });
    expect(relation("pg_class").relfilenode).toBeGreaterThanOrEqual(16_384);
    expect(relationOf(shop, "pg_class").relfilenode).toBe(1259);
    const pgDatabase = relationOf(shared, "pg_database");
    expect(pgDatabase).toMatchObject({ oid: 1262, tablespace: 1664 });
    expect(pgDatabase.relfilenode).toBe(
      Number(await cluster.value("select pg_relation_filenode('pg_database')")),
    );
    expect(pgDatabase.relfilenode).toBeGreaterThanOrEqual(16_384);
    expect(relationOf(shared, "pg_database_oid_index").table).toBe(1262);
    expect(new Set(shared.relations?.map(({ tablespace }) => tablespace))).toEqual(new Set([1664]));
    expect(shared.schemas.map(({ name }) => name)).toEqual(["pg_catalog", "pg_toast"]);
  });

  test("what commits before its position is in it, what commits after may be", async () => {
    await using cluster = await startCluster({ major });
    await using open = await cluster.connect();
    await open.sql("begin");
    await open.sql("create table uncommitted (id int)");
    await cluster.sql("create table committed (id int)");
    const before = parseLsn(String(await cluster.value("select pg_current_wal_insert_lsn()")));
    const snapshot = await readCatalogue(settingsOf(cluster), context);
    await open.sql("commit");
    expect(snapshot.lsn).toBeGreaterThanOrEqual(before);
    const postgres = databaseOf(snapshot, "postgres");
    expect(postgres.lsn).toBeGreaterThanOrEqual(snapshot.lsn);
    expect(relationOf(postgres, "committed").kind).toBe("r");
    expect(() => relationOf(postgres, "uncommitted")).toThrow("0 relations");
  });

  test("on a standby the position is the one that was replayed", async () => {
    await using workspace = await createWorkspace();
    const cluster = await startCluster({ major, workspace });
    await cluster.sql("create table orders (id int)");
    await cluster.stop();
    const dataDirectory = workspace.path("copy");
    await workspace.runProgram("cp", ["-a", cluster.dataDirectory, dataDirectory]);
    await workspace.write("copy/standby.signal", "");
    const standby = await openCluster({ workspace, major, dataDirectory, name: "copy" });
    await standby.start();
    const snapshot = await readCatalogue(settingsOf(standby), context);
    const replayed = String(await standby.value("select pg_last_wal_replay_lsn()"));
    expect(snapshot).toMatchObject({ timeline: 1, lsn: parseLsn(replayed) });
    expect(relationOf(databaseOf(snapshot, "postgres"), "orders").kind).toBe("r");
  });

  test("a database that cannot be read is left out, and the others are not", async () => {
    await using cluster = await startCluster({ major });
    await cluster.sql("create database locked");
    await cluster.sql("create database private");
    await cluster.sql("create database other");
    await cluster.sql("revoke connect on database private from public");
    await cluster.sql("create role reader login");
    await using session = await cluster.connect("locked");
    await session.sql("begin");
    await session.sql("lock table pg_inherits in access exclusive mode");
    const logged = loggingContext();
    const settings = { ...settingsOf(cluster), user: "reader" };
    const snapshot = await readCatalogue(settings, logged);
    const read = snapshot.databases.filter(({ relations }) => relations).map(({ name }) => name);
    expect(read.toSorted()).toEqual(["", "other", "postgres", "template1"]);
    expect(databaseOf(snapshot, "locked")).toMatchObject({ allowConnections: true, schemas: [] });
    expect(logged.lines.map(([level, , fields]) => [level, fields["database"]])).toEqual([
      ["detail", "locked"],
      ["detail", "private"],
    ]);
  });
});
