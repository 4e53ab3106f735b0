// Bad input, the repository: one that is not there (20), may not be read (21), is empty or is not one at all. Every
// command says which place it means and what to do; nothing is created in its stead.
import { existsSync } from "node:fs";
import { chmod, readdir, rename } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import { listedBackups, sessionsOf } from "./backup-ground.ts";
import { expectRefused, layBackedUpSite, type Refusal } from "./input-ground.ts";

let site: ProtectedSite & { label: string };

beforeAll(async () => {
  site = await layBackedUpSite(NEWEST_MAJOR);
});

afterAll(() => site[Symbol.asyncDispose]());

/** Commands that need a repository; restore goes to a place of its own, which must not come into being. */
async function refuseAll(refusal: Refusal, parameters: readonly string[] = []): Promise<void> {
  const { workspace, label } = site;
  const copy = workspace.path("copy");
  const commands: readonly (readonly string[])[] = [
    ["--type=full", "backup"],
    [`--pg1-path=${copy}`, "restore"],
    ["info"],
    ["list-backups"],
    ["show-backup", label],
  ];
  for (const command of commands) {
    await expectRefused(workspace, [...parameters, ...command], refusal);
  }
  expect(existsSync(copy)).toBe(false);
  expect(await sessionsOf(site.production)).toBe(0);
}

describe("a repository", () => {
  test("that was moved away is 20, and comes back as it was", async () => {
    const { workspace } = site;
    const { repositoryDirectory } = workspace;
    await rename(repositoryDirectory, workspace.path("away"));
    try {
      await refuseAll({
        exit: 20,
        code: "REPOSITORY_UNREACHABLE",
        message: repositoryDirectory,
        hint: /[Mm]ount/,
      });
      expect(existsSync(repositoryDirectory)).toBe(false);
    } finally {
      await rename(workspace.path("away"), repositoryDirectory);
    }
    expect(await listedBackups(site)).toEqual([site.label]);
  });

  test("whose place is empty, as a mount point is without its file system, is 20", async () => {
    const empty = await site.workspace.makeDirectory("mount-point");
    const refusal = {
      exit: 20,
      code: "REPOSITORY_MISSING",
      message: empty,
      hint: /mount|stanza-create/,
    };
    await refuseAll(refusal, [`--repo1-path=${empty}`]);
    expect(await readdir(empty)).toEqual([]);
  });

  test("whose place is a file is 20", async () => {
    const file = await site.workspace.write("no-directory", "text");
    const refusal = { exit: 20, code: "REPOSITORY_UNREACHABLE", message: file, hint: /directory/ };
    await refuseAll(refusal, [`--repo1-path=${file}`]);
  });

  test("that this user may not enter is 21", async () => {
    const { repositoryDirectory } = site.workspace;
    await chmod(repositoryDirectory, 0o000);
    try {
      await refuseAll({
        exit: 21,
        code: "REPOSITORY_DENIED",
        message: repositoryDirectory,
        hint: /access|own/,
      });
    } finally {
      await chmod(repositoryDirectory, 0o700);
    }
    expect(await listedBackups(site)).toEqual([site.label]);
  });

  test("whose record this user may not read is 21", async () => {
    const { workspace } = site;
    const record = `${workspace.repositoryDirectory}/repository.json`;
    await chmod(record, 0o000);
    try {
      await refuseAll({ exit: 21, code: "REPOSITORY_DENIED", message: record, hint: /access|own/ });
    } finally {
      await chmod(record, 0o600);
    }
    expect(await listedBackups(site)).toEqual([site.label]);
  });
});
