// What a path in a manifest may look like, and to which place it belongs. A manifest may be forged: nothing it says can
// lead outside the data directory and the tablespaces of the plan.
import { type BytePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";

const COMPONENT_MAX_BYTES = 255;
const PATH_MAX_BYTES = 4000;
const TABLESPACE_PATH = /^pg_tblspc\/([1-9]\d{0,9})(?:\/(.*))?$/s;

/** A path below the data directory, or below the location of one tablespace. */
export interface EntryPlace {
  /** Of the tablespace; undefined for the data directory itself. */
  readonly tablespaceOid: number | undefined;
  /** Relative to that place; "" is the place itself. */
  readonly path: BytePath;
}

/** @throws {HindsightError} `OBJECT_CORRUPT` for a path that is absolute, climbs, or that no file system could hold. */
export function checkEntryPath(path: BytePath): void {
  if (path === "") return;
  const isPossible =
    path.length <= PATH_MAX_BYTES &&
    path
      .split("/")
      .every(
        (part) =>
          part !== "" &&
          part !== "." &&
          part !== ".." &&
          part.length <= COMPONENT_MAX_BYTES &&
          !part.includes("\0"),
      );
  if (!isPossible) throw badEntry(path, "has a path that cannot be below a data directory");
}

/** The OID of `pg_tblspc/<oid>` and of everything below it; undefined elsewhere. */
export function tablespaceOidOf(path: BytePath): number | undefined {
  const oid = TABLESPACE_PATH.exec(path)?.[1];
  return oid === undefined ? undefined : Number(oid);
}

/** Where an entry goes, given the tablespaces that lie outside of the data directory. */
export function placeOf(path: BytePath, outside: { has(oid: number): boolean }): EntryPlace {
  const [, oid, rest] = TABLESPACE_PATH.exec(path) ?? [];
  if (oid === undefined || rest === undefined || !outside.has(Number(oid))) {
    return { tablespaceOid: undefined, path };
  }
  return { tablespaceOid: Number(oid), path: path.slice(path.length - rest.length) as BytePath };
}

/** The path without its last part; "" at the top. */
export function parentPath(path: BytePath): BytePath {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"))) as BytePath;
}

/** The last part. */
export function baseName(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf("/") + 1) as BytePath;
}

/** The error for an entry that no backup of ours can have. */
export function badEntry(path: BytePath, what: string): Error {
  return failure("OBJECT_CORRUPT", `the manifest's entry "${showPath(path)}" ${what}`, {
    hint: "The manifest was not written by a backup, or was changed since; restore another backup with --set.",
  });
}
