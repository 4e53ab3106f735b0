// Looks for one record in the bytes of a segment, where a WAL index is not precise enough: it knows where transactions
// end, not where every record begins.
import type { Context } from "../base/context.ts";
import { type Lsn } from "../model/lsn.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import { getWalFile } from "../repository/wal-archive.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import { type RecordVisitor, WalReader } from "../wal/reader.ts";
import { recordEndLsn, recordLsn } from "../wal/record.ts";
import type { PlacedRecord } from "./history-events.ts";
import type { HistoryRange, IndexedSegment } from "./history-segments.ts";

/** What reading a segment of the path needs. */
type SegmentPlace = Pick<HistoryRange, "archive" | "blockSizeBytes">;

/** The first record of a segment that begins at or behind a position; undefined when none does. */
export async function firstRecordFrom(
  place: SegmentPlace,
  segment: IndexedSegment,
  { position, context }: { readonly position: Lsn; readonly context: Context },
): Promise<PlacedRecord | undefined> {
  const { first, last } = segment.index;
  if (!first || !last || last.lsn < position) return undefined;
  // The record that began in an earlier segment is not among those that reading the segment alone finds.
  if (first.lsn >= position) return first;
  let found: PlacedRecord | undefined;
  await visitRecords(place, segment, {
    visit: (record) => {
      if (found || recordLsn(record) < position) return;
      found = { lsn: recordLsn(record), endLsn: recordEndLsn(record) };
    },
    context,
  });
  return found;
}

/** The last record of a segment that begins before a position; undefined when none does. */
export async function lastRecordBefore(
  place: SegmentPlace,
  segment: IndexedSegment,
  { position, context }: { readonly position: Lsn; readonly context: Context },
): Promise<PlacedRecord | undefined> {
  const { first } = segment.index;
  let found: PlacedRecord | undefined = first && first.lsn < position ? first : undefined;
  await visitRecords(place, segment, {
    visit: (record) => {
      if (recordLsn(record) >= position) return;
      found = { lsn: recordLsn(record), endLsn: recordEndLsn(record) };
    },
    context,
  });
  return found;
}

async function visitRecords(
  { archive, blockSizeBytes }: SegmentPlace,
  { name, number }: IndexedSegment,
  { visit, context }: { readonly visit: RecordVisitor; readonly context: Context },
): Promise<void> {
  const { record } = archive;
  const bytes = await getWalFile(archive, name, context);
  if (!bytes) return;
  checkSegmentHeader(bytes, { ...record, name });
  const reader = new WalReader({
    begin: segmentBegin(number, record.segmentSizeBytes),
    segmentSizeBytes: record.segmentSizeBytes,
    systemIdentifier: record.systemIdentifier,
    layout: { majorVersion: record.majorVersion, blockSizeBytes },
    skipsRest: true,
  });
  reader.read(bytes, visit);
}
