// Records of the Storage resource manager: files of relations made and shortened. That files are removed is said by the
// end of the transaction that dropped the relation, see transaction.ts.
//
//   offset size type  meaning
//   create, 16 bytes:
//        0   12       locator: u32 tablespace, u32 database, u32 relfilenode
//       12    4 i32   fork, an index of model/relation FORKS
//   truncate, 20 bytes:
//        0    4 u32   blocks of the main fork that stay
//        4   12       locator
//       16    4 i32   TRUNCATE_FLAGS, ored
//
// Source: PostgreSQL src/include/catalog/storage_xlog.h; src/backend/catalog/storage.c.
import { type Fork, FORKS, type RelationLocator } from "../../model/relation.ts";
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Values of `operation` for {@link RESOURCE_MANAGER}.storage. */
export const STORAGE_OPERATION = { create: 0x10, truncate: 0x20 } as const;

/** The bits that name the forks to shorten. */
const TRUNCATE_FLAGS: readonly (readonly [number, Fork])[] = [
  [0x01, "main"],
  [0x02, "vm"],
  [0x04, "fsm"],
];

/**
 * A new and empty file: the main fork of a permanent relation, or the init fork of an unlogged one, whose main fork has no
 * record. The other forks are made without one.
 */
export interface StorageCreate {
  readonly relation: RelationLocator;
  readonly fork: Fork;
}

/** A relation shortened in place: by VACUUM, which cuts an empty end off, or emptied. */
export interface StorageTruncate {
  readonly relation: RelationLocator;
  /** Blocks of the main fork that stay. The maps keep what belongs to those, which is far less. */
  readonly blockCount: number;
  /** The forks that are shortened, if they exist. */
  readonly forks: readonly Fork[];
}

/**
 * Reads a record of operation {@link STORAGE_OPERATION}.create.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseStorageCreate(record: WalRecord): StorageCreate {
  const data = new MainDataReader(record);
  const relation = parseLocator(data);
  const number = data.int32();
  const fork = FORKS[number];
  if (fork === undefined) throw data.invalid(`creates a file of the unknown fork ${number}`);
  return { relation, fork };
}

/**
 * Reads a record of operation {@link STORAGE_OPERATION}.truncate.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseStorageTruncate(record: WalRecord): StorageTruncate {
  const data = new MainDataReader(record);
  const blockCount = data.uint32();
  const relation = parseLocator(data);
  const flags = data.int32();
  const forks = TRUNCATE_FLAGS.filter(([flag]) => (flags & flag) !== 0).map(([, fork]) => fork);
  return { relation, blockCount, forks };
}

/**
 * Reads a locator, which has 12 bytes: tablespace, database, relfilenode.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseLocator(data: MainDataReader): RelationLocator {
  return {
    tablespace: data.uint32(),
    database: data.uint32(),
    relfilenode: data.uint32(),
  };
}
