// What certain commits did, by the position of their records. A transaction's rows may lie in segments before the one of
// its commit, so the walk begins where everything is known of what ends there (walk-begin.ts).
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import { endLsnOf } from "./commit-fact.ts";
import {
  describeRelations,
  type DroppedPlace,
  droppedPlace,
  type FoundRelation,
} from "./found-transaction.ts";
import { type HistoryRange, historySteps } from "./history-segments.ts";
import { loadBook } from "./load-book.ts";
import { TransactionWalk } from "./transaction-walk.ts";
import { isUserRelation } from "./user-relation.ts";
import { walkBegin } from "./walk-begin.ts";

/** What a commit did. */
export interface CommitEffects {
  readonly relations: readonly FoundRelation[];
  readonly droppedPlace: DroppedPlace | undefined;
  /** Whether some of its rows may lie before everything that is archived. */
  readonly isIncomplete: boolean;
}

/**
 * Describes commits along a path.
 *
 * @param range its `first` is the segment of the first commit.
 * @param commits positions of commit records.
 * @returns effects by position; a commit behind WAL that is missing or damaged is not among them.
 * @throws {HindsightError} what the store throws.
 */
export async function commitRelations(
  range: HistoryRange & { readonly first: bigint },
  commits: ReadonlySet<Lsn>,
  context: Context,
): Promise<ReadonlyMap<Lsn, CommitEffects>> {
  const found = new Map<Lsn, CommitEffects>();
  if (commits.size === 0) return found;
  const first = [...commits].reduce((least, lsn) => (lsn < least ? lsn : least));
  const book = await loadBook(range, context);
  const { majorVersion } = range.archive.record;
  const walk = new TransactionWalk(book, { majorVersion, counts: isUserRelation });
  const begin = await walkBegin(range, context);
  for await (const step of historySteps({ ...range, first: begin }, context)) {
    context.signal.throwIfAborted();
    if (step.kind !== "segment") {
      const last = step.kind === "missing" ? step.last : step.number;
      if (last >= range.first) break;
      walk.skip();
      continue;
    }
    const mayHold = step.index.last === undefined || step.index.last.lsn >= first;
    walk.take(step, (commit) => {
      if (!mayHold) return;
      const lsn = endLsnOf(commit.index, commit.row);
      if (!commits.has(lsn)) return;
      found.set(lsn, {
        relations: describeRelations(commit, lsn, book),
        droppedPlace: droppedPlace(commit, lsn, book),
        isIncomplete: commit.isIncomplete,
      });
    });
    if (found.size === commits.size) break;
  }
  return found;
}
