// Rows 13, 55 and 59 of the fault matrix: places that must not be restored to. Whatever is there stays as it is, byte by
// byte; the exit status is 30 and the hint says what to do. And a place that refuses in the middle of a restore is left
// unusable for PostgreSQL.
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cluster, openCluster, startCluster } from "../harness/cluster.ts";
import { type CommandResult, runProgram } from "../harness/command.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash, createCriticalOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { waitForArchived } from "../harness/wal.ts";
import { errorCode } from "./archive-ground.ts";
import { expectRefused, expectTextRefusal, expectUnchanged, type Refusal } from "./input-ground.ts";

const UNSAFE = { exit: 30, code: "DESTINATION_UNSAFE" } as const;
const DENIED = { exit: 30, code: "DESTINATION_DENIED" } as const;

async function layRestorable(major: number): Promise<ProtectedSite> {
  // Nothing but us touches the files of a primary that is compared byte by byte.
  const settings = { autovacuum: false, bgwriter_lru_maxpages: 0 };
  const site = await protectCluster({ major, settings });
  await createCriticalOrders(site.production);
  await site.backUp();
  await waitForArchived(site.production);
  await site.production.sql("checkpoint");
  return site;
}

/** Refuses a restore to a place whose content is compared before and after. */
async function refuse(
  site: ProtectedSite,
  { path, options = [] }: { readonly path: string; readonly options?: readonly string[] },
  refusal: Refusal,
): Promise<void> {
  await expectUnchanged([path, site.workspace.repositoryDirectory], () =>
    expectRefused(site.workspace, [`--pg1-path=${path}`, ...options, "restore"], refusal),
  );
}

describe.each(OUTER_MAJORS)("PostgreSQL %i: the primary's own directory", (major) => {
  test("is refused while the server runs, with or without --force, and the primary does not notice", async () => {
    await using site = await layRestorable(major);
    const { production, workspace } = site;
    const before = await contentHash(production, "critical_orders");
    const pid = await production.postmasterPid();
    const running = { exit: 30, code: "DESTINATION_RUNNING", hint: /stop -m fast.*--pg1-path/ };
    // Its WAL and statistics go on changing, its tables do not.
    const data = ["base", "global"].map((name) => join(production.dataDirectory, name));
    await expectUnchanged(data, async () => {
      for (const options of [[], ["--delta"], ["--force"]]) {
        const words = [`--pg1-path=${production.dataDirectory}`, ...options, "restore"];
        await expectRefused(workspace, words, { ...running, message: String(pid) });
      }
    });
    // By the configuration as well, where no path is named.
    await expectRefused(workspace, ["--delta", "restore"], running);
    expect(await production.postmasterPid()).toBe(pid);
    expect(await contentHash(production, "critical_orders")).toBe(before);
    await waitForArchived(production);
    await site.backUp();
  });

  test("stopped, it is refused without --delta, and restored with it", async () => {
    await using site = await layRestorable(major);
    const { production, workspace } = site;
    const before = await contentHash(production, "critical_orders");
    await production.stop();
    await refuse(site, { path: production.dataDirectory }, { ...UNSAFE, hint: /--delta/ });
    await production.start();
    expect(await contentHash(production, "critical_orders")).toBe(before);
    await production.stop();
    await workspace.succeed(["--delta", "restore"]);
    await production.start();
    await production.waitForPromotion();
    expect(await contentHash(production, "critical_orders")).toBe(before);
  });

  test("of a server that crashed is not taken for one that runs", async () => {
    await using site = await layRestorable(major);
    const { production, workspace } = site;
    await production.crash();
    expect(existsSync(join(production.dataDirectory, "postmaster.pid"))).toBe(true);
    await workspace.succeed(["--delta", "restore"]);
    await production.start();
    await production.waitForPromotion();
    expect(await production.count("critical_orders")).toBe(10_000);
  });
});

describe("somebody else's place", () => {
  let site: ProtectedSite;

  beforeAll(async () => {
    site = await layRestorable(NEWEST_MAJOR);
  });

  afterAll(() => site[Symbol.asyncDispose]());

  /** An absolute path of a new directory of the account that runs the command, with these files. */
  async function fill(name: string, files: readonly string[]): Promise<string> {
    const path = await site.workspace.makeDirectory(name);
    for (const file of files) await site.workspace.write(`${name}/${file}`, `content of ${file}`);
    return path;
  }

  test("a directory with files is refused, with --delta and --force as well", async () => {
    const path = await fill("photos", ["beach.jpg"]);
    await refuse(site, { path }, { ...UNSAFE, message: path, hint: /--delta/ });
    for (const option of ["--delta", "--force"]) {
      const refusal = { ...UNSAFE, message: path, hint: /empty the directory by hand/ };
      await refuse(site, { path, options: [option] }, refusal);
    }
  });

  test("another cluster is refused, with --delta and --force as well", async () => {
    await using twin = await startCluster({
      major: NEWEST_MAJOR,
      workspace: site.workspace,
      name: "twin",
    });
    await twin.stop();
    for (const option of ["--delta", "--force"]) {
      await refuse(
        site,
        { path: twin.dataDirectory, options: [option] },
        {
          ...UNSAFE,
          message: /another cluster/,
          hint: /--pg1-path/,
        },
      );
    }
    await twin.start();
  });

  test("places inside of a data directory or of the repository, or around them, are refused", async () => {
    const { workspace, production } = site;
    const places = [
      join(production.dataDirectory, "inside"),
      join(workspace.repositoryDirectory, "inside"),
      workspace.directory,
      workspace.repositoryDirectory,
    ];
    for (const path of places) {
      for (const options of [[], ["--force"]]) {
        const words = [`--pg1-path=${path}`, ...options, "restore"];
        await expectRefused(workspace, words, { ...UNSAFE, message: path, hint: /./ });
      }
    }
    expect(existsSync(join(production.dataDirectory, "inside"))).toBe(false);
    expect(existsSync(join(workspace.repositoryDirectory, "inside"))).toBe(false);
  });

  test("a file, the root directory, a link that leads nowhere are refused", async () => {
    const { workspace } = site;
    const file = await workspace.write("plain", "text");
    await symlink("/nonexistent/place", workspace.path("dangling"));
    const places = [
      [file, /is not a directory/],
      ["/", /root directory/],
      [workspace.path("dangling"), /leads nowhere/],
    ] as const;
    for (const [path, message] of places) {
      const words = [`--pg1-path=${path}`, "--force", "restore"];
      await expectRefused(workspace, words, { ...UNSAFE, message, hint: /./ });
    }
    expect(await readFile(file, "utf8")).toBe("text");
    expect(existsSync("/nonexistent")).toBe(false);
  });

  test("links in a directory that is replaced are removed, never followed", async () => {
    const { workspace } = site;
    const precious = await fill("precious", ["kept"]);
    const before = await snapshotTree(precious);
    const copy = await site.restore("linked", []);
    await rm(join(copy.dataDirectory, "base"), { recursive: true });
    await symlink(precious, join(copy.dataDirectory, "base"));
    await symlink(precious, join(copy.dataDirectory, "pg_tblspc", "99999"));
    await rm(join(copy.dataDirectory, "pg_wal"), { recursive: true });
    await symlink(precious, join(copy.dataDirectory, "pg_wal"));
    await workspace.run([`--pg1-path=${copy.dataDirectory}`, "--force", "restore"]);
    expect(await snapshotTree(precious)).toEqual(before);
  });

  test("a place that cannot be written is refused before anything is written", async () => {
    const { workspace } = site;
    const parent = await workspace.makeDirectory("read-only");
    const inside = await workspace.makeDirectory("read-only/inside");
    await chmod(inside, 0o500);
    await chmod(parent, 0o500);
    for (const path of [join(parent, "new"), inside, "/proc/hindsight"]) {
      const words = [`--pg1-path=${path}`, "restore"];
      await expectRefused(workspace, words, { ...DENIED, message: /\//, hint: /writable|user/ });
      expect(existsSync(join(path, "PG_VERSION"))).toBe(false);
    }
  });

  test.skipIf(process.getuid?.() !== 0)(
    "the directory of another user is refused (needs root, to make one)",
    async () => {
      for (const mode of [0o700, 0o777]) {
        const path = await site.workspace.makeDirectory(`theirs${mode}`, 0o700);
        await chown(path, 12_345, 12_345);
        await chmod(path, mode);
        await refuse(site, { path }, { ...DENIED, message: path, hint: /user/ });
      }
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    "as root, a place that belongs to root is refused, because PostgreSQL does not run as root",
    async () => {
      const { workspace } = site;
      const path = workspace.path("of-root");
      await mkdir(path);
      const result = await runProgram(
        workspace.runtime.command,
        [`--pg1-path=${path}`, "restore"],
        { directory: workspace.directory, environment: { HINDSIGHT_CONFIG: workspace.configFile } },
      );
      expectTextRefusal(result, { ...DENIED, message: path, hint: /install -d .*-o postgres/ });
      expect(await snapshotTree(path)).toEqual([]);
    },
  );
});

describe("row 13", () => {
  async function copyOf(site: ProtectedSite): Promise<Cluster> {
    const { workspace } = site;
    const dataDirectory = workspace.path("copy");
    return await openCluster({ workspace, major: NEWEST_MAJOR, dataDirectory, name: "copy" });
  }

  /** Attempts at reaching a restore in its middle. */
  const TRIES_MAX = 20;

  /** Takes away the right to write into `base` as soon as a restore has made it, and gives it back after its end. */
  async function interruptedByChmod(site: ProtectedSite, path: string): Promise<CommandResult> {
    const base = join(path, "base");
    const running = site.workspace.start([`--pg1-path=${path}`, "restore"]);
    while (!existsSync(base)) await new Promise((resolve) => setImmediate(resolve));
    running.kill("SIGSTOP");
    await chmod(base, 0o500);
    running.kill("SIGCONT");
    const result = await running.result;
    await chmod(base, 0o700);
    return result;
  }

  test("a restore that hits a limit in the middle ends with 30, and PostgreSQL does not start from it", async () => {
    await using site = await layRestorable(NEWEST_MAJOR);
    const { workspace } = site;
    // No file may be longer than this many blocks: the first larger one ends the restore.
    const script = 'ulimit -f 200; exec "$0" "$@"';
    const words = ["-c", script, workspace.runtime.command, `--pg1-path=${workspace.path("copy")}`];
    const environment = { HINDSIGHT_CONFIG: workspace.configFile };
    const result = await workspace.runProgram("/bin/sh", [...words, "restore"], { environment });
    expect([result.exitCode, errorCode(result)], result.stderr).toEqual([30, "DESTINATION_FULL"]);
    expect(result.stderr).toMatch(/cannot start from it/);
    expect(result.stderr).toMatch(/^hint: .*--delta/m);
    const copy = await copyOf(site);
    expect(existsSync(join(copy.dataDirectory, "global", "pg_control"))).toBe(false);
    expect(await copy.tryStart()).toMatchObject({ started: false });

    await workspace.succeed([`--pg1-path=${copy.dataDirectory}`, "--delta", "restore"]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("critical_orders")).toBe(10_000);
    await copy.stop();
  });

  test("a destination that turns read-only in the middle ends it with 30, and PostgreSQL does not start from it", async () => {
    await using site = await layRestorable(NEWEST_MAJOR);
    const { workspace } = site;
    const path = workspace.path("copy");
    // On a busy machine the whole restore can pass between two looks at it; it is then made again.
    let result = await interruptedByChmod(site, path);
    for (let tries = 1; tries < TRIES_MAX && result.exitCode === 0; tries += 1) {
      await rm(path, { recursive: true });
      result = await interruptedByChmod(site, path);
    }
    const copy = await copyOf(site);
    const isComplete = existsSync(join(path, "global", "pg_control"));
    expect({ status: result.exitCode, isComplete }).toEqual({ status: 30, isComplete: false });
    expect(await copy.tryStart()).toMatchObject({ started: false });
  });
});
