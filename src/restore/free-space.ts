// Whether everything fits, asked once for each file system before a byte is written.
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { KIB, MIB } from "../base/limits.ts";
import { formatSize } from "../base/size.ts";
import { failure } from "../model/failure.ts";
import { freeSpaceAt } from "./location.ts";
import type { PlaceUsage } from "./survey.ts";

/** A file system hands out space in blocks; half of one is lost at the end of each file, and an inode is needed. */
const OVERHEAD_PER_FILE_BYTES = 4 * KIB;

/** Beside the files: what recovery writes before anybody can look, as a share and at least. */
const MARGIN_SHARE = 0.02;
const MARGIN_MIN_BYTES: number = 64 * MIB;

/** What one place needs. */
export interface SpaceNeed {
  /** Something that exists on the file system in question. */
  readonly existing: string;
  readonly usage: PlaceUsage;
  /** WAL that will lie there while recovery reads it. */
  readonly walBytes: number;
  /** Directories that are removed before the first file is written. */
  readonly removed: readonly string[];
}

/** @throws {HindsightError} `DESTINATION_FULL` naming the place, what it needs and what is free. */
export async function requireSpace(needs: readonly SpaceNeed[]): Promise<void> {
  const byDevice = new Map<number, { freeBytes: number; needs: SpaceNeed[] }>();
  for (const need of needs) {
    const { device, freeBytes } = await freeSpaceAt(need.existing);
    const entry = byDevice.get(device) ?? { freeBytes, needs: [] };
    entry.needs.push(need);
    byDevice.set(device, entry);
  }
  for (const { freeBytes, needs: sharing } of byDevice.values()) {
    const neededBytes = sharing.reduce((sum, need) => sum + neededBy(need), 0);
    if (neededBytes <= freeBytes) continue;
    // Counting what will be freed means reading every directory, so it is done only when it decides.
    const freedBytes = await sizeOfTrees(sharing.flatMap((need) => need.removed));
    if (neededBytes <= freeBytes + freedBytes) continue;
    throw tooSmall(sharing, { neededBytes, freeBytes: freeBytes + freedBytes });
  }
}

function neededBy({ usage, walBytes }: SpaceNeed): number {
  const marginBytes = Math.max(MARGIN_MIN_BYTES, usage.sizeBytes * MARGIN_SHARE);
  return usage.sizeBytes + usage.fileCount * OVERHEAD_PER_FILE_BYTES + walBytes + marginBytes;
}

function tooSmall(
  sharing: readonly SpaceNeed[],
  { neededBytes, freeBytes }: { neededBytes: number; freeBytes: number },
): Error {
  const places = sharing.map((need) => need.existing).join(" and ");
  return failure(
    "DESTINATION_FULL",
    `${places} needs ${formatSize(neededBytes)}, and ${formatSize(freeBytes)} are free`,
    {
      hint: "Nothing was written. Free space there, or restore elsewhere with --pg1-path.",
      context: { neededBytes: Math.ceil(neededBytes), freeBytes },
    },
  );
}

async function sizeOfTrees(roots: readonly string[]): Promise<number> {
  let sizeBytes = 0;
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) waiting.push(child);
      else if (entry.isFile()) sizeBytes += (await lstat(child)).blocks * 512;
    }
  }
  return sizeBytes;
}
