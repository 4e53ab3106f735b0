// Plays through, on archived WAL, where PostgreSQL would stop if it recovered from a backup: the same tests on the same
// records in the same order, without a server. What is kept on the way: target-replayed.ts. How a backup is chosen for a
// target: target-find.ts.
//
// Source: PostgreSQL src/backend/access/transam/xlogrecovery.c (xlog.c in 14), recoveryStopsBefore, recoveryStopsAfter.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { toPostgresMicroseconds } from "../model/timestamp.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { isXid } from "./full-xid.ts";
import { type Replayed, ReplayLog, shortXid } from "./target-replayed.ts";
import { isDamage } from "./history-segments.ts";
import {
  type ArchiveEndEvent,
  type HistoryEvent,
  type HistoryScan,
  scanHistory,
  type ScanProgress,
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

/** WAL on the way is missing or damaged, and something is stored behind it. */
export interface ReplayCut {
  readonly kind: "cut";
  readonly error: HindsightError;
  /** Everything before this position can be read. */
  readonly lsn: Lsn;
  /** Where the last record before it begins. */
  readonly lastRecord: Lsn | undefined;
  readonly replayed: Replayed;
}

/** @throws {HindsightError} what {@link scanHistory} throws, but for WAL that is missing or damaged. */
export async function playThrough(
  replay: Replay,
  context: Context,
): Promise<ReplayStop | ReplayEnd | ReplayCut> {
  const { backup, onProgress } = replay;
  const log = new ReplayLog(replay.target);
  let reached: Pick<ReplayCut, "lsn" | "lastRecord"> = {
    lsn: backup.startLsn,
    lastRecord: undefined,
  };
  const noting = (progress: ScanProgress): void => {
    reached = { lsn: progress.lsn, lastRecord: progress.lastRecord };
    onProgress?.(progress);
  };
  try {
    return await replayEvents({ ...replay, onProgress: noting }, log, context);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { kind: "cut", error, ...reached, replayed: log.replayed };
  }
}

async function replayEvents(
  replay: Replay,
  log: ReplayLog,
  context: Context,
): Promise<ReplayStop | ReplayEnd> {
  const { backup, target, until, onProgress } = replay;
  const scan: HistoryScan = {
    archive: replay.archive,
    history: replay.history,
    begin: backup.startLsn,
    end: until,
    mark: target.kind === "lsn" ? target.lsn : undefined,
    onIndex: (index) => log.enter(index),
    choose: (index) => {
      const isLast = until !== undefined && (index.last?.lsn ?? until) >= until;
      return isLast || mayStop(target, index) ? "all" : "lasting";
    },
    blockSizeBytes: backup.blockSizeBytes,
    onProgress,
  };
  for await (const event of scanHistory(scan, context)) {
    if (event.kind === "archiveEnd") return { kind: "ended", end: event, replayed: log.replayed };
    if (until !== undefined && event.lsn >= until) break;
    const stop = stopAt(target, event, log.nextXid);
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

/** Whether recovery may stop in this segment. Asked before any of its records is looked at. */
function mayStop(target: RecoveryTarget, { ends, endDetails, events }: WalIndex): boolean {
  switch (target.kind) {
    case "time": {
      const at = Number(toPostgresMicroseconds(target.time.instant));
      return ends.at.some((time) => time >= at);
    }
    case "xid": {
      const xid = shortXid(target.xid);
      const isPart = [...endDetails.values()].some((detail) =>
        detail.subtransactions.includes(xid),
      );
      return isPart || ends.xid.includes(xid);
    }
    case "name":
      return events.some((event) => event.kind === "restorePoint" && event.name === target.name);
    case "lsn":
      return true;
    default:
      return false;
  }
}

/** PostgreSQL's own test of a record against the target; PostgreSQL knows no epochs. */
function stopAt(
  target: RecoveryTarget,
  event: Exclude<HistoryEvent, ArchiveEndEvent>,
  nextXid: bigint | undefined,
): "before" | "after" | undefined {
  switch (target.kind) {
    case "time": {
      // Restore points and everything else are not compared, and inclusive means: everything up to that instant.
      if (event.kind !== "transactionEnd") return undefined;
      const order = Temporal.Instant.compare(event.transaction.at, target.time.instant);
      return order > 0 || (target.exclusive && order === 0) ? "before" : undefined;
    }
    case "xid":
      if (event.kind !== "transactionEnd") return undefined;
      if (!isXid(target.xid, event.transaction.xid, nextXid)) return undefined;
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
