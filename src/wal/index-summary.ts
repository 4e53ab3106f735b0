// The summary of a WAL index: which segment, its first and last record, and how it goes on, as a row of JSON values:
//
//   [builder version, segment number, segment size, whether bytes of the unfinished record are cut,
//   [resource managers of extensions]]
//   first record [LSN, end, the record before], or null
//   last record [LSN, end], or null
//   end of WAL [reason, LSN, segment number], or null
//   unfinished record [LSN, length, bytes passed over, their checksum], or null
//   next transaction id with epoch, or null
//   files of pg_class: list of [database, relfilenode]
import { isSegmentSize } from "../model/wal-segment.ts";
import type { WalIndex } from "./index-content.ts";
import {
  asRow,
  type FieldsOf,
  type FieldTable,
  readFields,
  type RowValue,
  writeFields,
} from "./index-fields.ts";
import type { UnfinishedRecord, WalEnd } from "./reader.ts";

const PLACE_FIELDS = { lsn: "lsn", endLsn: "lsn" } as const;
const FIRST_FIELDS = { lsn: "lsn", endLsn: "lsn", previous: "lsn" } as const;
const END_FIELDS = { reason: "text", lsn: "lsn", segmentNumber: "uint64" } as const;
const UNFINISHED_FIELDS = {
  lsn: "lsn",
  totalBytes: "number",
  passedBytes: "number",
  checksum: "signed",
} as const;
const SIMPLE_FIELDS = {
  builderVersion: "number",
  segmentNumber: "uint64",
  segmentSizeBytes: "number",
  isUnfinishedCut: "flag",
  customResourceManagers: "numbers",
} as const;
const CLASS_FILE_FIELDS = { database: "number", relfilenode: "number" } as const;
const XID_FIELDS = { nextXid: "uint64" } as const;

/** What the summary holds. */
export type Summary = FieldsOf<typeof SIMPLE_FIELDS> &
  Pick<WalIndex, "first" | "last" | "end" | "nextXid" | "classFiles"> & {
    readonly unfinished: Omit<UnfinishedRecord, "bytes"> | undefined;
  };

/** Lays out the summary. */
export function writeSummary(index: WalIndex): RowValue {
  const { first, last, end, unfinished, nextXid, classFiles } = index;
  return [
    writeFields(SIMPLE_FIELDS, index),
    writeOptional(FIRST_FIELDS, first),
    writeOptional(PLACE_FIELDS, last),
    writeOptional(END_FIELDS, end),
    writeOptional(UNFINISHED_FIELDS, unfinished),
    writeOptional(XID_FIELDS, nextXid === undefined ? undefined : { nextXid }),
    classFiles.map((each) => writeFields(CLASS_FILE_FIELDS, each)),
  ];
}

/** @throws {RangeError} for what {@link writeSummary} would not have written. */
export function readSummary(value: RowValue): Summary {
  const [simple, first, last, end, unfinished, xid, classFiles, ...rest] = asRow(value);
  const fields = readFields(SIMPLE_FIELDS, asRow(simple));
  if (rest.length > 0 || !isSegmentSize(fields.segmentSizeBytes)) {
    throw new RangeError("the summary of an index is malformed");
  }
  return {
    ...fields,
    first: readOptional(FIRST_FIELDS, first),
    last: readOptional(PLACE_FIELDS, last),
    // A reason of a newer builder is a text that nobody compares with.
    end: readOptional(END_FIELDS, end) as WalEnd | undefined,
    unfinished: readOptional(UNFINISHED_FIELDS, unfinished),
    nextXid: readOptional(XID_FIELDS, xid)?.nextXid,
    classFiles: asRow(classFiles).map((row) => readFields(CLASS_FILE_FIELDS, asRow(row))),
  };
}

function writeOptional(table: FieldTable, fields: object | undefined): RowValue {
  return fields === undefined ? null : writeFields(table, fields);
}

function readOptional<Table extends FieldTable>(
  table: Table,
  value: RowValue | undefined,
): FieldsOf<Table> | undefined {
  return value === null ? undefined : readFields(table, asRow(value));
}
