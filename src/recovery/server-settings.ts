// The configuration of the servers that Hindsight starts. Production's own files stay in the directory, untouched and
// unread, with one exception: PostgreSQL always reads postgresql.auto.conf, where the recovery settings stand, and where
// ALTER SYSTEM may have left anything. So whatever there could be harmful is overridden on the command line, which wins
// over every file.
//
// What the settings must achieve: redo can run (at least the primary's limits), nothing leaves the machine (no TCP, no
// archiving, no subscriptions), nothing of production's starts (preloads, hooks), only the user that runs the server
// gets in, the log is English, in UTC and complete, and memory is small. Where the files go: server-directory.ts.
import { LOG_LINE_PREFIX } from "../postgres/log-line.ts";

/** What happens to WAL that the server writes itself, after a promotion. */
export type Archiving =
  | { readonly kind: "off" }
  /** As it was on the primary: `archive_command` or, on 15 and later, `archive_library`; `command` may be empty. */
  | { readonly kind: "preserve"; readonly command: string; readonly library: string };

/** What `--archive-mode` means for a cluster whose settings were recorded. */
export function archivingOf(
  archiveMode: "preserve" | "off",
  recorded: Readonly<Record<string, string>>,
): Archiving {
  if (archiveMode === "off" || (recorded["archive_mode"] ?? "off") === "off")
    return { kind: "off" };
  return {
    kind: "preserve",
    command: recorded["archive_command"] ?? "",
    library: recorded["archive_library"] ?? "",
  };
}

/** What the settings of a server follow from. */
export interface ServerSettingsRequest {
  readonly majorVersion: number;
  /** The settings recorded with the backup, by their names; missing ones count as PostgreSQL's defaults. */
  readonly recorded: Readonly<Record<string, string>>;
  readonly archiving: Archiving;
  /** Shown in the process list. */
  readonly clusterName: string;
  /** Limits that were found too low, by name; they win over the recorded ones when higher. */
  readonly raised: Readonly<Record<string, number>>;
  /** `--recovery-option` and the like: they win over everything. */
  readonly options: Readonly<Record<string, string>>;
}

/** The settings, by the way in which PostgreSQL is told. */
export interface ServerSettings {
  /** The content of postgresql.conf. */
  readonly configuration: string;
  /** The content of pg_hba.conf. */
  readonly hostBasedAuthentication: string;
  /** Passed as `-c name=value`. */
  readonly overrides: Readonly<Record<string, string>>;
}

/**
 * What a recovering server needs at least as large as it was on the primary, with PostgreSQL's defaults.
 *
 * @source PostgreSQL src/backend/access/transam/xlogrecovery.c, CheckRequiredParameterValues
 */
const RECOVERY_MINIMA: Readonly<Record<string, number>> = {
  max_connections: 100,
  max_worker_processes: 8,
  max_wal_senders: 10,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 64,
};

/** How often 15 and later log how far redo has come. */
const PROGRESS_INTERVAL = "1s";
/** PostgreSQL's own default: enough for redo, small beside production. */
const SHARED_BUFFERS = "128MB";
/** NAMEDATALEN - 1 */
const CLUSTER_NAME_LENGTH_MAX = 63;

const HBA = `# Written by Hindsight. The socket's directory lets in only the user that runs the server.
local all         all trust
local replication all trust
`;

/** Decides everything a recovering server is told. Pure. */
export function serverSettings(request: ServerSettingsRequest): ServerSettings {
  return {
    configuration: configurationFile(request),
    hostBasedAuthentication: HBA,
    overrides: {
      ...ISOLATION,
      ...OBSERVATION,
      ...HONESTY,
      ...memorySettings(),
      ...limitSettings(request),
      ...archiveSettings(request),
      ...versionSettings(request),
      wal_level: request.recorded["wal_level"] === "logical" ? "logical" : "replica",
      cluster_name: request.clusterName.replace(/[^ -~]/g, "?").slice(0, CLUSTER_NAME_LENGTH_MAX),
      ...request.options,
    },
  };
}

/** Nothing leaves, nothing of production's runs, nobody waits for another server. */
const ISOLATION = {
  listen_addresses: "",
  unix_socket_permissions: "0700",
  unix_socket_group: "",
  bonjour: "off",
  ssl: "off",
  shared_preload_libraries: "",
  session_preload_libraries: "",
  local_preload_libraries: "",
  max_logical_replication_workers: "0",
  synchronous_standby_names: "",
  hot_standby: "on",
  hot_standby_feedback: "off",
} as const;

/** The log that postgres/recovery-log.ts reads. */
const OBSERVATION = {
  logging_collector: "off",
  log_destination: "stderr",
  log_min_messages: "warning",
  log_error_verbosity: "default",
  log_line_prefix: LOG_LINE_PREFIX,
  log_timezone: "UTC",
  log_statement: "none",
  log_duration: "off",
  log_min_duration_statement: "-1",
  log_connections: "off",
  log_disconnections: "off",
  lc_messages: "C",
} as const;

/** Developer settings that would hide damage. */
const HONESTY = {
  ignore_checksum_failure: "off",
  ignore_invalid_pages: "off",
  zero_damaged_pages: "off",
} as const;

function memorySettings(): Readonly<Record<string, string>> {
  return { shared_buffers: SHARED_BUFFERS, wal_buffers: "-1", huge_pages: "off" };
}

function limitSettings(request: ServerSettingsRequest): Readonly<Record<string, string>> {
  const limits = Object.entries(RECOVERY_MINIMA).map(([name, fallback]) => {
    const recorded = Number(request.recorded[name] ?? fallback);
    return [name, String(Math.max(recorded, request.raised[name] ?? 0))] as const;
  });
  // Places for superusers must fit into a small max_connections.
  return { ...Object.fromEntries(limits), superuser_reserved_connections: "1" };
}

function archiveSettings({
  archiving,
  majorVersion,
}: ServerSettingsRequest): Readonly<Record<string, string>> {
  if (archiving.kind === "off") return { archive_mode: "off" };
  const library = majorVersion >= 15 ? archiving.library : "";
  // Both at once are refused from 16 on.
  return {
    archive_mode: "on",
    archive_command: library === "" ? archiving.command : "",
    ...(majorVersion >= 15 && { archive_library: library }),
  };
}

function versionSettings({
  majorVersion,
}: ServerSettingsRequest): Readonly<Record<string, string>> {
  return {
    ...(majorVersion >= 15 && { log_startup_progress_interval: PROGRESS_INTERVAL }),
    ...(majorVersion >= 16 && { reserved_connections: "0" }),
    ...(majorVersion >= 17 && { summarize_wal: "off", sync_replication_slots: "off" }),
    // io_uring needs a kernel and a container that allow it.
    ...(majorVersion >= 18 && { io_method: "worker" }),
  };
}

/** What may differ per cluster and harms nobody when postgresql.auto.conf says otherwise. */
function configurationFile({ recorded }: ServerSettingsRequest): string {
  const carried = ["TimeZone", "wal_log_hints", "track_commit_timestamp"]
    .map((name) => [name, recorded[name]] as const)
    .filter((entry): entry is readonly [string, string] => entry[1] !== undefined);
  const lines = carried.map(([name, value]) => `${name} = ${quoteSetting(value)}\n`);
  return `# Written by Hindsight for a server it started. Production's own configuration is untouched.\n${lines.join("")}`;
}

/** A value as postgresql.conf wants it: in quotes, quotes and backslashes doubled. */
function quoteSetting(value: string): string {
  return `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}
