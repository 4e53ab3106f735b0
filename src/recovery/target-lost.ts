// The transactions after a target, along the path to the end of the archive: what a recovery to it gives up.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import { segmentNumberAt } from "../model/wal-segment.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { type CommitEffects, commitRelations } from "./commit-relations.ts";
import { isDamage } from "./history-segments.ts";
import { commitOf } from "./target-behind.ts";
import type { ArchivePath } from "./target-path.ts";
import { scanHistory, type ScanProgress } from "./target-scan.ts";

/** A commit that is given up. */
export interface LostTransaction extends CommitFact {
  /** What it did; undefined where WAL before it is missing or damaged. */
  readonly effects: CommitEffects | undefined;
}

/** Everything after a target. */
export interface LostTransactions {
  /** In the order of WAL, the first ones. */
  readonly transactions: readonly LostTransaction[];
  /** All of them. */
  readonly count: number;
  /** Why there may be more: WAL behind the target is missing or damaged. */
  readonly unreadable: string | undefined;
}

/** From where, and how much. */
export interface LostQuestion extends ArchivePath {
  /** Where recovery stops. */
  readonly stopLsn: Lsn;
  readonly isApplied: boolean;
  readonly blockSizeBytes: number;
  /** So many are listed; the rest is counted. */
  readonly countMax: number;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** @throws {HindsightError} what the store throws; damage is part of the answer. */
export async function listLost(
  question: LostQuestion,
  context: Context,
): Promise<LostTransactions> {
  const { stopLsn, isApplied, countMax } = question;
  const commits: CommitFact[] = [];
  let count = 0;
  let nextXid: bigint | undefined;
  let unreadable: string | undefined;
  const scan = {
    ...question,
    begin: stopLsn,
    onIndex: (index: { readonly nextXid: bigint | undefined }): void => {
      nextXid = index.nextXid ?? nextXid;
    },
  };
  try {
    for await (const event of scanHistory(scan, context)) {
      if (event.kind !== "transactionEnd" || event.transaction.kind !== "commit") continue;
      if (isApplied && event.lsn === stopLsn) continue;
      count += 1;
      if (commits.length < countMax) commits.push(commitOf(event, nextXid));
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    unreadable = error.message;
  }
  const effects = await effectsOf(question, commits, context);
  const transactions = commits.map((commit) => ({ ...commit, effects: effects.get(commit.lsn) }));
  return { transactions, count, unreadable };
}

function effectsOf(
  question: LostQuestion,
  commits: readonly CommitFact[],
  context: Context,
): ReturnType<typeof commitRelations> {
  const { archive, history, stopLsn, blockSizeBytes } = question;
  const first = segmentNumberAt(stopLsn, archive.record.segmentSizeBytes);
  const range = { archive, history, first, blockSizeBytes };
  return commitRelations(range, new Set(commits.map(({ lsn }) => lsn)), context);
}
