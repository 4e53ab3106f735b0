// A restore to the end of the archive that must not promote: pause and shutdown stop at the last archived record, and
// the programs are found where the backed up server ran, without any configuration.
import { readdir } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { openSqlSession } from "../harness/sql-session.ts";
import { waitForArchived } from "../harness/wal.ts";

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("stays paused at the end of the archive with every row, on the same timeline", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    await site.backUp();
    await production.sql("delete from orders where id <= 4");
    await waitForArchived(production);
    await workspace.configure(production, { main: { "pg1-bin-path": [] } });

    const restore = [
      "restore",
      `--pg1-path=${workspace.path("copy")}`,
      "--target-action=pause",
      "--start",
    ];
    const result = await workspace.succeed([...restore, "--output=json"]);
    const { recovery } = JSON.parse(result.stdout);
    expect(recovery).toMatchObject({ state: "paused", timeline: 1 });
    const place = { host: recovery.socketDirectory, port: recovery.port, database: "postgres" };
    await using session = await openSqlSession(place);
    expect(await session.value("select count(*) from orders")).toBe("60000");
    expect(await session.value("select pg_is_in_recovery()")).toBe("t");
    // The launcher moved every segment that was fetched ahead to where PostgreSQL wanted it.
    expect(await readdir(workspace.path("copy", "pg_wal", "hindsight-spool"))).toEqual([]);
  });

  test("shuts down at the end of the archive without a new timeline", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await site.backUp();
    await waitForArchived(production);
    const copy = `--pg1-path=${workspace.path("copy")}`;
    const result = await workspace.succeed([
      "restore",
      copy,
      "--target-action=shutdown",
      "--start",
      "--output=json",
    ]);
    expect(JSON.parse(result.stdout).recovery).toMatchObject({ state: "shutdown", timeline: 1 });
  });
});
