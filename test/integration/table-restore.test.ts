// One table, or one database, out of a cluster without checksums, while others see what makes redo look at pages that no
// full-page image precedes: VACUUM and the cleanup of a hash index. Recovery is strict: it ends in PANIC when a hole is met
// (rules.md B).
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, openCluster } from "../harness/cluster.ts";
import { errorCode } from "../fault/archive-ground.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";

/** What is wanted of the table, whatever order its rows lie in. */
const DIGEST = `select count(*) || ' ' || md5(string_agg(t::text, ',' order by id)) from orders as t`;

async function inDatabase(cluster: Cluster, database: string, text: string): Promise<string> {
  await using session = await cluster.connect(database);
  return String(await session.value(text));
}

/**
 * Tables that are not wanted. The first was never vacuumed, so that VACUUM marks its pages all-visible without changing
 * them; the hash index has long chains, so that cleaning their ends up locks first pages without changing them.
 */
async function createUnwanted(cluster: Cluster, database: string): Promise<void> {
  await using session = await cluster.connect(database);
  await session.sql(`
    create table loaded (id int primary key, body text);
    insert into loaded select i, repeat(md5(i::text), 4) from generate_series(1, 20000) i;
    create table hashed (id int, bucket int);
    create index on hashed using hash (bucket);
    insert into hashed select i, i % 5 from generate_series(1, 20000) i;
    create table mixed (id int primary key, body text);
    insert into mixed select i, md5(i::text) from generate_series(1, 20000) i;
    create table untouched (id int primary key, body text);
    insert into untouched select i, repeat(md5(i::text), 8) from generate_series(1, 30000) i;`);
}

async function createWanted(cluster: Cluster): Promise<void> {
  await using session = await cluster.connect("shop");
  await session.sql(`
    create extension amcheck;
    create table orders (id int generated always as identity, at date not null, body text, primary key (id, at))
      partition by range (at);
    create table orders_2025 partition of orders for values from ('2025-01-01') to ('2026-01-01');
    create table orders_2026 partition of orders for values from ('2026-01-01') to ('2027-01-01');
    alter table orders_2025 alter body set storage external;
    insert into orders (at, body)
      select date '2025-06-01' + i % 400, repeat(md5(i::text), case when i % 50 = 0 then 200 else 2 end)
      from generate_series(1, 5000) i;
    create index on orders (body text_pattern_ops) where length(body) < 100;`);
}

async function changeUnwanted(cluster: Cluster, database: string): Promise<void> {
  await using session = await cluster.connect(database);
  await session.sql("vacuum loaded");
  await session.sql("delete from hashed where id > 19000");
  await session.sql("vacuum hashed");
  await session.sql("delete from mixed where id % 10 = 0");
  await session.sql("vacuum mixed");
  await session.sql("update mixed set body = body || 'x' where id % 100 = 1");
}

async function laySite(major: number): Promise<ProtectedSite> {
  const site = await protectCluster({
    major,
    checksums: false,
    settings: { autovacuum: false, wal_log_hints: false },
  });
  const { production } = site;
  for (const database of ["shop", "other"]) {
    await production.sql(`create database ${database}`);
    await createUnwanted(production, database);
  }
  await createWanted(production);
  // Also a rewritten catalogue, whose file has the number of a user's relation.
  await using session = await production.connect("shop");
  await session.sql("vacuum full pg_class");
  await session.sql("vacuum (freeze, analyze) orders");
  await site.backUp();
  await session.sql("update orders set body = body || 'changed' where id % 7 = 0");
  await session.sql("delete from orders where id % 11 = 0");
  await session.sql("vacuum orders");
  for (const database of ["shop", "other"]) await changeUnwanted(production, database);
  return site;
}

function openCopy({ workspace, production }: ProtectedSite, name: string): Promise<Cluster> {
  const dataDirectory = workspace.path(name);
  return openCluster({ workspace, major: production.major, dataDirectory, name });
}

/** Space that a table's main file takes, and its size. */
async function space(
  cluster: Cluster,
  database: string,
  table: string,
): Promise<{ taken: number; size: number }> {
  const path = await inDatabase(cluster, database, `select pg_relation_filepath('${table}')`);
  const { blocks, size } = await stat(join(cluster.dataDirectory, path));
  return { taken: blocks * 512, size };
}

async function expectStrictRecovery(copy: Cluster): Promise<void> {
  await copy.start();
  // A server that PANICs does not answer any more; its log tells why.
  await copy.waitForPromotion().catch(() => undefined);
  expect(await copy.log()).not.toMatch(/PANIC|FATAL|invalid page/);
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  let site: ProtectedSite;

  beforeAll(async () => {
    site = await laySite(major);
  });

  afterAll(() => site[Symbol.asyncDispose]());

  test("one table comes back right out of a cluster that is left out, and cannot be taken for a whole one", async () => {
    const { production, workspace } = site;
    const expected = await inDatabase(production, "shop", DIGEST);
    await waitForArchived(production);
    const dataDirectory = workspace.path("table");
    const words = [`--pg1-path=${dataDirectory}`, "--table-include=shop.public.orders"];
    const planned = await workspace.succeed([...words, "--dry-run", "restore"]);
    expect(planned.stdout).toMatch(
      /a part of .*: shop\.public\.orders; \d+ relations are left out/,
    );
    const { stdout } = await workspace.succeed([...words, "--output=json", "restore"]);
    const { partial, bytes } = JSON.parse(stdout) as {
      partial: { holes: string[]; marker: string };
      bytes: number;
    };
    expect(partial.holes).toContain("shop.public.untouched");
    expect(partial.holes).toContain("other.public.hashed");
    expect(partial.holes.filter((name) => name.includes("orders"))).toEqual([]);
    await using copy = await openCopy(site, "table");
    await expectStrictRecovery(copy);
    expect(await inDatabase(copy, "shop", DIGEST)).toBe(expected);
    await checkIndexes(copy);
    // What was left out takes no space but what redo looked at.
    const untouched = await space(copy, "shop", "untouched");
    expect(untouched.size).toBeGreaterThan(5_000_000);
    expect(untouched.taken).toBeLessThan(200_000);
    expect(bytes).toBeLessThan(
      Number(await production.value("select sum(pg_database_size(oid)) from pg_database")) -
        15_000_000,
    );
    for (const [name, value] of [
      ["archive_mode", "off"],
      ["autovacuum", "off"],
      ["default_transaction_read_only", "on"],
    ]) {
      expect([name, await copy.value(`show ${name}`)]).toEqual([name, value]);
    }
    await expect(copy.sql("create table t (id int)")).rejects.toThrow(/read-only/);
    const marker = JSON.parse(await readFile(partial.marker, "utf8")) as { holes: string[] };
    expect(marker.holes).toEqual(partial.holes);
    // Neither backs up nor archives.
    const connection = [`--pg1-socket-path=${copy.socketDirectory}`, `--pg1-port=${copy.port}`];
    const backup = await workspace.run([...connection, `--pg1-path=${dataDirectory}`, "backup"]);
    expect([backup.exitCode, errorCode(backup)]).toEqual([11, "CLUSTER_PARTIAL"]);
    const wal = join(
      dataDirectory,
      "pg_wal",
      (await copy.value("select pg_walfile_name(pg_current_wal_lsn())")) ?? "",
    );
    const push = await workspace.run(["archive-push", wal]);
    expect([push.exitCode, errorCode(push)]).toEqual([11, "CLUSTER_PARTIAL"]);
  });

  test("one database comes back right; one that is copied by its files in the middle of recovery is not left out", async () => {
    const { production, workspace } = site;
    const strategy = major >= 15 ? " strategy file_copy" : "";
    await production.sql(`create database twin template other${strategy}`);
    const digest = "select count(*) || ' ' || sum(hashtext(body)::bigint) from mixed";
    const expected = await inDatabase(production, "other", digest);
    await waitForArchived(production);
    const { stdout } = await workspace.succeed([
      `--pg1-path=${workspace.path("database")}`,
      "--db-exclude=other",
      "--output=json",
      "restore",
    ]);
    const { partial } = JSON.parse(stdout) as { partial: { holes: string[] } };
    expect(partial.holes).toEqual([]);
    await using copy = await openCopy(site, "database");
    await expectStrictRecovery(copy);
    expect(await inDatabase(copy, "twin", digest)).toBe(expected);
    expect(await inDatabase(copy, "shop", DIGEST)).toBe(
      await inDatabase(production, "shop", DIGEST),
    );
  });

  test("what cannot be restored by itself is refused before anything is written", async () => {
    const { production, workspace } = site;
    const refusals = [
      [["--table-include=shop.public.nothing"], 2, "RELATION_UNKNOWN"],
      [["--table-include=orders"], 2, "RELATION_INVALID"],
      [["--db-include=nowhere"], 2, "CONFIG_OPTION_INVALID"],
      [["--db-include=shop", "--type=standby"], 29, "PART_IMPOSSIBLE"],
      [["--db-include=shop", "--type=none"], 29, "PART_IMPOSSIBLE"],
    ] as const;
    for (const [words, exitCode, code] of refusals) {
      const result = await site.tryRestore("refused", words);
      expect([words, result.exitCode, errorCode(result)]).toEqual([words, exitCode, code]);
    }
    await expect(stat(workspace.path("refused"))).rejects.toMatchObject({ code: "ENOENT" });
    await production.stop();
    const inPlace = await workspace.run(["--delta", "--db-include=shop", "restore"]);
    expect([inPlace.exitCode, errorCode(inPlace)]).toEqual([30, "DESTINATION_UNSAFE"]);
    await production.start();
    expect(await inDatabase(production, "shop", "select count(*) > 0 from orders")).toBe("t");
  });
});

async function checkIndexes(copy: Cluster): Promise<void> {
  await using session = await copy.connect("shop");
  const indexes = await session.sql(
    `select indexrelid::regclass::text as name from pg_index join pg_class on pg_class.oid = indexrelid
      where relkind = 'i' and relam = 403 and (indrelid in (select inhrelid from pg_inherits) or
        indrelid in (select reltoastrelid from pg_class where relname like 'orders%'))`,
  );
  expect(indexes.length).toBeGreaterThanOrEqual(4);
  for (const { name } of indexes) {
    await session.sql(`select bt_index_check('${String(name)}'::regclass, true)`);
  }
}
