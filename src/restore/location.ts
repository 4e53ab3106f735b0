// A place on this machine's file systems, before anything is written to it: where its path really leads, whether it is
// there, who owns it, and how much space is free.
import { lstat, realpath, stat, statfs } from "node:fs/promises";
import { basename, dirname, join, normalize } from "node:path";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** A user and group of the system, by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A place of the file system, as far as it exists. */
export interface Location {
  /** As it was given. */
  readonly given: string;
  /** Absolute, without symbolic links. */
  readonly path: string;
  readonly exists: boolean;
  /** The nearest directory above that exists, or the place itself. */
  readonly existing: string;
}

/**
 * Follows every symbolic link on the way, so that later steps need to follow none.
 *
 * @throws {HindsightError} `DESTINATION_UNSAFE` for a path that is not absolute, is the root, leads through a file or a
 *   dangling link, or to something that is no directory; `DESTINATION_DENIED` when it cannot be looked at.
 */
export async function resolveLocation(given: string): Promise<Location> {
  if (!given.startsWith("/")) {
    throw failure("DESTINATION_UNSAFE", `"${given}" is not an absolute path`, {
      hint: "Write the whole path, beginning with a slash.",
    });
  }
  const missing: string[] = [];
  let existing = normalize(given).replace(/(?<=.)\/+$/, "");
  for (;;) {
    const real = await realPath(existing);
    if (real !== undefined) {
      const location = {
        given,
        path: join(real, ...missing),
        exists: missing.length === 0,
        existing: real,
      };
      await requireDirectory(location);
      return location;
    }
    await refuseDanglingLink(existing);
    missing.unshift(basename(existing));
    existing = dirname(existing);
  }
}

/** Whether `inner` is `outer` or lies below it. Both absolute and without links. */
export function isWithin(outer: string, inner: string): boolean {
  return inner === outer || inner.startsWith(outer === "/" ? "/" : `${outer}/`);
}

/** Who owns what exists of a place. */
export async function ownerOf(location: Location): Promise<Owner> {
  const { uid, gid } = await stat(location.existing);
  return { uid, gid };
}

/**
 * Whether a file may be changed where it is: one with another name elsewhere is somebody's copy, and one of another user
 * cannot be given to whom it must belong.
 *
 * @param owner who it must belong to; undefined: whoever asks, who is not root then.
 */
export function isOwnFile(
  { nlink, uid }: { readonly nlink: number; readonly uid: number },
  owner: Owner | undefined,
): boolean {
  const isMine = owner !== undefined || uid === (process.geteuid?.() ?? uid);
  return nlink === 1 && isMine;
}

/** Free space of a file system, and which one it is. */
export interface FreeSpace {
  readonly device: number;
  /** What this process may still write. */
  readonly freeBytes: number;
}

/** @param path of something that exists. */
export async function freeSpaceAt(path: string): Promise<FreeSpace> {
  const [{ dev }, { bavail, bsize }] = await Promise.all([stat(path), statfs(path)]);
  return { device: dev, freeBytes: bavail * bsize };
}

async function realPath(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return undefined;
    if (code === "ENOTDIR" || code === "ELOOP") throw notADirectory(path, error);
    throw denied(path, error);
  }
}

async function refuseDanglingLink(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink()) {
    throw failure("DESTINATION_UNSAFE", `${path} is a symbolic link that leads nowhere`, {
      hint: "Mount or create what it points to, or remove the link.",
    });
  }
}

async function requireDirectory({ path, existing }: Location): Promise<void> {
  if (path === "/") {
    throw failure("DESTINATION_UNSAFE", "the root directory cannot be restored to", {
      hint: "Name a directory of its own with --pg1-path.",
    });
  }
  const found = await stat(existing);
  if (!found.isDirectory()) throw notADirectory(existing);
}

function notADirectory(path: string, cause?: unknown): Error {
  return failure("DESTINATION_UNSAFE", `${path} is not a directory`, {
    hint: "Name a directory, or one that does not exist yet.",
    cause,
  });
}

/** The error for a place that this process may not look at or write to. */
export function denied(path: string, cause: unknown): Error {
  const code = systemErrorCode(cause);
  const why =
    code === "EROFS" ? "is on a read-only file system" : "cannot be accessed by this user";
  return failure("DESTINATION_DENIED", `${path} ${why}`, {
    hint: "Nothing was written. Run the restore as the user that PostgreSQL runs as, and see that the place is writable.",
    context: { path, reason: code },
    cause,
  });
}
