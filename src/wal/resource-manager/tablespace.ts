// Records of the Tablespace resource manager: tablespaces made and removed.
//
//   offset size type  meaning
//   create:
//        0    4 u32   tablespace oid
//        4      text, zero byte: the directory, empty when it lies in pg_tblspc itself
//   drop, 4 bytes:
//        0    4 u32   tablespace oid
//
// Source: PostgreSQL src/include/commands/tablespace.h; src/backend/commands/tablespace.c, tblspc_redo.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Values of `operation` for {@link RESOURCE_MANAGER}.tablespace. */
export const TABLESPACE_OPERATION = { create: 0x00, drop: 0x10 } as const;

/** A tablespace made: `pg_tblspc/<oid>` points to `path`, unless that is empty (allow_in_place_tablespaces). */
export interface TablespaceCreate {
  readonly kind: "create";
  readonly oid: number;
  /** As it was on the server that wrote the record. */
  readonly path: string;
}

/** A tablespace removed. */
export interface TablespaceDrop {
  readonly kind: "drop";
  readonly oid: number;
}

/**
 * Reads a record of the Tablespace resource manager.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`, also for an unknown operation.
 */
export function parseTablespace(record: WalRecord): TablespaceCreate | TablespaceDrop {
  const data = new MainDataReader(record);
  const { operation } = record;
  switch (operation) {
    case TABLESPACE_OPERATION.create:
      return { kind: "create", oid: data.uint32(), path: data.text() };
    case TABLESPACE_OPERATION.drop:
      return { kind: "drop", oid: data.uint32() };
    default:
      throw data.invalid(`does something unknown with a tablespace: ${operation}`);
  }
}
