// What a running server says about its cluster: identity, geometry, settings, tablespaces and databases. Read from SQL
// functions over pg_control, so that it is the server's own view, not that of a file we found.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import type { Row, Session } from "./connection.ts";

/** Oldest and newest PostgreSQL major version that is understood. */
export const MAJOR_VERSION_MIN = 14;
/** The newest one. */
export const MAJOR_VERSION_MAX = 18;

/** Settings that a backup records or a command judges; shown as PostgreSQL shows them, with units (`60s`, `16MB`). */
const RECORDED_SETTINGS = [
  "archive_cleanup_command",
  "archive_command",
  "archive_library",
  "archive_mode",
  "archive_timeout",
  "config_file",
  "data_checksums",
  "data_directory",
  "data_directory_mode",
  "external_pid_file",
  "full_page_writes",
  "hba_file",
  "hot_standby",
  "ident_file",
  "lc_collate",
  "lc_ctype",
  "lc_messages",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  "log_timezone",
  "max_connections",
  "max_locks_per_transaction",
  "max_prepared_transactions",
  "max_wal_senders",
  "max_worker_processes",
  "port",
  "server_encoding",
  "server_version",
  "shared_preload_libraries",
  "summarize_wal",
  "TimeZone",
  "unix_socket_directories",
  "wal_keep_size",
  "wal_level",
  "wal_log_hints",
  "wal_segment_size",
] as const;

/** A tablespace, as pg_tablespace has it. */
export interface TablespaceFacts {
  readonly oid: number;
  readonly name: string;
  /** Absolute path; "" when it lies inside the data directory (pg_default, pg_global, in-place tablespaces). */
  readonly location: string;
}

/** A database, as pg_database has it. */
export interface DatabaseFacts {
  readonly oid: number;
  readonly name: string;
  readonly isTemplate: boolean;
  readonly allowConnections: boolean;
  /** Oid of its default tablespace. */
  readonly tablespace: number;
}

/** What a running server says about its cluster and itself, read in one session. */
export interface ClusterFacts {
  /** `server_version_num`, such as 180004. */
  readonly versionNumber: number;
  readonly majorVersion: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly catalogVersion: number;
  readonly controlVersion: number;
  readonly inRecovery: boolean;
  /** The timeline that WAL is written on; in recovery the newest one that was replayed. */
  readonly timeline: Timeline;
  readonly dataDirectory: string;
  readonly segmentSizeBytes: number;
  readonly blockSizeBytes: number;
  /** Blocks of a relation file before the next one (`.1`, `.2`, …) begins. */
  readonly relationSegmentBlocks: number;
  readonly dataChecksums: boolean;
  /** Microseconds since 1970 as decimal text; compare for equality only. */
  readonly postmasterStartTime: string;
  /** The {@link RECORDED_SETTINGS} that this server has and this role may see. */
  readonly settings: Readonly<Record<string, string>>;
  /** Without pg_default and pg_global. */
  readonly tablespaces: readonly TablespaceFacts[];
  readonly databases: readonly DatabaseFacts[];
}

/**
 * Where WAL is written (primary) or was replayed to (standby). The last checkpoint's timeline is not enough on a
 * primary: just after a promotion it is still the old one.
 */
export const TIMELINE_SQL = `
  case when pg_is_in_recovery()
    then lpad(upper(to_hex(greatest(checkpoint.timeline_id, recovery.min_recovery_end_timeline))), 8, '0')
    else left(pg_walfile_name(pg_current_wal_lsn()), 8)
  end`;

const FACTS_SQL = `
  select system.system_identifier::text as system_identifier,
         system.catalog_version_no as catalog_version,
         system.pg_control_version as control_version,
         pg_is_in_recovery() as in_recovery,
         ${TIMELINE_SQL} as timeline,
         init.bytes_per_wal_segment as segment_size,
         init.database_block_size as block_size,
         init.blocks_per_segment as relation_segment_blocks,
         init.data_page_checksum_version as checksum_version,
         (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as postmaster_start
    from pg_control_system() as system, pg_control_init() as init,
         pg_control_checkpoint() as checkpoint, pg_control_recovery() as recovery`;

// A setting that this role may not see has no row, so current_setting() cannot fail.
const SETTINGS_SQL = `
  select name, current_setting(name) as value from pg_settings where name = any($1)`;

const TABLESPACES_SQL = `
  select oid, spcname as name, pg_tablespace_location(oid) as location
    from pg_tablespace where spcname not in ('pg_default', 'pg_global') order by oid`;

const DATABASES_SQL = `
  select oid, datname as name, datistemplate as is_template, datallowconn as allow_connections, dattablespace as tablespace
    from pg_database order by oid`;

/**
 * Reads what the server knows about its cluster.
 *
 * @throws {HindsightError} `POSTGRES_VERSION_UNSUPPORTED` outside 14 to 18; `POSTGRES_SETTING_WRONG` when the role may
 *   not see where the data directory is; what a session throws.
 */
export async function readClusterFacts(session: Session, context: Context): Promise<ClusterFacts> {
  context.signal.throwIfAborted();
  const versionNumber = Number(await session.value("select current_setting('server_version_num')"));
  const majorVersion = supportedMajor(versionNumber);
  const facts = await session.row(FACTS_SQL);
  const settings = await readSettings(session);
  const tablespaces = await session.rows(TABLESPACES_SQL);
  const databases = await session.rows(DATABASES_SQL);
  return {
    versionNumber,
    majorVersion,
    systemIdentifier: systemIdentifier(text(facts, "system_identifier")),
    catalogVersion: number(facts, "catalog_version"),
    controlVersion: number(facts, "control_version"),
    inRecovery: truth(facts, "in_recovery"),
    timeline: parseTimelineDigits(text(facts, "timeline")),
    dataDirectory: dataDirectoryOf(settings),
    segmentSizeBytes: number(facts, "segment_size"),
    blockSizeBytes: number(facts, "block_size"),
    relationSegmentBlocks: number(facts, "relation_segment_blocks"),
    dataChecksums: number(facts, "checksum_version") !== 0,
    postmasterStartTime: text(facts, "postmaster_start"),
    settings,
    tablespaces: tablespaces.map(tablespaceFacts),
    databases: databases.map(databaseFacts),
  };
}

function supportedMajor(versionNumber: number): number {
  const major = Math.floor(versionNumber / 10_000);
  if (major >= MAJOR_VERSION_MIN && major <= MAJOR_VERSION_MAX) return major;
  throw failure(
    "POSTGRES_VERSION_UNSUPPORTED",
    `the server is PostgreSQL ${major}, supported are ${MAJOR_VERSION_MIN} to ${MAJOR_VERSION_MAX}`,
    { hint: "Use a release of Hindsight that knows this version of PostgreSQL." },
  );
}

async function readSettings(session: Session): Promise<Record<string, string>> {
  const rows = await session.rows(SETTINGS_SQL, [[...RECORDED_SETTINGS]]);
  return Object.fromEntries(
    rows.map((row): [string, string] => [text(row, "name"), text(row, "value")]),
  );
}

function dataDirectoryOf(settings: Readonly<Record<string, string>>): string {
  const directory = settings["data_directory"];
  if (directory !== undefined) return directory;
  throw failure("POSTGRES_SETTING_WRONG", "the role may not see the setting data_directory", {
    hint: "Connect as a superuser, or grant the role pg_read_all_settings.",
  });
}

function tablespaceFacts(row: Row): TablespaceFacts {
  const location = text(row, "location");
  return {
    oid: number(row, "oid"),
    name: text(row, "name"),
    // In-place tablespaces (15 and later) answer a path relative to the data directory.
    location: location.startsWith("/") ? location : "",
  };
}

function databaseFacts(row: Row): DatabaseFacts {
  return {
    oid: number(row, "oid"),
    name: text(row, "name"),
    isTemplate: truth(row, "is_template"),
    allowConnections: truth(row, "allow_connections"),
    tablespace: number(row, "tablespace"),
  };
}

/** A column that must have a value. */
export function text(row: Row, column: string): string {
  const value = row[column];
  if (value === null || value === undefined) {
    throw failure("POSTGRES_QUERY_FAILED", `PostgreSQL gave no value for ${column}`);
  }
  return value;
}

function number(row: Row, column: string): number {
  return Number(text(row, column));
}

/** A boolean as PostgreSQL prints it, `t` or `f`. */
export function truth(row: Row, column: string): boolean {
  return text(row, column) === "t";
}
