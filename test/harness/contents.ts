// What all databases of a cluster hold, and whether it is sound: for tests that compare a restored cluster with its primary.
import { expect } from "vitest";
import type { Cluster } from "./cluster.ts";
import type { SqlSession } from "./sql-session.ts";

/** Every table of every database with the number of its rows and a hash of their content. */
export async function contentsOf(cluster: Cluster): Promise<readonly string[]> {
  const contents: string[] = [];
  for (const name of await databasesOf(cluster)) {
    await using session = await cluster.connect(name);
    const tables = await session.sql(
      "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by 1",
    );
    for (const table of tables) {
      const [row] = await session.sql(
        `select count(*), md5(coalesce(string_agg(t::text, ',' order by t::text), '')) as hash from "${table["name"]}" t`,
      );
      contents.push(`${name}.${table["name"]} ${row?.["count"]} ${row?.["hash"]}`);
    }
  }
  return contents;
}

/** Expects amcheck to find nothing in any database. */
export async function expectSound(cluster: Cluster): Promise<void> {
  for (const name of await databasesOf(cluster)) {
    await using session = await cluster.connect(name);
    await session.sql("create extension if not exists amcheck");
    await session.sql(
      `select bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = c.relam
       where a.amname = 'btree' and c.relkind = 'i' and c.relpersistence = 'p'`,
    );
    const damage = await session.sql(
      "select c.relname, v.* from pg_class c, verify_heapam(c.oid) v where c.relkind in ('r', 't', 'm')",
    );
    expect([name, damage]).toEqual([name, []]);
  }
}

/**
 * Expects the visibility map of every table to tell the truth: amcheck passes on one that does not, and then queries that
 * look at an index only give rows that were deleted.
 */
export async function expectVisible(cluster: Cluster): Promise<void> {
  for (const name of await databasesOf(cluster)) {
    await using session = await cluster.connect(name);
    await session.sql("create extension if not exists pg_visibility");
    const wrong = await session.sql(
      `select c.oid::regclass as name, v.t_ctid from pg_class c, pg_check_visible(c.oid) v
         where c.relkind in ('r', 't', 'm')
       union all
       select c.oid::regclass, f.t_ctid from pg_class c, pg_check_frozen(c.oid) f
         where c.relkind in ('r', 't', 'm')`,
    );
    expect([name, wrong]).toEqual([name, []]);
    await expectSameCounts(session);
  }
}

async function expectSameCounts(session: SqlSession): Promise<void> {
  const tables = await session.sql(
    `select c.relname as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
       and exists (select from pg_index i where i.indrelid = c.oid and i.indisunique)`,
  );
  for (const { name } of tables) {
    const count = async (settings: string): Promise<string | null> => {
      await session.sql(settings);
      return await session.value(`select count(*) from "${name}"`);
    };
    const all = await count("reset enable_seqscan; set enable_indexonlyscan = off");
    const only = await count("set enable_seqscan = off; reset enable_indexonlyscan");
    expect([name, only]).toEqual([name, all]);
  }
}

async function databasesOf(cluster: Cluster): Promise<readonly string[]> {
  const rows = await cluster.sql(
    "select datname as name from pg_database where datallowconn order by datname",
  );
  return rows.map(({ name }) => String(name));
}
