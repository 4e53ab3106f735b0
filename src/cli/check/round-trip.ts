// One real WAL segment through the whole chain: a restore point, a segment switch, and the wait until exactly that
// segment lies in every repository and can be read back.
import type { Context } from "../../base/context.ts";
import { failure } from "../../model/failure.ts";
import { formatSegmentName, segmentNumberBefore } from "../../model/wal-segment.ts";
import { readArchiverStatus } from "../../postgres/archiver-status.ts";
import { createRestorePoint, switchWal } from "../../postgres/backup-mode.ts";
import type { ClusterFacts } from "../../postgres/cluster-facts.ts";
import type { Session } from "../../postgres/connection.ts";
import { getWalFile, statWalFile, type WalArchive } from "../../repository/wal-archive.ts";

const POLL_MS = 100;
const RESTORE_POINT_NAME = "hindsight check";

/** What the round trip needs. */
export interface RoundTripRequest {
  readonly session: Session;
  readonly facts: ClusterFacts;
  readonly archives: readonly WalArchive[];
  readonly timeoutMs: number;
}

/** What came back. */
export interface RoundTrip {
  readonly segment: string;
  readonly seconds: number;
}

/**
 * Makes the server archive one segment and waits for it.
 *
 * The restore point comes in a statement of its own: its record must lie before the switch.
 *
 * @throws {HindsightError} `WAL_ARCHIVE_TIMEOUT` with what the archiver says, `OBJECT_CORRUPT`, and what the session and
 *   the store throw.
 */
export async function sendSegment(request: RoundTripRequest, context: Context): Promise<RoundTrip> {
  const { session, facts } = request;
  const end = await createRestorePoint(session, RESTORE_POINT_NAME, context);
  const number = segmentNumberBefore(end, facts.segmentSizeBytes);
  const segment = formatSegmentName({ timeline: facts.timeline, number }, facts.segmentSizeBytes);
  await switchWal(session, context);
  const beginMs = context.clock.monotonicMs();
  for (const archive of request.archives) {
    await waitFor(segment, { archive, request, beginMs }, context);
    await getWalFile(archive, segment, context);
  }
  return { segment, seconds: (context.clock.monotonicMs() - beginMs) / 1000 };
}

async function waitFor(
  segment: string,
  {
    archive,
    request,
    beginMs,
  }: {
    readonly archive: WalArchive;
    readonly request: RoundTripRequest;
    readonly beginMs: number;
  },
  context: Context,
): Promise<void> {
  const { clock, signal } = context;
  while (!(await statWalFile(archive, segment, context))) {
    if (clock.monotonicMs() - beginMs > request.timeoutMs) {
      throw await timedOut(segment, request, context);
    }
    await clock.sleep(POLL_MS, signal);
  }
}

async function timedOut(
  segment: string,
  { session, timeoutMs }: RoundTripRequest,
  context: Context,
): Promise<Error> {
  const { lastFailedWal, lastArchivedWal } = await readArchiverStatus(session, context);
  const said =
    lastFailedWal === undefined
      ? `the server archived ${lastArchivedWal ?? "nothing"} last and reports no failure`
      : `the server failed to archive ${lastFailedWal} last`;
  return failure(
    "WAL_ARCHIVE_TIMEOUT",
    `segment ${segment} did not arrive within ${timeoutMs / 1000} s: ${said}`,
    {
      hint: "The server's log has the reason, printed by archive_command: run that command by hand as the server's user.",
    },
  );
}
