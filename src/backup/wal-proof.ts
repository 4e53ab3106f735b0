// A backup is worth nothing without the WAL that was written while it ran. PostgreSQL itself only waits for the last
// segment; with parallel archiving an earlier one may still be missing or wrong. So every segment from start to stop is
// waited for in the repository and read back whole: its hash, its header, its identity.
import type { Context } from "../base/context.ts";
import { forEachLimited } from "../base/limits.ts";
import { failure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import type { Timeline } from "../model/timeline.ts";
import { formatSegmentName, segmentNumberAt, segmentNumberBefore } from "../model/wal-segment.ts";
import { getWalFile, statWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { checkSegmentHeader } from "../wal/page.ts";

/** Pause between two looks at the archive: short ones at first, because most segments arrive at once. */
const POLL_INTERVAL_MIN_MS = 10;
const POLL_INTERVAL_MAX_MS = 100;

/** Segments read back at a time. */
const READ_CONCURRENCY_MAX = 2;

/** The WAL that must be in the archive: everything from `begin` up to `end` on one timeline. */
export interface WalNeed {
  readonly timeline: Timeline;
  readonly begin: Lsn;
  readonly end: Lsn;
}

/** Names of the segments that hold the range, in order. */
export function segmentsOf(need: WalNeed, segmentSizeBytes: number): readonly string[] {
  const names: string[] = [];
  const last = segmentNumberBefore(need.end, segmentSizeBytes);
  for (let number = segmentNumberAt(need.begin, segmentSizeBytes); number <= last; number += 1n) {
    names.push(formatSegmentName({ timeline: need.timeline, number }, segmentSizeBytes));
  }
  return names;
}

/**
 * Waits until every segment is stored, then proves each by reading it.
 *
 * @param timeoutMs how long no further segment may take to arrive; the wait goes on as long as they keep coming.
 * @throws {HindsightError} `WAL_ARCHIVE_TIMEOUT` naming the first that is missing; `OBJECT_CORRUPT`,
 *   `WAL_SEGMENT_FOREIGN` or `WAL_SEGMENT_INVALID` for one that is not what it should be.
 */
export async function proveWal(
  archive: WalArchive,
  need: WalNeed,
  { timeoutMs, context }: { readonly timeoutMs: number; readonly context: Context },
): Promise<readonly string[]> {
  const names = segmentsOf(need, archive.record.segmentSizeBytes);
  for (const name of names) await waitForSegment(archive, name, { timeoutMs, context });
  await forEachLimited(names, READ_CONCURRENCY_MAX, (name) => proveSegment(archive, name, context));
  return names;
}

/** Waits until one segment is stored. */
async function waitForSegment(
  archive: WalArchive,
  name: string,
  { timeoutMs, context }: { readonly timeoutMs: number; readonly context: Context },
): Promise<void> {
  const deadlineMs = context.clock.monotonicMs() + timeoutMs;
  let pauseMs = POLL_INTERVAL_MIN_MS;
  while ((await statWalFile(archive, name, context)) === undefined) {
    if (context.clock.monotonicMs() >= deadlineMs) {
      throw failure(
        "WAL_ARCHIVE_TIMEOUT",
        `WAL segment ${name} did not reach the archive within ${timeoutMs / 1000} s`,
        {
          hint: "PostgreSQL's log says why archive_command fails; `hindsight check` tests the whole way. Then take the backup again.",
          context: { stanza: archive.stanza, segment: name },
        },
      );
    }
    await context.clock.sleep(
      Math.min(pauseMs, deadlineMs - context.clock.monotonicMs()),
      context.signal,
    );
    pauseMs = Math.min(2 * pauseMs, POLL_INTERVAL_MAX_MS);
  }
}

async function proveSegment(archive: WalArchive, name: string, context: Context): Promise<void> {
  const plain = await getWalFile(archive, name, context);
  if (plain === undefined)
    throw failure("WAL_SEGMENT_MISSING", `WAL segment ${name} left the archive while it was read`);
  checkSegmentHeader(plain, {
    name,
    systemIdentifier: archive.record.systemIdentifier,
    majorVersion: archive.record.majorVersion,
    segmentSizeBytes: archive.record.segmentSizeBytes,
  });
}
