// The directory below which a filesystem store keeps its objects, and the two ways in which it could betray: it can go
// away (unmounted, moved), so that everything seems absent; and a link planted inside can lead out of it.
import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { failure } from "../model/failure.ts";
import { filesystemError, foreignFileError, isAbsence } from "./filesystem-error.ts";
import type { ObjectKey } from "./object-store.ts";

/** The directory of a filesystem store: it leads to what lies below it, and nowhere else. */
export interface FilesystemRoot {
  /** The root's path without links, and with a key or prefix below it. */
  pathOf(key: string): Promise<string>;
  /**
   * The path of an existing directory, proven to have no link on its way from the root.
   *
   * @param key of the directory, "" for the root, with or without a slash at its end.
   * @returns undefined when there is no such directory.
   * @throws {HindsightError} `REPOSITORY_DENIED` for a link.
   */
  resolveDirectory(key: string): Promise<string | undefined>;
  /**
   * Proves that the root is there, and the same one as at the first call. Asked after every answer of absence: in an
   * unmounted repository every object is absent, and archive-get would tell PostgreSQL that WAL has ended.
   *
   * @throws {HindsightError} `REPOSITORY_UNREACHABLE`
   */
  assertPresent(): Promise<void>;
}

interface Identity {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
}

/** Looks at nothing yet: the first call finds the root and remembers which directory it is. */
export function filesystemRoot(configuredPath: string): FilesystemRoot {
  let found: Identity | undefined;
  const root = async (): Promise<Identity> => (found ??= await identify(configuredPath));
  const pathOf = async (key: string): Promise<string> => join((await root()).path, key);
  return {
    pathOf,
    resolveDirectory: async (key) => {
      const expected = await pathOf(key.replace(/\/$/, ""));
      try {
        const real = await realpath(expected);
        if (real !== expected) throw foreignFileError(expected, `reached through a link (${real})`);
        return real;
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw filesystemError(error, "enter", expected);
      }
    },
    assertPresent: async () => {
      const expected = await root();
      const actual = await identify(configuredPath);
      if (actual.device === expected.device && actual.inode === expected.inode) return;
      throw failure(
        "REPOSITORY_UNREACHABLE",
        `${configuredPath} is not the directory that it was when it was opened`,
        {
          hint: "The file system was unmounted or the directory replaced; mount it and try again.",
        },
      );
    },
  };
}

async function identify(configuredPath: string): Promise<Identity> {
  try {
    const path = await realpath(configuredPath);
    const status = await stat(path, { bigint: true });
    if (!status.isDirectory()) throw notADirectory(configuredPath);
    return { path, device: status.dev, inode: status.ino };
  } catch (error) {
    if (!isAbsence(error)) throw filesystemError(error, "enter", configuredPath);
    throw failure("REPOSITORY_UNREACHABLE", `${configuredPath} does not exist`, {
      hint: "If it is there otherwise, mount its file system or correct repo1-path; for a new repository run `hindsight stanza-create`.",
      context: { path: configuredPath },
      cause: error,
    });
  }
}

function notADirectory(path: string): Error {
  return failure("REPOSITORY_UNREACHABLE", `${path} is not a directory`, {
    hint: "Set the path of the repository to a directory.",
  });
}

/** The key of the directory that an object lies in; "" for the root. */
export function parentKey(key: ObjectKey): string {
  const slash = key.lastIndexOf("/");
  return slash < 0 ? "" : key.slice(0, slash);
}
