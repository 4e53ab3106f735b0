// archive-get: one file out of the archives, for a recovering PostgreSQL, which believes whatever it is told: a file that
// is delivered is replayed, "absent" is the end of WAL and leads to promotion. So bytes are delivered only when their
// hash and their header are right, and absence is said only when it is proven (absence.ts). Everything else throws; how
// that becomes an exit status above 125 is the business of the command and the launcher (docs/cli.md).
import type { Context } from "../base/context.ts";
import { failure, isFailure } from "../model/failure.ts";
import { historyFileName, type Timeline } from "../model/timeline.ts";
import {
  type ArchiveFileName,
  parseArchiveFileName,
  parseSegmentName,
  type WalSegment,
} from "../model/wal-segment.ts";
import {
  getWalFile,
  readHistory,
  statWalFile,
  type WalArchive,
} from "../repository/wal-archive.ts";
import { proveHistoryAbsent, proveSegmentAbsent } from "./absence.ts";
import { writeDestination } from "./destination.ts";
import { firstAnswer } from "./first-answer.ts";
import { type Following, pathPosition } from "./recovery-path.ts";
import { checkWalFileContent } from "./wal-file-content.ts";

/** One call of restore_command: which file, where to, and what is known of the recovery that asks. */
export interface GetRequest {
  /** The file PostgreSQL wants, its %f. */
  readonly name: string;
  /** Where it wants it, its %p; mostly of another name (RECOVERYXLOG). */
  readonly destination: string;
  /**
   * The archives of every configured repository, in order, opened in this call. Where one could not be opened, the
   * caller must not pass "absent" on but the error of that one.
   */
  readonly archives: readonly WalArchive[];
  /** The plan's last segment: nothing up to it can be absent. */
  readonly lastSegment: string | undefined;
  /**
   * Whether the plan has a target, which lies in that segment. PostgreSQL reads ahead of what it replays (15 and later),
   * and must not be stopped by damage that it will never reach; it refuses by itself to end before an explicit target.
   */
  readonly nothingAfterLast: boolean;
  /** The timeline this recovery follows. */
  readonly pinnedTimeline: Timeline | undefined;
  /** Whether history files above the pinned timeline may be asked for, as PostgreSQL does when it promotes. */
  readonly allowPromotion: boolean;
}

/** `absent` means proven absent. */
export type GetAnswer = "delivered" | "absent";

/**
 * Delivers a file to PostgreSQL, or proves that there is none.
 *
 * @throws {HindsightError} `RECOVERY_PROMOTION_REFUSED` for a history file above the pinned timeline,
 *   `WAL_SEGMENT_MISSING` when the file must exist but does not; `OBJECT_CORRUPT`, `WAL_SEGMENT_INVALID`,
 *   `WAL_SEGMENT_FOREIGN` or `HISTORY_INVALID` when no archive has it undamaged; `DESTINATION_DENIED`,
 *   `DESTINATION_FULL`; `WAL_SEGMENT_NAME_INVALID`; and the store's errors.
 */
export async function getWalFileTo(request: GetRequest, context: Context): Promise<GetAnswer> {
  const file = parseArchiveFileName(request.name);
  switch (file.kind) {
    case "segment":
      return getSegment(file, request, context);
    case "history": {
      assertNoPromotion(file.timeline, request);
      const { timeline } = file;
      return deliverOr(file, { request, context }, () =>
        proveHistoryAbsent({ ...request, timeline }, request.archives, context),
      );
    }
    case "partial":
    case "backup":
      return deliverOr(file, { request, context }, async () => undefined);
  }
}

/** The promotion interlock: without the answer to this question PostgreSQL cannot choose a new timeline. */
function assertNoPromotion(timeline: Timeline, request: GetRequest): void {
  const { pinnedTimeline, allowPromotion } = request;
  if (allowPromotion || pinnedTimeline === undefined || timeline <= pinnedTimeline) return;
  throw failure(
    "RECOVERY_PROMOTION_REFUSED",
    `${request.name} is not handed out: this recovery stays on timeline ${pinnedTimeline}`,
    {
      hint: "PostgreSQL stops instead of promoting; restart it to go on in recovery. To let it promote, create the file hindsight.allow-promotion in its data directory before you resume.",
    },
  );
}

async function getSegment(
  file: ArchiveFileName,
  request: GetRequest,
  context: Context,
): Promise<GetAnswer> {
  const { segmentSizeBytes } = clusterOf(request);
  const segment = parseSegmentName(request.name, segmentSizeBytes);
  const last =
    request.lastSegment === undefined
      ? undefined
      : parseSegmentName(request.lastSegment, segmentSizeBytes);
  if (request.nothingAfterLast && last !== undefined && segment.number > last.number)
    return "absent";
  const following = await followingOf(segment, request, context);
  if (following.kind === "ancestor") {
    const position = pathPosition(following.history, segment, segmentSizeBytes);
    if (position === "before" || position === "after") return "absent";
    if (position === "switch") await assertSwitchPlanned(request, context);
  }
  const missing = { segment, segmentSizeBytes, last, following };
  return deliverOr(file, { request, context }, () =>
    proveSegmentAbsent(missing, request.archives, context),
  );
}

/**
 * What the recovery's path has to do with the timeline of the segment.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` when the pinned timeline's history is needed and not stored.
 */
async function followingOf(
  { timeline }: WalSegment,
  { pinnedTimeline, archives }: GetRequest,
  context: Context,
): Promise<Following> {
  if (pinnedTimeline === undefined) return { kind: "unknown" };
  if (pinnedTimeline === timeline) return { kind: "pinned" };
  const history = await firstAnswer(archives, context, (archive) =>
    readHistory(archive, pinnedTimeline, context),
  );
  if (history === undefined) {
    throw failure(
      "WAL_SEGMENT_MISSING",
      `${historyFileName(pinnedTimeline)} is in no archive, although this recovery follows timeline ${pinnedTimeline}`,
      { hint: "Take the file from pg_wal of a server on that timeline and archive it." },
    );
  }
  const isAncestor = history.ancestors.some((ancestor) => ancestor.timeline === timeline);
  return isAncestor ? { kind: "ancestor", history } : { kind: "unknown" };
}

/**
 * Refuses a parent's segment that is stored whole and goes on past the switch point: PostgreSQL asks for it when the
 * child's is not archived yet, and would replay what the child does not have. It is right only for a plan whose target
 * lies in it, before the switch point.
 */
async function assertSwitchPlanned(request: GetRequest, context: Context): Promise<void> {
  const { name, lastSegment, nothingAfterLast, pinnedTimeline, archives } = request;
  if (nothingAfterLast && name === lastSegment) return;
  for (const archive of archives) {
    if ((await statWalFile(archive, name, context)) === undefined) continue;
    throw failure(
      "WAL_SEGMENT_MISSING",
      `${name} goes on past the point where timeline ${pinnedTimeline} left it, and the younger timeline's file of that number is not archived`,
      {
        hint: "Switch the segment on the server of the younger timeline (pg_switch_wal()) and wait until it is archived.",
      },
    );
  }
}

/**
 * Delivers the file, or returns "absent" once `prove` has returned.
 *
 * A server may be archiving while this runs. What proves that the file must exist may have arrived together with the
 * file itself, so it is looked for once more before it is called missing.
 */
async function deliverOr(
  file: ArchiveFileName,
  call: { readonly request: GetRequest; readonly context: Context },
  prove: () => Promise<void>,
): Promise<GetAnswer> {
  if (await deliver(file, call.request, call.context)) return "delivered";
  try {
    await prove();
    return "absent";
  } catch (error) {
    if (!isFailure(error, "WAL_SEGMENT_MISSING")) throw error;
    if (await deliver(file, call.request, call.context)) return "delivered";
    throw error;
  }
}

/** Writes the file of the first archive that has it undamaged; false when no archive has the key. */
async function deliver(
  file: ArchiveFileName,
  { archives, destination }: GetRequest,
  context: Context,
): Promise<boolean> {
  const bytes = await firstAnswer(archives, context, async (archive) => {
    const found = await getWalFile(archive, file.name, context);
    if (found !== undefined) checkWalFileContent(file, found, archive.record);
    return found;
  });
  if (bytes === undefined) return false;
  await writeDestination(destination, bytes, context);
  return true;
}

function clusterOf({ archives }: GetRequest): WalArchive["record"] {
  const [archive] = archives;
  if (archive === undefined) throw new RangeError("archive-get needs at least one archive");
  return archive.record;
}
