// Files of relations: what a name below base/, global/ or a tablespace says about the relation it holds.

/** The files of one relation by what they hold: rows, free space, visibility, and what an unlogged one is reset to. */
export const FORKS = ["main", "fsm", "vm", "init"] as const;
export type Fork = (typeof FORKS)[number];

/** A relation's files: where they are, not what they are called. */
export interface RelationLocator {
  readonly tablespace: number;
  /** 0 for relations shared by all databases. */
  readonly database: number;
  readonly relfilenode: number;
}

/** One file of a relation: up to 1 GiB of one fork, `segment` counted from 0. */
export interface RelationFile {
  readonly relfilenode: number;
  readonly fork: Fork;
  readonly segment: number;
}

const RELATION_FILE = /^([1-9][0-9]{0,9})(?:_(fsm|vm|init))?(?:\.([1-9][0-9]{0,5}))?$/;
const TEMPORARY_FILE = /^t[0-9]+_[0-9]+(?:_(?:fsm|vm|init))?(?:\.[0-9]+)?$/;

/**
 * Reads the name of a file in a database's directory.
 *
 * @param name a bare file name such as `16384`, `16384_vm` or `16384.1`.
 * @returns undefined when it is no relation file.
 * @source PostgreSQL src/backend/storage/file/reinit.c, parse_filename_for_nontemp_relation
 */
export function parseRelationFile(name: string): RelationFile | undefined {
  const parts = RELATION_FILE.exec(name);
  if (!parts?.[1] || Number(parts[1]) > 0xffffffff) return undefined;
  return {
    relfilenode: Number(parts[1]),
    fork: (parts[2] ?? "main") as Fork,
    segment: Number(parts[3] ?? 0),
  };
}

/** Whether a file of a database's directory belongs to a temporary relation. */
export function isTemporaryRelationFile(name: string): boolean {
  return TEMPORARY_FILE.test(name);
}
