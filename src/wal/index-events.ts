// The rare facts of a WAL index: everything but ends of transactions, counts of rows and changed blocks. Each kind is a
// row of fields, and this table is its layout; a field of a new kind or a new field raises INDEX_BUILDER_VERSION.
import { type Lsn, lsn } from "../model/lsn.ts";
import { type FieldsOf, readFields, type RowValue, writeFields } from "./index-fields.ts";

/**
 * The kinds of facts.
 * - `restorePoint`, `checkpoint`, `parameterChange`, `fullPageWrites`, `endOfRecovery`, `backupEnd`,
 *   `continuationOverwritten`: records of the XLOG resource manager.
 * - `prepare`: a transaction was prepared; its end, if there is one, is a later commit or abort.
 * - `runningTransactions`: a snapshot of them, from which a server in recovery begins to answer queries.
 * - `fileCreate`, `fileTruncate`: files of relations; forks by name.
 * - `databaseCreate`, `databaseDrop`, `tablespaceCreate`, `tablespaceDrop`: these act at once, not at the commit.
 *   The strategy of a creation is `fileCopy` or `wal`; `source` is 0 for the latter.
 * - `sharedInPlace`: a row of a shared catalogue was changed in place, and with which OID it begins. Only pg_database has
 *   such changes; they are how DROP DATABASE begins, and VACUUM of a database ends with one.
 * - `lock`: somebody took a lock that excludes everyone from a relation, which DDL does; once in a segment.
 * - `truncate`: TRUNCATE, at wal_level=logical only.
 * - `classRow`: a row of pg_class was inserted: a relation was made.
 * - `relationMap`: the system catalogue of a database got other files; that of pg_class, or 0 for the shared catalogues.
 */
export const EVENT_FIELDS = {
  restorePoint: { name: "text", at: "instant" },
  checkpoint: {
    shutdown: "flag",
    redo: "lsn",
    timeline: "number",
    previousTimeline: "number",
    fullPageWrites: "flag",
    walLevel: "word",
    nextXid: "uint64",
    at: "instant",
    oldestActiveXid: "number",
  },
  parameterChange: {
    maxConnections: "number",
    maxWorkerProcesses: "number",
    maxWalSenders: "number",
    maxPreparedTransactions: "number",
    maxLocksPerTransaction: "number",
    walLevel: "word",
    walLogHints: "flag",
    trackCommitTimestamp: "flag",
  },
  fullPageWrites: { enabled: "flag" },
  endOfRecovery: { at: "instant", timeline: "number", previousTimeline: "number" },
  backupEnd: { begin: "lsn" },
  continuationOverwritten: { overwritten: "lsn", at: "instant" },
  prepare: {
    xid: "number",
    at: "instant",
    database: "number",
    globalIdentifier: "text",
    subtransactions: "numbers",
    relationsDroppedAtCommit: "locators",
    relationsDroppedAtAbort: "locators",
  },
  runningTransactions: {
    transactionCount: "number",
    overflowed: "flag",
    nextXid: "number",
    oldestRunningXid: "number",
    xids: "numbers",
  },
  fileCreate: { xid: "number", relation: "locator", fork: "text" },
  fileTruncate: { xid: "number", relation: "locator", blockCount: "number", forks: "texts" },
  databaseCreate: {
    xid: "number",
    strategy: "text",
    database: "number",
    tablespace: "number",
    source: "number",
  },
  databaseDrop: { xid: "number", database: "number", tablespaces: "numbers" },
  sharedInPlace: { relfilenode: "number", oid: "number" },
  tablespaceCreate: { xid: "number", tablespace: "number" },
  tablespaceDrop: { xid: "number", tablespace: "number" },
  lock: { xid: "number", database: "number", relation: "number" },
  truncate: { xid: "number", database: "number", relations: "numbers" },
  classRow: {
    xid: "number",
    database: "number",
    relation: "number",
    name: "text",
    namespace: "number",
    relfilenode: "number",
    relationKind: "text",
  },
  relationMap: { xid: "number", database: "number", classFile: "number" },
} as const;

/** One of the kinds above. */
export type IndexEventKind = keyof typeof EVENT_FIELDS;

/** Where the record of an event begins and ends. */
export interface EventPlace {
  readonly lsn: Lsn;
  readonly endLsn: Lsn;
}

/** What an event of one kind says. */
export type EventFields<Kind extends IndexEventKind> = FieldsOf<(typeof EVENT_FIELDS)[Kind]>;

/** One rare fact, told apart by `kind`. */
export type IndexEvent = {
  readonly [Kind in IndexEventKind]: EventPlace & { readonly kind: Kind } & EventFields<Kind>;
}[IndexEventKind];

/** An event as a row: kind, where its record begins in the segment, the record's length, and the fields. */
export function writeEvent(event: IndexEvent, segmentBegin: Lsn): readonly RowValue[] {
  const place = [Number(event.lsn - segmentBegin), Number(event.endLsn - event.lsn)];
  return [event.kind, ...place, ...writeFields(EVENT_FIELDS[event.kind], event)];
}

/**
 * Reads what {@link writeEvent} wrote.
 *
 * @throws {RangeError} for anything that it would not have written.
 */
export function readEvent(row: readonly RowValue[], segmentBegin: Lsn): IndexEvent {
  const [kind, offset, length, ...fields] = row;
  if (typeof kind !== "string" || !isEventKind(kind)) throw new RangeError("an event has no kind");
  if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length)) {
    throw new RangeError("an event has no place");
  }
  const begin = lsn(segmentBegin + BigInt(offset as number));
  const place = { lsn: begin, endLsn: lsn(begin + BigInt(length as number)) };
  return { kind, ...place, ...readFields(EVENT_FIELDS[kind], fields) } as IndexEvent;
}

function isEventKind(kind: string): kind is IndexEventKind {
  return Object.hasOwn(EVENT_FIELDS, kind);
}
