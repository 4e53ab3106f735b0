// A stopped production that went on after its backup is restored in place, keeping what is right: the result is byte for
// byte what a restore into an empty directory gives.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { waitForArchived } from "../harness/wal.ts";

interface Outcome {
  readonly filesKept: number;
  readonly filesRestored: number;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("--delta keeps what production still has of its backup, and the rest is as restored anew", async () => {
    await using site = await protectCluster({ major, settings: { autovacuum: false } });
    const { production, workspace } = site;
    await createOrders(production);
    await production.sql("create table dropped as select generate_series(1, 100000) as id");
    const before = await contentHash(production, "orders");
    await site.backUp();
    await waitForArchived(production);
    // One row in the middle of a large file, a file less, files more, a longer one, and a rewritten one.
    await production.sql("update orders set amount = 0 where id = 30000");
    await production.sql("drop table dropped");
    await production.sql("create table added as select generate_series(1, 100000) as id");
    await production.sql(
      "insert into users (name, email) select 'new', i::text from generate_series(1, 500) i",
    );
    await production.sql("vacuum full pg_class");
    await production.sql("checkpoint");
    const orders = String(await production.value("select pg_relation_filepath('orders')"));
    await production.stop();
    const { ino } = await stat(join(production.dataDirectory, orders));

    const words = ["--type=immediate", "--target-action=promote", "--output=json"];
    const { stdout } = await workspace.succeed([...words, "--delta", "restore"]);
    const { filesKept, filesRestored } = JSON.parse(stdout) as Outcome;
    expect(filesKept).toBeGreaterThan(800);
    expect(filesRestored).toBeLessThan(60);
    // The large file was mended, not made anew.
    expect((await stat(join(production.dataDirectory, orders))).ino).toBe(ino);

    await using copy = await site.restore("copy", [...words, "--archive-mode=preserve"]);
    const trees = await Promise.all(
      [production, copy].map(({ dataDirectory }) => snapshotTree(dataDirectory)),
    );
    expect(trees[0]).toEqual(trees[1]);

    await production.start();
    await production.waitForPromotion();
    expect(await contentHash(production, "orders")).toBe(before);
    expect(await production.count("dropped")).toBe(100_000);
    await expect(production.count("added")).rejects.toThrow(/does not exist/);
  });
});
