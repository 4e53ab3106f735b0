// Where a walk through history must begin so that it sees everything that its transactions did. What ends in a segment
// may have begun long before it. A snapshot of the running transactions tells: ids from its next one on belong to
// transactions that begin behind it, and all others that it does not list have ended.
//
// Distances are doubled, so that few indexes are read however far the oldest transaction lies back; the walk then begins
// at most about twice as early as it must.
import type { Context } from "../base/context.ts";
import { precedesXid } from "./full-xid.ts";
import { type HistoryRange, historySteps, type IndexedSegment } from "./history-segments.ts";

/** A snapshot of the running transactions. */
interface Running {
  readonly nextXid: number;
  readonly oldestRunningXid: number;
}

/** The first stored segment of a stretch, and the first snapshot from there on. */
interface Stretch {
  readonly begin: bigint;
  readonly running: Running | undefined;
}

/**
 * The segment from which on everything is known of the transactions that end in a segment or behind it.
 *
 * @param range its `first` is that segment.
 * @returns an earlier one, or `first` where nothing is stored before it. Where history begins too late, or has a gap, it
 *   may be behind their beginning; the walk then marks what it may not know whole (transaction-walk.ts, `isIncomplete`).
 * @throws {HindsightError} what the store throws.
 */
export async function walkBegin(
  range: HistoryRange & { readonly first: bigint },
  context: Context,
): Promise<bigint> {
  const { first } = range;
  let begin = first;
  /** Ids from here on may belong to something that ends in `first` or behind it. */
  let oldestXid: number | undefined;
  for (let distance = 1n; begin > 0n; distance *= 2n) {
    const from = first > distance ? first - distance : 0n;
    const stretch = await lookAt({ ...range, first: from, last: begin - 1n }, context);
    if (stretch === undefined) break;
    const isSame = stretch.begin > from;
    begin = stretch.begin;
    const { running } = stretch;
    // What is running at `first` was running at this snapshot, or begins behind it.
    if (running) oldestXid ??= running.oldestRunningXid;
    if (running && oldestXid !== undefined && !precedesXid(oldestXid, running.nextXid)) break;
    if (isSame) break;
  }
  return begin;
}

/** @returns undefined where nothing is stored. */
async function lookAt(range: HistoryRange, context: Context): Promise<Stretch | undefined> {
  let begin: bigint | undefined;
  for await (const step of historySteps(range, context)) {
    if (step.kind === "missing") continue;
    begin ??= step.number;
    const running = step.kind === "segment" ? runningIn(step) : undefined;
    if (running) return { begin, running };
  }
  return begin === undefined ? undefined : { begin, running: undefined };
}

function runningIn({ index, limit }: IndexedSegment): Running | undefined {
  return index.events
    .filter((event) => event.kind === "runningTransactions")
    .find(({ lsn }) => limit === undefined || lsn < limit);
}
