// What decides where a recovery can stop, along the path of a timeline: ends of transactions, restore points, and what a
// server in recovery needs before it can answer queries; see history-events.ts. It comes from the WAL indexes
// (history-segments.ts); only the record at a given position is looked for in WAL itself.
//
// PostgreSQL takes the first thing it cannot read for the end of WAL. Here that is the end of the archive only when
// nothing later is stored; else it is an error, because a recovery that ended there would lose what is behind it.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { segmentNumberAt } from "../model/wal-segment.ts";
import type { WalIndex } from "../wal/index-content.ts";
import type { WalEnd } from "../wal/reader.ts";
import {
  type EndChoice,
  type PlacedRecord,
  type RecordEvent,
  recordEvents,
} from "./history-events.ts";
import { CONTINUITY_HINT, describeEnd } from "./history-continuity.ts";
import { historySteps, type IndexedSegment } from "./history-segments.ts";
import { type ArchivePath, nextStoredSegment, segmentNames } from "./target-path.ts";
import { firstRecordFrom, lastRecordBefore } from "./target-record.ts";

/** What to read. */
export interface HistoryScan extends ArchivePath {
  /** Where a record begins, on the path. */
  readonly begin: Lsn;
  /** Read no segment behind the one in which this position is reached. Undefined: to the end of the archive. */
  readonly end?: Lsn | undefined;
  /** Report the first record that begins at or behind this position, whatever it is. */
  readonly mark?: Lsn | undefined;
  /** Is handed the index of every segment before its events are told. */
  readonly onIndex?: ((index: WalIndex) => void) | undefined;
  /** Which ends of transactions of a segment are told; all when undefined. */
  readonly choose?: ((index: WalIndex) => EndChoice) | undefined;
  /** Size of a relation's page, as the manifest of a backup has it. */
  readonly blockSizeBytes: number;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** Told after every segment. */
export interface ScanProgress {
  readonly segment: string;
  /** Everything before this position was read. */
  readonly lsn: Lsn;
  /** Where the last record before it begins. */
  readonly lastRecord: Lsn | undefined;
}

/** The end of the archive along this path. */
export interface ArchiveEndEvent {
  readonly kind: "archiveEnd";
  /** Where the last complete record begins; undefined when there is none. */
  readonly lastRecord: Lsn | undefined;
  /** Where it ends. */
  readonly lsn: Lsn;
}

/** An event of a record, or the end of the archive. */
export type HistoryEvent = RecordEvent | ArchiveEndEvent;

/**
 * Tells history from `begin` on, in the order of WAL. The last event is `archiveEnd`, unless `end` comes first.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` when a segment is not stored but a later one is;
 *   `WAL_SEGMENT_INVALID` when WAL ends inside a segment but a later one is stored, when a segment does not follow the
 *   one before it or is not what its name says; `WAL_SEGMENT_FOREIGN`; `WAL_RECORD_INVALID`; `OBJECT_CORRUPT`; and what
 *   the store throws.
 */
export async function* scanHistory(
  scan: HistoryScan,
  context: Context,
): AsyncGenerator<HistoryEvent, void, undefined> {
  const first = segmentNumberAt(scan.begin, scan.archive.record.segmentSizeBytes);
  let missing = first;
  let end: ArchiveEndEvent = { kind: "archiveEnd", lastRecord: undefined, lsn: scan.begin };
  let before: IndexedSegment | undefined;
  let { mark } = scan;
  for await (const step of historySteps({ ...scan, first, last: undefined }, context)) {
    if (step.kind === "unreadable" || step.kind === "broken") throw step.error;
    if (step.kind === "missing") break;
    scan.onIndex?.(step.index);
    const marked = mark && (await firstRecordFrom(scan, step, { position: mark, context }));
    if (marked) mark = undefined;
    yield* eventsOf(scan, step, marked);
    end = await endWithin(scan, step, { end, context });
    scan.onProgress?.({ segment: step.name, lsn: end.lsn, lastRecord: end.lastRecord });
    missing = step.number + 1n;
    before = step;
    if (step.index.end) await requireLast(scan, step, { end: step.index.end, context });
    if (step.limit !== undefined) missing = step.number;
    if (step.index.end !== undefined || step.limit !== undefined) break;
    if (scan.end !== undefined && end.lsn >= scan.end) return;
  }
  if (before?.index.end === undefined) await requireNoLater(scan, missing, context);
  yield end;
}

/** The events of a segment that lie on the path and not before the beginning. */
function* eventsOf(
  { begin, choose }: HistoryScan,
  { index, limit }: IndexedSegment,
  marked: PlacedRecord | undefined,
): Generator<RecordEvent, void, undefined> {
  let mark = marked;
  const isOnPath = ({ lsn }: PlacedRecord): boolean => limit === undefined || lsn < limit;
  const choice = limit === undefined ? (choose?.(index) ?? "all") : "all";
  for (const event of recordEvents(index, choice)) {
    if (event.lsn < begin || !isOnPath(event)) continue;
    if (mark && event.lsn > mark.lsn) {
      yield { kind: "mark", ...mark };
      mark = undefined;
    }
    yield event;
  }
  if (mark && isOnPath(mark)) yield { kind: "mark", lsn: mark.lsn, endLsn: mark.endLsn };
}

/** The last record up to here that is on the path; a segment may have none. */
async function endWithin(
  scan: HistoryScan,
  step: IndexedSegment,
  { end, context }: { readonly end: ArchiveEndEvent; readonly context: Context },
): Promise<ArchiveEndEvent> {
  const { limit } = step;
  const last =
    limit === undefined
      ? step.index.last
      : await lastRecordBefore(scan, step, { position: limit, context });
  return last ? { kind: "archiveEnd", lastRecord: last.lsn, lsn: last.endLsn } : end;
}

/** WAL that ends inside a segment is the end of the archive when it is the last one: what a crash left behind. */
async function requireLast(
  scan: HistoryScan,
  step: IndexedSegment,
  { end, context }: { readonly end: WalEnd; readonly context: Context },
): Promise<void> {
  const later = await nextStoredSegment(scan, step.number, context);
  if (later === undefined) return;
  throw failure(
    "WAL_SEGMENT_INVALID",
    `WAL ends in segment ${step.name} at ${formatLsn(end.lsn)}, although segment ${later} is stored: ${describeEnd(end)}`,
    {
      hint: CONTINUITY_HINT,
      context: { segment: step.name, lsn: formatLsn(end.lsn), reason: end.reason },
    },
  );
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
