// Places outside of the data directory that a restore writes to, reached by a link in it: tablespaces and pg_wal. What is
// there may be somebody else's, so it is touched only where nothing is, or where the link of the directory that is replaced
// leads.
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import type { DestinationPlan } from "./destination.ts";
import { isWithin, type Location, resolveLocation } from "./location.ts";
import { markedLocations } from "./marker.ts";

/** What is replaced, and whether the user said that it may be. */
export interface Replacement {
  readonly destination: DestinationPlan;
  readonly overwrite: boolean;
}

/**
 * Only what belongs to the directory that is replaced may go: its own link leads there, or our marker says so.
 *
 * @param link below the data directory.
 */
export async function mayOverwrite(
  link: string,
  { path }: Location,
  { overwrite, destination }: Replacement,
): Promise<boolean> {
  if (!overwrite || !destination.exists) return false;
  if ((await markedLocations(destination.path)).includes(path)) return true;
  try {
    const target = await readlink(join(destination.path, link));
    return (await resolveLocation(target)).path === path;
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "EINVAL" || code === "ENOTDIR") return false;
    throw error;
  }
}

/** @param what the place, as a subject: `the location of tablespace "fast"`. */
export function refuseNesting(
  { what, path, hint }: { readonly what: string; readonly path: string; readonly hint: string },
  destination: DestinationPlan,
): void {
  if (!isWithin(destination.path, path) && !isWithin(path, destination.path)) return;
  throw failure(
    "DESTINATION_UNSAFE",
    `${what} (${path}) and the data directory ${destination.path} lie in one another`,
    { hint },
  );
}
