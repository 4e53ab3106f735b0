// Where archive-get puts a file: the place that PostgreSQL names in %p.
import type { Context } from "../base/context.ts";
import { replaceFileAtomically } from "../base/durable-file.ts";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/**
 * Writes beside the destination and renames, so that PostgreSQL never opens a part of a file. Nothing is synced: after
 * a power loss PostgreSQL asks again, and a segment that it keeps it makes durable itself.
 *
 * @throws {HindsightError} `DESTINATION_FULL`, `DESTINATION_DENIED`
 * @source PostgreSQL src/backend/access/transam/xlogarchive.c, KeepFileRestoredFromArchive
 */
export async function writeDestination(
  destination: string,
  bytes: Buffer,
  { random, signal }: Context,
): Promise<void> {
  try {
    await replaceFileAtomically(destination, bytes, { random, signal });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    const full = code === "ENOSPC" || code === "EDQUOT";
    throw failure(
      full ? "DESTINATION_FULL" : "DESTINATION_DENIED",
      `cannot write ${destination}: ${errorMessage(error)}`,
      { context: { path: destination }, cause: error },
    );
  }
}
