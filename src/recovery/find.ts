// Finds transactions by what they did, in the WAL indexes along the path of a timeline. One walk in the order of WAL,
// bounded memory: the transactions that have not ended, and the best few of those that have.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { Lsn } from "../model/lsn.ts";
import { endLsnOf, endTimeOf } from "./commit-fact.ts";
import { type FindQuery, Search } from "./find-search.ts";
import type { FoundTransaction } from "./found-transaction.ts";
import { historySteps, type IndexedSegment } from "./history-segments.ts";
import { loadBook } from "./load-book.ts";
import { RelationFilter } from "./relation-filter.ts";
import type { ArchivePath } from "./target-path.ts";
import { TransactionWalk } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";

export type { FindQuery } from "./find-search.ts";

/** Where to look. */
export interface FindRange extends ArchivePath {
  /** Number of the first segment; undefined for the first that is stored. */
  readonly first?: bigint | undefined;
  readonly blockSizeBytes: number;
  readonly onProgress?: ((segment: string) => void) | undefined;
}

/** A restore point that was passed. */
export interface PointFact {
  readonly name: string;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** What happened in one segment, for a picture of all. */
export interface SegmentProfile {
  /** Times of the first and the last end of a transaction; undefined when none ended. */
  readonly from: Temporal.Instant | undefined;
  readonly to: Temporal.Instant | undefined;
  /** Rows of relations that count. */
  readonly deleted: number;
}

/** Everything that was found. */
export interface FindResult {
  /** The most important first. */
  readonly transactions: readonly FoundTransaction[];
  /** Also those that did not fit into `countMax`. */
  readonly matchedCount: number;
  readonly points: readonly PointFact[];
  /** One for each segment that was read, in order. */
  readonly profile: readonly SegmentProfile[];
  /** Segments that had no index and could have one: they were read whole. */
  readonly unindexedCount: number;
  /** Numbers of segments that are not stored, both inclusive. */
  readonly missing: readonly { readonly first: bigint; readonly last: bigint }[];
  readonly unreadable: readonly { readonly name: string; readonly error: HindsightError }[];
}

/**
 * Looks for transactions.
 *
 * @throws {HindsightError} `RELATION_UNKNOWN`, `RELATION_AMBIGUOUS`, and what the store throws. Damage and gaps are part
 *   of the result.
 */
export async function findTransactions(
  range: FindRange,
  query: FindQuery,
  context: Context,
): Promise<FindResult> {
  const book = await loadBook(range, context);
  const filter = query.table && new RelationFilter(query.table, book);
  const search = new Search(query, book, filter);
  const walk = new TransactionWalk(book, {
    majorVersion: range.archive.record.majorVersion,
    counts: (identity, file, lsn) =>
      filter === undefined
        ? isUserRelation(identity, file)
        : identity !== undefined && filter.matches(identity, lsn),
  });
  const points: PointFact[] = [];
  const missing: { first: bigint; last: bigint }[] = [];
  const unreadable: { name: string; error: HindsightError }[] = [];
  const profile: SegmentProfile[] = [];
  let unindexedCount = 0;
  for await (const step of historySteps(range, context)) {
    context.signal.throwIfAborted();
    if (step.kind !== "segment") {
      walk.skip();
      if (step.kind === "missing") missing.push(step);
      else unreadable.push(step);
      continue;
    }
    if (!step.isIndexed && !step.isHeadMissing) unindexedCount += 1;
    points.push(...pointsOf(step));
    let deleted = 0;
    walk.take(step, (commit) => {
      if (!commit.isAborted) deleted += commit.totals.deleted;
      search.take(commit);
    });
    search.settle();
    profile.push({ ...timesOf(step), deleted });
    range.onProgress?.(step.name);
    if (search.isOver(step)) break;
  }
  filter?.requireOne();
  const transactions = search.results(range.history);
  return {
    transactions,
    matchedCount: search.matchedCount,
    points,
    profile,
    unindexedCount,
    missing,
    unreadable,
  };
}

function timesOf({ index, limit }: IndexedSegment): Pick<SegmentProfile, "from" | "to"> {
  let { count } = index.ends;
  while (limit !== undefined && count > 0 && endLsnOf(index, count - 1) >= limit) count -= 1;
  if (count === 0) return { from: undefined, to: undefined };
  return { from: endTimeOf(index, 0), to: endTimeOf(index, count - 1) };
}

function pointsOf({ index, limit }: IndexedSegment): readonly PointFact[] {
  return index.events.flatMap((event) => {
    const isPoint = event.kind === "restorePoint" && (limit === undefined || event.lsn < limit);
    return isPoint ? [{ name: event.name, lsn: event.lsn, at: event.at }] : [];
  });
}
