// Makes the WAL indexes that an archive lacks, from the segments, which hold all that an index says. Segments are taken in
// order, so that each index is built from the one before. Indexes that are there are read: one that is damaged is
// removed and made again. That is the one thing in an archive that may be replaced, because nothing is lost with it.
import type { Context } from "../base/context.ts";
import { errorMessage, HindsightError } from "../base/errors.ts";
import { EXIT, isFailure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import { formatSegmentName, parseSegmentName } from "../model/wal-segment.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import {
  getWalIndex,
  type ListedSegment,
  listIndexedSegments,
  removeDamagedIndex,
} from "../repository/wal-index.ts";
import { getWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { BLOCK_SIZE_DEFAULT_BYTES } from "../wal/block-reference.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import type { WalEnd } from "../wal/reader.ts";
import { storeSegmentIndex } from "./segment-index.ts";
import { SegmentRuns } from "./segment-runs.ts";
import { endsTimeline } from "./timeline-end.ts";

/** A segment whose index could not be made, and why. */
export interface FailedSegment {
  readonly segment: string;
  readonly reason: string;
  /** How a command ends because of it: 0 for a segment whose beginning was never archived, which is nobody's fault. */
  readonly exitCode: number;
}

/** What was found and done. */
export interface IndexRebuild {
  readonly segmentCount: number;
  /** Segments that had an index. */
  readonly indexedCount: number;
  /** Segments whose index was made now, or with `isDryRun` would be tried. */
  readonly built: readonly string[];
  readonly failed: readonly FailedSegment[];
}

/** One segment on the way. */
interface Step extends ListedSegment {
  /** Whether the segment before it is stored. */
  readonly follows: boolean;
  /** The index of the segment before, if it was at hand. */
  readonly previous: WalIndex | undefined;
}

type Outcome =
  | { readonly kind: "kept"; readonly index: WalIndex }
  /** Without index in a dry run. */
  | { readonly kind: "built"; readonly index?: WalIndex }
  | { readonly kind: "failed"; readonly reason: string; readonly exitCode: number }
  /** The segment was removed meanwhile. */
  | { readonly kind: "gone" };

/** What is the same for all segments. */
interface Work {
  readonly archive: WalArchive;
  readonly isDryRun: boolean;
  readonly blockSizeBytes: number;
}

/** Failures of the repository itself: they end the work, all others only that of one segment. */
const REPOSITORY_EXITS: ReadonlySet<number> = new Set([
  EXIT.repositoryUnreachable,
  EXIT.repositoryDenied,
]);

/**
 * Goes over all stored segments and makes the missing indexes.
 *
 * @param options `isDryRun`: only tell; nothing is written or removed.
 * @throws {HindsightError} what the store throws; `REPOSITORY_FORMAT_UNKNOWN` for an index that a newer release wrote.
 */
export async function rebuildIndexes(
  archive: WalArchive,
  { isDryRun }: { readonly isDryRun: boolean },
  context: Context,
): Promise<IndexRebuild> {
  const { segmentSizeBytes } = archive.record;
  const work = { archive, isDryRun, blockSizeBytes: await newestBlockSize(archive, context) };
  const runs = new SegmentRuns(segmentSizeBytes);
  const built: string[] = [];
  const failed: FailedSegment[] = [];
  let segmentCount = 0;
  let indexedCount = 0;
  let last: { readonly name: string; readonly index: WalIndex } | undefined;
  for await (const listed of listIndexedSegments(archive, {}, context)) {
    const { name } = listed;
    const isNext = last && nameAfter(last.name, segmentSizeBytes) === name;
    const previous = isNext === true ? last?.index : undefined;
    const outcome = await mend(work, { ...listed, follows: runs.add(name), previous }, context);
    if (outcome.kind !== "gone") segmentCount += 1;
    if (outcome.kind === "kept") indexedCount += 1;
    if (outcome.kind === "built") built.push(name);
    if (outcome.kind === "failed") {
      failed.push({ segment: name, reason: outcome.reason, exitCode: outcome.exitCode });
    }
    last = "index" in outcome && outcome.index ? { name, index: outcome.index } : undefined;
  }
  return { segmentCount, indexedCount, built, failed };
}

/** The size of a relation's page, as the newest backup has it that can be read. */
async function newestBlockSize(
  { repository, stanza, record }: WalArchive,
  context: Context,
): Promise<number> {
  try {
    const headers = await listBackupHeaders(repository, stanza, context);
    const { systemIdentifier } = record;
    const newest = headers.findLast((header) => header.systemIdentifier === systemIdentifier);
    return newest?.blockSizeBytes ?? BLOCK_SIZE_DEFAULT_BYTES;
  } catch (error) {
    // Damaged backups are the business of others.
    if (error instanceof HindsightError && error.exitCode === EXIT.integrity) {
      return BLOCK_SIZE_DEFAULT_BYTES;
    }
    throw error;
  }
}

function nameAfter(name: string, segmentSizeBytes: number): string {
  const { timeline, number } = parseSegmentName(name, segmentSizeBytes);
  return formatSegmentName({ timeline, number: number + 1n }, segmentSizeBytes);
}

async function mend(work: Work, step: Step, context: Context): Promise<Outcome> {
  const { archive, isDryRun } = work;
  const { name, isIndexed } = step;
  context.signal.throwIfAborted();
  try {
    const index = isIndexed ? await getWalIndex(archive, name, context) : undefined;
    if (index) return { kind: "kept", index };
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
    context.log.warn("a WAL index is damaged", { segment: name, reason: error.message });
    if (!isDryRun) await removeDamagedIndex(archive, name, context);
  }
  if (isDryRun) return { kind: "built" };
  try {
    return await build(work, step, context);
  } catch (error) {
    context.signal.throwIfAborted();
    const exitCode = error instanceof HindsightError ? error.exitCode : EXIT.ourFault;
    if (REPOSITORY_EXITS.has(exitCode)) throw error;
    return { kind: "failed", reason: errorMessage(error), exitCode };
  }
}

async function build(
  { archive, blockSizeBytes }: Work,
  { name, previous, follows }: Step,
  context: Context,
): Promise<Outcome> {
  const bytes = await getWalFile(archive, name, context);
  if (!bytes) return { kind: "gone" };
  checkSegmentHeader(bytes, { ...archive.record, name });
  const source = { archive, name, bytes, blockSizeBytes, previous };
  const mayEnd = ({ lsn }: WalEnd): Promise<boolean> =>
    endsTimeline(archive, name, { lsn, context });
  const stored = await storeSegmentIndex(source, context, mayEnd);
  switch (stored.kind) {
    case "stored":
      context.log.detail("made a WAL index", { segment: name });
      return { kind: "built", index: stored.index };
    case "headMissing": {
      if (follows) return failed("it begins inside a record that the segment before does not have");
      const reason = "it begins inside a record whose beginning was never archived";
      return { kind: "failed", reason, exitCode: EXIT.done };
    }
    case "ended": {
      const { index, end } = stored;
      const what = index.first ? "it is not full" : "no record can be read in it";
      return failed(`${what}: WAL ends at ${formatLsn(end.lsn)} (${end.reason})`);
    }
  }
}

function failed(reason: string): Outcome {
  return { kind: "failed", reason, exitCode: EXIT.integrity };
}
