// Document 003, the bank: a batch wrongly takes 10,000 from a thousand accounts; a named point was set before it, as its
// best practices ask; afterwards indexes and constraints are intact. Rows 003-1, 003-3, 003-4, 003-5 (gap), 003-6, 003-8.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { switchWal, waitForArchived } from "../harness/wal.ts";

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("rolls a wrong batch back to its named point, with constraints and indexes intact", async () => {
    await using site = await protectCluster({
      major,
      settings: { wal_level: "replica", max_wal_senders: 5 },
    });
    const { production } = site;
    await production.sql(`
      create table accounts (id int primary key, owner text unique not null, balance numeric not null check (balance >= 0));
      create table transfers (id serial primary key, account int not null references accounts, amount numeric not null);
      insert into accounts select i, 'owner ' || i, 100000 from generate_series(1, 5000) i`);
    await site.backUp();
    await production.sql(
      "insert into transfers (account, amount) select i, 500 from generate_series(1, 5000) i",
    );
    await production.sql("select pg_create_restore_point('before_batch')");
    await production.sql(`begin; update accounts set balance = balance - 10000 where id <= 1000;
      insert into transfers (account, amount) select i, -10000 from generate_series(1, 1000) i; commit`);
    await waitForArchived(production);

    await using copy = await site.restore("copy", [
      "--type=name",
      "--target=before_batch",
      "--target-action=promote",
    ]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("accounts", "balance <> 100000")).toBe(0);
    expect(await copy.count("transfers")).toBe(5000);
    await expect(copy.sql("insert into accounts values (1, 'again', 0)")).rejects.toThrow(
      /duplicate key/,
    );
    await expect(copy.sql("update accounts set balance = -1")).rejects.toThrow(/check constraint/);
    await expect(copy.sql("insert into transfers (account, amount) values (0, 1)")).rejects.toThrow(
      /foreign key/,
    );
    await copy.sql("create extension amcheck");
    await copy.sql(
      "select bt_index_check(indexrelid, true) from pg_index where indrelid in ('accounts'::regclass, 'transfers'::regclass)",
    );
  });

  test("WAL that does not span to the target is said before a byte is written", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await production.sql("create table t (id int)");
    await site.backUp();
    await production.sql("insert into t values (1)");
    const reachable = String(await production.value("select now()"));
    // PostgreSQL stops at a time when it meets the first commit past it, so that one must be there too.
    await production.sql("insert into t values (2)");
    await waitForArchived(production);
    await production.sql("insert into t values (2)");
    const lost = await switchWal(production);
    await waitForArchived(production, lost);
    await production.sql("insert into t values (3)");
    await production.sql("select pg_create_restore_point('beyond')");
    await waitForArchived(production);
    const archive = join(workspace.repositoryDirectory, "stanza", "main", "archive", `${major}-1`);
    await rm(join(archive, lost.slice(0, 16), lost));
    const sources = await snapshotTree(workspace.repositoryDirectory);

    for (const target of [["--type=name", "--target=beyond"], []]) {
      const refused = await site.tryRestore("copy", target);
      expect([refused.exitCode, refused.stderr]).toEqual([31, expect.stringContaining(lost)]);
      await expect(snapshotTree(workspace.path("copy"))).rejects.toThrow("ENOENT");
    }
    expect(await snapshotTree(workspace.repositoryDirectory)).toEqual(sources);

    await using copy = await site.restore("copy", [
      "--type=time",
      `--target=${reachable}`,
      "--target-action=promote",
    ]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("t")).toBe(1);
  });
});
