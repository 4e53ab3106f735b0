// Looks at a data directory by the exact bytes of its names, while a server works in it. Files come and go; but a file
// counts as gone only when listing its directory again no longer shows its name. Otherwise an error of ours (a name
// decoded wrongly, a volume unmounted) would silently become a hole in the backup.
import { type BigIntStats, constants, lstatSync, readdirSync } from "node:fs";
import { readdir, readlink, stat } from "node:fs/promises";
import { type ErrorDetails, type HindsightError, systemErrorCode } from "../../base/errors.ts";
import { type BytePath, bytePath, pathBelow, ROOT_PATH, showPath } from "../../model/byte-path.ts";
import { failure } from "../../model/failure.ts";

/** What a path is, without following a link at its end. */
export type PathStats = BigIntStats;

/** The names in a directory, unsorted; undefined when the directory is gone. */
export async function listDirectory(
  root: string,
  path: BytePath,
): Promise<readonly BytePath[] | undefined> {
  try {
    return (await readdir(pathBelow(root, path), { encoding: "buffer" })).map(bytePath);
  } catch (error) {
    if (isAbsence(error) && hasVanished(root, path)) return undefined;
    throw unreadable(path, error);
  }
}

/**
 * What a path is; undefined when it is gone. Synchronous: asking the thread pool costs four times the system call, and a
 * backup that has nothing else to do asks about every file.
 */
export function inspect(root: string, path: BytePath): PathStats | undefined {
  try {
    return lstatSync(pathBelow(root, path), { bigint: true });
  } catch (error) {
    if (isAbsence(error) && hasVanished(root, path)) return undefined;
    throw unreadable(path, error);
  }
}

/** What a path is at the end of its links; undefined when a link leads nowhere. */
export async function inspectTarget(root: string, path: BytePath): Promise<PathStats | undefined> {
  try {
    return await stat(pathBelow(root, path), { bigint: true });
  } catch (error) {
    if (isAbsence(error) || systemErrorCode(error) === "ELOOP") return undefined;
    throw unreadable(path, error);
  }
}

/** Where a link points, as it is written in it; undefined when it is gone. */
export async function readLink(root: string, path: BytePath): Promise<BytePath | undefined> {
  try {
    return bytePath(await readlink(pathBelow(root, path), { encoding: "buffer" }));
  } catch (error) {
    if (isAbsence(error) && hasVanished(root, path)) return undefined;
    throw unreadable(path, error);
  }
}

/**
 * Whether a path is really gone: its directory can be listed and does not show the name, or is gone in the same way. The
 * root itself never vanishes: then the volume was unmounted or the path is wrong. Synchronous, for worker threads.
 *
 * @throws {HindsightError} `DATA_FILE_UNREADABLE` when that cannot be found out.
 */
export function hasVanished(root: string, path: BytePath): boolean {
  if (path === ROOT_PATH) return false;
  const cut = path.lastIndexOf("/");
  const parent = path.slice(0, Math.max(cut, 0)) as BytePath;
  try {
    const names = readdirSync(pathBelow(root, parent), { encoding: "buffer" });
    return !names.some((name) => bytePath(name) === path.slice(cut + 1));
  } catch (error) {
    if (isAbsence(error)) return hasVanished(root, parent);
    throw unreadable(parent, error);
  }
}

/** Whether an error says that a path, or a directory on the way, does not exist. */
export function isAbsence(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "Run the command as the user that owns the data directory.",
  EPERM: "Run the command as the user that owns the data directory.",
  EIO: "The storage reports an error: look into the kernel's log before anything else.",
  EMFILE: "Raise the limit of open files (ulimit -n) or lower process-max.",
  ENFILE: "Raise the system's limit of open files (fs.file-max) or lower process-max.",
  ENOENT: "The name is listed but cannot be opened: check the file system.",
};

/** Builds `DATA_FILE_UNREADABLE` for anything but a file that vanished. */
export function unreadable(path: BytePath, cause: unknown): HindsightError {
  const code = systemErrorCode(cause);
  const details: ErrorDetails = {
    hint: (code && HINTS[code]) ?? "The backup cannot be complete without it.",
    context: { path: showPath(path), error: code },
    cause,
  };
  const name = path === ROOT_PATH ? "the data directory" : showPath(path);
  return failure("DATA_FILE_UNREADABLE", `cannot read ${name}: ${code ?? String(cause)}`, details);
}

/** Permission bits of a file or directory. */
export function modeOf(stats: PathStats): number {
  return Number(stats.mode & ~BigInt(constants.S_IFMT));
}
