// Starts a server as a child of the test, not by way of pg_ctl: a child of ours is reaped by us the moment it ends, an
// orphan whenever the machine's first process gets around to it, in some containers never, and until then its process
// id looks alive to PostgreSQL. Waits the way pg_ctl does, by the status line of postmaster.pid.
import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RuntimeUser } from "../../src/cli/demo/embedded-user.ts";
import { waitUntil } from "./wait.ts";

/** What a server is started with. */
export interface ServerStart {
  /** Where postgres is. */
  readonly programs: string;
  readonly dataDirectory: string;
  readonly logFile: string;
  readonly user: RuntimeUser | undefined;
  /** Settings for the command line. */
  readonly settings: Readonly<Record<string, string>>;
}

/** How a start came out: the server takes connections (perhaps only to read), or has ended. */
export type StartOutcome =
  | { readonly started: true }
  | { readonly started: false; readonly exitCode: number | null };

const START_TIMEOUT_MS = 120_000;
/** The line of postmaster.pid that says whether the server takes connections. */
const STATUS_LINE = 7;

/** Starts a server and waits until it takes connections or has ended. */
export async function startServerProcess(start: ServerStart): Promise<StartOutcome> {
  const child = await launch(start);
  let outcome: StartOutcome | undefined;
  const pidFile = join(start.dataDirectory, "postmaster.pid");
  await waitUntil(
    `PostgreSQL in ${start.dataDirectory} to take connections`,
    async () => {
      const lines = (await readFile(pidFile, "utf8").catch(() => "")).split("\n");
      const ready = ["ready", "standby"].includes(lines[STATUS_LINE]?.trim() ?? "");
      // Asked for, not listened to: a server without its files may have ended before anybody could listen.
      const { exitCode, signalCode } = child;
      if (exitCode !== null || signalCode !== null) outcome = { started: false, exitCode };
      else if (ready && Number(lines[0]) === child.pid) outcome = { started: true };
      return outcome !== undefined;
    },
    START_TIMEOUT_MS,
  );
  return outcome ?? { started: true };
}

async function launch(start: ServerStart): Promise<ChildProcess> {
  const { programs, dataDirectory, logFile, user } = start;
  const settings = Object.entries(start.settings).flatMap(([name, value]) => [
    "-c",
    `${name}=${value}`,
  ]);
  await using log = await open(logFile, "a", 0o600);
  if (user !== undefined) await log.chown(user.uid, user.gid);
  const child = spawn(join(programs, "postgres"), ["-D", dataDirectory, ...settings], {
    cwd: dataDirectory,
    env: { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C.UTF-8" },
    // A session of its own: Ctrl-C at the desk ends the tests, and they end it.
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    ...(user && { uid: user.uid, gid: user.gid }),
  });
  child.unref();
  return child;
}
