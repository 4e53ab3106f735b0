// Makes a data directory with initdb and writes its settings: small, quiet, and reachable only by its socket.
import { appendFile } from "node:fs/promises";
import { join } from "node:path";
import { expectSuccess } from "./command.ts";
import { formatSettings, type PostgresSettings } from "./config-file.ts";
import type { Workspace } from "./workspace.ts";

/** What a cluster is made with. */
export interface ClusterOptions {
  readonly major: number;
  /** Where it lives; without one it gets a workspace of its own. */
  readonly workspace?: Workspace | undefined;
  /** Names its data directory in the workspace. Default `pg`. */
  readonly name?: string | undefined;
  /** A power of two from 1 to 1024. Default 1, which makes segments cheap. */
  readonly walSegmentSizeMb?: number | undefined;
  /** Data checksums. Default on. */
  readonly checksums?: boolean | undefined;
  /** Turns archiving on. `workspace.archiveCommand` is the real command. */
  readonly archiveCommand?: string | undefined;
  /** Win over everything else. `fsync` is off unless asked for. */
  readonly settings?: PostgresSettings | undefined;
}

const SETTINGS: PostgresSettings = {
  listen_addresses: "",
  port: 5432,
  unix_socket_permissions: "0700",
  lc_messages: "C",
  timezone: "UTC",
  log_timezone: "UTC",
  fsync: false,
  max_connections: 20,
  shared_buffers: "16MB",
  max_wal_size: "1GB",
  // Files in the data directory instead of /dev/shm, where a killed server would leave them.
  dynamic_shared_memory_type: "mmap",
};

/** Creates the data directory `name` in the workspace and returns its path. */
export async function createDataDirectory(
  workspace: Workspace,
  options: ClusterOptions & { readonly name: string },
): Promise<string> {
  const { major, name, walSegmentSizeMb = 1, checksums = true } = options;
  const directory = workspace.path(name);
  const program = join(workspace.runtime.postgres(major), "initdb");
  const parameters = [
    `--pgdata=${directory}`,
    "--username=postgres",
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--no-sync",
    "--no-instructions",
    `--wal-segsize=${walSegmentSizeMb}`,
    ...checksumFlags(major, checksums),
  ];
  expectSuccess(await workspace.runProgram(program, parameters));
  const settings: PostgresSettings = {
    ...SETTINGS,
    unix_socket_directories: workspace.path(`${name}.s`),
    ...archiveSettings(options.archiveCommand),
    ...options.settings,
  };
  await appendFile(join(directory, "postgresql.conf"), `\n${formatSettings(settings)}`);
  return directory;
}

function checksumFlags(major: number, checksums: boolean): readonly string[] {
  if (checksums) return ["--data-checksums"];
  // From 18 they are on by default; before, there is no word for off.
  return major >= 18 ? ["--no-data-checksums"] : [];
}

function archiveSettings(archiveCommand: string | undefined): PostgresSettings {
  if (archiveCommand === undefined) return {};
  return { archive_mode: true, archive_command: archiveCommand };
}
