// Where a server listens: what its pid file says, or where packages put the socket.
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** Where a server can be reached. */
export interface SocketLocation {
  /** An absolute directory, or the name of a host when the server has no socket. */
  readonly socketDirectory: string;
  readonly port: number;
}

const PACKAGE_DIRECTORIES = ["/var/run/postgresql", "/tmp"] as const;

/** The package's usual directory that has a socket of that port, else the first of them. */
export async function defaultSocketDirectory(port: number): Promise<string> {
  for (const directory of PACKAGE_DIRECTORIES) {
    try {
      await access(join(directory, `.s.PGSQL.${port}`));
      return directory;
    } catch {
      // Not there, or not for us: the next one.
    }
  }
  return PACKAGE_DIRECTORIES[0];
}

/**
 * Reads where the server of a data directory listens. That the file exists does not mean that the server runs.
 *
 * @returns undefined when there is no postmaster.pid, or the server has not written so far yet.
 * @throws {HindsightError} `DATA_FILE_UNREADABLE`
 * @source PostgreSQL src/include/utils/pidfile.h: line 4 is the port, 5 the first socket directory, 6 the first listen
 *   address; a line is empty when there is none.
 */
export async function socketFromPidFile(
  dataDirectory: string,
): Promise<SocketLocation | undefined> {
  const file = join(dataDirectory, "postmaster.pid");
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (systemErrorCode(cause) === "ENOENT") return undefined;
    throw failure("DATA_FILE_UNREADABLE", `cannot read ${file}`, {
      hint: "Run the command as the user that owns the data directory.",
      cause,
    });
  }
  return parsePidFile(text);
}

/** The pure part of {@link socketFromPidFile}. */
export function parsePidFile(text: string): SocketLocation | undefined {
  const [, , , portLine, socketLine, addressLine] = text.split("\n").map((line) => line.trim());
  const port = /^[1-9][0-9]{0,4}$/.test(portLine ?? "") ? Number(portLine) : undefined;
  if (port === undefined || addressLine === undefined) return undefined;
  if (socketLine) return { socketDirectory: socketLine, port };
  if (addressLine === "") return undefined;
  const anyAddress = ["*", "0.0.0.0", "::"].includes(addressLine);
  return { socketDirectory: anyAddress ? "localhost" : addressLine, port };
}
