// From settings to the running cluster of the stanza.
import { readlink } from "node:fs/promises";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import type { Settings } from "../config/settings.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { runningServer } from "../postgres/server.ts";
import { socketFromPidFile } from "../postgres/socket-location.ts";

/**
 * How to connect: as configured, and where nothing is, as the server's own pid file says.
 *
 * @throws {HindsightError} `DATA_FILE_UNREADABLE` when the data directory cannot be looked at.
 */
export async function connectionSettings(settings: Settings): Promise<ConnectionSettings> {
  const path = settings.get("pg-path");
  const directory = settings.get("pg-socket-path");
  const hasPort = settings.origin("pg-port") !== "default";
  const isComplete = directory !== undefined && hasPort;
  const own = path === undefined || isComplete ? undefined : await socketFromPidFile(path);
  const port = hasPort ? settings.get("pg-port") : (own?.port ?? settings.get("pg-port"));
  // Another port than the pid file's is another server: its socket is elsewhere.
  const isSame = own !== undefined && own.port === port;
  return {
    socketDirectory: directory ?? (isSame ? own.socketDirectory : undefined),
    port,
    user: settings.get("pg-user") ?? defaultRole(),
    database: settings.get("pg-database"),
    password: settings.get("pg-password"),
  };
}

/**
 * The directory of the programs that the cluster runs on, to be recorded with its backups: as configured, else where
 * the running server was started from.
 */
export async function programDirectory(settings: Settings): Promise<string | undefined> {
  const configured = settings.get("pg-bin-path");
  if (configured !== undefined) return configured;
  const server = await runningServer(settings.require("pg-path"));
  if (!server) return undefined;
  // Linux only, and only for our own processes; elsewhere the usual places are searched when the time comes.
  const program = await readlink(`/proc/${server.pid}/exe`).catch(() => undefined);
  return program === undefined ? undefined : dirname(program);
}

/** root has no role of its own in any cluster. */
function defaultRole(): string | undefined {
  return userInfo().uid === 0 ? "postgres" : undefined;
}
