// How each file of an incremental backup is read: whole, some of its blocks, not at all, or to be compared. Pure; the
// rules are those of docs/backup.md. What is asked of a main fork is answered by WAL (changed-blocks.ts); everything else,
// and everything when WAL cannot be relied on, is compared with what the prior backup holds.
import type { BytePath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { BlockRange } from "./block-set.ts";
import type { ChangedBlocks, FileChanges } from "./changed-blocks.ts";
import { parseRelationPath, type RelationPath } from "./relation-path.ts";

/**
 * Why a file is read as it is; the words of `backup --dry-run`.
 * - `new`: the prior backup does not have it.
 * - `remade`: its relation was made, cut, dropped or rewritten, or its database copied.
 * - `size`: it is no whole number of pages, or became shorter without a record of it.
 * - `changed`: WAL names blocks of it.
 * - `content`: nothing but its content tells whether it changed.
 * - `unchanged`: WAL names nothing of it.
 */
export const READING_REASONS = [
  "new",
  "remade",
  "size",
  "changed",
  "content",
  "unchanged",
] as const;
export type ReadingReason = (typeof READING_REASONS)[number];

/** How one file is read. `ranges` are bytes of it, ascending, none next to another. */
export type FileReading = { readonly entry: DataEntry; readonly reason: ReadingReason } & (
  | { readonly kind: "whole" }
  | {
      readonly kind: "blocks";
      readonly prior: ManifestFile;
      readonly ranges: readonly ByteRange[];
    }
  | {
      readonly kind: "compare";
      readonly prior: ManifestFile;
      /** What is read anew whatever the comparison says. */
      readonly ranges: readonly ByteRange[];
    }
  | { readonly kind: "same"; readonly prior: ManifestFile }
);

/** Bytes of a file from `begin` up to, not including, `end`. */
export type ByteRange = BlockRange;

/** What is known about the time between the backups. */
export interface PlanGround {
  /** Undefined: WAL cannot be relied on. */
  readonly changes: ChangedBlocks | undefined;
  /** Blocks that were damaged when the prior backup read them, counted within the relation's fork. */
  readonly badBlocks: ReadonlyMap<BytePath, readonly number[]>;
  readonly blockSizeBytes: number;
  readonly relationSegmentBlocks: number;
}

/** Decides about one file. `prior` is its entry in the prior backup. */
export function planFile(
  entry: DataEntry,
  prior: ManifestFile | undefined,
  ground: PlanGround,
): FileReading {
  if (!prior) return { kind: "whole", entry, reason: "new" };
  const relation = parseRelationPath(entry.path);
  const bad = relation ? badRanges(entry, relation, ground) : [];
  if (relation?.fork !== "main" || !ground.changes) {
    return { kind: "compare", entry, prior, ranges: bad, reason: "content" };
  }
  return planMainFork({ entry, prior, relation, changes: ground.changes, bad }, ground);
}

interface MainFork {
  readonly entry: DataEntry;
  readonly prior: ManifestFile;
  readonly relation: RelationPath;
  readonly changes: ChangedBlocks;
  readonly bad: readonly ByteRange[];
}

function planMainFork(file: MainFork, ground: PlanGround): FileReading {
  const { entry, prior, relation, changes, bad } = file;
  const { blockSizeBytes, relationSegmentBlocks } = ground;
  const found = changes.changesOf(relation);
  const firstBlock = relation.segment * relationSegmentBlocks;
  const limitBytes = ((found?.limit ?? Number.POSITIVE_INFINITY) - firstBlock) * blockSizeBytes;
  if (limitBytes <= 0 || changes.isDatabaseReplaced(relation)) {
    return { kind: "whole", entry, reason: "remade" };
  }
  const isOfPages = [entry, prior].every(({ sizeBytes }) => sizeBytes % blockSizeBytes === 0);
  const isCutSilently = entry.sizeBytes < Math.min(prior.sizeBytes, limitBytes);
  if (!isOfPages || isCutSilently) return { kind: "whole", entry, reason: "size" };
  const tail = { begin: Math.min(limitBytes, prior.sizeBytes), end: entry.sizeBytes };
  const ranges = mergeRanges([...changedRanges(found, entry, blockSizeBytes), ...bad, tail]);
  if (ranges.length > 0) return { kind: "blocks", entry, prior, ranges, reason: "changed" };
  const isSame = prior.sizeBytes === entry.sizeBytes;
  if (isSame) return { kind: "same", entry, prior, reason: "unchanged" };
  return { kind: "blocks", entry, prior, ranges, reason: "changed" };
}

function changedRanges(
  found: FileChanges | undefined,
  { sizeBytes }: DataEntry,
  blockSizeBytes: number,
): readonly ByteRange[] {
  const ranges: ByteRange[] = [];
  for (const { begin, end } of found?.blocks?.runs() ?? []) {
    ranges.push({
      begin: begin * blockSizeBytes,
      end: Math.min(end * blockSizeBytes, sizeBytes),
    });
  }
  return ranges;
}

/** The blocks of a file that the prior backup found damaged: they are read again, however they look. */
function badRanges(
  { path, sizeBytes }: DataEntry,
  { segment }: RelationPath,
  { badBlocks, blockSizeBytes, relationSegmentBlocks }: PlanGround,
): readonly ByteRange[] {
  const blocks = badBlocks.get(path) ?? [];
  const ranges = blocks.map((block) => {
    const begin = (block - segment * relationSegmentBlocks) * blockSizeBytes;
    return { begin, end: Math.min(begin + blockSizeBytes, sizeBytes) };
  });
  return mergeRanges(ranges);
}

/** Sorts ranges and puts together those that touch; empty ones are left out. */
export function mergeRanges(ranges: readonly ByteRange[]): readonly ByteRange[] {
  const merged: ByteRange[] = [];
  const sorted = ranges.filter(({ begin, end }) => begin < end);
  for (const range of sorted.toSorted((left, right) => left.begin - right.begin)) {
    const last = merged.at(-1);
    if (!last || range.begin > last.end) merged.push(range);
    else merged[merged.length - 1] = { begin: last.begin, end: Math.max(last.end, range.end) };
  }
  return merged;
}

/** Bytes in all ranges. */
export function rangesSize(ranges: readonly ByteRange[]): number {
  return ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);
}
