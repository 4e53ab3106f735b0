// Rows on the page of a block's image, for records that left their data out because the image has them.
//
//   offset size type  meaning
//   of a page:
//       12    2 u16   end of the row pointers
//       24            row pointers, 4 bytes each: 15 bits offset, 2 bits state (1: a row), 15 bits length
//   of a row on a page:
//       22    1 u8    t_hoff: where its values begin, counted from the row's first byte; nulls and padding before
//
// Source: PostgreSQL src/include/storage/bufpage.h; src/include/storage/itemid.h; src/include/access/htup_details.h.
import { failure } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { restorePageImage } from "../page-image.ts";
import { recordLsn, type WalRecord } from "../record.ts";

const PAGE_LOWER_OFFSET = 12;
const PAGE_HEADER_BYTES = 24;
const ROW_POINTER_BYTES = 4;
const ROW_POINTER_NORMAL = 1;
const ROW_HEADER_BYTES = 23;
const ROW_HEADER_SIZE_OFFSET = 22;

/**
 * Gives rows of the image of a record's block 0.
 *
 * @param numbers the rows' numbers on the page, from 1 on.
 * @returns the values of each, without the row's header.
 * @throws {HindsightError} `WAL_RECORD_INVALID` when there is no image, or none with such rows.
 */
export function rowsOnImage(record: WalRecord, numbers: readonly number[]): readonly DataView[] {
  const bytes = restorePageImage(record, record.blocks[0]!);
  if (bytes === undefined) throw damaged(record, "has neither rows nor a page image");
  const page = new DataView(bytes.buffer);
  const lower = Math.min(page.getUint16(PAGE_LOWER_OFFSET, true), page.byteLength);
  const limit = Math.floor((lower - PAGE_HEADER_BYTES) / ROW_POINTER_BYTES);
  return numbers.map((number) => {
    if (number < 1 || number > limit) throw damaged(record, `names no row ${number} of its page`);
    const values = rowValues(page, number);
    if (!values) throw damaged(record, `has a page image without row ${number}`);
    return values;
  });
}

function rowValues(page: DataView, number: number): DataView | undefined {
  const pointer = page.getUint32(PAGE_HEADER_BYTES + ROW_POINTER_BYTES * (number - 1), true);
  const begin = pointer & 0x7fff;
  const end = begin + (pointer >>> 17);
  const isRow = ((pointer >>> 15) & 0x3) === ROW_POINTER_NORMAL;
  if (!isRow || end > page.byteLength || end - begin < ROW_HEADER_BYTES) return undefined;
  const valuesBegin = begin + page.getUint8(begin + ROW_HEADER_SIZE_OFFSET);
  if (valuesBegin > end) return undefined;
  return new DataView(page.buffer, page.byteOffset + valuesBegin, end - valuesBegin);
}

function damaged(record: WalRecord, what: string): Error {
  const place = formatLsn(recordLsn(record));
  return failure("WAL_RECORD_INVALID", `the record at ${place} ${what}`);
}
