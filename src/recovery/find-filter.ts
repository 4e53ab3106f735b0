// Which transactions are wanted, and which of them first.
import type { FileChange, FileChangeKind } from "./file-changes.ts";
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
  /** A database or tablespace that it dropped, with as many rows as are known to have been there. */
  readonly droppedPlace: { readonly rows: number } | undefined;
}

/**
 * The importance of a transaction, the weightiest number first. What lost rows of which nobody knows the number, or a
 * whole database, comes before any number that is known; what was lost counts more than what was changed, and that more
 * than what was added, unless an operation is asked for.
 */
export type Rank = readonly [unknown: 0 | 1, number, number, number];

/** @returns undefined for a transaction that did nothing of what is asked for. */
export function rankOf(
  { totals, changes, droppedPlace }: CommitEffect,
  operation: FindOperation | undefined,
): Rank | undefined {
  const { inserted, updated, deleted, moved } = totals;
  const truncated = lossBy(changes, TRUNCATIONS);
  const dropped = addPlace(lossBy(changes, DROPS), droppedPlace);
  const loss = deleted + truncated.rows + dropped.rows;
  switch (operation) {
    case undefined: {
      const isNothing = loss + updated + moved + inserted === 0 && changes.length === 0;
      const unknown = truncated.unknown || dropped.unknown;
      return isNothing && !droppedPlace ? undefined : [unknown, loss, updated + moved, inserted];
    }
    case "insert":
      return rankOfRows(inserted, loss, updated);
    case "update":
      return rankOfRows(updated + moved, loss, updated);
    case "delete":
      return rankOfRows(deleted, loss, updated);
    case "truncate":
      return rankOfLoss(truncated, loss, updated);
    case "drop":
      return rankOfLoss(dropped, loss, updated);
  }
}

function rankOfRows(rows: number, loss: number, updated: number): Rank | undefined {
  return rows > 0 ? [0, rows, loss, updated] : undefined;
}

function rankOfLoss(asked: FileLoss, loss: number, updated: number): Rank | undefined {
  return asked.isAny ? [asked.unknown, asked.rows, loss, updated] : undefined;
}

/** Below 0 when `left` is more important. */
export function compareRanks(left: Rank, right: Rank): number {
  return right[0] - left[0] || right[1] - left[1] || right[2] - left[2] || right[3] - left[3];
}

/** Whether a transaction may be so large; what lost rows of which nobody knows the number may be as large as any. */
export function isRankAtLeast(
  [unknown, asked, changed, added]: Rank,
  rowsMin: number,
  operation: FindOperation | undefined,
): boolean {
  const rows = operation === undefined ? asked + changed + added : asked;
  return unknown === 1 || rows >= rowsMin;
}

const TRUNCATIONS: readonly FileChangeKind[] = ["truncated", "replaced"];
const DROPS: readonly FileChangeKind[] = ["dropped"];

/** Rows that went with files. */
interface FileLoss {
  /** As far as they are known. */
  readonly rows: number;
  /** Whether there were changes of this kind, whatever they lost. */
  readonly isAny: boolean;
  /** 1 where it is not known of all of them what they lost. */
  readonly unknown: 0 | 1;
}

const NO_LOSS: FileLoss = { rows: 0, isAny: false, unknown: 0 };

function lossBy(changes: readonly FileChange[], kinds: readonly FileChangeKind[]): FileLoss {
  if (changes.length === 0) return NO_LOSS;
  const asked = changes.filter(({ kind }) => kinds.includes(kind));
  return {
    rows: asked.reduce((sum, each) => sum + lostRows(each), 0),
    isAny: asked.length > 0,
    unknown: asked.some(({ rowsBefore }) => rowsBefore === undefined) ? 1 : 0,
  };
}

function lostRows({ rowsBefore, rowsAfter }: FileChange): number {
  return Math.max(0, (rowsBefore?.rows ?? 0) - rowsAfter);
}

function addPlace(loss: FileLoss, place: CommitEffect["droppedPlace"]): FileLoss {
  return place ? { rows: loss.rows + place.rows, isAny: true, unknown: 1 } : loss;
}
