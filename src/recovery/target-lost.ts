// The transactions after a target, along the path to the end of the archive: what a recovery to it gives up.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { isDamage } from "./history-segments.ts";
import { commitOf } from "./target-behind.ts";
import type { ArchivePath } from "./target-path.ts";
import { scanHistory, type ScanProgress } from "./target-scan.ts";

/** Rows of one relation, as find tells them. */
export interface LostRelation {
  readonly database: string;
  readonly schema: string | undefined;
  readonly name: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly truncated: boolean;
  readonly dropped: boolean;
}

/** A commit that is given up. */
export interface LostTransaction extends CommitFact {
  /** Undefined when nobody was asked. */
  readonly relations: readonly LostRelation[] | undefined;
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
  /** Says what a transaction did, by the position of its commit. */
  readonly describe?: ((commit: CommitFact) => readonly LostRelation[] | undefined) | undefined;
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** @throws {HindsightError} what the store throws; damage is part of the answer. */
export async function listLost(
  question: LostQuestion,
  context: Context,
): Promise<LostTransactions> {
  const { stopLsn, isApplied, countMax, describe } = question;
  const transactions: LostTransaction[] = [];
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
      if (transactions.length >= countMax) continue;
      const commit = commitOf(event, nextXid);
      transactions.push({ ...commit, relations: describe?.(commit) });
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    unreadable = error.message;
  }
  return { transactions, count, unreadable };
}
