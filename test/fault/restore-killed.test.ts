// Row 5 of the fault matrix: a restore that is killed, at whatever it is just then, leaves a directory from which
// PostgreSQL refuses to start, and the same restore with --force begins anew and is whole. SIGTERM ends it with 28, with
// the same left behind.
import { existsSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Cluster, openCluster } from "../harness/cluster.ts";
import type { RunningCommand } from "../harness/command.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { waitForArchived } from "../harness/wal.ts";
import { errorCode } from "./archive-ground.ts";
import { layBusySite, waitForLine } from "./backup-ground.ts";

/** Points on the way of a restore, in their order, and how to know that one is reached. */
const PHASES: readonly (readonly [string, (run: RunningCommand, data: string) => Promise<void>])[] =
  [
    [
      "has left its marker",
      (_, data) =>
        waitUntil("the marker", () =>
          Promise.resolve(existsSync(`${data}/hindsight.restore-incomplete`)),
        ),
    ],
    ["begins to write files", (run) => waitForLine(run, /restore backup set/)],
    [
      "has written the tables",
      (_, data) => waitUntil("files", () => Promise.resolve(existsSync(`${data}/base/1`))),
    ],
    ["syncs files", (run) => waitForLine(run, /make restored files durable/)],
    ["is about to place pg_control", (run) => waitForLine(run, /performed last/)],
  ];

async function copyOf(site: ProtectedSite, name: string): Promise<Cluster> {
  const { workspace, production } = site;
  const { major } = production;
  return await openCluster({ workspace, major, dataDirectory: workspace.path(name), name });
}

function startRestore(site: ProtectedSite, options: readonly string[]): RunningCommand {
  const where = `--pg1-path=${site.workspace.path("copy")}`;
  return site.workspace.start([where, "--log-level-console=info", ...options, "restore"]);
}

/**
 * Without pg_control PostgreSQL refuses; with it, the restore was complete when it was killed.
 *
 * @returns whether it was complete.
 */
async function expectUnusableOrComplete(site: ProtectedSite): Promise<boolean> {
  const copy = await copyOf(site, "copy");
  const isComplete = existsSync(`${copy.dataDirectory}/global/pg_control`);
  const { started } = await copy.tryStart();
  expect({ isComplete, started }).toEqual({ isComplete, started: isComplete });
  if (started) await copy.stop("fast");
  return isComplete;
}

async function expectWhole(site: ProtectedSite, options: readonly string[]): Promise<void> {
  const result = await startRestore(site, options).result;
  expect([result.exitCode, errorCode(result)], result.stderr).toEqual([0, undefined]);
  await using copy = await copyOf(site, "copy");
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentHash(copy, "ballast")).toBe(await contentHash(site.production, "ballast"));
  expect(existsSync(`${copy.dataDirectory}/hindsight.restore-incomplete`)).toBe(false);
}

async function layRestorable(major: number): Promise<ProtectedSite> {
  const site = await layBusySite({ major });
  await site.backUp();
  await waitForArchived(site.production);
  return site;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("killed at any point, a restore to a new place cannot be started, and is whole the second time", async () => {
    await using site = await layRestorable(major);
    const data = site.workspace.path("copy");
    const complete: string[] = [];
    for (const [phase, reached] of PHASES) {
      const running = startRestore(site, ["--force"]);
      await reached(running, data);
      running.kill("SIGKILL");
      await running.result;
      if (await expectUnusableOrComplete(site)) complete.push(phase);
    }
    // Only the last two points are so near to the end that the signal may come too late.
    expect(PHASES.slice(0, 3).map(([phase]) => complete.includes(phase))).not.toContain(true);
    // Without permission nothing is touched, not even what a restore of ours left behind.
    const refused = await startRestore(site, []).result;
    expect([refused.exitCode, errorCode(refused)]).toEqual([30, "DESTINATION_UNSAFE"]);
    await expectWhole(site, ["--force"]);
  });

  test("killed over a cluster that was there, a restore has made it unusable first", async () => {
    await using site = await layRestorable(major);
    const data = site.workspace.path("copy");
    await expectWhole(site, []);
    for (const [, reached] of PHASES.slice(1)) {
      const running = startRestore(site, ["--delta"]);
      await reached(running, data);
      running.kill("SIGKILL");
      await running.result;
      await expectUnusableOrComplete(site);
    }
    await expectWhole(site, ["--delta"]);
  });

  test("SIGTERM, SIGINT and SIGHUP end it with 28, unusable and with how to go on", async () => {
    await using site = await layRestorable(major);
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      const running = startRestore(site, ["--force"]);
      await waitForLine(running, /restore backup set/);
      running.kill(signal);
      const result = await running.result;
      expect([signal, result.exitCode, errorCode(result)]).toEqual([signal, 28, "INTERRUPTED"]);
      expect(result.stderr).toMatch(/^hint: .*--delta/m);
      expect(existsSync(site.workspace.path("copy", "global", "pg_control"))).toBe(false);
      await expectUnusableOrComplete(site);
    }
    await expectWhole(site, ["--force"]);
  });
});
