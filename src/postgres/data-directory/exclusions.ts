// Which parts of a data directory a backup leaves out, by name. Everything that is not named here is kept:
// postgresql.auto.conf, pg_xact, pg_multixact, pg_commit_ts, pg_twophase, pg_logical, pg_stat and logs among them.
//
// Source: PostgreSQL src/backend/backup/basebackup.c, excludeDirContents, excludeFiles, noChecksumFiles
import { isTemporaryRelationFile, parseRelationFile } from "../../model/relation.ts";

/** Directories below the root that are kept empty: the server fills them anew, or their content is of one run only. */
const EMPTIED_DIRECTORIES: ReadonlySet<string> = new Set([
  "pg_dynshmem",
  "pg_notify",
  "pg_replslot",
  "pg_serial",
  "pg_snapshots",
  "pg_stat_tmp",
  "pg_subtrans",
]);

/** Files directly below the root that belong to one run of the server, to another backup, or to a recovery. */
const ROOT_FILES: ReadonlySet<string> = new Set([
  "backup_label",
  "backup_manifest",
  "current_logfiles.tmp",
  "postgresql.auto.conf.tmp",
  "postmaster.opts",
  "postmaster.pid",
  "recovery.signal",
  "standby.signal",
  "tablespace_map",
]);

/** Whether a directory below the root is stored without what is in it. pg_wal is not among them: it has a form of its own. */
export function isEmptiedDirectory(name: string): boolean {
  return EMPTIED_DIRECTORIES.has(name);
}

/** Whether an entry directly below the root is left out. */
export function isExcludedAtRoot(name: string): boolean {
  return ROOT_FILES.has(name);
}

/**
 * Whether an entry is left out wherever it is: temporary files and their directories, the relation cache that every
 * server rebuilds (a stale one does harm), and what file managers leave behind.
 */
export function isExcludedAnywhere(name: string): boolean {
  return (
    name.startsWith("pgsql_tmp") || name.startsWith("pg_internal.init") || name === ".DS_Store"
  );
}

/** The subdirectories that pg_wal is restored with; the server of that version expects them. */
export function walSubdirectories(major: number): readonly string[] {
  return major >= 17 ? ["archive_status", "summaries"] : ["archive_status"];
}

/**
 * Which files of a database's directory are left out: temporary relations, and every fork of an unlogged relation
 * except its init fork, from which the server makes the others anew after recovery. A relation is unlogged when it has
 * an init fork.
 *
 * @param names all names in the directory.
 */
export function excludedRelationFiles(names: readonly string[]): ReadonlySet<string> {
  const unlogged = new Set<number>();
  for (const name of names) {
    const file = parseRelationFile(name);
    if (file?.fork === "init") unlogged.add(file.relfilenode);
  }
  const isExcluded = (name: string): boolean => {
    if (isTemporaryRelationFile(name)) return true;
    const file = parseRelationFile(name);
    return file !== undefined && file.fork !== "init" && unlogged.has(file.relfilenode);
  };
  return new Set(names.filter(isExcluded));
}
