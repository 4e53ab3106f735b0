// Recovery settings on real servers: production's own configuration is full of recovery settings that would send a
// recovery somewhere else, stop it, delay it or run commands in it. Whatever stands there, a restore recovers to its own
// target, and production's files stay as they were. (Mission row 002-10; rules.md D2.)
import { readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { MAJORS, OUTER_MAJORS } from "../harness/majors.ts";
import { createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { switchWal, transaction, waitForArchived } from "../harness/wal.ts";

/** A site whose configuration is hostile to every recovery, after a backup and two transactions. */
async function hostileSite(major: number): Promise<{ site: ProtectedSite; beforeSecond: string }> {
  const site = await protectCluster({ major });
  const { production, workspace } = site;
  await createOrders(production);
  await production.set({
    recovery_target_time: "2001-01-01 00:00:00+00",
    recovery_target_inclusive: false,
    recovery_target_action: "shutdown",
    recovery_min_apply_delay: "1h",
    restore_command: "/bin/false",
    archive_cleanup_command: `touch ${workspace.path("cleanup-ran")}`,
    recovery_end_command: `touch ${workspace.path("end-ran")}`,
  });
  await production.sql("alter system set recovery_target_name = 'nowhere'");
  await production.sql("alter system set primary_conninfo = 'host=production'");
  await production.sql("alter system set work_mem = '5MB'");
  await site.backUp();
  await transaction(production, "delete from orders where id <= 10");
  await production.sql("select pg_create_restore_point('between')");
  await switchWal(production);
  const { beginLsn } = await transaction(production, "delete from orders where id <= 30");
  await waitForArchived(production);
  return { site, beforeSecond: beginLsn };
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("recovers to its own target, whatever targets production's configuration names", async () => {
    const { site, beforeSecond } = await hostileSite(major);
    await using _ = site;
    const total = await site.production.count("orders");
    const promote = "--target-action=promote";
    const cases: readonly (readonly [string, readonly string[], number])[] = [
      ["end", [], total],
      ["name", ["--type=name", "--target=between", promote], total + 20],
      [
        "lsn",
        ["--type=lsn", `--target=${beforeSecond}`, "--target-exclusive", promote],
        total + 20,
      ],
      ["immediate", ["--type=immediate", promote], total + 30],
    ];
    for (const [name, parameters, expected] of cases) {
      await using copy = await site.restore(name, parameters);
      expect(await readConfiguration(copy.dataDirectory)).toBe(
        await readConfiguration(site.production.dataDirectory),
      );
      await copy.start();
      await copy.waitForPromotion();
      expect([name, await copy.count("orders")]).toEqual([name, expected]);
      expect([name, await copy.value("show work_mem")]).toEqual([name, "5MB"]);
      expect([name, await copy.value("show primary_conninfo")]).toEqual([name, ""]);
      await copy.sql("checkpoint");
    }
    expect(await readdir(site.workspace.directory)).not.toContain("cleanup-ran");
    expect(await readdir(site.workspace.directory)).not.toContain("end-ran");
  });
});

function readConfiguration(dataDirectory: string): Promise<string> {
  return readFile(join(dataDirectory, "postgresql.conf"), "utf8");
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("type standby follows the primary, and an outage of the repository does not end it", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    await site.backUp();
    const { socketDirectory, port } = production;
    await using standby = await site.restore("standby", [
      "--type=standby",
      `--recovery-option=primary_conninfo=host=${socketDirectory} port=${port} user=postgres`,
    ]);
    await standby.start();
    await rename(workspace.repositoryDirectory, workspace.path("repo-away"));
    await transaction(production, "delete from orders where id <= 10");
    const expected = await production.count("orders");
    await expect.poll(() => standby.count("orders"), { timeout: 20_000 }).toBe(expected);
    expect(await standby.value("select pg_is_in_recovery()")).toBe("t");
    await standby.stop();
    await rename(workspace.path("repo-away"), workspace.repositoryDirectory);
  });

  test("type none leaves recovery to the WAL that is put into pg_wal by hand", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    await site.backUp();
    await waitForArchived(production);
    await using copy = await site.restore("copy", ["--type=none"]);
    expect((await copy.tryStart()).started, "without WAL it must not start").toBe(false);
    const names = (await readdir(workspace.repositoryDirectory, { recursive: true }))
      .map((path) => path.split("/").at(-1) ?? "")
      .filter((name) => /^[0-9A-F]{24}$/.test(name));
    for (const name of names) {
      await workspace.succeed(["archive-get", name, join(copy.dataDirectory, "pg_wal", name)]);
    }
    await copy.start();
    expect(await copy.count("orders")).toBe(await production.count("orders"));
  });

  test("type preserve keeps the settings and the signal of the directory that is replaced", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    await site.backUp();
    await waitForArchived(production);
    await using copy = await site.restore("copy", []);
    const before = await readFile(join(copy.dataDirectory, "postgresql.auto.conf"), "utf8");
    await transaction(production, "delete from orders where id <= 10");
    await waitForArchived(production);
    const destination = `--pg1-path=${copy.dataDirectory}`;
    await workspace.succeed([
      destination,
      "--type=preserve",
      "--archive-mode=preserve",
      "--delta",
      "restore",
    ]);
    const after = await readFile(join(copy.dataDirectory, "postgresql.auto.conf"), "utf8");
    expect(after).toBe(before);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("orders")).toBe(await production.count("orders"));
  });
});
