// Document 001 with `hindsight` for `pgbackrest` and no docker: its configuration file, its commands as they stand, its
// data and its counts. Rows 001-1, 001-2, 001-4, 001-9, 001-13 to 001-19, 001-20 to 001-28, 001-32 (without db-include).
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createCriticalOrders, insertNewOrders, ROWS } from "../harness/orders.ts";
import { startCluster } from "../harness/cluster.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

/** The document's pgbackrest.conf; only paths, the host's name and the role are this machine's. */
async function writeDocumentConfig(workspace: Workspace, production: Cluster): Promise<void> {
  await workspace.write(
    "hindsight.conf",
    `[global]
repo1-path=${workspace.repositoryDirectory}
repo1-retention-full=2
repo1-retention-diff=4
repo1-cipher-type=none

log-level-console=info
log-level-file=debug
log-path=${workspace.path("log")}
start-fast=y
stop-auto=y

# Parallel processing (faster backups)
process-max=4

[main]
pg1-path=${production.dataDirectory}
pg1-port=5432
pg1-host=localhost
pg1-host-user=postgres
pg1-database=postgres
pg1-user=postgres

# Archive settings
archive-async=y
archive-push-queue-max=1GB
`,
  );
}

const METRICS = `select count(*) as total, count(*) filter (where status = 'completed') as completed,
  count(*) filter (where status = 'pending') as pending, count(*) filter (where status = 'cancelled') as cancelled
  from critical_orders`;

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("protects, deletes, and restores in place to the good state by the document's lines", async () => {
    await using workspace = await createWorkspace();
    const { archiveCommand } = workspace;
    await using production = await startCluster({ major, workspace, archiveCommand });
    await writeDocumentConfig(workspace, production);

    const created = await workspace.succeed([
      "--stanza=main",
      "--log-level-console=info",
      "stanza-create",
    ]);
    expect(created.stderr).not.toMatch(/error/i);
    const empty = await workspace.succeed(["--stanza=main", "info"]);
    expect(empty.stdout).toMatch(/^stanza: main\n {4}status: .*\n {4}cipher: none\n/);

    await createCriticalOrders(production);
    const backup = await workspace.succeed([
      "--stanza=main",
      "--type=full",
      "--log-level-console=info",
      "backup",
    ]);
    expect(backup.stderr).toMatch(/full backup size = [\d.]+(?:KB|MB|GB), file total = \d+/);
    expect(backup.stderr).toMatch(
      /backup start archive = [0-9A-F]{24}, lsn = [0-9A-F]+\/[0-9A-F]+/,
    );

    const info = await workspace.succeed(["--stanza=main", "info", "--output=json"]);
    const [stanza] = JSON.parse(info.stdout);
    expect(stanza).toMatchObject({
      name: "main",
      status: { code: 0, message: "ok" },
      archive: [{ id: `${major}-1`, database: { id: 1 } }],
      backup: [
        { type: "full", database: { id: 1 }, label: expect.stringMatching(/^\d{8}-\d{6}F$/) },
      ],
    });
    expect(stanza.archive[0].min).toMatch(/^[0-9A-F]{24}$/);
    expect(stanza.backup[0].archive.start).toMatch(/^[0-9A-F]{24}$/);
    expect(stanza.backup[0].info.size).toBeGreaterThan(1_000_000);
    expect(stanza.backup[0].timestamp.stop).toBeGreaterThanOrEqual(
      stanza.backup[0].timestamp.start,
    );
    const text = await workspace.succeed(["--stanza=main", "info"]);
    expect(text.stdout).toContain("    status: ok\n");
    expect(text.stdout).toMatch(
      new RegExp(
        `db \\(current\\)\\n {8}wal archive min/max \\(${major}\\): [0-9A-F]{24}/[0-9A-F]{24}`,
      ),
    );

    await insertNewOrders(production);
    const [good] = await production.sql(METRICS);
    const goodTime = String(await production.value("select now()"));
    await production.sql("select pg_create_restore_point('good_state_before_disaster')");
    const disaster = await transaction(
      production,
      "delete from critical_orders where status = 'completed'",
    );
    expect(await production.count("critical_orders")).toBe(ROWS.criticalOrders * 0.3);
    await waitForArchived(production);

    const restoreInPlace = async (parameters: readonly string[]): Promise<void> => {
      await production.stop("fast");
      const restored = await workspace.succeed([
        "--stanza=main",
        ...parameters,
        "--target-action=promote",
        "--delta",
        "--log-level-console=info",
        "restore",
      ]);
      expect(restored.stderr).toMatch(/restore backup set \d{8}-\d{6}F/);
      expect(restored.stderr).toMatch(/restore global\/pg_control \(performed last/);
      await production.start();
      await production.waitForPromotion();
    };

    await restoreInPlace(["--type=time", `--target=${goodTime}`]);
    expect(await production.sql(METRICS)).toEqual([good]);
    expect(await production.count("critical_orders")).toBe(10_500);
    const [rpo] = await production.sql(
      `select count(*) as recovered,
         count(*) filter (where created_at <= $1::timestamptz at time zone 'UTC') as should_exist,
         count(*) filter (where created_at > $1::timestamptz at time zone 'UTC') as should_not_exist from critical_orders`,
      [goodTime],
    );
    expect(rpo).toEqual({ recovered: "10500", should_exist: "10500", should_not_exist: "0" });

    // Later recoveries leave the branch that the first one began: the accident's timeline is named.
    const accidentBranch = "--target-timeline=1";
    await restoreInPlace([
      "--type=xid",
      `--target=${disaster.xid}`,
      "--target-exclusive",
      accidentBranch,
    ]);
    expect(await production.count("critical_orders")).toBe(10_500);
    await restoreInPlace(["--type=name", "--target=good_state_before_disaster", accidentBranch]);
    expect(await production.count("critical_orders")).toBe(10_500);
    await restoreInPlace(["--type=xid", `--target=${disaster.xid}`, accidentBranch]);
    expect(await production.count("critical_orders")).toBe(3_000);
  });

  test("restore without a target recovers everything that was archived", async () => {
    await using workspace = await createWorkspace();
    const { archiveCommand } = workspace;
    await using production = await startCluster({ major, workspace, archiveCommand });
    await writeDocumentConfig(workspace, production);
    await workspace.succeed(["--stanza=main", "stanza-create"]);
    await createCriticalOrders(production);
    await workspace.succeed(["--stanza=main", "--type=full", "backup"]);
    await insertNewOrders(production);
    await waitForArchived(production);
    await production.stop("fast");
    await workspace.succeed(["--stanza=main", "--delta", "restore"]);
    await production.start();
    await production.waitForPromotion();
    expect(await production.count("critical_orders")).toBe(10_500);
    // In place, archiving goes on, on the new timeline.
    const segment = await waitForArchived(production);
    expect(segment.slice(0, 8)).toBe("00000002");
  });
});
