// Finds and ends the processes of a test run by where they live, so that nothing survives: not a server that a command
// started in a session of its own, not a child whose parent was killed. A process lives in a directory when its current
// directory or its program is below it: PostgreSQL works in its data directory, commands in their workspace.
import { readdir, readFile, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A running process, as /proc shows it. */
export interface LivingProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** The file name of its program, such as `postgres`. */
  readonly program: string;
  /** Its command line, for messages. */
  readonly commandLine: string;
}

const POLL_MS = 20;
const GENTLE_WAIT_MS = 5000;
const KILL_WAIT_MS = 10_000;

/** The processes that live in `directory`, ourselves not counted. */
export async function processesIn(directory: string): Promise<readonly LivingProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => inspect(pid, directory)));
  return found.filter(
    (entry) => entry !== undefined && entry.pid !== process.pid,
  ) as LivingProcess[];
}

/**
 * Ends every process that lives in `directory` and waits until they are gone: PostgreSQL by immediate shutdown first,
 * because it then gives back its shared memory, then whatever is left by SIGKILL.
 *
 * @returns what was found running.
 * @throws when something cannot be killed.
 */
export async function endProcessesIn(directory: string): Promise<readonly LivingProcess[]> {
  const found = await processesIn(directory);
  if (found.length === 0) return found;
  const pids = new Set(found.map((entry) => entry.pid));
  for (const { pid, parentPid, program } of found) {
    if (program !== "postgres") signalProcess(pid, "SIGKILL");
    else if (!pids.has(parentPid)) signalProcess(pid, "SIGQUIT");
  }
  if (await emptyWithin(directory, GENTLE_WAIT_MS)) return found;
  const deadline = Date.now() + KILL_WAIT_MS;
  while (Date.now() < deadline) {
    for (const { pid } of await processesIn(directory)) signalProcess(pid, "SIGKILL");
    if (await emptyWithin(directory, POLL_MS)) return found;
  }
  throw new Error(`processes in ${directory} survive SIGKILL`);
}

/** Sends a signal; a process that is gone already is no error. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Whether a process exists and is no zombie. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => undefined);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

async function emptyWithin(directory: string, waitMs: number): Promise<boolean> {
  const deadline = Date.now() + waitMs;
  while ((await processesIn(directory)).length > 0) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

async function inspect(pid: number, directory: string): Promise<LivingProcess | undefined> {
  const [cwd, exe, line] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(whyUnreadable),
    readlink(`/proc/${pid}/exe`).catch(whyUnreadable),
    readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
  ]);
  const words = line.split("\0");
  // Root in a container without CAP_SYS_PTRACE may not read the links of another user's process: judge by its words.
  const places = cwd === DENIED || exe === DENIED ? words : [cwd, exe];
  if (!places.some((place) => place === directory || place.startsWith(`${directory}/`))) {
    return undefined;
  }
  const program = basename((exe === DENIED ? (words[0] ?? "") : exe).replace(/ \(deleted\)$/, ""));
  const commandLine = words.join(" ").trim();
  return { pid, parentPid: await parentOf(pid), program, commandLine };
}

const DENIED = "denied";

function whyUnreadable(error: NodeJS.ErrnoException): string {
  return error.code === "EACCES" ? DENIED : "";
}

async function parentOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return Number(/\) \S (\d+) /.exec(stat)?.[1] ?? 0);
}
