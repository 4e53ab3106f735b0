// Document 004, total loss: the server is stopped and its data directory deleted, only backups remain. It is brought
// back to where it was, paused at a target first, then resumed. Rows 004-1 to 004-4, 004-6 to 004-9.
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { waitForArchived } from "../harness/wal.ts";

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("brings a cluster back of which only the backups remain", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    await site.backUp();
    await production.sql("create database test");
    await production.sql("delete from orders where id % 2 = 0");
    const content = await contentHash(production, "orders");
    await waitForArchived(production);
    await production.stop("fast");
    await rm(production.dataDirectory, { recursive: true });

    await workspace.succeed(["restore"]);
    expect((await stat(production.dataDirectory)).mode & 0o777).toBe(0o700);
    expect(existsSync(join(production.dataDirectory, "recovery.signal"))).toBe(true);
    await production.start();
    await production.waitForPromotion();
    expect(await contentHash(production, "orders")).toBe(content);
    expect(await production.value("select count(*) from pg_database where datname = 'test'")).toBe(
      "1",
    );
    expect(await production.log()).toMatch(/restored log file "[0-9A-F]{24}" from archive/);
    expect(await production.log()).toMatch(/archive recovery complete/);
  });

  test("a server paused at its target is promoted by pg_wal_replay_resume", async () => {
    await using site = await protectCluster({ major });
    const { production } = site;
    await createOrders(production);
    await site.backUp();
    await production.sql("delete from orders where id <= 4");
    const target = String(await production.value("select now()"));
    await production.sql("delete from orders");
    await waitForArchived(production);

    await using copy = await site.restore("copy", ["--type=time", `--target=${target}`]);
    await copy.start();
    await waitUntil(
      "the pause",
      async () => (await copy.value("select pg_is_wal_replay_paused()")) === "t",
    );
    expect(await copy.count("orders")).toBe(60_000);
    expect(await copy.log()).toMatch(/recovery has paused|pausing at the end of recovery/);
    await copy.sql("select pg_wal_replay_resume()");
    await copy.waitForPromotion();
    expect(await copy.count("orders")).toBe(60_000);
  });
});
