// `hindsight find` against real servers: what it says that a transaction did is what the transaction did, for every kind
// of change that PostgreSQL writes differently. Random workloads: find-random.test.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";

/** The parts of the command's JSON that are looked at here. */
interface Found {
  readonly transactions: readonly FoundTransaction[];
  readonly matched: number;
  readonly searched: { readonly segments: number; readonly withoutIndex: number };
}

interface FoundTransaction {
  readonly xid: string;
  readonly commitLsn: string;
  readonly commitTime: string;
  readonly timeline: number;
  readonly relations: readonly Record<string, unknown>[];
  readonly stopBefore: { readonly target: string; readonly reason: string | null };
  readonly commitBefore: { readonly xid: string } | null;
  readonly commitAfter: { readonly xid: string } | null;
  readonly restorePointBefore: { readonly name: string } | null;
  readonly restorePointAfter: { readonly name: string } | null;
  readonly globalIdentifier: string | null;
}

/** What each transaction does, and what find must say of each relation, by its name. */
const STORY: readonly {
  readonly name: string;
  readonly statements: string;
  readonly relations: Readonly<Record<string, Record<string, unknown>>>;
}[] = [
  {
    name: "insertions",
    statements: "insert into orders select n, 'x', 0 from generate_series(2001, 2100) n",
    relations: { orders: { inserted: 100 } },
  },
  {
    name: "a COPY-like load and an update with it",
    statements:
      "insert into items select n, n from generate_series(1, 500) n; update orders set note = 'y' where id <= 7",
    relations: { items: { inserted: 500 }, orders: { updated: 7 } },
  },
  {
    name: "hot updates of an unindexed column",
    statements: "update items set n = n + 1 where id <= 50",
    relations: { items: { updated: 50 } },
  },
  {
    name: "subtransactions, one rolled back",
    statements:
      "savepoint one; delete from orders where id = 2001; savepoint two; delete from orders where id = 2002; rollback to two; insert into items values (9001, 1)",
    relations: { orders: { deleted: 1 }, items: { inserted: 1 } },
  },
  {
    name: "toasted rows",
    statements: "delete from documents",
    relations: { documents: { deleted: 10 } },
  },
  {
    name: "rows that move to another partition",
    statements: "update parts set kind = 2 where id <= 30",
    relations: { parts_1: { movedOut: 30, deleted: 0 }, parts_2: { movedIn: 30, inserted: 0 } },
  },
  {
    name: "a cascade",
    statements: "delete from customers where id <= 3",
    relations: { customers: { deleted: 3 }, visits: { deleted: 6 } },
  },
  {
    name: "ON CONFLICT",
    statements:
      "insert into orders values (1, 'again', 0), (3001, 'new', 0) on conflict (id) do update set note = excluded.note",
    relations: { orders: { inserted: 1, updated: 1 } },
  },
  {
    name: "TRUNCATE",
    statements: "truncate items",
    relations: { items: { truncated: true, dropped: false, inserted: 0, deleted: 0 } },
  },
  {
    name: "TRUNCATE and a load",
    statements:
      "truncate orders; insert into orders select n, 'z', 0 from generate_series(1, 40) n",
    relations: { orders: { replacedBy: 40, inserted: 0, dropped: false } },
  },
  {
    name: "DROP TABLE",
    statements: "drop table visits",
    relations: { visits: { dropped: true, truncated: false } },
  },
  {
    name: "ALTER TABLE that rewrites",
    statements: "alter table customers alter column id type bigint",
    relations: { customers: { dropped: false, inserted: 0 } },
  },
  {
    name: "a new table, filled and dropped later",
    statements: "create table fleeting as select n as id from generate_series(1, 25) n",
    relations: { fleeting: { inserted: 25 } },
  },
  {
    name: "the drop of a table that no backup ever saw",
    statements: "drop table fleeting",
    relations: { fleeting: { dropped: true } },
  },
  {
    name: "large objects",
    statements: "select lo_from_bytea(0, '\\xdeadbeef')",
    relations: { pg_largeobject: { inserted: 1 } },
  },
  {
    name: "nothing but a new table",
    statements: "create table empty_table (id int)",
    relations: {},
  },
  {
    name: "the accident",
    statements: "delete from orders",
    relations: { orders: { deleted: 40 } },
  },
];

const GROUND = [
  "create table orders (id int primary key, note text, amount int)",
  "insert into orders select n, 'x', n from generate_series(1, 2000) n",
  "create table items (id int primary key, n int)",
  "create table documents (id int, body text); alter table documents alter body set storage external",
  "insert into documents select n, repeat('abc', 4000) from generate_series(1, 10) n",
  "create table parts (id int, kind int) partition by list (kind)",
  "create table parts_1 partition of parts for values in (1)",
  "create table parts_2 partition of parts for values in (2)",
  "insert into parts select n, 1 from generate_series(1, 100) n",
  "create table customers (id int primary key, name text)",
  "create table visits (customer int references customers on delete cascade, n int)",
  "insert into customers select n, 'c' from generate_series(1, 10) n",
  "insert into visits select n % 10 + 1, n from generate_series(0, 19) n",
];

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  let site: ProtectedSite;
  const xids = new Map<string, string>();

  beforeAll(async () => {
    site = await protectCluster({ major, settings: { max_prepared_transactions: 2 } });
    const { production } = site;
    for (const statements of GROUND) await production.sql(statements);
    await production.sql("analyze");
    await site.backUp();
    // From here on pg_class has another file, which no snapshot has seen.
    await production.sql("vacuum full pg_class");
    for (const { name, statements } of STORY) {
      if (name === "the accident") await production.sql("select pg_create_restore_point('before')");
      xids.set(name, (await transaction(production, statements)).xid);
    }
    await production.sql("select pg_create_restore_point('after')");
    await waitForArchived(production);
  });

  afterAll(() => site?.[Symbol.asyncDispose]());

  const find = (...options: readonly string[]): Promise<Found> =>
    site.workspace.json<Found>([...options, "find"]);

  test.each(STORY)("$name", async ({ name, relations }) => {
    const xid = xids.get(name) ?? "";
    const { transactions } = await find(`--xid=${xid}`);
    expect(transactions.map((found) => found.xid)).toEqual([xid]);
    const found = Object.fromEntries(
      (transactions[0]?.relations ?? []).map((relation) => [String(relation["name"]), relation]),
    );
    expect(Object.keys(found).toSorted()).toEqual(Object.keys(relations).toSorted());
    expect(found).toMatchObject(relations);
  });

  test("without options the worst comes first, with what stands around it", async () => {
    const { transactions, searched, matched } = await find("--limit=3");
    expect(matched).toBeGreaterThan(10);
    expect(transactions).toHaveLength(3);
    expect(searched).toMatchObject({ withoutIndex: 0, missing: [], unreadable: [] });
    const [accident] = (await find("--table=orders", "--operation=delete")).transactions;
    expect(accident).toMatchObject({
      xid: xids.get("the accident"),
      restorePointBefore: { name: "before" },
      restorePointAfter: { name: "after" },
      commitBefore: { xid: xids.get("nothing but a new table") },
      stopBefore: { target: accident?.commitLsn, reason: null },
      timeline: 1,
    });
  });

  test("a partitioned table is the sum of its partitions", async () => {
    const { transactions } = await find("--table=public.parts");
    expect(transactions.map(({ xid }) => xid)).toContain(
      xids.get("rows that move to another partition"),
    );
  });

  test("stopping before a transaction shows the table as it was", async () => {
    const [accident] = (await find("--table=orders", "--operation=delete")).transactions;
    const target = [`--type=lsn`, `--target=${accident?.stopBefore.target}`, "--target-exclusive"];
    await using copy = await site.restore("copy", [...target, "--target-action=promote"]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("orders")).toBe(40);
    expect(await site.production.count("orders")).toBe(0);
  });
});
