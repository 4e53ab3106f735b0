// Walks through WAL indexes in order and puts transactions together: rows and facts of all their parts, over all
// segments, and their end. There are millions, and nobody wants more than a few: the walk hands on a commit as numbers
// (WalkedCommit), and only for those that are wanted is more made of it (found-transaction.ts).
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import { END_FLAGS, type EndDetail, type RowCounts, type WalIndex } from "../wal/index-content.ts";
import type { IndexEvent } from "../wal/index-events.ts";
import { type CommitPlace, endLsnOf, patternRows } from "./commit-fact.ts";
import { FileCensus } from "./file-census.ts";
import { type FileChange, fileChanges } from "./file-changes.ts";
import type { IndexedSegment } from "./history-segments.ts";
import { addFileRows, fileKey, PendingWork, type Work } from "./pending-work.ts";
import type { RelationBook } from "./relation-book.ts";
import { NO_ROWS, PatternTotals, type RowInterest, type RowTotals } from "./row-totals.ts";

/** The end of a transaction, as numbers and references. The walk fills one object again and again: copy what is kept. */
export interface WalkedCommit extends CommitPlace {
  readonly isAborted: boolean;
  readonly totals: RowTotals;
  /** What it did in earlier segments, and facts of this one; undefined for most. */
  readonly work: Work | undefined;
  readonly changes: readonly FileChange[];
  /** Whether it may have run already where the walk began, so that some of its rows may be missing. */
  readonly isIncomplete: boolean;
}

/** The relations that count, and where they are. */
export interface WalkInterest extends RowInterest {
  readonly majorVersion: number;
}

const NO_CHANGES: readonly FileChange[] = [];

type Cursor = { -readonly [Field in keyof WalkedCommit]: WalkedCommit[Field] };

const EMPTY_CURSOR: Omit<Cursor, "index"> = {
  row: 0,
  isAborted: false,
  totals: NO_ROWS,
  work: undefined,
  changes: NO_CHANGES,
  nextXid: undefined,
  isIncomplete: false,
};
const PG_CLASS = 1259;

/** Goes through segments in order; a gap between them is told by `skip`. */
export class TransactionWalk {
  readonly #book: RelationBook;
  readonly #interest: WalkInterest;
  readonly #census: FileCensus = new FileCensus();
  #pending: PendingWork = new PendingWork();
  /** Transactions that ran where it was first told which ones run. */
  readonly #early: Set<number> = new Set();
  /** Where that was told; undefined before. What ended earlier may have begun before the walk. */
  #knownFrom: Lsn | undefined;
  #nextXid: bigint | undefined;

  constructor(book: RelationBook, interest: WalkInterest) {
    this.#book = book;
    this.#interest = interest;
  }

  /** Forgets what was going on: what comes next does not follow. */
  skip(): void {
    this.#pending = new PendingWork();
    this.#census.clear();
    this.#early.clear();
    this.#knownFrom = undefined;
  }

  /** Takes a segment and hands on the ends of its transactions that lie on the path, in order. */
  take({ index, limit }: IndexedSegment, visit: (commit: WalkedCommit) => void): void {
    this.#nextXid = index.nextXid ?? this.#nextXid;
    let oldestRunningXid: number | undefined;
    for (const event of index.events) {
      if (limit !== undefined && event.lsn >= limit) break;
      this.#takeEvent(event);
      if (event.kind === "runningTransactions") oldestRunningXid = event.oldestRunningXid;
    }
    this.#census.addRows(index);
    const totals = new PatternTotals(index, this.#book, this.#interest);
    const commit: Cursor = { ...EMPTY_CURSOR, index, nextXid: this.#nextXid };
    for (let row = 0; row < index.ends.count; row += 1) {
      if (limit !== undefined && endLsnOf(index, row) >= limit) break;
      commit.row = row;
      this.#fill(commit, totals);
      visit(commit);
    }
    // Ids and rows of what did not end are those of the branch that was given up.
    if (limit !== undefined) {
      this.skip();
      return;
    }
    if (oldestRunningXid !== undefined) this.#pending.forgetBefore(oldestRunningXid);
    for (const { xid, pattern } of index.open) {
      this.#pending.addRows(xid, patternRows(index, index.patterns[pattern] ?? []));
    }
  }

  #takeEvent(event: IndexEvent): void {
    this.#pending.addEvent(event);
    switch (event.kind) {
      case "classRow":
        this.#book.addRow(event);
        break;
      case "fileCreate":
        this.#book.addTurn(event.relation, event.lsn);
        if (event.fork === "main") this.#census.addMade(event.relation);
        break;
      case "runningTransactions":
        if (this.#knownFrom === undefined) for (const xid of event.xids) this.#early.add(xid);
        this.#knownFrom ??= event.lsn;
        break;
      default:
    }
  }

  #fill(commit: Cursor, totals: PatternTotals): void {
    const { index, row } = commit;
    const { ends, endDetails } = index;
    const xid = ends.xid[row]!;
    const detail = endDetails.size === 0 ? undefined : endDetails.get(row);
    const parts = detail?.subtransactions ?? [];
    commit.isAborted = (ends.flags[row]! & END_FLAGS.aborted) !== 0;
    commit.isIncomplete = this.#isIncomplete(index, row, parts);
    if (detail || (!this.#pending.isEmpty && this.#pending.has(xid, parts))) {
      this.#fillWork(commit, totals, { xid, detail });
      return;
    }
    const pattern = ends.pattern[row]!;
    commit.totals = pattern === 0 ? NO_ROWS : totals.ofPattern(pattern, row);
    commit.work = undefined;
    commit.changes = NO_CHANGES;
  }

  #fillWork(
    commit: Cursor,
    totals: PatternTotals,
    { xid, detail }: { readonly xid: number; readonly detail: EndDetail | undefined },
  ): void {
    const { index, row } = commit;
    const lsn = endLsnOf(index, row);
    const work = this.#pending.take(xid, detail?.subtransactions ?? []);
    const pattern = index.patterns[index.ends.pattern[row]!] ?? [];
    for (const rows of patternRows(index, pattern)) addFileRows(work.rows, rows);
    commit.work = work;
    commit.changes = commit.isAborted ? NO_CHANGES : this.#changes(work, lsn, detail);
    for (const file of detail?.droppedRelations ?? []) {
      this.#book.addTurn(file, lsn);
      this.#census.forget(file);
    }
    if (!commit.isAborted) hideNewRows(work, commit.changes, detail);
    commit.totals = totals.ofRows([...work.rows.values()], lsn);
  }

  #isIncomplete(index: WalIndex, row: number, parts: readonly number[]): boolean {
    const knownFrom = this.#knownFrom;
    if (knownFrom === undefined) return true;
    const wasEarly =
      this.#early.size > 0 &&
      (this.#early.delete(index.ends.xid[row]!) || parts.some((part) => this.#early.has(part)));
    return wasEarly || (this.#isFirst(index, knownFrom) && endLsnOf(index, row) < knownFrom);
  }

  /** Whether it was in this segment that it was first told which transactions run. */
  #isFirst({ segmentNumber, segmentSizeBytes }: WalIndex, knownFrom: Lsn): boolean {
    return knownFrom / BigInt(segmentSizeBytes) === segmentNumber;
  }

  #changes(work: Work, lsn: Lsn, detail: EndDetail | undefined): readonly FileChange[] {
    const dropped = detail?.droppedRelations ?? [];
    if (dropped.length === 0 && work.truncated.length === 0) return NO_CHANGES;
    const classDeletions = [...work.rows.values()]
      .filter(({ file }) => this.#isClass(file, lsn))
      .reduce((sum, { rows }) => sum + rows.deleted, 0);
    return fileChanges(
      {
        lsn,
        created: work.created.map(({ file }) => file),
        dropped,
        isEmpty: (file) => this.#census.isEmpty(file),
        countedRows: (file) => this.#census.rowsOf(file),
        droppedObjects: this.#interest.majorVersion >= 15 ? detail?.droppedObjects : undefined,
        truncated: work.truncated,
        rewritten: work.rewritten,
        classDeletions,
        rowsOf: (file): RowCounts | undefined => work.rows.get(fileKey(file))?.rows,
      },
      this.#book,
    );
  }

  #isClass(file: RelationLocator, lsn: Lsn): boolean {
    return file.relfilenode === PG_CLASS || this.#book.identify(file, lsn)?.oid === PG_CLASS;
  }
}

/**
 * Rows that were written into a new file of a relation are no insertions, and nobody saw those of a file that was made
 * and dropped by the same transaction.
 */
function hideNewRows(
  { rows, created }: Work,
  changes: readonly FileChange[],
  detail: EndDetail | undefined,
): void {
  for (const { successor, kind } of changes) {
    // What came into a table after it was rewritten page by page did come in.
    if (successor && kind !== "rewritten") rows.delete(fileKey(successor));
  }
  const dropped = new Set((detail?.droppedRelations ?? []).map(fileKey));
  for (const { file } of created) if (dropped.has(fileKey(file))) rows.delete(fileKey(file));
}
