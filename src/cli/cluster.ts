// From settings to the running cluster of the stanza.
import { userInfo } from "node:os";
import type { Settings } from "../config/settings.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
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

/** root has no role of its own in any cluster. */
function defaultRole(): string | undefined {
  return userInfo().uid === 0 ? "postgres" : undefined;
}
