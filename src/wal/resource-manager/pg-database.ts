// Rows of pg_database that are changed in place, as DROP DATABASE does before it removes the files. Which database it is
// stands first in the row:
//
//   offset size type  meaning
//   of the main data:
//        0    2 u16   the row's number on the page
//   of the block's data, and of the row's values on a page:
//        0    4 u32   oid
//
// Source: PostgreSQL src/include/catalog/pg_database.h; src/include/access/heapam_xlog.h, xl_heap_inplace.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";
import { rowsOnImage } from "./page-rows.ts";

/**
 * The OID that a row begins with which a record changes in place.
 *
 * @param record a Heap record of operation inplace.
 * @returns 0 when the row is too short for one.
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function inPlaceRowOid(record: WalRecord): number {
  const { dataOffset, dataBytes } = record.blocks[0]!;
  const values =
    dataBytes > 0
      ? new DataView(record.view.buffer, record.view.byteOffset + dataOffset, dataBytes)
      : rowsOnImage(record, [new MainDataReader(record).uint16()])[0]!;
  return values.byteLength < 4 ? 0 : values.getUint32(0, true);
}
