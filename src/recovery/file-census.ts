// Which files were made within the history that is walked through, and never got a row. Such a file held none when it
// went: it was an index, or a table that nobody filled. Files that were there before are not counted, because what they
// hold is not known.
import type { RelationLocator } from "../model/relation.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { fileKey } from "./pending-work.ts";

/** Takes every file that is made and every segment's rows. */
export class FileCensus {
  readonly #empty: Set<string> = new Set();

  addMade(file: RelationLocator): void {
    this.#empty.add(fileKey(file));
  }

  /** Takes the rows of a segment, whatever became of their transactions. */
  addRows({ relations, patterns }: WalIndex): void {
    if (this.#empty.size === 0) return;
    const seen = new Uint8Array(relations.length);
    for (const pattern of patterns) {
      for (const { relation, inserted } of pattern) {
        if (inserted > 0) seen[relation] = 1;
      }
    }
    for (const [place, file] of relations.entries()) {
      if (seen[place] === 1) this.#empty.delete(fileKey(file));
    }
  }

  /** Whether a file was made here and never got a row. */
  isEmpty(file: RelationLocator): boolean {
    return this.#empty.has(fileKey(file));
  }

  /** Forgets a file that is gone: its number may be another one's. */
  forget(file: RelationLocator): void {
    this.#empty.delete(fileKey(file));
  }
}
