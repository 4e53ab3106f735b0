// The history of the timeline that the server writes on: its own file first, which no other server of the same timeline
// number can have changed, else the archive's.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { isFailure } from "../model/failure.ts";
import {
  historyFileName,
  parseHistory,
  type Timeline,
  type TimelineHistory,
} from "../model/timeline.ts";
import { readHistory, type WalArchive } from "../repository/wal-archive.ts";

/**
 * @returns undefined when nobody has it or what is there cannot be understood.
 * @throws {HindsightError} what the store throws.
 */
export async function serverHistory(
  archive: WalArchive,
  server: { readonly timeline: Timeline; readonly dataDirectory: string },
  context: Context,
): Promise<TimelineHistory | undefined> {
  const { timeline, dataDirectory } = server;
  if (timeline === 1) return { timeline, ancestors: [] };
  const path = join(dataDirectory, "pg_wal", historyFileName(timeline));
  try {
    return parseHistory(timeline, await readFile(path, "latin1"));
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT" && !isFailure(error, "HISTORY_INVALID")) throw error;
  }
  try {
    return await readHistory(archive, timeline, context);
  } catch (error) {
    if (isFailure(error, "HISTORY_INVALID", "OBJECT_CORRUPT")) return undefined;
    throw error;
  }
}
