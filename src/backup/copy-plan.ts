// Which file is read when. Large files are copied one by one, in chunks; small ones are put together so that a chunk is
// well filled. Pure: the plan is made from what the scan saw, and printed by --dry-run.
import { MIB } from "../base/limits.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";

/** Plaintext of one chunk, and so of one blob, at most. */
export const CHUNK_SIZE_BYTES: number = MIB;

/** Files up to this size share chunks with others. */
export const BUNDLE_FILE_SIZE_MAX_BYTES: number = MIB / 4;

/** What one lane takes at a time: one file of several chunks, or several files of one chunk. */
export type CopyUnit =
  | { readonly kind: "file"; readonly entry: DataEntry }
  | { readonly kind: "bundle"; readonly entries: readonly DataEntry[] };

/** What a scan of the data directory comes down to for the copy: what is read, in which order, and how much it is. */
export interface CopyPlan {
  readonly units: readonly CopyUnit[];
  /** Directories, links and empty files: nothing to read. */
  readonly bare: readonly DataEntry[];
  /** global/pg_control, which is read after everything else. */
  readonly controlFile: DataEntry | undefined;
  readonly sizeBytes: number;
  readonly fileCount: number;
}

/**
 * Orders the work: the largest files first, so that no lane is left with a 1 GiB file at the end; then bundles in path
 * order, so that files of one database lie together.
 */
export function planCopy(entries: readonly DataEntry[], controlPath: BytePath): CopyPlan {
  const files = entries.filter((entry) => entry.kind === "file" && entry.path !== controlPath);
  const large = files.filter((entry) => entry.sizeBytes > BUNDLE_FILE_SIZE_MAX_BYTES);
  const small = files.filter(
    (entry) => entry.sizeBytes > 0 && entry.sizeBytes <= BUNDLE_FILE_SIZE_MAX_BYTES,
  );
  const controlFile = entries.find((entry) => entry.kind === "file" && entry.path === controlPath);
  return {
    units: [
      ...large
        .toSorted((left, right) => right.sizeBytes - left.sizeBytes)
        .map((entry) => ({ kind: "file", entry }) as const),
      ...bundle(small),
    ],
    bare: entries.filter(
      (entry) => entry.kind !== "file" || (entry.sizeBytes === 0 && entry !== controlFile),
    ),
    controlFile,
    sizeBytes: files.reduce((sum, entry) => sum + entry.sizeBytes, controlFile?.sizeBytes ?? 0),
    fileCount: files.length + (controlFile ? 1 : 0),
  };
}

function bundle(files: readonly DataEntry[]): readonly CopyUnit[] {
  const units: CopyUnit[] = [];
  let current: DataEntry[] = [];
  let sizeBytes = 0;
  const close = (): void => {
    if (current.length > 0) units.push({ kind: "bundle", entries: current });
    current = [];
    sizeBytes = 0;
  };
  for (const entry of files) {
    if (sizeBytes + entry.sizeBytes > CHUNK_SIZE_BYTES) close();
    current.push(entry);
    sizeBytes += entry.sizeBytes;
  }
  close();
  return units;
}
