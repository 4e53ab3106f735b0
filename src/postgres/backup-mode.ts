// PostgreSQL's low-level backup functions. The session that begins backup mode must stay until it ends it; when the
// session is lost, the server leaves backup mode by itself and the copy is worthless. Only the non-exclusive mode is
// used. 14 calls them pg_start_backup and pg_stop_backup, 15 and later pg_backup_start and pg_backup_stop.
import { isUtf8 } from "node:buffer";
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { type Lsn, parseLsn } from "../model/lsn.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import { formatSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { type ClusterFacts, text, TIMELINE_SQL, truth } from "./cluster-facts.ts";
import type { Row, Session } from "./connection.ts";

/** What the server said when backup mode began. */
export interface BackupStart {
  /** Where replay must begin: the redo position of the backup's checkpoint. */
  readonly startLsn: Lsn;
  /** Name of the segment that holds `startLsn`. */
  readonly startSegment: string;
  /** The server's clock just before it was asked. */
  readonly startTime: Temporal.Instant;
}

/** What the server said when backup mode ended. */
export interface BackupStop {
  /** Replay must reach this position before the copy is consistent. */
  readonly stopLsn: Lsn;
  /** Content of backup_label, byte for byte. */
  readonly backupLabelFile: string;
  /** Content of tablespace_map, byte for byte; undefined when the cluster has no tablespaces. */
  readonly tablespaceMapFile: string | undefined;
  /** The server's clock just after: never before the time of the last commit that the backup contains. */
  readonly stopTime: Temporal.Instant;
}

/** SQL for the server's clock in microseconds since 1970. */
const CLOCK_SQL = "(extract(epoch from clock_timestamp()) * 1000000)::bigint";

/**
 * Puts the server into backup mode. Waits for a checkpoint: at once with `fast`, else spread over minutes.
 *
 * @param options.label written into backup_label; at most 1024 bytes.
 * @throws {HindsightError} `POSTGRES_QUERY_FAILED` such as missing privileges; `POSTGRES_CONNECTION_LOST`.
 */
export async function startBackupMode(
  session: Session,
  facts: ClusterFacts,
  options: { readonly label: string; readonly fast: boolean },
  context: Context,
): Promise<BackupStart> {
  context.signal.throwIfAborted();
  const call =
    facts.majorVersion >= 15
      ? "pg_backup_start(label => $1, fast => $2)"
      : "pg_start_backup(label => $1, fast => $2, exclusive => false)";
  // The select list is evaluated from left to right: the clock is read before the wait.
  const row = await session.row(`select ${CLOCK_SQL} as time, ${call} as lsn`, [
    options.label,
    options.fast,
  ]);
  const startLsn = parseLsn(text(row, "lsn"));
  const number = segmentNumberAt(startLsn, facts.segmentSizeBytes);
  return {
    startLsn,
    startSegment: formatSegmentName({ timeline: facts.timeline, number }, facts.segmentSizeBytes),
    startTime: instant(row, "time"),
  };
}

/**
 * Ends backup mode. Does not wait for the archive: that every segment is there must be proven by reading it, and
 * PostgreSQL's own waiting looks at the last segment only.
 *
 * @throws {HindsightError} `POSTGRES_QUERY_FAILED` when PostgreSQL says that the backup is unusable;
 *   `POSTGRES_CONNECTION_LOST`; `DATA_DIRECTORY_INVALID` for a tablespace whose path is no UTF-8.
 * @source PostgreSQL src/backend/access/transam/xlogfuncs.c, pg_backup_stop; xlog.c, do_pg_backup_stop
 */
export async function stopBackupMode(
  session: Session,
  facts: ClusterFacts,
  context: Context,
): Promise<BackupStop> {
  context.signal.throwIfAborted();
  const call =
    facts.majorVersion >= 15
      ? "pg_backup_stop(wait_for_archive => false)"
      : "pg_stop_backup(exclusive => false, wait_for_archive => false)";
  // As hexadecimal digits, because a conversion to the client's encoding would change bytes.
  const row = await session.row(`
    select lsn, encode(convert_to(labelfile, 'SQL_ASCII'), 'hex') as label,
           encode(convert_to(spcmapfile, 'SQL_ASCII'), 'hex') as map, ${CLOCK_SQL} as time
      from ${call}`);
  const map = row["map"] ?? "";
  return {
    stopLsn: parseLsn(text(row, "lsn")),
    backupLabelFile: fromHex(text(row, "label")),
    tablespaceMapFile: map === "" ? undefined : fromHex(map),
    stopTime: instant(row, "time"),
  };
}

function fromHex(digits: string): string {
  const bytes = Buffer.from(digits, "hex");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  throw failure("DATA_DIRECTORY_INVALID", "a tablespace has a path that is no valid UTF-8", {
    hint: "Move the tablespace to a path that is, then take the backup again.",
  });
}

/** What must not change between begin and end of a backup. */
export interface RecoveryState {
  readonly inRecovery: boolean;
  /** As in ClusterFacts: compare for equality only. */
  readonly postmasterStartTime: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: Timeline;
}

const STATE_SQL = `
  select pg_is_in_recovery() as in_recovery,
         (extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint as postmaster_start,
         system.system_identifier::text as system_identifier,
         ${TIMELINE_SQL} as timeline
    from pg_control_system() as system, pg_control_checkpoint() as checkpoint, pg_control_recovery() as recovery`;

/** Asks again, during a copy, whether the server is still the same; also keeps the session from looking idle. */
export async function readRecoveryState(
  session: Pick<Session, "row">,
  context: Context,
): Promise<RecoveryState> {
  context.signal.throwIfAborted();
  const row = await session.row(STATE_SQL);
  return {
    inRecovery: truth(row, "in_recovery"),
    postmasterStartTime: text(row, "postmaster_start"),
    systemIdentifier: systemIdentifier(text(row, "system_identifier")),
    timeline: parseTimelineDigits(text(row, "timeline")),
  };
}

/**
 * Ends the current WAL segment so that it is archived. Its statement must not share a transaction with what has to be
 * in that segment: the commit would come after the switch.
 *
 * @returns the end of WAL just before the switch; the segment that holds the byte before it is the one to wait for.
 *   Nothing is switched when nothing was written since the last switch.
 */
export async function switchWal(session: Session, context: Context): Promise<Lsn> {
  context.signal.throwIfAborted();
  return parseLsn(text(await session.row("select pg_switch_wal() as lsn"), "lsn"));
}

/**
 * Writes a named restore point.
 *
 * @param name at most 63 bytes.
 * @returns the end of its WAL record.
 */
export async function createRestorePoint(
  session: Session,
  name: string,
  context: Context,
): Promise<Lsn> {
  context.signal.throwIfAborted();
  return parseLsn(
    text(await session.row("select pg_create_restore_point($1) as lsn", [name]), "lsn"),
  );
}

function instant(row: Row, column: string): Temporal.Instant {
  return Temporal.Instant.fromEpochNanoseconds(BigInt(text(row, column)) * 1000n);
}
