// Records of the RelMap resource manager, which has one operation, 0: the file that says which files hold pg_class and the
// few other catalogues that pg_class itself cannot say it of, was written anew. Such catalogues change their relfilenode
// when they are rewritten, by VACUUM FULL for one.
//
//   offset size type  meaning
//        0    4 u32   database oid, 0 for the map of the shared catalogues
//        4    4 u32   tablespace oid
//        8    4 i32   length of the map
//       12            the map, as the file pg_filenode.map has it
//
// The map:
//
//        0    4 u32   magic 0x592717
//        4    4 i32   number of entries
//        8      n × 8 u32 oid, u32 relfilenode
//                     … room for more, checksum; not read here
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
  /** The relfilenode of pg_class from now on; 0 when the map has none, as that of the shared catalogues. */
  readonly classFile: number;
}

const MAGIC = 0x592717;
const ENTRY_BYTES = 8;
/** OID of pg_class. */
const PG_CLASS = 1259;

/**
 * Reads a record of the RelMap resource manager.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseRelationMap(record: WalRecord): RelationMapChange {
  const data = new MainDataReader(record);
  const database = data.uint32();
  const tablespace = data.uint32();
  const mapBytes = data.int32();
  if (data.uint32() !== MAGIC) throw data.invalid("holds no map of relations");
  const entryCount = data.int32();
  if (entryCount < 0 || ENTRY_BYTES * (entryCount + 1) > mapBytes) {
    throw data.invalid("is shorter than it says");
  }
  const files = data.list(entryCount, ENTRY_BYTES, () => [data.uint32(), data.uint32()] as const);
  data.skip(mapBytes - ENTRY_BYTES * (entryCount + 1));
  const [, classFile = 0] = files.find(([oid]) => oid === PG_CLASS) ?? [];
  return { database, tablespace, classFile };
}
