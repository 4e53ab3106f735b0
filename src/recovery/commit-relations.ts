// What certain commits did, by the position of their records. A transaction's rows may lie in segments before the one of
// its commit, so the walk begins at a backup and not at the first commit that is asked about.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import { endLsnOf } from "./commit-fact.ts";
import { describeRelations, type FoundRelation } from "./found-transaction.ts";
import { type HistoryRange, historySteps } from "./history-segments.ts";
import { loadBook } from "./load-book.ts";
import { TransactionWalk } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";

/**
 * Describes commits along a path.
 *
 * @param commits positions of commit records.
 * @returns relations by position; a commit behind WAL that is missing or damaged is not among them.
 * @throws {HindsightError} what the store throws.
 */
export async function commitRelations(
  range: HistoryRange,
  commits: ReadonlySet<Lsn>,
  context: Context,
): Promise<ReadonlyMap<Lsn, readonly FoundRelation[]>> {
  const found = new Map<Lsn, readonly FoundRelation[]>();
  if (commits.size === 0) return found;
  const first = [...commits].reduce((least, lsn) => (lsn < least ? lsn : least));
  const book = await loadBook(range, context);
  const { majorVersion } = range.archive.record;
  const walk = new TransactionWalk(book, { majorVersion, counts: isUserRelation });
  for await (const step of historySteps(range, context)) {
    context.signal.throwIfAborted();
    if (step.kind !== "segment") break;
    const mayHold = step.index.last === undefined || step.index.last.lsn >= first;
    walk.take(step, (commit) => {
      if (!mayHold) return;
      const lsn = endLsnOf(commit.index, commit.row);
      if (commits.has(lsn)) found.set(lsn, describeRelations(commit, lsn, book));
    });
    if (found.size === commits.size) break;
  }
  return found;
}
