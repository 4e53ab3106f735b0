// Where a restore writes, on real servers: tablespaces, the directory of a running or a stopped production, and what an
// unfinished restore leaves. (issue rows on destinations; faults.md 5, 13, 54, 55, 59)
import { readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";

/** Every file below a directory with size and time: what must not change. */
async function fingerprint(directory: string): Promise<readonly string[]> {
  const names = await readdir(directory, { recursive: true });
  const lines = names.toSorted().map(async (name) => {
    const { size, mtimeMs, ino } = await stat(join(directory, name));
    return `${name} ${size} ${mtimeMs} ${ino}`;
  });
  return Promise.all(lines);
}

async function siteWithTablespace(
  major: number,
): Promise<{ site: ProtectedSite; location: string }> {
  const site = await protectCluster({ major });
  const { production, workspace } = site;
  const location = await workspace.makeDirectory("ts");
  await createOrders(production);
  await production.sql(`create tablespace ts1 location '${location}'`);
  await production.sql("create table moved tablespace ts1 as select * from orders");
  await site.backUp();
  await transaction(production, "delete from moved where id <= 10");
  await waitForArchived(production);
  return { site, location };
}

async function promoted(cluster: Cluster): Promise<void> {
  await cluster.start();
  await cluster.waitForPromotion();
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a copy's tablespaces go where they are mapped, and never to production's", async () => {
    const { site, location } = await siteWithTablespace(major);
    await using _ = site;
    const { production, workspace } = site;
    const expected = await contentHash(production, "moved");
    await production.stop();
    const before = await fingerprint(location);
    for (const parameters of [[], ["--delta"], ["--force"]]) {
      const refused = await site.tryRestore("copy", parameters);
      expect(refused.exitCode).toBe(30);
      expect(refused.stderr).toContain("--tablespace-map=ts1=");
    }
    expect(await readdir(workspace.directory)).not.toContain("copy");
    const mapped = workspace.path("mapped");
    await using copy = await site.restore("copy", [`--tablespace-map=ts1=${mapped}`]);
    expect(await readdir(copy.dataDirectory)).not.toContain("tablespace_map");
    await promoted(copy);
    expect(await contentHash(copy, "moved")).toBe(expected);
    expect(
      await copy.value(
        "select pg_tablespace_location(oid) from pg_tablespace where spcname = 'ts1'",
      ),
    ).toBe(mapped);
    await copy.sql("update moved set id = id + 1000000");
    await copy.sql("checkpoint");
    expect(await fingerprint(location)).toEqual(before);
  });

  test("a stopped production is replaced with its tablespaces, a running one is left alone", async () => {
    const { site, location } = await siteWithTablespace(major);
    await using _ = site;
    const { production, workspace } = site;
    const expected = await contentHash(production, "moved");
    const running = await workspace.run(["--delta", "restore"]);
    expect(running.exitCode).toBe(30);
    expect(running.stderr).toContain("PostgreSQL runs in");
    expect(await contentHash(production, "moved")).toBe(expected);
    await production.sql("create table stray tablespace ts1 as select 1 as one");
    await production.stop();
    const untouched = await fingerprint(production.dataDirectory);
    expect((await workspace.run(["restore"])).exitCode, "not empty").toBe(30);
    expect(await fingerprint(production.dataDirectory)).toEqual(untouched);
    await workspace.succeed([
      "--type=immediate",
      "--target-action=promote",
      "--archive-mode=off",
      "--delta",
      "restore",
    ]);
    await promoted(production);
    const links = await readdir(join(production.dataDirectory, "pg_tblspc"));
    expect(links).toHaveLength(1);
    expect(await readlink(join(production.dataDirectory, "pg_tblspc", links[0] ?? ""))).toBe(
      location,
    );
    expect(await production.count("moved")).toBe(await production.count("orders"));
  });

  test.skipIf(major < 15)(
    "an in-place tablespace (PostgreSQL 15 and later) is restored as the directory that it is",
    async () => {
      await using site = await protectCluster({ major });
      const { production } = site;
      await createOrders(production);
      await using session = await production.connect();
      await session.sql("set allow_in_place_tablespaces = on");
      await session.sql("create tablespace here location ''");
      await production.sql("create table moved tablespace here as select * from orders");
      await site.backUp();
      await waitForArchived(production);
      await using copy = await site.restore("copy", []);
      await promoted(copy);
      expect(await contentHash(copy, "moved")).toBe(await contentHash(production, "moved"));
    },
  );

  test("what was restored does not start without pg_control, nor without backup_label", async () => {
    await using site = await protectCluster({ major });
    await createOrders(site.production);
    await site.backUp();
    await waitForArchived(site.production);
    for (const name of ["global/pg_control", "backup_label"]) {
      await using copy = await site.restore(name.replace("/", "-"), []);
      await rm(join(copy.dataDirectory, name));
      expect([name, (await copy.tryStart()).started]).toEqual([name, false]);
    }
  });

  test("a restore that is killed at any moment leaves nothing that starts, and runs again", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    const expected = await contentHash(production, "orders");
    await site.backUp();
    await waitForArchived(production);
    const destination = `--pg1-path=${workspace.path("copy")}`;
    const outcomes: string[] = [];
    for (const delayMs of [250, 350, 450, 550, 650]) {
      const command = workspace.start([destination, "--delta", "restore"]);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      command.kill("SIGKILL");
      const { exitCode } = await command.result;
      const hasControl = await stat(workspace.path("copy/global/pg_control")).then(
        () => true,
        () => false,
      );
      const hasMarker = await readdir(workspace.path("copy")).then(
        (names) => names.includes("hindsight.restore-incomplete"),
        () => false,
      );
      outcomes.push(`${exitCode} ${hasControl} ${hasMarker}`);
      expect(hasControl && hasMarker, "the marker goes before pg_control comes").toBe(false);
    }
    await using copy = await site.restore("copy", ["--delta"]);
    expect(await readdir(copy.dataDirectory)).not.toContain("hindsight.restore-incomplete");
    await promoted(copy);
    expect(await contentHash(copy, "orders")).toBe(expected);
    expect(outcomes).toHaveLength(5);
  });

  test("an interrupt says what is left and what to do", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await createOrders(production);
    // Enough to be still at it when the signal comes.
    await production.sql(
      "create table big as select id, repeat(md5(id::text), 20) as text from generate_series(1, 100000) id",
    );
    await site.backUp();
    await waitForArchived(production);
    const command = workspace.start([`--pg1-path=${workspace.path("copy")}`, "restore"]);
    await expect
      .poll(
        () =>
          readdir(workspace.path("copy")).then(
            (names) => names.includes("base"),
            () => false,
          ),
        {
          timeout: 10_000,
          interval: 5,
        },
      )
      .toBe(true);
    command.kill("SIGTERM");
    const result = await command.result;
    expect(result.exitCode).toBe(28);
    expect(result.stderr).toMatch(/incomplete, and PostgreSQL cannot start from it/);
    expect(result.stderr).toContain("--delta");
    await expect(stat(workspace.path("copy/global/pg_control"))).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  test("a dry run prints the plan and writes nothing", async () => {
    await using site = await protectCluster({ major });
    await createOrders(site.production);
    await site.backUp();
    await waitForArchived(site.production);
    const before = await fingerprint(site.workspace.repositoryDirectory);
    const { exitCode, stdout } = await site.tryRestore("copy", ["--dry-run"]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("recovery_target_action = 'promote'");
    expect(await readdir(site.workspace.directory)).not.toContain("copy");
    expect(await fingerprint(site.workspace.repositoryDirectory)).toEqual(before);
  });
});

test("pg_control of a copy is not production's: its checkpoint leads nowhere", async () => {
  await using site = await protectCluster({ major: OUTER_MAJORS[0] ?? 18 });
  await createOrders(site.production);
  await site.backUp();
  await waitForArchived(site.production);
  await using copy = await site.restore("copy", []);
  const bytes = await readFile(join(copy.dataDirectory, "global/pg_control"));
  expect(bytes.readBigUInt64LE(32)).toBe(0xdeadn);
});
