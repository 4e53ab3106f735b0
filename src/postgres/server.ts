// Starts and stops PostgreSQL servers. The server is `postgres` itself, in a session of its own, writing to a log file:
// it outlives the command that started it, and no terminal, pipe or signal of ours reaches it. pg_ctl is not used: its
// exit status says 0 before a PANIC and before a promotion. What a recovering server does is read from its log
// (postgres/recovery-log.ts) and believed only over a connection (recovery/attempt.ts).
import { spawn } from "node:child_process";
import { chown, open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { isServerProcess, readPostmasterFile } from "./postmaster-process.ts";

/** An operating system user, by its numbers. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
}

/** Everything a server is started with. */
export interface ServerStart {
  readonly binaries: PostgresBinaries;
  /** Absolute. */
  readonly dataDirectory: string;
  /** A configuration outside the data directory; undefined: the one inside. */
  readonly configFile?: string | undefined;
  readonly port: number;
  /** Absolute, existing, at most {@link socketPathFits}. */
  readonly socketDirectory: string;
  /** Appended to, created with mode 0600; its directory exists. */
  readonly logFile: string;
  /** Settings that win over every file, passed as `-c name=value`. */
  readonly overrides: Readonly<Record<string, string>>;
  /** As whom to run when we are root; the owner of the data directory when left out. */
  readonly user?: ServerUser | undefined;
}

/** A server that was started by this process. */
export interface ServerHandle {
  readonly pid: number;
  readonly dataDirectory: string;
  readonly port: number;
  readonly socketDirectory: string;
  readonly logFile: string;
  /** Resolves when the server has ended; does not keep our process alive. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** A server that runs, whoever started it. */
export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  /** "" when the server has no socket, or is too young to have written it. */
  readonly socketDirectory: string;
  /** `starting`, `stopping`, `ready` or `standby`. */
  readonly status: string;
}

/** How a server is asked to end: waiting for clients, ending their sessions, or without a checkpoint. */
export type StopMode = "smart" | "fast" | "immediate";

const STOP_SIGNALS = { smart: "SIGTERM", fast: "SIGINT", immediate: "SIGQUIT" } as const;
/** How long a server may take to end, before that is called a failure. */
const STOP_TIMEOUT_MS = 60_000;
const STOP_POLL_INTERVAL_MS = 50;
/** sizeof(sockaddr_un.sun_path) less the final zero. */
const SOCKET_PATH_MAX_BYTES = 107;

/** Whether the socket of that port fits into the directory: its whole path has at most 107 bytes. */
export function socketPathFits(socketDirectory: string, port: number): boolean {
  return Buffer.byteLength(join(socketDirectory, `.s.PGSQL.${port}`)) <= SOCKET_PATH_MAX_BYTES;
}

/**
 * Starts a server and returns at once: whether it comes up is for its log and {@link ServerHandle.exited} to say.
 *
 * @throws {HindsightError} `DESTINATION_RUNNING` when one runs there already; `POSTGRES_START_FAILED` when the program
 *   cannot be run, the socket's path is too long, or PostgreSQL would run as root.
 */
export async function startServer(start: ServerStart, context: Context): Promise<ServerHandle> {
  context.signal.throwIfAborted();
  await refuseSecondServer(start.dataDirectory);
  if (!socketPathFits(start.socketDirectory, start.port)) {
    throw failure(
      "POSTGRES_START_FAILED",
      `the path of the socket in ${start.socketDirectory} is longer than ${SOCKET_PATH_MAX_BYTES} bytes`,
      { hint: "Choose a state-path with a shorter name." },
    );
  }
  const user = start.user ?? (await serverUser(start.dataDirectory));
  const log = await open(start.logFile, "a", 0o600);
  try {
    if (user) await chown(start.logFile, user.uid, user.gid);
    const handle = await spawnServer(start, log.fd, user);
    context.log.info("started postgresql", {
      pid: handle.pid,
      dataDirectory: start.dataDirectory,
      port: start.port,
      logFile: start.logFile,
    });
    return handle;
  } finally {
    await log.close(); // the server has its own copy
  }
}

async function refuseSecondServer(dataDirectory: string): Promise<void> {
  const running = await runningServer(dataDirectory);
  if (!running) return;
  throw failure("DESTINATION_RUNNING", `PostgreSQL runs in ${dataDirectory} (pid ${running.pid})`, {
    hint: "Stop it first; nothing was changed.",
    context: { pid: running.pid },
  });
}

/**
 * As whom the server of a data directory runs: its owner when we are root.
 *
 * @returns undefined when it runs as whoever we are.
 * @throws {HindsightError} `POSTGRES_START_FAILED` when that would be root.
 */
export async function serverUser(dataDirectory: string): Promise<ServerUser | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  const owner = await stat(dataDirectory);
  if (owner.uid === 0) {
    throw failure(
      "POSTGRES_START_FAILED",
      `${dataDirectory} belongs to root, and PostgreSQL does not run as root`,
      {
        hint: `Give the directory to the user of PostgreSQL: chown -R postgres ${dataDirectory}.`,
      },
    );
  }
  return { uid: owner.uid, gid: owner.gid };
}

/** The arguments of `postgres`, in an order that lets overrides win. */
export function serverArguments(start: ServerStart): readonly string[] {
  const settings: Record<string, string> = {
    ...(start.configFile === undefined ? {} : { config_file: start.configFile }),
    port: String(start.port),
    unix_socket_directories: quoteListItem(start.socketDirectory),
    ...start.overrides,
  };
  return [
    "-D",
    start.dataDirectory,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
}

/** unix_socket_directories is a list, so a comma or a space in a path needs quotes. */
function quoteListItem(item: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(item) ? item : `"${item.replaceAll('"', '""')}"`;
}

function spawnServer(
  start: ServerStart,
  logDescriptor: number,
  user: ServerUser | undefined,
): Promise<ServerHandle> {
  const child = spawn(start.binaries.postgres, serverArguments(start), {
    cwd: start.dataDirectory, // ours may be closed to the server's user
    detached: true,
    stdio: ["ignore", logDescriptor, logDescriptor],
    env: serverEnvironment(process.env),
    ...user,
  });
  child.unref();
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code, signal }));
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      reject(
        failure(
          "POSTGRES_START_FAILED",
          `${start.binaries.postgres} could not be run: ${errorMessage(cause)}`,
          {
            hint: `The user that owns ${start.dataDirectory} must be able to enter every directory above it and above the program.`,
            cause,
          },
        ),
      );
    });
    child.once("spawn", () => {
      const { dataDirectory, port, socketDirectory, logFile } = start;
      resolve({ pid: child.pid ?? 0, dataDirectory, port, socketDirectory, logFile, exited });
    });
  });
}

/** Our environment without what would change the server: PG* variables and locale; messages must be English. */
function serverEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(environment).filter(
    ([name]) => !/^(?:PG|LC_|LANG|TZ$|NODE_CHANNEL_FD$)/.test(name),
  );
  return { ...Object.fromEntries(kept), LC_ALL: "C" };
}

/**
 * The server of a data directory: its pid file and a live process that is really this server.
 *
 * @returns undefined when none runs.
 * @throws {HindsightError} `POSTGRES_STATE_WRONG` when that cannot be told.
 */
export async function runningServer(dataDirectory: string): Promise<RunningServer | undefined> {
  const file = await readPostmasterFile(dataDirectory);
  if (!file || !(await isServerProcess(file.pid, dataDirectory))) return undefined;
  return {
    pid: file.pid,
    port: file.port ?? 0,
    socketDirectory: file.socketDirectory ?? "",
    status: file.status,
  };
}

/**
 * Stops the server of a data directory and waits until it is gone. No server is no error.
 *
 * @throws {HindsightError} `POSTGRES_STATE_WRONG` when we may not signal it, or it still runs after
 *   {@link STOP_TIMEOUT_MS}.
 */
export async function stopServer(
  dataDirectory: string,
  mode: StopMode,
  context: Context,
): Promise<void> {
  const server = await runningServer(dataDirectory);
  if (!server) return;
  const begin = context.clock.monotonicMs();
  signalServer(server.pid, mode);
  while (await isServerProcess(server.pid, dataDirectory)) {
    if (context.clock.monotonicMs() - begin > STOP_TIMEOUT_MS) {
      throw failure(
        "POSTGRES_STATE_WRONG",
        `PostgreSQL in ${dataDirectory} (pid ${server.pid}) still runs ${STOP_TIMEOUT_MS / 1000} s after a ${mode} shutdown was asked for`,
        {
          hint: `Look into its log, then stop it by hand: pg_ctl stop -D ${dataDirectory} -m immediate.`,
        },
      );
    }
    await context.clock.sleep(STOP_POLL_INTERVAL_MS, context.signal);
  }
  context.log.info("stopped postgresql", { pid: server.pid, dataDirectory, mode });
}

function signalServer(pid: number, mode: StopMode): void {
  try {
    process.kill(pid, STOP_SIGNALS[mode]);
  } catch (cause) {
    if (systemErrorCode(cause) === "ESRCH") return;
    throw failure("POSTGRES_STATE_WRONG", `the server with pid ${pid} may not be stopped by us`, {
      hint: "Run the command as the user that the server runs as.",
      cause,
    });
  }
}
