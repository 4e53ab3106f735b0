// Whether the process that a postmaster.pid names is really the server of that data directory. After a crash or a
// reboot the file stays behind and its number may belong to any other program by now. A false "stopped" would let a
// restore write under a live server, so only proof counts for that; in doubt the server runs.
import { readFile, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** What postmaster.pid says. */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | undefined;
  /** The first socket directory; undefined when the server has none, or has not written so far yet. */
  readonly socketDirectory: string | undefined;
  /** `starting`, `stopping`, `ready` or `standby`; "" before the first is written. */
  readonly status: string;
}

/**
 * Reads a data directory's postmaster.pid.
 *
 * @returns undefined when there is none.
 * @throws {HindsightError} `POSTGRES_STATE_WRONG` when it cannot be read or holds no process id: then nobody can say
 *   whether a server runs.
 * @source PostgreSQL src/include/utils/pidfile.h: the lines are pid, data directory, start time, port, first socket
 *   directory, first listen address, shared memory key, status
 */
export async function readPostmasterFile(
  dataDirectory: string,
): Promise<PostmasterFile | undefined> {
  const file = join(dataDirectory, "postmaster.pid");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT" || systemErrorCode(cause) === "ENOTDIR")
      return undefined;
    throw failure("POSTGRES_STATE_WRONG", `cannot read ${file}`, {
      hint: "Run the command as the user that owns the data directory.",
      cause,
    });
  }
  const [pid, , , port, socketDirectory, , , status] = text.split("\n").map((line) => line.trim());
  // A single-user server writes its number with a minus.
  if (!/^-?[1-9][0-9]{0,9}$/.test(pid ?? "")) {
    throw failure("POSTGRES_STATE_WRONG", `${file} holds no process id`, {
      hint: "A server may be starting right now: try again. If none is, remove the file.",
    });
  }
  return {
    pid: Math.abs(Number(pid)),
    port: /^[1-9][0-9]{0,4}$/.test(port ?? "") ? Number(port) : undefined,
    socketDirectory: socketDirectory === "" ? undefined : socketDirectory,
    status: status ?? "",
  };
}

const SERVER_PROGRAM = /postgres|postmaster/;

/**
 * Whether process `pid` lives and is, as far as can be told, the server of `dataDirectory`.
 *
 * It is not when there is no such process, when it is dead and only not yet collected by its parent, when it is this
 * process, when its program is not called like a PostgreSQL server, or when its current directory (where
 * every server stays) is another one. What the system does not let us see counts for the server.
 */
export async function isServerProcess(pid: number, dataDirectory: string): Promise<boolean> {
  if (pid === process.pid || !isAlive(pid)) return false;
  const state = await readProcess(pid, "stat");
  if (state !== undefined && /^\d+ \(.*\) [ZX]/s.test(state)) return false;
  if (!(await mayBeServerProgram(pid))) return false;
  return (await worksIn(pid, dataDirectory)) ?? true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) !== "ESRCH"; // EPERM: alive, and another user's
  }
}

/** By the program's own name, not by its arguments: an editor with `/var/lib/postgresql/…` open is no server. */
async function mayBeServerProgram(pid: number): Promise<boolean> {
  const paths = [
    await readProcess(pid, "comm"),
    (await readProcess(pid, "cmdline"))?.split("\0")[0],
    await readlink(`/proc/${pid}/exe`).catch(() => undefined),
  ];
  const names = paths.map((path) => basename(path ?? "")).filter((name) => name !== "");
  return names.length === 0 || names.some((name) => SERVER_PROGRAM.test(name));
}

/** Compared by identity, not by name: through the link the kernel leads across mount namespaces and renames. */
async function worksIn(pid: number, directory: string): Promise<boolean | undefined> {
  try {
    const [current, expected] = await Promise.all([
      stat(`/proc/${pid}/cwd`, { bigint: true }),
      stat(directory, { bigint: true }),
    ]);
    return current.ino === expected.ino && current.dev === expected.dev;
  } catch {
    return undefined; // another user's process, or no /proc
  }
}

async function readProcess(
  pid: number,
  name: "stat" | "comm" | "cmdline",
): Promise<string | undefined> {
  try {
    return await readFile(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}
