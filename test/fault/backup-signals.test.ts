// Row 39 of the fault matrix: a backup that is asked to end by SIGTERM, SIGINT or SIGHUP, whatever it is at just then,
// ends with 28, PostgreSQL has left backup mode, nothing is listed, and the next backup needs no cleaning up.
import { chmod, mkdir } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { RunningCommand } from "../harness/command.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { errorCode } from "./archive-ground.ts";
import {
  expectNoTrace,
  expectOver,
  expectRestorable,
  layBusySite,
  sessionsOf,
  startSlowBackup,
  waitForLine,
  waitForPack,
} from "./backup-ground.ts";

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/** A backup at a certain point. Disposing of it puts right what was set up to hold it there. */
interface Caught extends AsyncDisposable {
  readonly running: RunningCommand;
}

/** Something listens where PostgreSQL should, and never answers. */
async function whileConnecting({ workspace }: ProtectedSite): Promise<Caught> {
  const directory = workspace.path("mute.s");
  await mkdir(directory, { recursive: true });
  await workspace.give(directory);
  const server = createServer();
  const sockets: Socket[] = [];
  const connected = new Promise<void>((resolve) =>
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      sockets.push(socket);
      resolve();
    }),
  );
  const path = `${directory}/.s.PGSQL.5432`;
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await chmod(path, 0o777);
  const running = workspace.start([`--pg1-socket-path=${directory}`, "--type=full", "backup"]);
  await connected;
  return {
    running,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** The checkpoint is spread over minutes, and there is much to write. */
async function whileWaitingForCheckpoint(site: ProtectedSite): Promise<Caught> {
  await site.production.sql("update ballast set id = id where id <= 20000");
  const running = startSlowBackup(site, ["--no-start-fast"]);
  await waitUntil("the backup to wait for a checkpoint", async () => {
    const waiting = await site.production.value(
      `select count(*) from pg_stat_activity where application_name = 'hindsight'
       and state = 'active' and wait_event like 'Checkpoint%'`,
    );
    return waiting === "1";
  });
  return { running, [Symbol.asyncDispose]: () => Promise.resolve() };
}

async function whileCopying(site: ProtectedSite): Promise<Caught> {
  const running = startSlowBackup(site);
  await waitForPack(site, running);
  return { running, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** PostgreSQL archives nothing, so the WAL of the backup does not arrive. */
async function whileWaitingForWal(site: ProtectedSite): Promise<Caught> {
  await site.production.sql("alter system set archive_command = 'false'");
  await site.production.reload();
  const running = site.workspace.start(["--log-level-console=info", "--type=full", "backup"]);
  await waitForLine(running, /backup stop archive/);
  return {
    running,
    [Symbol.asyncDispose]: async () => {
      await site.production.sql("alter system reset archive_command");
      await site.production.reload();
    },
  };
}

const MOMENTS = [
  ["connects", whileConnecting],
  ["waits for the checkpoint", whileWaitingForCheckpoint],
  ["copies", whileCopying],
  ["waits for its WAL", whileWaitingForWal],
] as const;

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test.each(MOMENTS)("signals while the backup %s end it with 28", async (_, catchBackup) => {
    await using site = await layBusySite({ major });
    for (const signal of SIGNALS) {
      await using caught = await catchBackup(site);
      caught.running.kill(signal);
      const result = await caught.running.result;
      expect([signal, result.exitCode, errorCode(result)]).toEqual([signal, 28, "INTERRUPTED"]);
      expect(result.stderr).toContain(signal);
      expect(result.stderr).toMatch(/^hint: /m);
      expect(result.stdout).toBe("");
      await expectOver(site, []);
    }
    await expectNoTrace(site, []);
    await expectRestorable(site, "copy");
  });

  test("a second signal ends a backup at once, and still nothing is left of it", async () => {
    await using site = await layBusySite({ major });
    const running = startSlowBackup(site);
    await waitForPack(site, running);
    expect(await sessionsOf(site.production)).toBe(1);
    // Stopped, it takes note of neither before it sees both.
    running.kill("SIGSTOP");
    running.kill("SIGTERM");
    running.kill("SIGINT");
    running.kill("SIGCONT");
    const { exitCode, signal } = await running.result;
    expect([exitCode, signal]).toEqual([expect.any(Number), undefined]);
    expect([28, 130, 143]).toContain(exitCode);
    await expectNoTrace(site, []);
    await expectRestorable(site, "copy");
  });
});
