// Which relation a path below the data directory belongs to, as WAL would name it.
import type { BytePath } from "../model/byte-path.ts";
import { type Fork, parseRelationFile, type RelationLocator } from "../model/relation.ts";

/** One file of a relation, with the names that WAL uses for it. */
export interface RelationPath extends RelationLocator {
  readonly fork: Fork;
  /** Counted from 0. */
  readonly segment: number;
}

/** OID of pg_default, where everything below base/ is. */
const DEFAULT_TABLESPACE = 1663;
/** OID of pg_global. */
const GLOBAL_TABLESPACE = 1664;

const DIRECTORY = /^(?:(global)|base\/(\d+)|pg_tblspc\/(\d+)\/PG_[^/]+\/(\d+))\/([^/]+)$/s;

/** @returns undefined for a path that is no relation's, such as that of `global/pg_control`. */
export function parseRelationPath(path: BytePath): RelationPath | undefined {
  const [, isGlobal, ofDefault, tablespace, ofTablespace, name] = DIRECTORY.exec(path) ?? [];
  const file = name === undefined ? undefined : parseRelationFile(name);
  if (!file) return undefined;
  if (isGlobal !== undefined) return { ...file, tablespace: GLOBAL_TABLESPACE, database: 0 };
  if (ofDefault !== undefined) {
    return { ...file, tablespace: DEFAULT_TABLESPACE, database: Number(ofDefault) };
  }
  return { ...file, tablespace: Number(tablespace), database: Number(ofTablespace) };
}
