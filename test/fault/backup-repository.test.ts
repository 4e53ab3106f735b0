// Rows 14, 15, 16 and 59 of the fault matrix for backups: a repository that cannot be written, or in which somebody
// planted a link, and a process that may open few files. The backup ends with 21 and names the place, PostgreSQL is not
// left in backup mode, what was stored before is untouched and readable, and the next backup is as good as ever.
import { chmod, mkdir, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { waitForArchived } from "../harness/wal.ts";
import { expectNoTrace, expectOver, listedBackups, sessionsOf } from "./backup-ground.ts";
import { expectRefused, layBackedUpSite } from "./input-ground.ts";

function directory(site: ProtectedSite, ...parts: readonly string[]): string {
  return join(site.workspace.repositoryDirectory, "stanza", "main", ...parts);
}

async function directoriesBelow(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const below = entries.filter((entry) => entry.isDirectory());
  return [root, ...below.map((entry) => join(entry.parentPath, entry.name))];
}

/** Takes away the right to write to directories while `body` runs, and gives it back. */
async function whileReadOnly(
  directories: readonly string[],
  body: () => Promise<void>,
): Promise<void> {
  for (const path of directories) await chmod(path, 0o500);
  try {
    await body();
  } finally {
    for (const path of directories) await chmod(path, 0o700);
  }
}

const DENIED = { exit: 21, code: "REPOSITORY_DENIED" } as const;

describe("rows 14 and 15", () => {
  test("a repository that nobody may write to: backup is 21, reading goes on", async () => {
    await using site = await layBackedUpSite(NEWEST_MAJOR);
    const { workspace } = site;
    const before = await snapshotTree(workspace.repositoryDirectory);
    await whileReadOnly(await directoriesBelow(workspace.repositoryDirectory), async () => {
      await expectRefused(workspace, ["--type=full", "backup"], {
        ...DENIED,
        message: workspace.repositoryDirectory,
        hint: /own|access/,
      });
      expect(await sessionsOf(site.production)).toBe(0);
      expect(await listedBackups(site)).toEqual([site.label]);
      await workspace.succeed(["show-backup", site.label]);
      await using copy = await site.restore("copy", []);
      await copy.start();
      await copy.waitForPromotion();
    });
    expect(await snapshotTree(workspace.repositoryDirectory)).toEqual(before);
    await expectNoTrace(site, [site.label]);
  });

  test.each([["pack"], ["backup"]])(
    "one directory of it, %s, that cannot be written: 21 with its name, nothing listed",
    async (name) => {
      await using site = await layBackedUpSite(NEWEST_MAJOR);
      const path = directory(site, name);
      await whileReadOnly([path], async () => {
        await expectRefused(site.workspace, ["--type=full", "backup"], {
          ...DENIED,
          message: path,
          hint: /own|access/,
        });
        await expectOver(site, [site.label]);
      });
      await expectNoTrace(site, [site.label]);
    },
  );

  test("an archive that cannot be read: the backup cannot prove its WAL, and is not listed", async () => {
    await using site = await layBackedUpSite(NEWEST_MAJOR);
    const path = directory(site, "archive");
    await chmod(path, 0o000);
    try {
      await expectRefused(site.workspace, ["--type=full", "backup"], {
        ...DENIED,
        message: path,
        hint: /own|access/,
      });
    } finally {
      await chmod(path, 0o700);
    }
    await waitForArchived(site.production);
    await expectNoTrace(site, [site.label]);
  });
});

describe("row 59", () => {
  test.each([["pack"], ["backup"]])(
    "a link planted as %s is not followed: 21, and nothing is written where it leads",
    async (name) => {
      await using site = await protectCluster({ major: NEWEST_MAJOR });
      const elsewhere = await site.workspace.makeDirectory("elsewhere");
      const path = directory(site, name);
      await symlink(elsewhere, path);
      await expectRefused(site.workspace, ["--type=full", "backup"], {
        ...DENIED,
        message: path,
        hint: /./,
      });
      expect(await readdir(elsewhere)).toEqual([]);
      await rm(path);
      await expectNoTrace(site, []);
    },
  );

  test("a repository of pgBackRest, or any other directory in use, is not taken for ours: 30", async () => {
    await using site = await protectCluster({ major: NEWEST_MAJOR });
    const { workspace } = site;
    for (const [name, file] of [
      ["pgbackrest", "backup/main/backup.info"],
      ["photos", "2025/beach.jpg"],
    ] as const) {
      const path = await workspace.makeDirectory(name);
      await mkdir(join(path, file, ".."), { recursive: true });
      await writeFile(join(path, file), "precious");
      for (const entry of await directoriesBelow(path)) await workspace.give(entry);
      const before = await snapshotTree(path);
      await expectRefused(workspace, [`--repo1-path=${path}`, "stanza-create"], {
        exit: 30,
        code: "REPOSITORY_FOREIGN",
        message: /./,
        hint: /./,
      });
      expect(await snapshotTree(path)).toEqual(before);
    }
  });
});

describe("row 16", () => {
  test("with forty open files a backup of a thousand is complete, and never without a file", async () => {
    await using site = await layBackedUpSite(NEWEST_MAJOR);
    const { workspace } = site;
    const script = 'ulimit -n 40; exec "$0" "$@"';
    const words = ["-c", script, workspace.runtime.command, "--type=full", "backup"];
    const environment = { HINDSIGHT_CONFIG: workspace.configFile };
    const result = await workspace.runProgram("/bin/sh", words, { environment });
    expect([result.exitCode, result.stderr]).toEqual([0, expect.not.stringMatching(/vanish/)]);
    const files = async (label = ""): Promise<number> =>
      (await workspace.json<{ fileCount: number }>(["show-backup", label])).fileCount;
    const [first, second] = await listedBackups(site);
    expect(await files(second)).toBe(await files(first));
  });
});
