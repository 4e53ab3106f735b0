// Rows 25, 28 and 57 of the fault matrix: copies that promote into production's archive. Whatever they do, all that is
// stored belongs together, production keeps archiving, and every branch can be restored.
import { chmod, copyFile, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Cluster, openCluster } from "../harness/cluster.ts";
import { expectSuccess } from "../harness/command.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { switchWal, waitForArchived } from "../harness/wal.ts";
import { archivedNames, objectPath } from "./archive-ground.ts";
import { changeRestoreCommand, recover } from "./promotion-ground.ts";

const FORK = ["--type=name", "--target=fork", "--target-action=promote"];

/** Production that went on after the restore point `fork`, and a copy that was promoted there and archives as well. */
async function fork(major: number): Promise<{ site: ProtectedSite; clone: Cluster }> {
  const site = await protectCluster({ major });
  const { production } = site;
  await production.sql("create table t (id int, who text)");
  await site.backUp();
  await production.sql("insert into t values (1, 'both')");
  await production.sql("select pg_create_restore_point('fork')");
  await production.sql("insert into t values (2, 'production')");
  await waitForArchived(production);
  const clone = await site.restore("clone", [...FORK, "--archive-mode=preserve"]);
  await clone.start();
  await clone.waitForPromotion();
  await clone.sql("insert into t values (2, 'clone')");
  await waitForArchived(clone);
  return { site, clone };
}

/** Waits until a server's archiver was refused this file. */
async function waitForCollision(cluster: Cluster, name: string): Promise<void> {
  await waitUntil(`${name} to be refused`, async () => {
    const [status] = await cluster.sql(
      "select last_failed_wal, failed_count from pg_stat_archiver",
    );
    return status?.["last_failed_wal"] === name && Number(status["failed_count"]) > 0;
  });
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("row 25: a segment is stored as partial, whole, and on two timelines; both branches restore", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await production.sql("create table t (id int, who text)");
    await site.backUp();
    await waitForArchived(production);
    // The copy gets the segment that production has not archived yet, as after the loss of a machine.
    await production.sql("insert into t values (1, 'both')");
    const shared = String(await production.value("select pg_walfile_name(pg_current_wal_lsn())"));
    await using clone = await site.restore("clone", ["--archive-mode=preserve"]);
    const salvaged = join(clone.dataDirectory, "pg_wal", shared);
    await copyFile(join(production.dataDirectory, "pg_wal", shared), salvaged);
    await workspace.give(salvaged);
    expect(await recover(clone)).toMatchObject({ state: "promoted", timeline: 2 });
    expect(await clone.count("t")).toBe(1);
    for (const [who, cluster] of [["clone", clone] as const, ["production", production] as const]) {
      await cluster.sql(`insert into t values (2, '${who}')`);
      await waitForArchived(cluster);
    }
    await production.sql("insert into t values (3, 'production')");
    await waitForArchived(production);

    const names = await archivedNames(production);
    expect(names).toContain("00000002.history");
    expect(names).toContain(`${shared}.partial`);
    expect(names).toContain(shared);
    expect(names).toContain(`00000002${shared.slice(8)}`);

    const branches: readonly (readonly [string, Cluster])[] = [
      ["1", production],
      ["2", clone],
      ["latest", clone],
    ];
    for (const [timeline, original] of branches) {
      const name = `branch-${timeline}`;
      await using copy = await site.restore(name, [`--target-timeline=${timeline}`]);
      await copy.start();
      await copy.waitForPromotion();
      const content = await contentHash(copy, "t");
      expect([timeline, content]).toEqual([timeline, await contentHash(original, "t")]);
    }
  });

  test("row 28: while histories cannot be read no copy chooses a timeline, and afterwards it takes a free one", async () => {
    const { site } = await fork(major);
    await using _ = site;
    const { production } = site;
    await using copy = await site.restore("copy", [...FORK, "--target-timeline=1"]);
    const folder = dirname(objectPath(production, "00000002.history"));
    await chmod(folder, 0o000);
    try {
      expect(await recover(copy)).toMatchObject({ state: "refused", timeline: 1 });
    } finally {
      await chmod(folder, 0o700);
    }
    expect(await recover(copy)).toMatchObject({ state: "promoted", timeline: 3 });
    expect(await copy.count("t")).toBe(1);
  });

  test("row 57: a second copy that cannot see the first is refused its timeline, and production goes on", async () => {
    const { site, clone } = await fork(major);
    await using _ = site;
    const { production } = site;
    const stored = await readFile(objectPath(production, "00000002.history"));
    // The mistake: a restore_command that hides histories, and archiving left on.
    const parameters = ["--type=immediate", "--target-action=promote", "--archive-mode=preserve"];
    await using twin = await site.restore("twin", [...parameters, "--target-timeline=1"]);
    await changeRestoreCommand(twin, (own) => `case %f in *.history) exit 1;; esac; ${own}`);
    expect(await recover(twin)).toMatchObject({ state: "promoted", timeline: 2 });
    await twin.sql("insert into t values (4, 'twin')");
    await switchWal(twin);
    await waitForCollision(twin, "00000002.history");
    expect(await twin.log()).toContain("WAL_DUPLICATE_DIFFERS");
    expect(await twin.log()).toContain("failed with exit code 24");

    expect(stored.equals(await readFile(objectPath(production, "00000002.history")))).toBe(true);
    await production.sql("insert into t values (3, 'production')");
    await waitForArchived(production);
    await clone.sql("insert into t values (3, 'clone')");
    await waitForArchived(clone);
    await using copy = await site.restore("copy", ["--target-timeline=2"]);
    expect(await recover(copy)).toMatchObject({ state: "promoted", timeline: 3 });
    expect(await contentHash(copy, "t")).toBe(await contentHash(clone, "t"));
  });

  test("row 57: a copy of the files that stays on production's timeline is refused production's segments", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await production.sql("create table t (id int, who text)");
    await site.backUp();
    await production.stop();
    const dataDirectory = workspace.path("files");
    expectSuccess(
      await workspace.runProgram("/bin/cp", ["-a", production.dataDirectory, dataDirectory]),
    );
    await production.start();
    await production.sql("insert into t values (1, 'production')");
    const segment = await waitForArchived(production);
    const stored = await readFile(objectPath(production, segment));

    await using files = await openCluster({ workspace, major, dataDirectory, name: "files" });
    await files.start();
    await files.sql("insert into t values (1, 'files')");
    expect(await switchWal(files)).toBe(segment);
    await waitForCollision(files, segment);
    expect(await files.log()).toContain("failed with exit code 24");
    expect(stored.equals(await readFile(objectPath(production, segment)))).toBe(true);

    await production.sql("insert into t values (2, 'production')");
    await waitForArchived(production);
    await using copy = await site.restore("copy", []);
    expect(await recover(copy)).toMatchObject({ state: "promoted", timeline: 2 });
    expect(await contentHash(copy, "t")).toBe(await contentHash(production, "t"));
  });
});
