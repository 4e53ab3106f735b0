// Which transactions are wanted, and which of them first.
import type { FileChange } from "./file-changes.ts";
import type { RowTotals } from "./row-totals.ts";

/** The words of --operation. */
export const FIND_OPERATIONS = ["insert", "update", "delete", "truncate", "drop"] as const;
/** What a transaction is looked for by. */
export type FindOperation = (typeof FIND_OPERATIONS)[number];

/** What decides whether a transaction is wanted and how important it is, without its relations' names. */
export interface CommitEffect {
  readonly totals: RowTotals;
  /** Of relations that count. */
  readonly changes: readonly FileChange[];
  /** Whether it dropped a database or a tablespace. */
  readonly isIrreversible: boolean;
}

/**
 * The importance of a transaction, the weightiest number first; what it lost counts more than what it changed, and that
 * more than what it added, unless an operation is asked for.
 */
export type Rank = readonly [number, number, number];

/** @returns undefined for a transaction that did nothing of what is asked for. */
export function rankOf(
  { totals, changes, isIrreversible }: CommitEffect,
  operation: FindOperation | undefined,
): Rank | undefined {
  const { inserted, updated, deleted, moved } = totals;
  const truncated = sumLoss(changes, ["truncated", "replaced"]);
  const dropped = sumLoss(changes, ["dropped"]) + (isIrreversible ? 1 : 0);
  const loss = deleted + truncated + dropped;
  const asked = {
    insert: inserted,
    update: updated + moved,
    delete: deleted,
    truncate: truncated,
    drop: dropped,
  };
  if (operation !== undefined)
    return asked[operation] > 0 ? [asked[operation], loss, updated] : undefined;
  const isNothing = loss + updated + moved + inserted === 0 && changes.length === 0;
  return isNothing ? undefined : [loss, updated + moved, inserted];
}

/** Below 0 when `left` is more important. */
export function compareRanks(left: Rank, right: Rank): number {
  return right[0] - left[0] || right[1] - left[1] || right[2] - left[2];
}

/** Rows that went with files, by the catalogue's estimate; at least one a relation, unless others took their place. */
function sumLoss(changes: readonly FileChange[], kinds: readonly FileChange["kind"][]): number {
  return changes
    .filter(({ kind }) => kinds.includes(kind))
    .reduce((sum, change) => {
      const estimate = change.identity?.rowsEstimate ?? 1;
      const lost = estimate - change.rowsAfter;
      return sum + Math.max(change.kind === "replaced" ? 0 : 1, lost);
    }, 0);
}
