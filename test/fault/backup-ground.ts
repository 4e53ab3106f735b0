// The ground for faults of backups: production with a table that takes a backup many seconds, so that something can
// happen to it meanwhile, and ways to wait until a running backup is at a certain point.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Cluster, ClusterOptions } from "../harness/cluster.ts";
import { contentHash } from "../harness/orders.ts";
import type { RunningCommand } from "../harness/command.ts";
import type { ConfigSection } from "../harness/config-file.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { waitForArchived } from "../harness/wal.ts";

/** Rows of the table `ballast`; with SLOWLY they keep a backup busy for many seconds. */
const BALLAST_ROWS = 200_000;

/** Options of a backup that takes its time: one thread and the most expensive compression. */
export const SLOWLY = [
  "--process-max=1",
  "--compress-type=zst",
  "--compress-level=19",
  "--log-level-console=info",
] as const;

/** A table to be backed up: 20 MB, and hard to compress. */
export async function createBallast(cluster: Cluster): Promise<void> {
  await cluster.sql(
    `create table ballast as select i as id, md5(i::text) || md5((-i)::text) as text
     from generate_series(1, ${BALLAST_ROWS}) i`,
  );
}

/** Production with ballast, archiving on, its stanza created. */
export async function layBusySite(
  options: ClusterOptions,
  configuration: ConfigSection = {},
): Promise<ProtectedSite> {
  const site = await protectCluster(options, { global: configuration });
  try {
    await createBallast(site.production);
    return site;
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts a backup that stays at work until something is done to it. */
export function startSlowBackup(
  { workspace }: ProtectedSite,
  parameters: readonly string[] = [],
): RunningCommand {
  return workspace.start([...SLOWLY, ...parameters, "--type=full", "backup"]);
}

/** Waits until a running command has said something. */
export async function waitForLine(running: RunningCommand, line: RegExp): Promise<void> {
  let isOver = false;
  running.result.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await waitUntil(`the command to say ${line}`, () => {
    if (line.test(running.stderr())) return Promise.resolve(true);
    if (isOver) throw new Error(`it ended without saying ${line}:\n${running.stderr()}`);
    return Promise.resolve(false);
  });
}

/** Waits until a running backup has written some of a pack. */
export async function waitForPack(site: ProtectedSite, running: RunningCommand): Promise<void> {
  await waitForLine(running, /backup start archive/);
  await waitUntil("a pack to be written", async () => (await packFiles(site)).length > 0);
}

/**
 * Takes a slow backup, with `work` going on from its first pack until it ends backup mode; both must succeed.
 *
 * @param work is told when to stop. What it writes later would only keep the backup waiting for more WAL.
 */
export async function backUpDuring(
  site: ProtectedSite,
  work: (isOver: () => boolean) => Promise<void>,
): Promise<void> {
  const running = startSlowBackup(site);
  let ended = false;
  const isOver = (): boolean => ended || /backup stop archive/.test(running.stderr());
  const working = waitForPack(site, running).then(() => work(isOver));
  const [result] = await Promise.all([running.result.finally(() => (ended = true)), working]);
  expect([result.exitCode, result.stderr]).toEqual([0, expect.stringContaining("completed in")]);
}

/** Files below the directories of packs, finished or not. */
async function packFiles({ workspace }: ProtectedSite): Promise<readonly string[]> {
  const directory = join(workspace.repositoryDirectory, "stanza", workspace.stanza, "pack");
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

/** Labels of the listed backups, oldest first. */
export async function listedBackups({ workspace }: ProtectedSite): Promise<readonly string[]> {
  const [stanza] = await workspace.json<readonly { backup: readonly { label: string }[] }[]>([
    "info",
  ]);
  return (stanza?.backup ?? []).map(({ label }) => label);
}

/** Sessions that the command has with production. */
export async function sessionsOf(cluster: Cluster): Promise<number> {
  return Number(
    await cluster.value(
      "select count(*) from pg_stat_activity where application_name = 'hindsight'",
    ),
  );
}

/**
 * Expects that a backup which failed is over: the server keeps no session of it, so that backup mode has ended, and
 * nothing of it is listed.
 *
 * @param listed the backups before it.
 */
export async function expectOver(site: ProtectedSite, listed: readonly string[]): Promise<void> {
  await waitUntil(
    "the server to end the session",
    async () => (await sessionsOf(site.production)) === 0,
  );
  expect(await listedBackups(site)).toEqual(listed);
}

/** The same, and that a backup taken right after it is complete, with no cleaning up in between. */
export async function expectNoTrace(
  site: ProtectedSite,
  listed: readonly string[],
): Promise<string> {
  await expectOver(site, listed);
  const label = await site.backUp();
  expect(await listedBackups(site)).toEqual([...listed, label]);
  return label;
}

/** Expects that what is listed can be restored: the newest backup, with everything archived since. */
export async function expectRestorable(site: ProtectedSite, name: string): Promise<void> {
  await waitForArchived(site.production);
  await using copy = await site.restore(name, []);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentHash(copy, "ballast")).toBe(await contentHash(site.production, "ballast"));
}
