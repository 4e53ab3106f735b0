// Row 43 of the fault matrix: relations and databases come, go and are rewritten while they are copied. A restore of that
// backup to the end of the archive holds exactly what the primary holds, in every database, and passes amcheck.
import { existsSync } from "node:fs";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { contentsOf, expectSound } from "../harness/contents.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import type { SqlSession } from "../harness/sql-session.ts";
import { waitForArchived } from "../harness/wal.ts";
import { backUpDuring, layBusySite } from "./backup-ground.ts";

/** One turn of what happens to relations; `turn` counts up. */
const TURN: readonly ((turn: number) => string)[] = [
  (turn) =>
    `create table made_${turn} as select i, repeat('x', 100) as t from generate_series(1, 2000) i`,
  (turn) => `create index on made_${turn} (i)`,
  (turn) => `drop table if exists "made_${turn - 3}"`,
  () => "insert into emptied select i, i::text from generate_series(1, 1000) i",
  () => "truncate emptied",
  (turn) => `insert into emptied values (${turn}, 'after the truncate')`,
  () => "update rewritten set n = n + 1",
  () => "vacuum full rewritten",
  () => "cluster rewritten using rewritten_pkey",
  () => "reindex table rewritten",
  () => "delete from shrunk where id % 2 = 0",
  () => "vacuum (truncate) shrunk",
  (turn) =>
    `insert into shrunk select i from generate_series(${turn * 10_000}, ${turn * 10_000 + 9999}) i`,
  () => "delete from shrunk where id < (select max(id) - 9999 from shrunk)",
  (turn) => `alter table rewritten alter column n type ${turn % 2 === 0 ? "bigint" : "numeric"}`,
];

async function createSubjects(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    create table emptied (id int, t text);
    create table rewritten (id int primary key, n numeric);
    insert into rewritten select i, i from generate_series(1, 5000) i;
    create table shrunk (id int);
    insert into shrunk select i from generate_series(1, 20000) i;`);
}

/** More would only give the archiver more WAL to store. */
const TABLE_TURNS_MAX = 20;
const DATABASE_TURNS_MAX = 4;

/** Does one thing after the other, each a transaction of its own, until it is told to stop. */
async function churn(session: SqlSession, isOver: () => boolean): Promise<number> {
  let turn = 0;
  while (!isOver() && turn < TABLE_TURNS_MAX) {
    turn += 1;
    for (const statement of TURN) {
      await session.sql(statement(turn));
      if (isOver()) break;
    }
  }
  return turn;
}

/** Creates databases, from 15 on by both strategies, puts a row in each, and drops some. */
async function churnDatabases(cluster: Cluster, isOver: () => boolean): Promise<void> {
  const strategies = cluster.major >= 15 ? ["wal_log", "file_copy"] : [""];
  for (let turn = 1; !isOver() && turn <= DATABASE_TURNS_MAX; turn += 1) {
    for (const strategy of strategies) {
      const name = `made_${turn}${strategy}`;
      await cluster.sql(
        `create database ${name} template template_own ${strategy && `strategy ${strategy}`}`,
      );
      await using inside = await cluster.connect(name);
      await inside.sql(`insert into inherited values (${turn})`);
    }
    await cluster.sql(`drop database if exists "made_${turn - 2}${strategies[0]}"`);
  }
}

async function expectSameAsPrimary(site: ProtectedSite): Promise<void> {
  const { production } = site;
  await waitForArchived(production);
  const expected = await contentsOf(production);
  await using copy = await site.restore("copy", []);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentsOf(copy)).toEqual(expected);
  await expectSound(copy);
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("tables and indexes that come, go and are rewritten during a backup are restored as they are", async () => {
    await using site = await layBusySite({ major, walSegmentSizeMb: 16 });
    await createSubjects(site.production);
    let turns = 0;
    await backUpDuring(site, async (isOver) => {
      await using session = await site.production.connect();
      turns = await churn(session, isOver);
    });
    expect(turns).toBeGreaterThan(1);
    await expectSameAsPrimary(site);
  });

  test("databases that are created and dropped during a backup are restored as they are", async () => {
    await using site = await layBusySite({ major, walSegmentSizeMb: 16 });
    const { production } = site;
    await production.sql("create database template_own");
    {
      await using template = await production.connect("template_own");
      await template.sql("create table inherited (id int); insert into inherited values (0)");
    }
    await backUpDuring(site, (isOver) => churnDatabases(production, isOver));
    expect(
      Number(await production.value("select count(*) from pg_database where datname ~ '^made'")),
    ).toBeGreaterThan(0);
    await expectSameAsPrimary(site);
  });
});

describe(`PostgreSQL ${NEWEST_MAJOR}`, () => {
  test("a table that grows past 1 GB during the backup is restored whole", async () => {
    await using site = await layBusySite({ major: NEWEST_MAJOR });
    const { production } = site;
    await production.sql("create table large (id int, filler text)");
    const insert = (from: number, to: number): string =>
      `insert into large select i, repeat('x', 1900) from generate_series(${from}, ${to}) i`;
    await production.sql(insert(1, 1000));
    await growByEmptyPages(production, "large", RELATION_SEGMENT_BYTES - 100 * PAGE_BYTES);
    const secondSegment = (await pathOf(production, "large")) + ".1";
    await backUpDuring(site, async () => {
      expect(existsSync(secondSegment)).toBe(false);
      await production.sql(insert(1001, 3000));
      expect(existsSync(secondSegment)).toBe(true);
    });
    await waitForArchived(production);
    await using copy = await site.restore("copy", []);
    await copy.start();
    await copy.waitForPromotion();
    const rows = "select count(*), sum(id), pg_relation_size('large') as size from large";
    const [expected] = await production.sql(rows);
    expect([expected?.["count"], await copy.sql(rows)]).toEqual(["3000", [expected]]);
  });
});

const PAGE_BYTES = 8192;
const RELATION_SEGMENT_BYTES = 2 ** 30;

async function pathOf(cluster: Cluster, table: string): Promise<string> {
  const path = await cluster.value(`select pg_relation_filepath('${table}')`);
  return join(cluster.dataDirectory, String(path));
}

/** Makes a table's file this long by pages that hold nothing, which PostgreSQL takes for new ones. */
async function growByEmptyPages(cluster: Cluster, table: string, bytes: number): Promise<void> {
  const path = await pathOf(cluster, table);
  await cluster.stop("fast");
  await truncate(path, bytes);
  await cluster.start();
}
