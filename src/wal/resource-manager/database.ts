// Records of the Database resource manager: databases made and removed. They act at once, before the transaction that
// CREATE DATABASE or DROP DATABASE is ends, and whether it commits or not.
//
//   offset size type  meaning
//   create by copying files, 16 bytes:
//        0    8       u32 database, u32 tablespace
//        8    8       u32 database, u32 tablespace that were copied
//   create by WAL, 8 bytes, since 15:
//        0    8       u32 database, u32 tablespace
//   drop, 8 bytes and a list:
//        0    4 u32   database
//        4    4 i32   number of tablespaces
//        8      n × u32  tablespaces in which the database had a directory
//
// Source: PostgreSQL src/include/commands/dbcommands_xlog.h; src/backend/commands/dbcommands.c, dbase_redo.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Values of `operation` for {@link RESOURCE_MANAGER}.database in 14, where a drop has the number of another operation. */
export const DATABASE_OPERATION_14 = { createByFileCopy: 0x00, drop: 0x10 } as const;
/** Values of `operation` for {@link RESOURCE_MANAGER}.database since 15. */
export const DATABASE_OPERATION_15 = {
  createByFileCopy: 0x00,
  createByWal: 0x10,
  drop: 0x20,
} as const;

/** A database's directory in one tablespace. */
export interface DatabaseDirectory {
  readonly database: number;
  readonly tablespace: number;
}

/** A directory made: by CREATE DATABASE, or by ALTER DATABASE … SET TABLESPACE, which copies within one database. */
export interface DatabaseCreate extends DatabaseDirectory {
  readonly kind: "create";
  /** `fileCopy`: replay copies what `source` is at that moment. `wal`: the files come as page images that follow. */
  readonly strategy: "fileCopy" | "wal";
  /** What is copied; undefined for `wal`. */
  readonly source: DatabaseDirectory | undefined;
}

/** Directories removed: of a dropped database, or the one that ALTER DATABASE … SET TABLESPACE left. */
export interface DatabaseDrop {
  readonly kind: "drop";
  readonly database: number;
  readonly tablespaces: readonly number[];
}

/**
 * Reads a record of the Database resource manager.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`, also for an operation that the major version does not know.
 */
export function parseDatabase(record: WalRecord): DatabaseCreate | DatabaseDrop {
  const data = new MainDataReader(record);
  const { majorVersion } = record.layout;
  const { operation } = record;
  const old = majorVersion === 14;
  if (operation === (old ? DATABASE_OPERATION_14 : DATABASE_OPERATION_15).drop) {
    const database = data.uint32();
    return { kind: "drop", database, tablespaces: data.list(data.int32(), 4, () => data.uint32()) };
  }
  if (operation === DATABASE_OPERATION_15.createByFileCopy) {
    const made = parseDirectory(data);
    return { kind: "create", strategy: "fileCopy", ...made, source: parseDirectory(data) };
  }
  if (operation === DATABASE_OPERATION_15.createByWal) {
    return { kind: "create", strategy: "wal", ...parseDirectory(data), source: undefined };
  }
  throw data.invalid(`does something with a database that ${majorVersion} does not: ${operation}`);
}

function parseDirectory(data: MainDataReader): DatabaseDirectory {
  return { database: data.uint32(), tablespace: data.uint32() };
}
