// How many rows came into files that were made within the history that is walked through. One that never got a row held
// none when it went: it was an index, or a table that nobody filled. Files that were there before are not counted,
// because what they held is not known.
import type { RelationLocator } from "../model/relation.ts";
import { END_FLAGS, type RowPattern, type WalIndex } from "../wal/index-content.ts";
import { fileKey } from "./pending-work.ts";

interface Count {
  /** Those that came, without those that went, of all transactions that did not roll back within a segment. */
  rows: number;
  isEmpty: boolean;
  /** Whether pages were written as images only, of which nobody knows how many rows they have. */
  hasImages: boolean;
}

/** Takes every file that is made and every segment's rows. */
export class FileCensus {
  readonly #made: Map<string, Count> = new Map();

  addMade(file: RelationLocator): void {
    this.#made.set(fileKey(file), { rows: 0, isEmpty: true, hasImages: false });
  }

  /** Takes the rows of a segment. */
  addRows({ relations, patterns, ends, open }: WalIndex): void {
    if (this.#made.size === 0) return;
    const counts = relations.map((file) => this.#made.get(fileKey(file)));
    const touched = patterns.map((pattern) => pattern.some(({ relation }) => counts[relation]));
    if (!touched.includes(true)) return;
    for (const pattern of patterns) markFilled(pattern, counts);
    for (let row = 0; row < ends.count; row += 1) {
      const pattern = ends.pattern[row]!;
      if (!touched[pattern] || (ends.flags[row]! & END_FLAGS.aborted) !== 0) continue;
      addRows(patterns[pattern] ?? [], counts);
    }
    for (const { pattern } of open) addRows(patterns[pattern] ?? [], counts);
  }

  /** Whether a file was made here and never got a row, whatever became of the transaction. */
  isEmpty(file: RelationLocator): boolean {
    return this.#made.get(fileKey(file))?.isEmpty ?? false;
  }

  /** About how many rows are in a file that was made here; undefined where that was not counted. */
  rowsOf(file: RelationLocator): number | undefined {
    const count = this.#made.get(fileKey(file));
    return count && !count.hasImages ? Math.max(0, count.rows) : undefined;
  }

  /** Forgets a file that is gone: its number may be another one's. */
  forget(file: RelationLocator): void {
    this.#made.delete(fileKey(file));
  }

  /** Forgets all: what comes next does not follow. */
  clear(): void {
    this.#made.clear();
  }
}

function markFilled(pattern: RowPattern, counts: readonly (Count | undefined)[]): void {
  for (const { relation, inserted, pages } of pattern) {
    const count = counts[relation];
    if (!count) continue;
    if (inserted > 0) count.isEmpty = false;
    if (pages > 0) count.hasImages = true;
  }
}

function addRows(pattern: RowPattern, counts: readonly (Count | undefined)[]): void {
  for (const { relation, inserted, deleted, movedOut } of pattern) {
    const count = counts[relation];
    if (count) count.rows += inserted - deleted - movedOut;
  }
}
