import { expect, test } from "vitest";
import { lsn } from "../model/lsn.ts";
import { stepTime } from "../recovery/find.fixture.ts";
import { backupAt } from "../recovery/target.fixture.ts";
import { SEGMENT_SIZE } from "../wal/wal.fixture.ts";
import { firstSegmentFor, type HistoryView } from "./history-view.ts";

/** A backup that begins in a segment; its clock is read at one time, and it is complete at another. */
function backup(segment: number, start: Temporal.Instant, stop: Temporal.Instant) {
  const begin = lsn(BigInt(segment * SEGMENT_SIZE + 40));
  return { ...backupAt(begin, lsn(begin + 100n), [0, 1]), startTime: start, stopTime: stop };
}

test("searching begins at the newest backup that was complete by then, not at one that had only begun", () => {
  const backups = [
    backup(3, stepTime(1, 0), stepTime(1, 10)),
    // While it waited for its checkpoint, transactions ended in segments before its beginning.
    backup(8, stepTime(1, 30), stepTime(1, 50)),
  ];
  const view = {
    backups,
    archive: { record: { segmentSizeBytes: SEGMENT_SIZE } },
  } as unknown as HistoryView;
  const first = (minute: number): bigint | undefined => firstSegmentFor(view, stepTime(1, minute));
  expect([5, 10, 11, 40, 50, 51].map(first)).toEqual([undefined, undefined, 3n, 3n, 3n, 8n]);
});
