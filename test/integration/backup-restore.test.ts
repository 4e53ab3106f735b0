// The whole path on real servers of every major: a full backup under way while rows change, and restores to every kind
// of target, each compared row by row with what production held at that instant.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";

/** Production after a backup and three transactions, with what the table held after each. */
interface Story {
  readonly site: ProtectedSite;
  readonly label: string;
  readonly second: {
    xid: string;
    beginLsn: string;
    endLsn: string;
    beginTime: string;
    endTime: string;
  };
  /** Content of the table after 0, 1, 2 and 3 transactions. */
  readonly contents: readonly string[];
}

async function tellStory(major: number): Promise<Story> {
  const site = await protectCluster({ major });
  const { production } = site;
  await createOrders(production);
  const label = await site.backUp();
  const contents = [await contentHash(production, "orders")];
  await transaction(production, "delete from orders where id <= 10");
  contents.push(await contentHash(production, "orders"));
  await production.sql("select pg_create_restore_point('after_first')");
  const second = await transaction(
    production,
    "update orders set amount = 0 where id between 11 and 20",
  );
  contents.push(await contentHash(production, "orders"));
  await transaction(production, "truncate orders");
  contents.push(await contentHash(production, "orders"));
  await waitForArchived(production);
  return { site, label, second, contents };
}

async function promoted(cluster: Cluster): Promise<Cluster> {
  await cluster.start();
  await cluster.waitForPromotion();
  return cluster;
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("restores to the end and to every kind of target, exactly", async () => {
    const { site, second, contents, label } = await tellStory(major);
    await using _ = site;
    const cases: readonly (readonly [string, readonly string[], number])[] = [
      ["latest", [], 3],
      ["name", ["--type=name", "--target=after_first", "--target-action=promote"], 1],
      ["xid", ["--type=xid", `--target=${second.xid}`, "--target-action=promote"], 2],
      [
        "before-xid",
        ["--type=xid", `--target=${second.xid}`, "--target-exclusive", "--target-action=promote"],
        1,
      ],
      ["time", ["--type=time", `--target=${second.endTime}`, "--target-action=promote"], 2],
      [
        "before-time",
        ["--type=time", `--target=${second.beginTime}`, "--target-action=promote"],
        1,
      ],
      [
        "lsn",
        [
          "--type=lsn",
          `--target=${second.endLsn}`,
          "--target-exclusive",
          "--target-action=promote",
        ],
        2,
      ],
      ["immediate", ["--type=immediate", `--set=${label}`, "--target-action=promote"], 0],
    ];
    for (const [name, parameters, transactions] of cases) {
      await using copy = await promoted(await site.restore(name, parameters));
      expect([name, await contentHash(copy, "orders")]).toEqual([name, contents[transactions]]);
      expect([name, await copy.value("show archive_mode")]).toEqual([name, "off"]);
    }
  });

  test("a restored cluster passes amcheck, and its files match the backup label", async () => {
    await using site = await protectCluster({ major });
    await createOrders(site.production);
    await site.backUp();
    await waitForArchived(site.production);
    await using copy = await site.restore("copy", []);
    expect(await readFile(join(copy.dataDirectory, "backup_label"), "utf8")).toMatch(
      /^START WAL LOCATION: /,
    );
    await promoted(copy);
    await copy.sql("create extension amcheck");
    const indexes = await copy.sql(
      `select c.relname, bt_index_check(c.oid, true) from pg_class c join pg_am a on a.oid = c.relam
       where a.amname = 'btree' and c.relpersistence = 'p' and c.relkind = 'i'`,
    );
    expect(indexes.length).toBeGreaterThan(50);
    const tables = await copy.sql(
      "select v.* from pg_class c, verify_heapam(c.oid) v where c.relkind in ('r', 't', 'm')",
    );
    expect(tables).toEqual([]);
  });
});
