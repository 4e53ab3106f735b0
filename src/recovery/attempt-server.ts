// The server of an attempt: launched with generated files, stopped whatever happens, its log read when it failed.
import { open } from "node:fs/promises";
import { type Context, createContext } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import { MIB } from "../base/limits.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { type ServerHandle, serverUser, startServer, stopServer } from "../postgres/server.ts";
import type { AttemptRequest } from "./attempt-request.ts";
import { type ServerFiles, writeServerFiles } from "./server-directory.ts";
import { archivingOf, serverSettings, type ServerSettings } from "./server-settings.ts";

/** What one start needs beside the request. */
export interface Launch {
  /** Settings found too low by earlier starts. */
  readonly raised: Readonly<Record<string, number>>;
  readonly files: ServerFiles;
}

/** Writes the files of the next start; its socket stays where an earlier start had it. */
export async function prepareLaunch(
  { plan, start }: AttemptRequest,
  raised: Readonly<Record<string, number>>,
  previous: Launch | undefined,
): Promise<Launch> {
  const place = {
    directory: start.directory,
    owner: await serverUser(plan.destination.path),
    port: start.port,
    socketDirectory: previous?.files.socketDirectory,
  };
  return { raised, files: await writeServerFiles(place, settingsOf({ plan, start }, raised)) };
}

function settingsOf(
  { plan, start }: Pick<AttemptRequest, "plan" | "start">,
  raised: Readonly<Record<string, number>>,
): ServerSettings {
  return serverSettings({
    majorVersion: plan.backup.majorVersion,
    recorded: plan.backup.settings,
    archiving: archivingOf(plan.archiveMode, plan.backup.settings),
    clusterName: start.clusterName,
    raised,
    options: start.options,
  });
}

/** Starts it. @throws what {@link startServer} throws. */
export function launchServer(
  { plan, start }: AttemptRequest,
  { raised, files }: Launch,
  context: Context,
): Promise<ServerHandle> {
  const { overrides } = settingsOf({ plan, start }, raised);
  return startServer(
    {
      binaries: start.binaries,
      dataDirectory: plan.destination.path,
      configFile: files.configFile,
      port: start.port,
      socketDirectory: files.socketDirectory,
      logFile: files.logFile,
      overrides: { ...files.fileSettings, ...overrides },
    },
    context,
  );
}

/** How the server is talked to. */
export function connectionTo({ start }: AttemptRequest, { files }: Launch): ConnectionSettings {
  return {
    socketDirectory: files.socketDirectory,
    port: start.port,
    user: start.role,
    database: start.database,
  };
}

/** Stops it, also when the attempt itself was aborted; a server that cannot be stopped is logged, not thrown. */
export async function stopForGood(server: ServerHandle, context: Context): Promise<void> {
  const { clock, random, log } = context;
  const unstoppable = createContext({ clock, random, log });
  try {
    await stopServer(server.dataDirectory, "fast", unstoppable);
  } catch {
    await stopServer(server.dataDirectory, "immediate", unstoppable).catch((error: unknown) =>
      log.error("the server could not be stopped", { pid: server.pid, error: errorMessage(error) }),
    );
  }
}

/** A log is read whole up to this size, and from its end beyond it. */
const LOG_READ_MAX_BYTES: number = 8 * MIB;

/** The lines of a server's log, for an explanation. */
export async function readServerLog(file: string): Promise<readonly string[]> {
  await using handle = await open(file, "r");
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(Math.min(size, LOG_READ_MAX_BYTES));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, size - buffer.length);
  return buffer.toString("utf8", 0, bytesRead).split("\n");
}
