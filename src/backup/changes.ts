// How an incremental backup finds out what to read: changed blocks from the WAL between the backups, proven by a sample of
// pages; where that cannot be relied on, every file by content, said aloud with the reason.
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import type { Lsn } from "../model/lsn.ts";
import type { TimelineHistory } from "../model/timeline.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import { type ManifestHeader, readManifest } from "../repository/manifest.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { ChangedBlocks } from "./changed-blocks.ts";
import type { ChunkPool } from "./chunk-pool.ts";
import type { PlanSource } from "./copy-plan.ts";
import { planChanges } from "./plan-changes.ts";
import { findMissedPages } from "./self-check.ts";
import { readWalRange } from "./wal-range.ts";

/** Two backups, and the WAL between their starts. */
export interface ChangeSource {
  readonly archive: WalArchive;
  readonly prior: ManifestHeader;
  readonly history: TimelineHistory;
  /** Where this backup starts. Everything before it is on disk in pg_wal or archived. */
  readonly startLsn: Lsn;
  readonly dataDirectory: string;
  /** Resource managers of extensions that are known to register every block they change. */
  readonly trustedResourceManagers: ReadonlySet<number>;
  /** Whether WAL may end before that: good enough for a look. */
  readonly endsAnywhere?: boolean | undefined;
}

/** What is to be read, and why everything is compared, if it is. */
export interface PlannedChanges {
  readonly source: PlanSource;
  readonly contentScan: string | undefined;
}

/** WAL without index that is decoded, however small the cluster is. */
const DECODE_MIN_BYTES: number = 256 * MIB;

/**
 * Reads the WAL between the backups.
 *
 * @returns the changed blocks, or why there are none to rely on.
 * @throws {HindsightError} what the store throws.
 */
export async function findChanges(
  source: ChangeSource,
  context: Context,
): Promise<ChangedBlocks | string> {
  const { archive, prior, history, startLsn, dataDirectory } = source;
  if (startLsn < prior.stopLsn) return `backup ${prior.label} ended after this one began`;
  const changes = new ChangedBlocks({
    relationSegmentBlocks: prior.relationSegmentBlocks,
    begin: prior.startLsn,
    trustedResourceManagers: source.trustedResourceManagers,
  });
  const range = {
    archive,
    history,
    begin: prior.startLsn,
    end: startLsn,
    blockSizeBytes: prior.blockSizeBytes,
    dataDirectory,
    endsAnywhere: source.endsAnywhere,
    decodeMaxBytes: Math.max(DECODE_MIN_BYTES, prior.sizeBytes),
  };
  const fault = await readWalRange(range, (index) => changes.add(index), context);
  return fault ?? changes.distrust ?? changes;
}

/** Plans by changed blocks, or by content when there is a reason to; says so. */
export async function planByChanges(
  source: ChangeSource,
  { scanned, changes }: { readonly scanned: readonly DataEntry[]; changes: ChangedBlocks | string },
  context: Context,
): Promise<PlannedChanges> {
  const { archive, prior } = source;
  const { repository, stanza } = archive;
  const contentScan = typeof changes === "string" ? changes : undefined;
  if (contentScan !== undefined) {
    context.log.warn("changed blocks are not known, so all files are compared by content", {
      reason: contentScan,
    });
  }
  const { header, entries } = await readManifest(repository, stanza, prior.label, context);
  const known = typeof changes === "string" ? undefined : changes;
  return { source: await planChanges(scanned, { header, entries }, known), contentScan };
}

/** {@link planByChanges}, and proves it by a sample; if that finds a page that WAL did not name, plans by content. */
export async function planProven(
  source: ChangeSource,
  ground: { readonly scanned: readonly DataEntry[]; readonly changes: ChangedBlocks | string },
  { pool, context }: { readonly pool: ChunkPool; readonly context: Context },
): Promise<PlannedChanges> {
  const planned = await planByChanges(source, ground, context);
  if (planned.contentScan !== undefined) return planned;
  const { prior, startLsn, dataDirectory: root } = source;
  const { blockSizeBytes } = prior;
  const check = { root, blockSizeBytes, after: prior.startLsn, upTo: startLsn };
  const missed = await findMissedPages(pool, planned.source.files, check, context);
  if (missed.length === 0) return planned;
  const changes = `${missed.length} pages were changed that the WAL indexes do not name`;
  return await planByChanges(source, { ...ground, changes }, context);
}
