// How the fields of the index's rare facts are written: a row of JSON values, in the order in which a table names the
// fields. The table is at once the layout, the type and the parser; see index-events.ts for the tables.
//
//   kind       value                                  JSON
//   number     integer, 0 to 2^53                     number
//   signed     integer, also below 0                  number
//   flag       boolean                                0 or 1
//   text       text                                   text
//   word       text, or undefined                     text, or null
//   lsn        LSN                                    text of decimal digits
//   uint64     bigint                                 text of decimal digits
//   instant    Temporal.Instant                       text: microseconds since 2000-01-01
//   numbers    list of integers                       list of numbers
//   texts      list of texts                          list of texts
//   locator    {tablespace, database, relfilenode}    list of three numbers
//   locators   list of locators                       list of lists
//   objects    list of {database, relation}           list of lists of two numbers
import { type Lsn, lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import { fromPostgresMicroseconds, toPostgresMicroseconds } from "../model/timestamp.ts";

/** A relation by its oid, which stays the same when its files are replaced. Database 0 has the shared ones. */
export interface RelationId {
  readonly database: number;
  readonly relation: number;
}

/** The value of each kind of field. */
interface FieldValues {
  readonly number: number;
  readonly signed: number;
  readonly flag: boolean;
  readonly text: string;
  readonly word: string | undefined;
  readonly lsn: Lsn;
  readonly uint64: bigint;
  readonly instant: Temporal.Instant;
  readonly numbers: readonly number[];
  readonly texts: readonly string[];
  readonly locator: RelationLocator;
  readonly locators: readonly RelationLocator[];
  readonly objects: readonly RelationId[];
}

type FieldKind = keyof FieldValues;

/** The fields of one kind of fact, in the order in which they are written. */
export type FieldTable = Readonly<Record<string, FieldKind>>;

/** The object that a table describes. */
export type FieldsOf<Table extends FieldTable> = {
  readonly [Name in keyof Table]: FieldValues[Table[Name]];
};

/** What stands in a row; as much of JSON as is needed. */
export type RowValue = number | string | null | readonly RowValue[];

interface FieldCodec<Value> {
  readonly write: (value: Value) => RowValue;
  readonly read: (value: RowValue | undefined) => Value;
}

const CODECS: { readonly [Kind in FieldKind]: FieldCodec<FieldValues[Kind]> } = {
  number: { write: (value) => value, read: readNumber },
  signed: { write: (value) => value, read: readSigned },
  flag: { write: Number, read: readFlag },
  text: { write: (value) => value, read: readText },
  word: {
    write: (value) => value ?? null,
    read: (value) => (value === null ? undefined : readText(value)),
  },
  lsn: { write: String, read: (value) => lsn(readUint64(value)) },
  uint64: { write: String, read: readUint64 },
  instant: {
    write: (value) => String(toPostgresMicroseconds(value)),
    read: (value) => fromPostgresMicroseconds(readInt64(value)),
  },
  numbers: { write: (value) => value, read: (value) => readList(value, readNumber) },
  texts: { write: (value) => value, read: (value) => readList(value, readText) },
  locator: { write: writeLocator, read: readLocator },
  locators: {
    write: (value) => value.map(writeLocator),
    read: (value) => readList(value, readLocator),
  },
  objects: {
    write: (value) => value.map(({ database, relation }) => [database, relation]),
    read: (value) => readList(value, readObject),
  },
};

/** The fields that the table names, of an object that may have more. */
export function pickFields<Table extends FieldTable>(
  table: Table,
  fields: FieldsOf<Table>,
): FieldsOf<Table> {
  const names = Object.keys(table) as (keyof Table)[];
  return Object.fromEntries(names.map((name) => [name, fields[name]])) as FieldsOf<Table>;
}

/** Writes the fields that the table names; the object has them all. */
export function writeFields(table: FieldTable, fields: object): readonly RowValue[] {
  const values = new Map<string, unknown>(Object.entries(fields));
  return Object.entries(table).map(([name, kind]) => {
    // Whoever made the object did so by the table's type; the compiler cannot follow that through the loop.
    const codec = CODECS[kind] as FieldCodec<unknown>;
    return codec.write(values.get(name));
  });
}

/**
 * Reads what {@link writeFields} wrote.
 *
 * @throws {RangeError} for anything that it would not have written.
 */
export function readFields<Table extends FieldTable>(
  table: Table,
  row: readonly RowValue[],
): FieldsOf<Table> {
  const entries = Object.entries(table);
  if (row.length !== entries.length) throw new RangeError("a row has too many or too few fields");
  return Object.fromEntries(
    entries.map(([name, kind], place) => [name, CODECS[kind].read(row[place])]),
  ) as FieldsOf<Table>;
}

/** @throws {RangeError} when it is no list. */
export function asRow(value: RowValue | undefined): readonly RowValue[] {
  if (Array.isArray(value)) return value as readonly RowValue[];
  throw new RangeError("a list is missing");
}

function readNumber(value: RowValue | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError("a field is no number");
}

function readSigned(value: RowValue | undefined): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw new RangeError("a field is no number");
}

function readFlag(value: RowValue | undefined): boolean {
  if (value === 0 || value === 1) return value === 1;
  throw new RangeError("a field is neither 0 nor 1");
}

function readText(value: RowValue | undefined): string {
  if (typeof value === "string") return value;
  throw new RangeError("a field is no text");
}

function readUint64(value: RowValue | undefined): bigint {
  const text = readText(value);
  if (/^(?:0|[1-9][0-9]{0,19})$/.test(text) && BigInt(text) < 1n << 64n) return BigInt(text);
  throw new RangeError("a field is no unsigned number of 64 bits");
}

function readInt64(value: RowValue | undefined): bigint {
  const text = readText(value);
  if (/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return BigInt(text);
  throw new RangeError("a field is no number of 64 bits");
}

function readList<Item>(
  value: RowValue | undefined,
  readItem: (item: RowValue) => Item,
): readonly Item[] {
  return asRow(value).map(readItem);
}

function writeLocator({ tablespace, database, relfilenode }: RelationLocator): RowValue {
  return [tablespace, database, relfilenode];
}

function readLocator(value: RowValue | undefined): RelationLocator {
  const [tablespace, database, relfilenode, ...rest] = readList(value, readNumber);
  if (relfilenode === undefined || rest.length > 0) throw new RangeError("a field is no relation");
  return { tablespace: tablespace ?? 0, database: database ?? 0, relfilenode };
}

function readObject(value: RowValue): RelationId {
  const [database, relation, ...rest] = readList(value, readNumber);
  if (relation === undefined || rest.length > 0) throw new RangeError("a field is no relation");
  return { database: database ?? 0, relation };
}
