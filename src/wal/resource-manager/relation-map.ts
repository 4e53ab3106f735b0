// Records of the RelMap resource manager, which has one operation, 0: the file that says which files hold pg_class and the
// few other catalogues that pg_class itself cannot say it of, was written anew. Such catalogues change their relfilenode
// when they are rewritten, by VACUUM FULL for one.
//
//   offset size type  meaning
//        0    4 u32   database oid, 0 for the map of the shared catalogues
//        4    4 u32   tablespace oid
//        8    4 i32   length of the map
//       12            the map, as the file pg_filenode.map has it; not read here
//
// Source: PostgreSQL src/include/utils/relmapper.h; src/backend/utils/cache/relmapper.c.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Whose map changed. */
export interface RelationMapChange {
  /** 0 for the catalogues shared by all databases. */
  readonly database: number;
  /** The database's own, where `pg_filenode.map` lies. */
  readonly tablespace: number;
}

/**
 * Reads a record of the RelMap resource manager. The map itself must be there, but is passed over.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseRelationMap(record: WalRecord): RelationMapChange {
  const data = new MainDataReader(record);
  const database = data.uint32();
  const tablespace = data.uint32();
  data.skip(data.int32());
  return { database, tablespace };
}
