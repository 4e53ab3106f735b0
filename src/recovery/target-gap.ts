// A target that WAL leads to only through something that is missing or damaged. Where it lies is looked up behind the
// gap, as far as that can be read, so that the answer says more than that there is a gap.
import type { Context } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { segmentBegin, segmentNumberAt } from "../model/wal-segment.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { describeTarget, type TargetQuestion } from "../restore/choose-backup.ts";
import { endEvent } from "./history-events.ts";
import { historySteps } from "./history-segments.ts";
import {
  describePlace,
  endOfBackup,
  lastKept,
  nearestContext,
  type NearestPlaces,
  type RefusedTarget,
} from "./target-refusal.ts";
import type { ReplayCut } from "./target-replay.ts";

/** What recovery met on its way. */
export interface CutPath {
  readonly question: TargetQuestion;
  /** Where it began. */
  readonly backup: ManifestHeader;
  readonly cut: ReplayCut;
}

/**
 * The refusal: with the code of what is wrong, the end of what can be read before it, and the first backup behind it.
 *
 * @throws {HindsightError} what the store throws.
 */
export async function refuseCut(
  { target, timeZone }: RefusedTarget,
  path: CutPath,
  context: Context,
): Promise<Error> {
  const { question, backup, cut } = path;
  const { error } = cut;
  const next = question.candidates.find(({ startLsn }) => startLsn >= cut.lsn);
  const isConsistent = cut.lsn > backup.stopLsn;
  const nearest: NearestPlaces = {
    earlier: isConsistent ? endOfReadable(cut, backup) : undefined,
    later: next && endOfBackup(next),
  };
  const subject = describeTarget(target, timeZone);
  const place = describeRelation(target, await firstBehind(path, next, context));
  const hint = describeNearest(nearest, timeZone);
  return new HindsightError(error.code, error.exitCode, `${subject} ${place}: ${error.message}`, {
    hint: error.code === "WAL_SEGMENT_MISSING" ? `${hint} ${PUSH_HINT}` : hint,
    context: { ...error.context, ...nearestContext(nearest) },
    cause: error,
  });
}

/** What is stored and damaged cannot be pushed again: other content under its name is refused. */
const PUSH_HINT = "If the file still exists somewhere, archive it with `hindsight archive-push`.";

/** The last record before the gap; its time is that of the last commit before it. */
function endOfReadable(cut: ReplayCut, backup: ManifestHeader): NearestPlaces["earlier"] {
  const kept = lastKept(cut.replayed, backup);
  return cut.lastRecord === undefined ? kept : { at: kept.at, lsn: cut.lastRecord };
}

/** What is known of the WAL behind a gap. */
interface Behind {
  /** Where the first segment behind it begins. */
  readonly begin: Lsn;
  /** When the first transaction behind it ended; undefined when none did. */
  readonly firstEnd: Temporal.Instant | undefined;
}

async function firstBehind(
  { question, backup, cut }: CutPath,
  next: ManifestHeader | undefined,
  context: Context,
): Promise<Behind | undefined> {
  const { archive, history } = question;
  const { segmentSizeBytes } = archive.record;
  const range = {
    archive,
    history,
    first: segmentNumberAt(cut.lsn, segmentSizeBytes),
    last: next && segmentNumberAt(next.startLsn, segmentSizeBytes),
    blockSizeBytes: backup.blockSizeBytes,
  };
  let begin: Lsn | undefined;
  for await (const step of historySteps(range, context)) {
    if (step.kind !== "segment") continue;
    const stepBegin = segmentBegin(step.number, segmentSizeBytes);
    if (stepBegin < cut.lsn) continue;
    begin ??= stepBegin;
    if (step.index.ends.count > 0) {
      return { begin, firstEnd: endEvent(step.index, 0).transaction.at };
    }
  }
  return begin === undefined ? undefined : { begin, firstEnd: undefined };
}

const INSIDE = "lies in a gap of the archive";
const BEHIND = "lies behind a gap of the archive, and no backup in between leads to it";

function describeRelation(target: RecoveryTarget, behind: Behind | undefined): string {
  switch (target.kind) {
    case "time":
      // Where nothing ended between the two, the gap reaches to the backup for all that anybody can tell.
      if (!behind?.firstEnd) return INSIDE;
      return Temporal.Instant.compare(target.time.instant, behind.firstEnd) < 0 ? INSIDE : BEHIND;
    case "lsn":
      return behind && target.lsn >= behind.begin ? BEHIND : INSIDE;
    case "default":
    case "immediate":
      return "lies behind a gap of the archive";
    case "xid":
    case "name":
      return "was not found in what can be read of the archive";
  }
}

function describeNearest({ earlier, later }: NearestPlaces, timeZone: string): string {
  const before = earlier
    ? `The last that can be reached before it is ${describePlace(earlier, timeZone)}`
    : "Nothing can be reached before it";
  const behind = later
    ? `the first behind it ${describePlace(later, timeZone)}, the end of the next backup`
    : "and nothing behind it until there is another backup";
  return `${before}, ${behind}.`;
}
