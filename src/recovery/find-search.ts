// Takes the commits of a walk in the order of WAL and keeps the few that are wanted most, with what stands around them.
import { type TimelineHistory, timelineAt } from "../model/timeline.ts";
import { toPostgresMicroseconds } from "../model/timestamp.ts";
import { BestList } from "./best-list.ts";
import { commitFact, type CommitPlace, endLsnOf } from "./commit-fact.ts";
import { compareRanks, type FindOperation, type Rank, rankOf } from "./find-filter.ts";
import {
  describeRelations,
  type FoundTransaction,
  type KeptCommit,
  stopBefore,
} from "./found-transaction.ts";
import { fullXid } from "./full-xid.ts";
import type { IndexedSegment } from "./history-segments.ts";
import type { RelationBook } from "./relation-book.ts";
import type { RelationName } from "../model/relation-name.ts";
import type { RelationFilter } from "./relation-filter.ts";
import type { WalkedCommit } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";

/** What is looked for; what is undefined does not matter. */
export interface FindQuery {
  readonly table?: RelationName | undefined;
  readonly operation?: FindOperation | undefined;
  /** Ends of transactions from and up to these instants, inclusive. */
  readonly from?: Temporal.Instant | undefined;
  readonly to?: Temporal.Instant | undefined;
  /** With or without epoch. */
  readonly xid?: bigint | undefined;
  /** Rows of the operation, else rows of any, in the table if one is given. */
  readonly rowsMin?: number | undefined;
  /** Rolled-back transactions too. */
  readonly includesAborted?: boolean | undefined;
  /** Results at most. */
  readonly countMax: number;
}

interface Candidate extends KeptCommit {
  readonly rank: Rank;
  readonly before: CommitPlace | undefined;
  after: CommitPlace | undefined;
}

const NO_RANK: Rank = [0, 0, 0];
/** Transactions write their commits in another order than that of their times, by milliseconds at most. */
const CLOCK_DISORDER_MICROSECONDS = 60_000_000;
/** The first id that needs an epoch to be written. */
const FIRST_OF_EPOCH_1 = 1n << 32n;

/** A search that commits are handed to one by one. */
export class Search {
  readonly #query: FindQuery;
  readonly #book: RelationBook;
  readonly #filter: RelationFilter | undefined;
  readonly #fromMicroseconds: number;
  readonly #toMicroseconds: number;
  /** As WAL has it. */
  readonly #xid: number | undefined;
  readonly #best: BestList<Candidate>;
  #rankedTotals: WalkedCommit["totals"] | undefined;
  #rank: Rank | undefined;
  #before: CommitPlace | undefined;
  /** Results whose next commit is not known yet. */
  #waiting: Candidate[] = [];
  /** Also those that were not kept. */
  matchedCount = 0;

  constructor(query: FindQuery, book: RelationBook, filter: RelationFilter | undefined) {
    const { from, to, xid, countMax } = query;
    this.#query = query;
    this.#book = book;
    this.#filter = filter;
    this.#fromMicroseconds = from === undefined ? -Infinity : Number(toPostgresMicroseconds(from));
    this.#toMicroseconds = to === undefined ? Infinity : Number(toPostgresMicroseconds(to));
    this.#xid = xid === undefined ? undefined : Number(BigInt.asUintN(32, xid));
    this.#best = new BestList(countMax, (left, right) => compareRanks(left.rank, right.rank));
  }

  take(commit: WalkedCommit): void {
    const { index, row, nextXid, isAborted } = commit;
    if (isAborted) {
      if (this.#query.includesAborted === true) this.#consider(commit);
      return;
    }
    const place = { index, row, nextXid };
    if (this.#waiting.length > 0) {
      for (const candidate of this.#waiting) candidate.after = place;
      this.#waiting = [];
    }
    this.#consider(commit);
    this.#before = place;
  }

  /** Whether nothing that is asked for can follow; commits are nearly in the order of their times. */
  isOver({ index: { ends } }: IndexedSegment): boolean {
    if (this.#toMicroseconds === Infinity || ends.count === 0 || this.#waiting.length > 0)
      return false;
    return ends.at.every((at) => at > this.#toMicroseconds + CLOCK_DISORDER_MICROSECONDS);
  }

  /** The most important first. */
  results(history: TimelineHistory): readonly FoundTransaction[] {
    return this.#best.items.map((candidate) => {
      const fact = commitFact(candidate);
      return {
        ...fact,
        timeline: timelineAt(history, fact.lsn),
        isAborted: candidate.isAborted,
        globalIdentifier: globalIdentifierOf(candidate),
        relations: describeRelations(candidate, fact.lsn, this.#book),
        stopBefore: stopBefore(candidate, fact.lsn),
        isIncomplete: candidate.isIncomplete,
        commitBefore: candidate.before && commitFact(candidate.before),
        commitAfter: candidate.after && commitFact(candidate.after),
      };
    });
  }

  #consider(commit: WalkedCommit): void {
    const { index, row, work, isAborted, isIncomplete, nextXid } = commit;
    const at = index.ends.at[row]!;
    if (at < this.#fromMicroseconds || at > this.#toMicroseconds) return;
    if (this.#xid !== undefined && !this.#isAsked(commit)) return;
    const rank = this.#rankOf(commit) ?? (this.#xid === undefined ? undefined : NO_RANK);
    if (!rank || !this.#isLarge(commit, rank)) return;
    this.matchedCount += 1;
    const candidate: Candidate = {
      index,
      row,
      isAborted,
      work,
      changes: commit.changes,
      isIncomplete,
      nextXid,
      rank,
      before: this.#before,
      after: undefined,
    };
    if (this.#best.offer(candidate)) this.#waiting.push(candidate);
  }

  #rankOf(commit: WalkedCommit): Rank | undefined {
    const { totals, work } = commit;
    // Most do what the one before did, and the walk hands on the same sums.
    if (!work && totals === this.#rankedTotals) return this.#rank;
    const changes = commit.changes.length === 0 ? commit.changes : this.#counting(commit);
    const isIrreversible = work?.irreversible !== undefined && this.#filter === undefined;
    const rank = rankOf({ totals, changes, isIrreversible }, this.#query.operation);
    if (!work) {
      this.#rankedTotals = totals;
      this.#rank = rank;
    }
    return rank;
  }

  #isAsked({ index, row, nextXid }: WalkedCommit): boolean {
    const { xid: asked } = this.#query;
    if (this.#xid === undefined || asked === undefined) return true;
    const xid = index.ends.xid[row]!;
    const isNamed =
      xid === this.#xid || index.endDetails.get(row)?.subtransactions.includes(this.#xid);
    if (isNamed !== true) return false;
    const isEpochKnown = asked >= FIRST_OF_EPOCH_1 && nextXid !== undefined;
    return !isEpochKnown || fullXid(this.#xid, nextXid) === asked;
  }

  /** Changes of relations that count. */
  #counting({ changes, index, row }: WalkedCommit): WalkedCommit["changes"] {
    const lsn = endLsnOf(index, row);
    return changes.filter(({ identity, file }) => {
      if (this.#filter) return identity !== undefined && this.#filter.matches(identity, lsn);
      return file ? isUserRelation(identity, file) : identity !== undefined;
    });
  }

  #isLarge({ totals }: WalkedCommit, rank: Rank): boolean {
    const { rowsMin, operation } = this.#query;
    if (rowsMin === undefined) return true;
    if (operation !== undefined) return rank[0] >= rowsMin;
    return rank[0] + totals.updated + totals.moved + totals.inserted >= rowsMin;
  }
}

/** At wal_level=logical the commit has it too, when the preparation lies before the walk. */
function globalIdentifierOf({ work, index, row }: Candidate): string | undefined {
  return work?.globalIdentifier ?? index.endDetails.get(row)?.globalIdentifier;
}
