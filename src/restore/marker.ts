// The marker of an unfinished restore: a file in the destination from the first change to the last but one. PostgreSQL
// does not care about it (what stops PostgreSQL is that pg_control is missing); it tells the next restore that what lies
// there is ours, and which tablespace locations are.
import { lstat, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { type BytePath, textPath } from "../model/byte-path.ts";

/** Name of the marker in the destination. */
export const MARKER_FILE: BytePath = textPath("hindsight.restore-incomplete");

/** What the marker says: whose remains lie here, and where else. */
export interface Marker {
  readonly backup: BackupLabel;
  /** Locations that the restore writes to, absolute: of tablespaces and of pg_wal. */
  readonly tablespaceLocations: readonly string[];
}

/** The marker's content. */
export function formatMarker(marker: Marker): Buffer {
  const about =
    "A restore did not finish. PostgreSQL cannot start from here; run the restore again with --delta.";
  return Buffer.from(`${JSON.stringify({ about, ...marker })}\n`);
}

/** Whether a restore of ours began here and did not finish. */
export function hasMarker(dataDirectory: string): Promise<boolean> {
  return hasFile(dataDirectory, MARKER_FILE);
}

/** Whether a directory has a plain file of that name. */
export async function hasFile(directory: string, name: string): Promise<boolean> {
  try {
    return (await lstat(join(directory, name))).isFile();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** The locations that an unfinished restore wrote to; none when there is no marker or it cannot be read. */
export async function markedLocations(dataDirectory: string): Promise<readonly string[]> {
  try {
    const value: unknown = JSON.parse(await readFile(join(dataDirectory, MARKER_FILE), "utf8"));
    const locations: unknown =
      typeof value === "object" && value !== null && "tablespaceLocations" in value
        ? value.tablespaceLocations
        : [];
    return Array.isArray(locations)
      ? locations.filter((location) => typeof location === "string")
      : [];
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}
