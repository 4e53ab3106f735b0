// The place of one started server, outside its data directory: generated configuration, logs, and the socket. It is
// readable by the server's user only. A socket's path has at most 107 bytes, so where the place is too deep, the socket
// gets a short directory of its own.
import { chmod, chown, mkdir, mkdtemp, open, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import { type ServerUser, socketPathFits } from "../postgres/server.ts";
import type { ServerSettings } from "./server-settings.ts";

/** Where the files of a started server are. */
export interface ServerFiles {
  readonly configFile: string;
  /** Settings that point PostgreSQL to the files beside the configuration. */
  readonly fileSettings: Readonly<Record<string, string>>;
  /** New for each start. */
  readonly logFile: string;
  readonly socketDirectory: string;
}

/** Where a server's files go, and whose they are. */
export interface ServerPlace {
  /** Absolute; created when missing. */
  readonly directory: string;
  /** Who gets the files when we are root; undefined: us. */
  readonly owner: ServerUser | undefined;
  readonly port: number;
  /** The socket's directory of an earlier start, to be used again. */
  readonly socketDirectory?: string | undefined;
}

/** Logs of one place: more starts than this are a mistake. */
const LOG_COUNT_MAX = 1000;

/**
 * Writes the configuration and creates a new, empty log.
 *
 * @throws {HindsightError} `DESTINATION_DENIED` when the place cannot be written.
 */
export async function writeServerFiles(
  place: ServerPlace,
  settings: ServerSettings,
): Promise<ServerFiles> {
  try {
    const { directory } = place;
    await makePrivate(directory, place.owner);
    const write = async (name: string, content: string): Promise<string> => {
      const file = join(directory, name);
      await writeFile(file, content, { mode: 0o600 });
      await give(file, place.owner);
      return file;
    };
    return {
      configFile: await write("postgresql.conf", settings.configuration),
      fileSettings: {
        hba_file: await write("pg_hba.conf", settings.hostBasedAuthentication),
        ident_file: await write("pg_ident.conf", ""),
        // Production's must stay what it is, and PostgreSQL complains in its log about none.
        external_pid_file: join(directory, "postgresql.pid"),
      },
      logFile: await createLog(directory, place.owner),
      socketDirectory: place.socketDirectory ?? (await socketDirectory(place)),
    };
  } catch (cause) {
    throw failure(
      "DESTINATION_DENIED",
      `cannot write the files of the server into ${place.directory}: ${errorMessage(cause)}`,
      { hint: "Choose a state-path that this user can write.", cause },
    );
  }
}

async function makePrivate(directory: string, owner: ServerUser | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  await give(directory, owner);
}

async function give(path: string, owner: ServerUser | undefined): Promise<void> {
  if (owner !== undefined && process.geteuid?.() === 0) await chown(path, owner.uid, owner.gid);
}

async function createLog(directory: string, owner: ServerUser | undefined): Promise<string> {
  for (let start = 1; start <= LOG_COUNT_MAX; start += 1) {
    const file = join(directory, `postgresql-${start}.log`);
    try {
      await (await open(file, "wx", 0o600)).close();
      await give(file, owner);
      return file;
    } catch (error) {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    }
  }
  throw new Error(`${directory} holds ${LOG_COUNT_MAX} logs already`);
}

async function socketDirectory({ directory, owner, port }: ServerPlace): Promise<string> {
  if (socketPathFits(directory, port)) return directory;
  const short = await mkdtemp(join(tmpdir(), "hindsight-"));
  await give(short, owner);
  return short;
}
