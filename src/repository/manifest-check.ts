// What must hold between the entries of a manifest, checked by whoever writes one and by whoever reads one: order,
// parents, counts.
import { type BytePath, comparePath, showPath } from "../model/byte-path.ts";
import type { ManifestCounts, ManifestEntry } from "./manifest-lines.ts";
import { parentPath } from "./manifest-path.ts";

/** Looks at entries one after the other and counts them. Holds the paths of directories and links only. */
export class EntrySequence {
  readonly #parents: Set<BytePath> = new Set(["" as BytePath]);
  #last: BytePath | undefined;
  #directories = 0;
  #files = 0;
  #links = 0;
  #sizeBytes = 0;

  /** What is wrong with the next entry at this place, or undefined. */
  add(entry: ManifestEntry): string | undefined {
    const { path } = entry;
    const last = this.#last;
    if (last !== undefined && comparePath(last, path) >= 0) {
      return `"${showPath(path)}" does not come after "${showPath(last)}"`;
    }
    if (!this.#parents.has(parentPath(path))) {
      return `"${showPath(path)}" lies in no directory of the backup`;
    }
    this.#last = path;
    this.#count(entry);
    return undefined;
  }

  /** What was counted so far. */
  get counts(): ManifestCounts {
    return {
      directories: this.#directories,
      files: this.#files,
      links: this.#links,
      sizeBytes: this.#sizeBytes,
    };
  }

  #count(entry: ManifestEntry): void {
    if (entry.kind === "file") {
      this.#files += 1;
      this.#sizeBytes += entry.sizeBytes;
      return;
    }
    this.#parents.add(entry.path);
    if (entry.kind === "directory") this.#directories += 1;
    else this.#links += 1;
  }
}
