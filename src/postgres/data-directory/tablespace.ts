// What a link in pg_tblspc may point to.
import { lstat, realpath } from "node:fs/promises";
import { bytePath, type BytePath, ROOT_PATH, showPath, pathBelow } from "../../model/byte-path.ts";
import { failure } from "../../model/failure.ts";
import { isAbsence, type PathStats, unreadable } from "./file-system.ts";

/** Whether a directory in a tablespace is that of a server of this major version: `PG_18_202506291`. */
export function isTablespaceVersion(name: string, major: number): boolean {
  return new RegExp(`^PG_${major}_[0-9]+$`).test(name);
}

/**
 * Makes sure that a tablespace link leads to a directory outside the data directory: inside, it would be stored twice;
 * and a link to another link would be restored as something else than it was.
 *
 * @param path the link, such as pg_tblspc/16385.
 * @param target what is written in it.
 * @returns what the target is.
 * @throws {HindsightError} `DATA_DIRECTORY_INVALID`, `DATA_FILE_UNREADABLE`
 */
export async function checkTablespaceLink(
  root: string,
  path: BytePath,
  target: BytePath,
): Promise<PathStats> {
  const link = `the tablespace link ${showPath(path)}`;
  if (!target.startsWith("/")) {
    throw invalid(
      `${link} is relative: ${showPath(target)}`,
      "Make it a link with an absolute path.",
    );
  }
  const stats = await targetStats(link, path, target);
  if (stats.isSymbolicLink()) {
    throw invalid(
      `${link} leads to ${showPath(target)}, which is itself a link`,
      "Make it a link to the directory itself, while the server is stopped.",
    );
  }
  if (!stats.isDirectory()) {
    throw invalid(`${link} leads to ${showPath(target)}, which is not a directory`);
  }
  if (
    isSameOrBelow(
      await resolved(Buffer.from(target, "latin1")),
      await resolved(pathBelow(root, ROOT_PATH)),
    )
  ) {
    throw invalid(
      `${link} leads to ${showPath(target)}, inside the data directory`,
      "Move the tablespace to a directory outside: its files would be stored twice.",
    );
  }
  return stats;
}

async function targetStats(link: string, path: BytePath, target: BytePath): Promise<PathStats> {
  // "/mnt/ts/" with its slash would be followed where "/mnt/ts" is not.
  const bare = target.replace(/\/+$/, "") || "/";
  try {
    return await lstat(Buffer.from(bare, "latin1"), { bigint: true });
  } catch (cause) {
    if (!isAbsence(cause)) throw unreadable(path, cause);
    throw invalid(
      `${link} leads to ${showPath(target)}, which does not exist`,
      "Mount the volume of the tablespace, or drop the tablespace.",
    );
  }
}

async function resolved(path: Buffer): Promise<BytePath> {
  return bytePath(await realpath(path, { encoding: "buffer" }));
}

function isSameOrBelow(path: BytePath, directory: BytePath): boolean {
  // By whole parts: as texts, /data/pg1 would contain /data/pg10.
  return path === directory || path.startsWith(`${directory}/`);
}

function invalid(message: string, hint?: string): Error {
  return failure("DATA_DIRECTORY_INVALID", message, { hint });
}
