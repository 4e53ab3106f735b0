// Row 4 of the fault matrix with the real command: expire is killed at random moments, again and again. What is kept is
// never touched, and the run that is left alone ends as if none had been killed. Failures of single calls of the store:
// src/retention/interrupted.test.ts.
import { setTimeout as pause } from "node:timers/promises";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import {
  addBackup,
  addWal,
  createSite,
  type RetentionSite,
} from "../../src/retention/retention.fixture.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const KEPT = ["20261102-020000F", "20261103-020000F"];
const OPTIONS = ["expire", "--repo1-retention-full=2", "--expire-grace=0"];

async function createWork(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 160]);
  const old = "20261101-020000F";
  const packs = Array.from({ length: 120 }, (_, number) => `${old}/${number}`);
  await addBackup(site, old, { wal: [2, 3], packs });
  // Some packs of the one that goes are named by one that stays.
  await addBackup(site, KEPT[0] ?? "", {
    wal: [130, 131],
    packs: [`${KEPT[0]}/0`, ...packs.slice(0, 20)],
  });
  await addBackup(site, KEPT[1] ?? "", { wal: [150, 151] });
  return site;
}

const TEMPLATE = "template";

/** Writes the objects as files of the account that commands run as. */
async function writeTemplate(site: RetentionSite, workspace: Workspace): Promise<void> {
  await workspace.makeDirectory(TEMPLATE);
  for (const key of site.store.keys()) {
    const path = workspace.path(TEMPLATE, key);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, (await site.store.get(key)) ?? Buffer.alloc(0));
  }
  for (const path of await readdir(workspace.path(TEMPLATE), { recursive: true })) {
    await workspace.give(workspace.path(TEMPLATE, path));
  }
}

/** Makes the repository what it was at first. */
async function place(workspace: Workspace): Promise<void> {
  await rm(workspace.repositoryDirectory, { recursive: true, force: true });
  const words = ["-a", workspace.path(TEMPLATE), workspace.repositoryDirectory];
  expect((await workspace.runProgram("/bin/cp", words)).exitCode).toBe(0);
}

async function keys(workspace: Workspace): Promise<readonly string[]> {
  const root = workspace.repositoryDirectory;
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
}

test(
  "killed at random moments, expire touches nothing that is kept, and finishes",
  { timeout: 120_000 },
  async () => {
    await using workspace = await createWorkspace();
    await workspace.writeConfig({
      global: {
        "repo1-path": workspace.repositoryDirectory,
        "lock-path": workspace.path("lock"),
        "log-level-file": "off",
      },
      main: { "pg1-path": workspace.path("none") },
    });
    await writeTemplate(await createWork(), workspace);
    await place(workspace);
    const before = await keys(workspace);
    await workspace.succeed(OPTIONS);
    const expected = await keys(workspace);
    const needed = expected;
    expect(before.length - expected.length).toBeGreaterThan(300);
    expect(expected.filter((key) => key.includes("/pack/20261101-020000F/"))).toHaveLength(20);
    const random = seededRandom(SEED);
    let interruptedCount = 0;
    for (let round = 0; round < 4; round += 1) {
      await place(workspace);
      for (let kill = 0; kill < 3; kill += 1) {
        const running = workspace.start(OPTIONS);
        // The moment is one of its progress, not of time, which depends on the machine's load.
        const moment = random.integer(expected.length, before.length + 1);
        let isEnded = false;
        void running.result.finally(() => (isEnded = true));
        while (!isEnded && (await keys(workspace)).length > moment) await pause(1);
        running.kill("SIGKILL");
        const { signal } = await running.result;
        if (signal === "SIGKILL") interruptedCount += 1;
        const left = await keys(workspace);
        const lost = needed.filter((key) => !left.includes(key));
        expect(lost, `HINDSIGHT_TEST_SEED=${SEED}, round ${round}`).toEqual([]);
      }
      await workspace.succeed(OPTIONS);
      expect(await keys(workspace), `HINDSIGHT_TEST_SEED=${SEED}`).toEqual(expected);
    }
    expect(interruptedCount).toBeGreaterThan(0);
  },
);
