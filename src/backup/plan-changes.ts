// The plan of an incremental backup: the listing of the data directory beside the entries of the prior backup, both sorted
// by path and walked through together.
import type { BytePath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type { ManifestEntry, ManifestHeader } from "../repository/manifest.ts";
import type { ChangedBlocks } from "./changed-blocks.ts";
import type { PlanSource } from "./copy-plan.ts";
import { type FileReading, planFile } from "./file-plan.ts";

/** What the prior backup holds: its entries as they are read. */
export interface PriorBackup {
  readonly header: ManifestHeader;
  readonly entries: AsyncIterable<ManifestEntry>;
}

/**
 * Decides about every entry.
 *
 * @param scanned sorted by path.
 * @param changes undefined when WAL cannot be relied on.
 */
export async function planChanges(
  scanned: readonly DataEntry[],
  { header, entries }: PriorBackup,
  changes: ChangedBlocks | undefined,
): Promise<PlanSource> {
  const { blockSizeBytes, relationSegmentBlocks, pageErrors } = header;
  const badBlocks = new Map<BytePath, readonly number[]>(
    pageErrors.map(({ path, blocks }) => [path, blocks]),
  );
  const ground = { changes, badBlocks, blockSizeBytes, relationSegmentBlocks };
  const others: DataEntry[] = [];
  const files: FileReading[] = [];
  let place = 0;
  const takeUntil = (prior: ManifestEntry | undefined): void => {
    for (; place < scanned.length; place += 1) {
      const entry = scanned[place]!;
      if (prior && entry.path > prior.path) return;
      const match = prior?.kind === "file" && prior.path === entry.path ? prior : undefined;
      if (entry.kind === "file") files.push(planFile(entry, match, ground));
      else others.push(entry);
    }
  };
  for await (const prior of entries) takeUntil(prior);
  takeUntil(undefined);
  return { others, files };
}
