// Which file is read when, and what with it. Large files are read one by one, in chunks; small ones are put together so
// that a chunk is well filled. Pure: the plan is made from what the scan saw, and told by --dry-run.
import { MIB } from "../base/limits.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import { type ByteRange, type FileReading, rangesSize } from "./file-plan.ts";

/** Plaintext of one chunk, and so of one blob, at most. */
export const CHUNK_SIZE_BYTES: number = MIB;

/** Files up to this size share chunks with others. They are read whole whenever they are read. */
export const BUNDLE_FILE_SIZE_MAX_BYTES: number = MIB / 4;

/** With more of a file to be read than this share, all of it is read. */
const BLOCKS_SHARE_MAX = 0.75;

/** A small file. */
export interface BundledFile {
  readonly entry: DataEntry;
  /** Its entry in the prior backup: when its content is the same it is not stored again. */
  readonly prior: ManifestFile | undefined;
}

/**
 * What one lane takes at a time: one file of several chunks, whole, by its changed blocks or after it was compared; or
 * several files of one chunk.
 */
export type CopyUnit =
  | { readonly kind: "file"; readonly entry: DataEntry }
  | { readonly kind: "bundle"; readonly files: readonly BundledFile[] }
  | {
      readonly kind: "blocks" | "compare";
      readonly entry: DataEntry;
      readonly prior: ManifestFile;
      readonly ranges: readonly ByteRange[];
    };

/** What is to be done with all files: what is read, in which order, and how much it is. */
export interface CopyPlan {
  readonly units: readonly CopyUnit[];
  /** Directories, links and empty files: nothing to read. */
  readonly bare: readonly DataEntry[];
  /** Files that are as the prior backup has them. */
  readonly kept: readonly Extract<FileReading, { kind: "same" }>[];
  /** global/pg_control, which is read after everything else. */
  readonly controlFile: DataEntry | undefined;
  /** Bytes to be read. */
  readonly readBytes: number;
  /** Files to be read. */
  readonly fileCount: number;
}

/** What is to be planned. */
export interface PlanSource {
  /** Directories and links. */
  readonly others: readonly DataEntry[];
  readonly files: readonly FileReading[];
}

/** Every file whole, as for a full backup. */
export function readWhole(entries: readonly DataEntry[]): PlanSource {
  const files = entries.filter((entry) => entry.kind === "file");
  return {
    others: entries.filter((entry) => entry.kind !== "file"),
    files: files.map((entry) => ({ kind: "whole", entry, reason: "new" })),
  };
}

/**
 * Orders the work: what has most to be read first, so that no lane is left with a 1 GiB file at the end; then bundles in
 * path order, so that files of one database lie together.
 */
export function planCopy({ others, files }: PlanSource, controlPath: BytePath): CopyPlan {
  const bare: DataEntry[] = [...others];
  const kept: Extract<FileReading, { kind: "same" }>[] = [];
  const large: CopyUnit[] = [];
  const small: BundledFile[] = [];
  let controlFile: DataEntry | undefined;
  for (const reading of files) {
    const { entry } = reading;
    if (entry.path === controlPath) controlFile = entry;
    else if (entry.sizeBytes === 0) bare.push(entry);
    else if (reading.kind === "same") kept.push(reading);
    else if (entry.sizeBytes <= BUNDLE_FILE_SIZE_MAX_BYTES) small.push(bundled(reading));
    else large.push(unitOf(reading));
  }
  const units = [
    ...large.toSorted((left, right) => unitSize(right) - unitSize(left)),
    ...bundle(small),
  ];
  const fileCount = large.length + small.length + (controlFile ? 1 : 0);
  const readBytes = units.reduce((sum, unit) => sum + unitSize(unit), controlFile?.sizeBytes ?? 0);
  return { units, bare, kept, controlFile, readBytes, fileCount };
}

function bundled(reading: FileReading): BundledFile {
  const { entry } = reading;
  const prior = reading.kind === "whole" ? undefined : reading.prior;
  const isComparable = prior?.sha256 !== undefined && prior.sizeBytes === entry.sizeBytes;
  return { entry, prior: isComparable ? prior : undefined };
}

function unitOf(reading: Exclude<FileReading, { kind: "same" }>): CopyUnit {
  const { entry } = reading;
  if (reading.kind === "whole") return { kind: "file", entry };
  const { kind, prior, ranges } = reading;
  const isMost = rangesSize(ranges) > BLOCKS_SHARE_MAX * entry.sizeBytes;
  if (isMost || prior.sizeBytes === 0) return { kind: "file", entry };
  return { kind, entry, prior, ranges };
}

/** Bytes that a unit reads. */
export function unitSize(unit: CopyUnit): number {
  switch (unit.kind) {
    case "bundle":
      return unit.files.reduce((sum, { entry }) => sum + entry.sizeBytes, 0);
    case "blocks":
      return rangesSize(unit.ranges);
    case "file":
    case "compare":
      return unit.entry.sizeBytes;
  }
}

function bundle(files: readonly BundledFile[]): readonly CopyUnit[] {
  const units: CopyUnit[] = [];
  let current: BundledFile[] = [];
  let sizeBytes = 0;
  const close = (): void => {
    if (current.length > 0) units.push({ kind: "bundle", files: current });
    current = [];
    sizeBytes = 0;
  };
  for (const file of files) {
    if (sizeBytes + file.entry.sizeBytes > CHUNK_SIZE_BYTES) close();
    current.push(file);
    sizeBytes += file.entry.sizeBytes;
  }
  close();
  return units;
}

/** Gathers ranges of a file into chunks, in order; a range that is longer than a chunk is split at whole chunks. */
export function splitRanges(ranges: readonly ByteRange[]): readonly (readonly ByteRange[])[] {
  const chunks: ByteRange[][] = [];
  let current: ByteRange[] = [];
  let sizeBytes = 0;
  for (const range of ranges) {
    for (let { begin } = range; begin < range.end;) {
      const end = Math.min(range.end, begin + CHUNK_SIZE_BYTES - sizeBytes);
      current.push({ begin, end });
      sizeBytes += end - begin;
      begin = end;
      if (sizeBytes < CHUNK_SIZE_BYTES) continue;
      chunks.push(current);
      current = [];
      sizeBytes = 0;
    }
  }
  if (current.length > 0) chunks.push(current);
  return chunks;
}
