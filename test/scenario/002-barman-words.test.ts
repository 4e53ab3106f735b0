// Document 002: users and orders, 100 ordinary orders, a restore point, a DELETE in a transaction, and recovery beside
// production on a port of its own, by Barman's words and by ours. Rows 002-1 to 002-14, 002-18.
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openCluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createOrders, insertNormalOrders, ROWS } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { openSqlSession } from "../harness/sql-session.ts";
import { waitForArchived } from "../harness/wal.ts";

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("recovers 60,104 orders beside a production that has none", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    const label = await site.backUp();
    expect((await workspace.succeed(["list-backup", "main"])).stdout).toContain(label);
    expect((await workspace.succeed(["show-backup", "main", "latest"])).stdout).toMatch(
      /Begin time[\s\S]*End time/i,
    );
    const check = await workspace.succeed(["check", "main"]);
    expect(check.stdout).toMatch(/archive_mode: OK[\s\S]*archive_command: OK/);

    await insertNormalOrders(production);
    expect(await production.count("orders")).toBe(60_104);
    await production.sql("select pg_create_restore_point('before_disaster')");
    const goodTime = String(await production.value("select now()"));
    await production.sql("begin; delete from orders where id > 0; commit");
    expect(await production.count("orders")).toBe(0);
    await waitForArchived(production);

    const directory = workspace.path("recovered");
    const recover = ["recover", "main", "latest", directory, "--target-time", goodTime];
    const plan = await workspace.succeed([...recover, "--dry-run"]);
    expect(plan.stdout).toContain(label);
    expect(existsSync(directory)).toBe(false);
    await workspace.succeed([...recover, "--target-action", "promote"]);
    const settings = await readFile(join(directory, "postgresql.auto.conf"), "utf8");
    expect(settings).toMatch(/restore_command = '.*archive-get.*'/);
    expect(settings).toMatch(/recovery_target_action = 'promote'/);
    expect(settings).toMatch(/recovery_target_timeline = '1'/);
    expect(existsSync(join(directory, "recovery.signal"))).toBe(true);
    await rm(directory, { recursive: true });

    const started = await workspace.succeed([
      "restore",
      "--type=name",
      "--target=before_disaster",
      "--target-action=promote",
      `--pg1-path=${directory}`,
      "--start",
      "--port=5444",
      "--output=json",
    ]);
    const result = JSON.parse(started.stdout);
    expect(result).toMatchObject({
      backup: label,
      recovery: { state: "promoted", port: 5444, timeline: 2 },
    });

    await using recovered = await openCluster({
      workspace,
      major,
      dataDirectory: directory,
      name: "recovered",
      port: 5444,
    });
    await using session = await openSqlSession({
      host: result.recovery.socketDirectory,
      port: 5444,
      database: "postgres",
    });
    expect(await session.value("select count(*) from users")).toBe(String(ROWS.users));
    expect(await session.value("select count(*) from orders")).toBe("60104");
    expect(
      await session.value("select count(*) from orders where product like 'NORMAL_ORDER_%'"),
    ).toBe("100");
    expect(
      await session.value(
        "select max(product) from (select product from orders order by id desc limit 5) l",
      ),
    ).toBe("NORMAL_ORDER_99");
    expect(await production.count("orders")).toBe(0);
    await recovered.stop("fast");
  });
});
