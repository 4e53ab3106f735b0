// How the server's own archiver fares: pg_stat_archiver.
import type { Context } from "../base/context.ts";
import { type Row, type Session } from "./connection.ts";

/** One row of pg_stat_archiver. Counts begin at `statisticsReset`; a failure that was killed by a signal is not counted. */
export interface ArchiverStatus {
  readonly archivedCount: bigint;
  readonly lastArchivedWal: string | undefined;
  readonly lastArchivedTime: Temporal.Instant | undefined;
  readonly failedCount: bigint;
  readonly lastFailedWal: string | undefined;
  readonly lastFailedTime: Temporal.Instant | undefined;
  readonly statisticsReset: Temporal.Instant | undefined;
}

const STATUS_SQL = `
  select archived_count, last_archived_wal, ${microseconds("last_archived_time")},
         failed_count, last_failed_wal, ${microseconds("last_failed_time")}, ${microseconds("stats_reset")}
    from pg_stat_archiver`;

/** @throws {HindsightError} what a session throws. */
export async function readArchiverStatus(
  session: Session,
  context: Context,
): Promise<ArchiverStatus> {
  context.signal.throwIfAborted();
  const row = await session.row(STATUS_SQL);
  return {
    archivedCount: BigInt(row["archived_count"] ?? 0),
    lastArchivedWal: row["last_archived_wal"] ?? undefined,
    lastArchivedTime: instant(row, "last_archived_time"),
    failedCount: BigInt(row["failed_count"] ?? 0),
    lastFailedWal: row["last_failed_wal"] ?? undefined,
    lastFailedTime: instant(row, "last_failed_time"),
    statisticsReset: instant(row, "stats_reset"),
  };
}

/** SQL for a timestamp column as microseconds since 1970, which no time zone or date style can change. */
function microseconds(column: string): string {
  return `(extract(epoch from ${column}) * 1000000)::bigint as ${column}`;
}

function instant(row: Row, column: string): Temporal.Instant | undefined {
  const value = row[column];
  return value ? Temporal.Instant.fromEpochNanoseconds(BigInt(value) * 1000n) : undefined;
}
