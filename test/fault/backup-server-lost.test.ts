// Rows 40 and 42 of the fault matrix: PostgreSQL stops, crashes, restarts or ends the session while it is backed up. The
// backup fails with 10 or 11, nothing is listed, and the next one needs no cleaning up. Timeouts that the server sets for
// everybody do not end a backup at all.
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { MAJORS, OUTER_MAJORS } from "../harness/majors.ts";
import type { CommandResult, RunningCommand } from "../harness/command.ts";
import type { PostgresSettings } from "../harness/config-file.ts";
import { contentHash } from "../harness/orders.ts";
import { waitForArchived } from "../harness/wal.ts";
import { errorCode } from "./archive-ground.ts";
import {
  expectNoTrace,
  expectRestorable,
  layBusySite,
  listedBackups,
  startSlowBackup,
  waitForLine,
  waitForPack,
} from "./backup-ground.ts";

const TERMINATE =
  "select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'hindsight'";

const LOSSES: readonly (readonly [string, (production: Cluster) => Promise<void>])[] = [
  ["a fast shutdown", (production) => production.stop("fast")],
  ["an immediate shutdown", (production) => production.stop("immediate")],
  ["a crash", (production) => production.crash()],
  ["a restart", (production) => production.restart("fast")],
  ["the end of its session", async (production) => void (await production.sql(TERMINATE))],
];

function expectLost(result: CommandResult): void {
  expect([10, 11]).toContain(result.exitCode);
  expect(["POSTGRES_CONNECTION_LOST", "BACKUP_ABORTED"]).toContain(errorCode(result));
  expect(result.stderr).toMatch(/^hint: /m);
  expect(result.stdout).toBe("");
}

async function startAgain(production: Cluster): Promise<void> {
  if (!(await production.isRunning())) await production.start();
}

/** Lets a backup sleep through what happens to the server, so that it finds out only afterwards. */
async function sleepThrough(running: RunningCommand, event: () => Promise<void>): Promise<void> {
  running.kill("SIGSTOP");
  await event();
  running.kill("SIGCONT");
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test.each(LOSSES)(
    "%s during the copy ends the backup, and nothing is listed",
    async (_, lose) => {
      await using site = await layBusySite({ major });
      const { production } = site;
      const running = startSlowBackup(site);
      await waitForPack(site, running);
      await lose(production);
      expectLost(await running.result);
      await startAgain(production);
      await expectNoTrace(site, []);
      await expectRestorable(site, "copy");
    },
  );

  test("a crash and a new start that the backup slept through are noticed all the same", async () => {
    await using site = await layBusySite({ major });
    const { production } = site;
    const running = startSlowBackup(site);
    await waitForPack(site, running);
    await sleepThrough(running, async () => {
      await production.crash();
      await production.start();
      await production.sql("checkpoint");
    });
    expectLost(await running.result);
    await expectNoTrace(site, []);
  });

  test("an immediate shutdown while the backup waits for the checkpoint ends it", async () => {
    await using site = await layBusySite({ major });
    const { production } = site;
    const running = startSlowBackup(site, ["--no-start-fast"]);
    await waitForLine(running, /next regular checkpoint/);
    await production.stop("immediate");
    expectLost(await running.result);
    await production.start();
    await expectNoTrace(site, []);
  });

  test("after backup mode has ended a crash is survived: the WAL arrives when the server is back", async () => {
    await using site = await layBusySite({ major });
    const { production } = site;
    await production.sql("alter system set archive_command = 'false'");
    await production.reload();
    const running = site.workspace.start(["--log-level-console=info", "--type=full", "backup"]);
    await waitForLine(running, /backup stop archive/);
    await production.crash();
    await production.start();
    await production.sql("alter system reset archive_command");
    await production.reload();
    const result = await running.result;
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    expect(await listedBackups(site)).toHaveLength(1);
    await expectRestorable(site, "copy");
  });
});

/** Timeouts of the server as far as the major knows them, all with one value. */
function timeouts(major: number, value: string): PostgresSettings {
  const names = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    ...(major >= 17 ? ["transaction_timeout"] : []),
  ];
  return Object.fromEntries(names.map((name) => [name, value]));
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("timeouts set for the whole server end no backup and no check", async () => {
    await using site = await layBusySite({ major });
    const { production, workspace } = site;
    // Shorter than anything that a backup does between two statements.
    await production.set(timeouts(major, "20ms"));
    await production.reload();
    const result = await workspace.run(["--process-max=1", "--type=full", "backup"]);
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    const checked = await workspace.run(["check"]);
    expect([checked.exitCode, errorCode(checked)]).toEqual([0, undefined]);
    await production.set(timeouts(major, "0"));
    await production.reload();
    await waitForArchived(production);
    await using copy = await site.restore("copy", []);
    await copy.set(timeouts(major, "0"));
    await copy.start();
    await copy.waitForPromotion();
    expect(await contentHash(copy, "ballast")).toBe(await contentHash(production, "ballast"));
  });
});
