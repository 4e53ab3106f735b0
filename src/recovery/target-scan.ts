// Reads archived WAL along the path of a timeline and tells what decides where a recovery can stop: ends of
// transactions, restore points, and what a server in recovery needs before it can answer queries. Bounded memory: the
// events of one segment, and a few segments read ahead (target-path.ts).
//
// PostgreSQL takes the first thing it cannot read for the end of WAL. Here that is the end of the archive only when
// nothing later is stored; else it is an error, because a recovery that ended there would lose what is behind it.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import { type WalEnd, WalReader } from "../wal/reader.ts";
import { recordEndLsn, recordLsn, type WalRecord } from "../wal/record.ts";
import { RESOURCE_MANAGER } from "../wal/resource-manager/ids.ts";
import {
  parseRunningTransactions,
  type RunningTransactions,
  STANDBY_OPERATION,
} from "../wal/resource-manager/standby.ts";
import {
  parseTransaction,
  type TransactionEnd,
  type TransactionPrepare,
} from "../wal/resource-manager/transaction.ts";
import {
  parseRestorePoint,
  type RestorePoint,
  XLOG_OPERATION,
} from "../wal/resource-manager/xlog.ts";
import {
  type ArchivePath,
  nextStoredSegment,
  segmentNames,
  type StoredSegment,
  storedSegments,
} from "./target-path.ts";

/** What to read. */
export interface HistoryScan extends ArchivePath {
  /** Where a record begins, on the path. */
  readonly begin: Lsn;
  /** Read no segment behind the one in which this position is reached. Undefined: to the end of the archive. */
  readonly end?: Lsn | undefined;
  /** Report the first record that begins at or behind this position, whatever it is. */
  readonly mark?: Lsn | undefined;
  /** Size of a relation's page, as the manifest of a backup has it. */
  readonly blockSizeBytes: number;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** Told after every segment. */
export interface ScanProgress {
  readonly segment: string;
  /** Everything before this position was read. */
  readonly lsn: Lsn;
}

/** Where a record begins and ends. */
export interface PlacedRecord {
  readonly lsn: Lsn;
  readonly endLsn: Lsn;
}

/** COMMIT, COMMIT PREPARED, ABORT or ROLLBACK PREPARED; of a subtransaction too, when it was rolled back by itself. */
export interface TransactionEndEvent extends PlacedRecord {
  readonly kind: "transactionEnd";
  readonly transaction: TransactionEnd;
}

/** A restore point was set: where recovery to its name can end. */
export interface RestorePointEvent extends PlacedRecord {
  readonly kind: "restorePoint";
  readonly point: RestorePoint;
}

/** The end of the archive along this path. */
export interface ArchiveEndEvent {
  readonly kind: "archiveEnd";
  /** Where the last complete record begins; undefined when there is none. */
  readonly lastRecord: Lsn | undefined;
  /** Where it ends. */
  readonly lsn: Lsn;
}

/** What a record means for recovery. `mark` comes after the other event of its record, if there is one. */
export type HistoryEvent =
  | TransactionEndEvent
  | RestorePointEvent
  | (PlacedRecord & { readonly kind: "prepare"; readonly transaction: TransactionPrepare })
  | (PlacedRecord & { readonly kind: "runningTransactions"; readonly running: RunningTransactions })
  | (PlacedRecord & { readonly kind: "shutdownCheckpoint" })
  | (PlacedRecord & { readonly kind: "mark" })
  | ArchiveEndEvent;

/**
 * Reads history from `begin` on, in the order of WAL. The last event is `archiveEnd`, unless `end` comes first.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` when a segment is not stored but a later one is;
 *   `WAL_SEGMENT_INVALID` when WAL ends inside a segment but a later one is stored, or a segment is not what its name
 *   says; `WAL_SEGMENT_FOREIGN`; `WAL_RECORD_INVALID`; `OBJECT_CORRUPT`; and what the store throws.
 */
export async function* scanHistory(
  scan: HistoryScan,
  context: Context,
): AsyncGenerator<HistoryEvent, void, undefined> {
  const reader = openReader(scan);
  const collector = new EventCollector(scan.mark);
  let missing = reader.segmentNumber;
  for await (const segment of storedSegments(scan, missing, context)) {
    checkSegmentHeader(segment.bytes, { ...scan.archive.record, name: segment.name });
    const end = reader.read(segment.bytes, (record) => collector.take(record, segment.limit));
    yield* collector.drain();
    scan.onProgress?.({ segment: segment.name, lsn: reader.position });
    if (end !== undefined) {
      await requireLast(scan, { segment, end }, context);
      yield archiveEnd(reader, collector.lastBeforeLimit);
      return;
    }
    if (scan.end !== undefined && reader.position >= scan.end) return;
    missing = segment.limit === undefined ? reader.segmentNumber : segment.number;
  }
  await requireNoLater(scan, missing, context);
  yield archiveEnd(reader, collector.lastBeforeLimit);
}

function archiveEnd(reader: WalReader, lastBeforeLimit: PlacedRecord | undefined): ArchiveEndEvent {
  return lastBeforeLimit === undefined
    ? { kind: "archiveEnd", lastRecord: reader.lastRecord, lsn: reader.position }
    : { kind: "archiveEnd", lastRecord: lastBeforeLimit.lsn, lsn: lastBeforeLimit.endLsn };
}

function openReader({ archive: { record }, begin, blockSizeBytes }: HistoryScan): WalReader {
  return new WalReader({
    begin,
    segmentSizeBytes: record.segmentSizeBytes,
    systemIdentifier: record.systemIdentifier,
    layout: { majorVersion: record.majorVersion, blockSizeBytes },
  });
}

/** Turns the records of a segment into events. */
class EventCollector {
  #mark: Lsn | undefined;
  #events: HistoryEvent[] = [];
  /** The last record of a segment that the path leaves. */
  lastBeforeLimit: PlacedRecord | undefined;

  constructor(mark: Lsn | undefined) {
    this.#mark = mark;
  }

  /** @param limit records from here on are not on the path. */
  take(record: WalRecord, limit: Lsn | undefined): void {
    if (limit !== undefined) {
      if (recordLsn(record) >= limit) return;
      this.lastBeforeLimit = placeOf(record);
    }
    const event = readEvent(record);
    if (event) this.#events.push(event);
    if (this.#mark !== undefined && recordLsn(record) >= this.#mark) {
      this.#mark = undefined;
      this.#events.push({ kind: "mark", ...placeOf(record) });
    }
  }

  drain(): readonly HistoryEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

function placeOf(record: WalRecord): PlacedRecord {
  return { lsn: recordLsn(record), endLsn: recordEndLsn(record) };
}

function readEvent(record: WalRecord): HistoryEvent | undefined {
  switch (record.resourceManager) {
    case RESOURCE_MANAGER.transaction: {
      const transaction = parseTransaction(record);
      if (transaction === undefined) return undefined;
      return transaction.kind === "prepare"
        ? { kind: "prepare", ...placeOf(record), transaction }
        : { kind: "transactionEnd", ...placeOf(record), transaction };
    }
    case RESOURCE_MANAGER.xlog:
      if (record.operation === XLOG_OPERATION.restorePoint) {
        return { kind: "restorePoint", ...placeOf(record), point: parseRestorePoint(record) };
      }
      return record.operation === XLOG_OPERATION.checkpointShutdown
        ? { kind: "shutdownCheckpoint", ...placeOf(record) }
        : undefined;
    case RESOURCE_MANAGER.standby:
      return record.operation === STANDBY_OPERATION.runningTransactions
        ? {
            kind: "runningTransactions",
            ...placeOf(record),
            running: parseRunningTransactions(record),
          }
        : undefined;
    default:
      return undefined;
  }
}

/** WAL that ends inside a segment is the end of the archive when it is the last one: what a crash left behind. */
async function requireLast(
  scan: HistoryScan,
  { segment, end }: { readonly segment: StoredSegment; readonly end: WalEnd },
  context: Context,
): Promise<void> {
  const later = await nextStoredSegment(scan, segment.number, context);
  if (later === undefined) return;
  throw failure(
    "WAL_SEGMENT_INVALID",
    `WAL ends in segment ${segment.name} at ${formatLsn(end.lsn)}, although segment ${later} is stored: ${describeEnd(end)}`,
    {
      hint: "PostgreSQL would end recovery there. Recover to a point before it, or from a backup behind it.",
      context: { segment: segment.name, lsn: formatLsn(end.lsn), reason: end.reason },
    },
  );
}

const END_REASONS: Readonly<Record<WalEnd["reason"], string>> = {
  zeros: "there are only zeros",
  segmentMissing: "the next segment is missing",
  length: "a record has an impossible length",
  resourceManager: "a record has an unknown resource manager",
  previousLink: "a record does not follow the one before it",
  checksum: "a record does not match its checksum",
  body: "a record is malformed",
  pageMagic: "a page has the wrong magic",
  pageFlags: "a page header is damaged",
  pageOwner: "a page is of another cluster",
  pageAddress: "a page belongs to another place",
  pageTimeline: "a page is of an older timeline than the one before it",
  continuationMissing: "a record is not continued on the next page",
  continuationLength: "a record is continued with another length",
  position: "no record begins there",
};

/** The reason in words. */
function describeEnd({ reason }: WalEnd): string {
  return END_REASONS[reason];
}

async function requireNoLater(scan: HistoryScan, missing: bigint, context: Context): Promise<void> {
  const later = await nextStoredSegment(scan, missing, context);
  if (later === undefined) return;
  const [name = ""] = segmentNames(scan, missing);
  throw failure(
    "WAL_SEGMENT_MISSING",
    `WAL segment ${name} is not in the archive, although segment ${later} is`,
    {
      hint: "Recover to a point before it, or from a backup behind it. If the file still exists somewhere, archive it with `hindsight archive-push`.",
      context: { segment: name },
    },
  );
}
