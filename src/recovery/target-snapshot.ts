// Whether a server in recovery could answer queries. It matters for the target action pause: PostgreSQL pauses only
// where someone could connect to look; where nobody can, it goes on as if the action were promote, and says so nowhere.
//
// States, as PostgreSQL has them while it replays (standbyState):
// - `none`: since the beginning, no record has said which transactions run.
// - `pending`: the record left out subtransactions (a transaction had more than 64). Queries wait until every
//   transaction that could have been left out has ended.
// - `ready`: queries are possible from the moment the backup is consistent, and remain so.
//
// Source: PostgreSQL src/backend/storage/ipc/procarray.c, ProcArrayApplyRecoveryInfo; xlog.c, xlog_redo.
import type { HistoryEvent } from "./target-scan.ts";

/** Follows what recovery knows about running transactions, event by event, from the beginning of a backup. */
export class SnapshotForecast {
  #state: "none" | "pending" | "ready" = "none";
  /** The newest transaction that may have left subtransactions out. */
  #pendingXid = 0;

  /** Whether hot standby is possible after the records so far, given that the backup is consistent there. */
  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Takes an event as PostgreSQL would take its record when replaying it. */
  apply(event: HistoryEvent): void {
    if (this.#state === "ready") return;
    // A server that was shut down had no transactions but prepared ones, and recovery knows those.
    if (event.kind === "shutdownCheckpoint") this.#state = "ready";
    if (event.kind !== "runningTransactions") return;
    const { overflowed, transactionCount, nextXid, oldestRunningXid } = event.running;
    if (this.#state === "pending" && overflowed && transactionCount > 0) {
      if (precedes(this.#pendingXid, oldestRunningXid)) this.#state = "ready";
      return;
    }
    this.#state = overflowed ? "pending" : "ready";
    this.#pendingXid = retreat(nextXid);
  }
}

const FIRST_NORMAL_XID = 3;

/** The transaction id before `xid`; ids below 3 are special and left out. */
function retreat(xid: number): number {
  const before = (xid - 1) >>> 0;
  return before < FIRST_NORMAL_XID ? 0xffffffff : before;
}

/** Whether one transaction id is older than another: they go round, so half of all ids are before any. */
function precedes(left: number, right: number): boolean {
  return ((left - right) | 0) < 0;
}
