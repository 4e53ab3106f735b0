// What a recovering or recovered server says of itself over a connection. The log announces, only this is believed: a
// server that says "pausing" may have promoted a moment later, and one that says "paused" may wait for a setting.
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { failure, isFailure } from "../model/failure.ts";
import { type Lsn, parseLsn } from "../model/lsn.ts";
import { parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import { TIMELINE_SQL } from "../postgres/cluster-facts.ts";
import { connect, type ConnectionSettings, type Session } from "../postgres/connection.ts";

/** One look at a server. */
export interface RecoveryView {
  readonly inRecovery: boolean;
  readonly isPaused: boolean;
  readonly timeline: Timeline;
  /** Up to here WAL is replayed; after a promotion the end of what was replayed. */
  readonly replayedLsn: Lsn | undefined;
  /** When the last replayed transaction ended, on the primary. */
  readonly lastTransactionTime: Temporal.Instant | undefined;
}

const VIEW_SQL = `
  select pg_is_in_recovery() as in_recovery,
         case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() end as pause_state,
         ${TIMELINE_SQL} as timeline,
         pg_last_wal_replay_lsn() as replayed_lsn,
         (extract(epoch from pg_last_xact_replay_timestamp()) * 1000000)::bigint as last_time
    from pg_control_checkpoint() as checkpoint, pg_control_recovery() as recovery`;

/** Looks once. @throws what a session throws. */
export async function viewRecovery(session: Session): Promise<RecoveryView> {
  const row = await session.row(VIEW_SQL);
  const lsn = row["replayed_lsn"];
  const microseconds = row["last_time"];
  return {
    inRecovery: row["in_recovery"] === "t",
    isPaused: row["pause_state"] === "paused",
    timeline: parseTimelineDigits(row["timeline"] ?? ""),
    replayedLsn: lsn ? parseLsn(lsn) : undefined,
    lastTransactionTime: microseconds
      ? Temporal.Instant.fromEpochNanoseconds(BigInt(microseconds) * 1000n)
      : undefined,
  };
}

/** How long a server may take from its word in the log to the state it spoke of. */
const CONFIRM_LIMIT_MS = 60_000;
const CONFIRM_INTERVAL_MS = 50;

/** SQLSTATEs of refusals that waiting does not change: authentication, no such role or database, no privilege. */
const LASTING_REFUSALS: readonly (string | undefined)[] = ["28000", "28P01", "3D000", "42501"];

/**
 * Looks again and again until the server is in the wanted state.
 *
 * @param isWanted may throw when it sees a state that must never be.
 * @throws {HindsightError} `POSTGRES_STATE_WRONG` after a minute without the state; `POSTGRES_CONNECTION_FAILED` when
 *   the server refuses the connection for good; the reason of the context's signal.
 */
export async function waitForView(
  connection: ConnectionSettings,
  isWanted: (view: RecoveryView) => boolean,
  context: Context,
): Promise<RecoveryView> {
  const begin = context.clock.monotonicMs();
  for (;;) {
    const view = await tryView(connection, context);
    if (view !== undefined && isWanted(view)) return view;
    if (context.clock.monotonicMs() - begin > CONFIRM_LIMIT_MS) {
      throw failure(
        "POSTGRES_STATE_WRONG",
        `the server on port ${connection.port} is not in the state that its log speaks of`,
        {
          hint: "Look at it with psql before you rely on it.",
          context: { inRecovery: view?.inRecovery, isPaused: view?.isPaused },
        },
      );
    }
    await context.clock.sleep(CONFIRM_INTERVAL_MS, context.signal);
  }
}

/** @returns undefined while the server does not take connections yet, or ended this one. */
async function tryView(
  connection: ConnectionSettings,
  context: Context,
): Promise<RecoveryView | undefined> {
  try {
    await using session = await connect(connection, context);
    return await viewRecovery(session);
  } catch (error) {
    const passes = isFailure(error, "POSTGRES_CONNECTION_FAILED", "POSTGRES_CONNECTION_LOST");
    if (!passes || LASTING_REFUSALS.includes(systemErrorCode(error.cause))) throw error;
    return undefined;
  }
}
