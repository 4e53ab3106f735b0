// Bad input, the server: PostgreSQL that does not run, does not archive, or is not the cluster that the stanza is of; and
// data directories that are not what they should be. Commands end with 10, 11 or 23, and neither the repository nor a
// cluster has changed.
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { startCluster } from "../harness/cluster.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";
import { listedBackups } from "./backup-ground.ts";
import { expectRefused, expectUnchanged, layBackedUpSite } from "./input-ground.ts";

/** Runs `check`, which reports what it found as its result. */
async function expectCheckFails(
  workspace: Workspace,
  parameters: readonly string[],
  { exits, finding }: { readonly exits: readonly number[]; readonly finding: RegExp },
): Promise<void> {
  const check = await workspace.run([...parameters, "check"]);
  expect(exits).toContain(check.exitCode);
  expect(check.stdout).toMatch(finding);
  expect(check.stdout).toMatch(/^ {4}fix: ./m);
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a server that does not run is 10, with the place that was tried", async () => {
    await using site = await layBackedUpSite(major);
    const { production, workspace } = site;
    await production.stop();
    await expectUnchanged([workspace.repositoryDirectory, production.dataDirectory], async () => {
      for (const command of [["--type=full", "backup"], ["stanza-create"]]) {
        await expectRefused(workspace, command, {
          exit: 10,
          code: "POSTGRES_CONNECTION_FAILED",
          message: production.socketDirectory,
          hint: /Start the server, or set pg1-socket-path and pg1-port/,
        });
      }
      await expectCheckFails(workspace, [], { exits: [10], finding: /PostgreSQL: FAILED/ });
    });
    // What needs no server works.
    expect(await listedBackups(site)).toEqual([site.label]);
    await workspace.succeed([`--pg1-path=${workspace.path("copy")}`, "restore"]);
  });

  test("a role or a database that does not exist is 10", async () => {
    await using site = await layBackedUpSite(major);
    const { workspace } = site;
    await expectUnchanged([workspace.repositoryDirectory], async () => {
      for (const option of ["--pg1-user=nobody-knows", "--pg1-database=nothing-here"]) {
        const name = option.split("=")[1] ?? "";
        await expectRefused(workspace, [option, "--type=full", "backup"], {
          exit: 10,
          code: "POSTGRES_CONNECTION_FAILED",
          message: name,
          hint: option.slice(2, 8),
        });
        await expectCheckFails(workspace, [option], { exits: [10], finding: RegExp(name) });
      }
    });
  });

  test("a role that may not take backups is 11", async () => {
    await using site = await layBackedUpSite(major);
    const { workspace } = site;
    await site.production.sql("create role reader login");
    await expectRefused(workspace, ["--pg1-user=reader", "--type=full", "backup"], {
      exit: 11,
      code: "POSTGRES_SETTING_WRONG",
      hint: /superuser|grant/,
    });
    expect(await listedBackups(site)).toEqual([site.label]);
  });

  test("archive_mode off is 11 before anything is copied, and the hint knows that it needs a restart", async () => {
    await using site = await layBackedUpSite(major);
    const { production, workspace } = site;
    await production.set({ archive_mode: "off" });
    await production.restart();
    await expectUnchanged([workspace.repositoryDirectory], () =>
      expectRefused(workspace, ["--type=full", "backup"], {
        exit: 11,
        code: "POSTGRES_SETTING_WRONG",
        message: "archive_mode",
        hint: /archive_mode = on.*restart/,
      }),
    );
    const finding = /archive_mode: FAILED[^]*restart/i;
    await expectCheckFails(workspace, [], { exits: [11, 33], finding });
  });

  test("an empty archive_command is 11, and the hint has the whole command", async () => {
    await using site = await layBackedUpSite(major);
    const { production, workspace } = site;
    await production.set({ archive_command: "" });
    await production.reload();
    await expectUnchanged([workspace.repositoryDirectory], () =>
      expectRefused(workspace, ["--type=full", "backup"], {
        exit: 11,
        code: "POSTGRES_SETTING_WRONG",
        message: "archive_command",
        hint: /archive_command = '.*archive-push %p'/,
      }),
    );
  });

  test("another cluster behind the connection is 23", async () => {
    await using site = await layBackedUpSite(major);
    const { production, workspace } = site;
    await using twin = await startCluster({ major, workspace, name: "twin" });
    await twin.set({ archive_mode: true, archive_command: workspace.archiveCommand });
    await twin.restart();
    const elsewhere = `--pg1-socket-path=${twin.socketDirectory}`;
    const directories = [workspace.repositoryDirectory];
    await expectUnchanged(directories, async () => {
      for (const options of [[elsewhere], [elsewhere, `--pg1-path=${twin.dataDirectory}`]]) {
        for (const command of [["--type=full", "backup"], ["stanza-create"]]) {
          await expectRefused(workspace, [...options, ...command], {
            exit: 23,
            code: "CLUSTER_MISMATCH",
            message: /\d{19}/,
            hint: /./,
          });
        }
      }
    });
    // The right server, the wrong directory.
    await expectRefused(workspace, [`--pg1-path=${twin.dataDirectory}`, "--type=full", "backup"], {
      exit: 23,
      code: "CLUSTER_MISMATCH",
      message: twin.dataDirectory,
      hint: production.dataDirectory,
    });
    expect(await listedBackups(site)).toEqual([site.label]);
  });

  test("a copy of the cluster that runs elsewhere is 23", async () => {
    await using site = await layBackedUpSite(major);
    const { production, workspace } = site;
    await using copy = await site.restore("copy", []);
    await copy.start();
    await copy.waitForPromotion();
    await expectRefused(workspace, [`--pg1-path=${copy.dataDirectory}`, "--type=full", "backup"], {
      exit: 23,
      code: "CLUSTER_MISMATCH",
      message: copy.dataDirectory,
      hint: production.dataDirectory,
    });
    expect(await listedBackups(site)).toEqual([site.label]);
  });
});

describe("the data directory", () => {
  test("one that is missing, empty or no data directory is refused, and the backup is not listed", async () => {
    await using site = await layBackedUpSite(NEWEST_MAJOR);
    const { workspace } = site;
    await workspace.makeDirectory("empty");
    for (const [name, message] of [
      ["nothing", /nothing/],
      ["empty", /empty/],
    ] as const) {
      await expectRefused(
        workspace,
        [`--pg1-path=${workspace.path(name)}`, "--type=full", "backup"],
        { exit: 11, code: "DATA_FILE_UNREADABLE", message, hint: /./ },
      );
    }
    expect(await listedBackups(site)).toEqual([site.label]);
  });

  test("stanza-create without a server says which directory it could not read", async () => {
    await using workspace = await createWorkspace();
    const directory = workspace.path("missing");
    await workspace.writeConfig({
      global: { "repo1-path": workspace.repositoryDirectory, "log-level-file": "off" },
      main: { "pg1-path": directory },
    });
    await expectRefused(workspace, ["--no-online", "stanza-create"], {
      exit: 11,
      code: "DATA_FILE_UNREADABLE",
      message: directory,
      hint: /./,
    });
    expect(existsSync(workspace.repositoryDirectory)).toBe(false);
  });
});
