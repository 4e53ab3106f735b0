// Plays through, on archived WAL, where PostgreSQL would stop if it recovered from a backup: the same tests on the same
// records in the same order, without a server. How a target is chosen a backup for: target.ts.
//
// Source: PostgreSQL src/backend/access/transam/xlogrecovery.c (xlog.c in 14), recoveryStopsBefore, recoveryStopsAfter.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { SnapshotForecast } from "./target-snapshot.ts";
import {
  type ArchiveEndEvent,
  type HistoryEvent,
  type HistoryScan,
  scanHistory,
  type ScanProgress,
  type TransactionEndEvent,
} from "./target-scan.ts";
import type { ArchivePath } from "./target-path.ts";

/** A recovery to be played through. */
export interface Replay extends ArchivePath {
  readonly backup: ManifestHeader;
  readonly target: RecoveryTarget;
  /** Give up here: what is behind was played through already. */
  readonly until?: Lsn | undefined;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** What a recovery has replayed by the place where it stops or ends. */
export interface Replayed {
  /** The last commit or rollback: time targets are compared with nothing else. */
  readonly lastTransaction: TransactionEndEvent | undefined;
  readonly lastCommit: TransactionEndEvent | undefined;
  /** The commit of the transaction that the target's id is a subtransaction of. */
  readonly parent: TransactionEndEvent | undefined;
  /** Transactions that were prepared since the beginning and are neither committed nor rolled back: id and name. */
  readonly prepared: ReadonlyMap<number, string>;
  /** Whether a server in recovery could answer queries, and therefore pause, if the backup is consistent here. */
  readonly canPause: boolean;
}

/** Recovery stops at a record. */
export interface ReplayStop {
  readonly kind: "stopped";
  /** The record that decides. */
  readonly event: Exclude<HistoryEvent, ArchiveEndEvent>;
  /** Whether the record itself is replayed, too. */
  readonly isApplied: boolean;
  readonly replayed: Replayed;
}

/** Recovery finds no record to stop at. */
export interface ReplayEnd {
  readonly kind: "ended";
  /** The end of the archive; undefined when `until` came first. */
  readonly end: ArchiveEndEvent | undefined;
  readonly replayed: Replayed;
}

/** @throws {HindsightError} what {@link scanHistory} throws. */
export async function playThrough(
  replay: Replay,
  context: Context,
): Promise<ReplayStop | ReplayEnd> {
  const { backup, target, until, onProgress } = replay;
  const log = new ReplayLog(target);
  const scan: HistoryScan = {
    archive: replay.archive,
    history: replay.history,
    begin: backup.startLsn,
    end: until,
    mark: target.kind === "lsn" ? target.lsn : undefined,
    blockSizeBytes: backup.blockSizeBytes,
    onProgress,
  };
  for await (const event of scanHistory(scan, context)) {
    if (event.kind === "archiveEnd") return { kind: "ended", end: event, replayed: log.replayed };
    if (until !== undefined && event.lsn >= until) break;
    const stop = stopAt(target, event);
    if (stop === "before") {
      return { kind: "stopped", event, isApplied: false, replayed: log.replayed };
    }
    log.apply(event);
    if (stop === "after") {
      return { kind: "stopped", event, isApplied: true, replayed: log.replayed };
    }
  }
  return { kind: "ended", end: undefined, replayed: log.replayed };
}

/** PostgreSQL's own test of a record against the target. */
function stopAt(
  target: RecoveryTarget,
  event: Exclude<HistoryEvent, ArchiveEndEvent>,
): "before" | "after" | undefined {
  switch (target.kind) {
    case "time": {
      // Restore points and everything else are not compared, and inclusive means: everything up to that instant.
      if (event.kind !== "transactionEnd") return undefined;
      const order = Temporal.Instant.compare(event.transaction.at, target.time.instant);
      return order > 0 || (target.exclusive && order === 0) ? "before" : undefined;
    }
    case "xid":
      if (event.kind !== "transactionEnd" || event.transaction.xid !== shortXid(target.xid)) {
        return undefined;
      }
      return target.exclusive ? "before" : "after";
    case "name":
      return event.kind === "restorePoint" && event.point.name === target.name
        ? "after"
        : undefined;
    case "lsn":
      if (event.lsn < target.lsn) return undefined;
      return target.exclusive ? "before" : "after";
    default:
      return undefined;
  }
}

/** A transaction id as WAL has it: without the epoch. */
function shortXid(xid: bigint): number {
  return Number(BigInt.asUintN(32, xid));
}

/** Keeps what was replayed. */
class ReplayLog {
  readonly #target: RecoveryTarget;
  readonly #forecast: SnapshotForecast = new SnapshotForecast();
  readonly #prepared: Map<number, string> = new Map();
  #lastTransaction: TransactionEndEvent | undefined;
  #lastCommit: TransactionEndEvent | undefined;
  #parent: TransactionEndEvent | undefined;

  constructor(target: RecoveryTarget) {
    this.#target = target;
  }

  get replayed(): Replayed {
    return {
      lastTransaction: this.#lastTransaction,
      lastCommit: this.#lastCommit,
      parent: this.#parent,
      prepared: this.#prepared,
      canPause: this.#forecast.isReady,
    };
  }

  apply(event: HistoryEvent): void {
    this.#forecast.apply(event);
    if (event.kind === "prepare") {
      this.#prepared.set(event.transaction.xid, event.transaction.globalIdentifier);
    }
    if (event.kind !== "transactionEnd") return;
    this.#prepared.delete(event.transaction.xid);
    this.#lastTransaction = event;
    if (event.transaction.kind !== "commit") return;
    this.#lastCommit = event;
    const { subtransactions } = event.transaction;
    if (this.#target.kind === "xid" && subtransactions.includes(shortXid(this.#target.xid))) {
      this.#parent = event;
    }
  }
}
