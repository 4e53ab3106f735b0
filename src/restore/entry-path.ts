// To which place a manifest's path belongs. That paths go nowhere but down was checked when the manifest was read
// (repository/manifest-path.ts), and is checked again where they are used (open-tree.ts).
import { type BytePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";

const TABLESPACE_PATH = /^pg_tblspc\/([1-9]\d{0,9})(?:\/(.*))?$/s;

/** A path below the data directory, or below the location of one tablespace. */
export interface EntryPlace {
  /** Of the tablespace; undefined for the data directory itself. */
  readonly tablespaceOid: number | undefined;
  /** Relative to that place; "" is the place itself. */
  readonly path: BytePath;
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
