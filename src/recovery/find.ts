// Finds transactions by what they did, in the WAL indexes along the path of a timeline. One walk in the order of WAL,
// bounded memory: the transactions that have not ended, and the best few of those that have.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { Lsn } from "../model/lsn.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { type FindQuery, Search } from "./find-search.ts";
import type { FoundTransaction } from "./found-transaction.ts";
import { type HistoryStep, historySteps, type IndexedSegment } from "./history-segments.ts";
import { loadBook } from "./load-book.ts";
import type { RelationBook } from "./relation-book.ts";
import { RelationFilter } from "./relation-filter.ts";
import { ProfileBuilder, type SegmentProfile } from "./segment-profile.ts";
import type { ArchivePath } from "./target-path.ts";
import { TransactionWalk } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";
import { walkBegin } from "./walk-begin.ts";

export type { FindQuery } from "./find-search.ts";

/** Where to look. */
export interface FindRange extends ArchivePath {
  /**
   * Number of the first segment; undefined for the first that is stored. Earlier ones are read where something began in
   * them that ends in this one or behind it.
   */
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

/** Segments, both inclusive. */
export interface SegmentSpan {
  readonly first: bigint;
  readonly last: bigint;
}

/** How far the archive goes. */
export interface ArchiveEnd {
  /** The end of the last record; undefined when no segment was read. */
  readonly lsn: Lsn | undefined;
  readonly lastCommit: CommitFact | undefined;
}

/** Everything that was found. */
export interface FindResult {
  /** The most important first. */
  readonly transactions: readonly FoundTransaction[];
  /** Also those that did not fit into `countMax`. */
  readonly matchedCount: number;
  /** The transaction that was asked for by its id, when it rolled back and those were not asked for. */
  readonly rolledBack: CommitFact | undefined;
  readonly points: readonly PointFact[];
  /** One for each segment that was asked for and read, in order. */
  readonly profile: readonly SegmentProfile[];
  /** Segments that had no index and could have one: they were read whole. */
  readonly unindexedCount: number;
  /** Segments that are not stored. */
  readonly missing: readonly SegmentSpan[];
  readonly unreadable: readonly { readonly name: string; readonly error: HindsightError }[];
  /** Segments that are missing or cannot be read, also those before the ones that were asked for. */
  readonly gaps: readonly SegmentSpan[];
  /** Undefined when the search ended before the end of the archive. */
  readonly end: ArchiveEnd | undefined;
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
  const { first } = range;
  const book = await loadBook(range, context);
  const filter = query.table && new RelationFilter(query.table, book);
  const search = new Search(query, book, filter);
  const look = new HistoryLook(search, walkOf(range, { book, filter }), first ?? 0n);
  const begin = first && (await walkBegin({ ...range, first }, context));
  for await (const step of historySteps({ ...range, first: begin }, context)) {
    context.signal.throwIfAborted();
    look.take(step);
    if (step.kind !== "segment") continue;
    range.onProgress?.(step.name);
    if (search.isOver(step)) {
      look.isOver = true;
      break;
    }
  }
  filter?.requireOne();
  return {
    transactions: search.results(range.history),
    matchedCount: search.matchedCount,
    rolledBack: search.rolledBack,
    ...look.result(),
  };
}

function walkOf(
  { archive }: FindRange,
  { book, filter }: { readonly book: RelationBook; readonly filter: RelationFilter | undefined },
): TransactionWalk {
  return new TransactionWalk(book, {
    majorVersion: archive.record.majorVersion,
    counts: (identity, file, lsn) =>
      filter === undefined
        ? isUserRelation(identity, file)
        : identity !== undefined && filter.matches(identity, lsn),
  });
}

/** Goes along the steps of a history, and notes what is told of them beside the transactions. */
class HistoryLook {
  readonly #search: Search;
  readonly #walk: TransactionWalk;
  /** What lies before is read only to know whole what was going on there. */
  readonly #first: bigint;
  readonly #points: PointFact[] = [];
  readonly #profile: SegmentProfile[] = [];
  readonly #missing: SegmentSpan[] = [];
  readonly #unreadable: { readonly name: string; readonly error: HindsightError }[] = [];
  readonly #gaps: SegmentSpan[] = [];
  #unindexedCount = 0;
  #endLsn: Lsn | undefined;
  #lastNumber: bigint | undefined;
  isOver = false;

  constructor(search: Search, walk: TransactionWalk, first: bigint) {
    this.#search = search;
    this.#walk = walk;
    this.#first = first;
  }

  take(step: HistoryStep): void {
    switch (step.kind) {
      case "segment":
        this.#takeSegment(step);
        break;
      case "missing":
        this.#skip(step);
        if (step.last >= this.#first) this.#missing.push({ first: step.first, last: step.last });
        break;
      case "unreadable":
        this.#skip({ first: step.number, last: step.number });
        if (step.number >= this.#first) this.#unreadable.push(step);
        break;
      case "broken": {
        // Where WAL ends inside of a segment, which was the step before, what it has before that can be reached.
        const begin = step.number === this.#lastNumber ? step.number + 1n : step.number;
        this.#skip({ first: begin, last: begin });
        if (step.number >= this.#first) this.#unreadable.push(step);
      }
    }
  }

  result(): Omit<FindResult, "transactions" | "matchedCount" | "rolledBack"> {
    const end = { lsn: this.#endLsn, lastCommit: this.#search.lastCommit };
    return {
      points: this.#points,
      profile: this.#profile,
      unindexedCount: this.#unindexedCount,
      missing: this.#missing,
      unreadable: this.#unreadable,
      gaps: this.#gaps,
      end: this.isOver ? undefined : end,
    };
  }

  #skip({ first, last }: SegmentSpan): void {
    this.#walk.skip();
    this.#search.skip();
    this.#gaps.push({ first, last });
  }

  #takeSegment(step: IndexedSegment): void {
    const search = this.#search;
    this.#lastNumber = step.number;
    this.#points.push(...pointsOf(step));
    if (step.number < this.#first) {
      this.#walk.take(step, (commit) => search.pass(commit));
      return;
    }
    if (!step.isIndexed && !step.isHeadMissing) this.#unindexedCount += 1;
    const profile = new ProfileBuilder(step);
    this.#walk.take(step, (commit) => {
      if (!commit.isAborted) profile.take(commit, search.counting(commit));
      search.take(commit);
    });
    search.settle();
    this.#profile.push(profile.finish());
    this.#endLsn = step.limit ?? step.index.last?.endLsn ?? this.#endLsn;
  }
}

function pointsOf({ index, limit }: IndexedSegment): readonly PointFact[] {
  return index.events.flatMap((event) => {
    const isPoint = event.kind === "restorePoint" && (limit === undefined || event.lsn < limit);
    return isPoint ? [{ name: event.name, lsn: event.lsn, at: event.at }] : [];
  });
}
