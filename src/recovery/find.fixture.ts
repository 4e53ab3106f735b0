// For the tests of find: WAL indexes made of a few facts instead of WAL, and catalogues that name their files. The steps
// of a segment lie at places and times that a test can work out: `stepLsn`, `stepTime`.
import { createContext } from "../base/context.ts";
import type { CatalogueRelation, CatalogueSnapshot } from "../model/catalogue.ts";
import { addLsn, type Lsn, LSN_ZERO } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import { timeline } from "../model/timeline.ts";
import { toPostgresMicroseconds } from "../model/timestamp.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import { database, relation } from "../repository/catalogue.fixture.ts";
import { putCatalogue } from "../repository/catalogue.ts";
import type { ClusterIdentity } from "../repository/stanza.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { putWalIndex } from "../repository/wal-index.ts";
import { createMemoryStore } from "../storage/memory.ts";
import {
  END_FLAGS,
  type EndDetail,
  INDEX_BUILDER_VERSION,
  type OpenRows,
  type RelationRows,
  type RowCounts,
  type RowPattern,
  type WalIndex,
} from "../wal/index-content.ts";
import type { EventFields, IndexEvent, IndexEventKind } from "../wal/index-events.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { SEGMENT_SIZE } from "../wal/wal.fixture.ts";
import type { FindResult } from "./find.ts";
import type { FoundRelation, FoundTransaction } from "./found-transaction.ts";
import type { IndexedSegment } from "./history-segments.ts";
import { RelationBook, type RelationIdentity } from "./relation-book.ts";
import type { SegmentProfile } from "./segment-profile.ts";
import { archiveIn, nameOf } from "./target.fixture.ts";

/** The database of all files here, `shop`. */
export const SHOP = 5;
/** OIDs of its schemas `public` and `sales`, and of `pg_toast` and `pg_catalog`. */
export const SCHEMA = { public: 2200, sales: 16_500, toast: 99, catalog: 11 } as const;
/** pg_class, whose file has another number than itself. */
export const PG_CLASS: RelationLocator = file(1300);

const STEP_BYTES = 256n;
const BEGIN_OF_TIME = Temporal.Instant.from("2026-11-25T08:00:00Z");
const NO_COUNTS: RowCounts = {
  inserted: 0,
  updated: 0,
  deleted: 0,
  movedOut: 0,
  pages: 0,
};
const NO_DETAIL: EndDetail = {
  database: SHOP,
  subtransactions: [],
  droppedRelations: [],
  droppedObjects: [],
  invalidatedRelations: [],
  globalIdentifier: undefined,
};

/** A file of {@link SHOP}. */
export function file(relfilenode: number): RelationLocator {
  return { tablespace: 1663, database: SHOP, relfilenode };
}

/** Rows of one file; what is not named is 0. */
export interface RowsDraft extends Partial<RowCounts> {
  readonly file: RelationLocator;
}

/** All counts of a draft, without its file. */
export function countsOf(draft: Partial<RowCounts>): RowCounts {
  const { inserted, updated, deleted, movedOut, pages } = { ...NO_COUNTS, ...draft };
  return { inserted, updated, deleted, movedOut, pages };
}

interface EndStep {
  readonly kind: "end";
  readonly xid: number;
  readonly flags: number;
  readonly rows: readonly RowsDraft[];
  /** Undefined for the time of the step. */
  readonly at: Temporal.Instant | undefined;
  readonly detail: Partial<EndDetail> | undefined;
}

interface OpenStep {
  readonly kind: "open";
  readonly xid: number;
  readonly rows: readonly RowsDraft[];
}

type EventStep = {
  readonly [Kind in IndexEventKind]: { readonly kind: Kind } & EventFields<Kind>;
}[IndexEventKind];

/** Something that a segment tells of. */
export type IndexStep = EndStep | OpenStep | EventStep;

/** What an end may say beside its rows. */
export interface EndParts extends Partial<EndDetail> {
  readonly at?: Temporal.Instant;
}

/** The end of a transaction that did this to rows since the segment began. */
export function commit(
  xid: number,
  rows: readonly RowsDraft[] = [],
  { at, ...detail }: EndParts = {},
): EndStep {
  const hasDetail = Object.keys(detail).length > 0;
  const flags = detail.globalIdentifier === undefined ? 0 : END_FLAGS.prepared;
  return { kind: "end", xid, flags, rows, at, detail: hasDetail ? detail : undefined };
}

/** As {@link commit}, of a transaction that was rolled back. */
export function rollback(
  xid: number,
  rows: readonly RowsDraft[] = [],
  parts: EndParts = {},
): EndStep {
  const step = commit(xid, rows, parts);
  return { ...step, flags: step.flags | END_FLAGS.aborted };
}

/** Rows of a transaction that ends in a later segment. */
export function going(xid: number, rows: readonly RowsDraft[]): OpenStep {
  return { kind: "open", xid, rows };
}

/** The running transactions; without any, everything that ends later is known from its beginning on. */
export function running(
  xids: readonly number[] = [],
  oldestRunningXid = 3,
  nextXid = 1000,
): EventStep {
  const transactionCount = xids.length;
  const overflowed = false;
  return {
    kind: "runningTransactions",
    transactionCount,
    overflowed,
    nextXid,
    oldestRunningXid,
    xids,
  };
}

/** A main fork that was made. */
export function makes(xid: number, made: RelationLocator): EventStep {
  return { kind: "fileCreate", xid, relation: made, fork: "main" };
}

/** A row of pg_class that was inserted; of a table in `public` unless told otherwise. */
export function classRow(
  parts: Pick<EventFields<"classRow">, "xid" | "relation" | "name" | "relfilenode"> &
    Partial<EventFields<"classRow">>,
): EventStep & { readonly kind: "classRow" } {
  return {
    kind: "classRow",
    database: SHOP,
    namespace: SCHEMA.public,
    relationKind: "r",
    ...parts,
  };
}

/** Where step n of a segment is, counted from 0. */
export function stepLsn(segment: number, step: number): Lsn {
  return addLsn(segmentBegin(BigInt(segment), SEGMENT_SIZE), BigInt(step + 1) * STEP_BYTES);
}

/** Segment 1 has the hour from 8 o'clock, segment 2 that from 9, and each step one minute of it. */
export function stepTime(segment: number, step: number): Temporal.Instant {
  return BEGIN_OF_TIME.add({ hours: segment - 1, minutes: step });
}

/** The index of a segment that tells of these steps, in order. */
export function indexWith(
  segment: number,
  steps: readonly IndexStep[],
  nextXid?: bigint,
): WalIndex {
  const pool = new PatternPool();
  const events: IndexEvent[] = [];
  const open: OpenRows[] = [];
  const ends: { readonly end: EndStep; readonly place: number; readonly pattern: number }[] = [];
  for (const [place, step] of steps.entries()) {
    const lsn = stepLsn(segment, place);
    if (step.kind === "end") ends.push({ end: step, place, pattern: pool.add(step.rows) });
    else if (step.kind === "open") open.push({ xid: step.xid, pattern: pool.add(step.rows) });
    else events.push({ ...step, lsn, endLsn: addLsn(lsn, STEP_BYTES) });
  }
  const at = ({ end, place }: (typeof ends)[number]): number =>
    Number(toPostgresMicroseconds(end.at ?? stepTime(segment, place)));
  return {
    ...emptyIndex(segment, nextXid),
    relations: pool.relations,
    patterns: pool.patterns,
    ends: {
      count: ends.length,
      offset: Int32Array.from(ends, ({ place }) => (place + 1) * Number(STEP_BYTES)),
      length: Int32Array.from(ends, () => Number(STEP_BYTES)),
      flags: Uint8Array.from(ends, ({ end }) => end.flags),
      xid: Uint32Array.from(ends, ({ end }) => end.xid),
      at: Float64Array.from(ends, at),
      pattern: Uint32Array.from(ends, ({ pattern }) => pattern),
    },
    endDetails: new Map(
      ends.flatMap(({ end }, row) => (end.detail ? [[row, { ...NO_DETAIL, ...end.detail }]] : [])),
    ),
    open: open.toSorted((left, right) => left.xid - right.xid),
    events,
  };
}

/** As the walk is handed it; with a limit where the path leaves the segment. */
export function segmentWith(
  segment: number,
  steps: readonly IndexStep[],
  { nextXid, limit }: { readonly nextXid?: bigint; readonly limit?: Lsn } = {},
): IndexedSegment {
  const number = BigInt(segment);
  return {
    kind: "segment",
    name: nameOf(number),
    number,
    limit,
    isIndexed: true,
    index: indexWith(segment, steps, nextXid),
    isHeadMissing: false,
  };
}

/** Numbers relations and keeps each pattern once, as the builder of indexes does. */
class PatternPool {
  readonly relations: RelationLocator[] = [];
  readonly patterns: RowPattern[] = [[]];

  add(rows: readonly RowsDraft[]): number {
    const pattern = rows
      .map((draft): RelationRows => ({ relation: this.#place(draft.file), ...countsOf(draft) }))
      .toSorted((left, right) => left.relation - right.relation);
    const text = JSON.stringify(pattern);
    const known = this.patterns.findIndex((each) => JSON.stringify(each) === text);
    return known >= 0 ? known : this.patterns.push(pattern) - 1;
  }

  #place({ tablespace, database: oid, relfilenode }: RelationLocator): number {
    const known = this.relations.findIndex(
      (each) => each.database === oid && each.relfilenode === relfilenode,
    );
    if (known >= 0) return known;
    return this.relations.push({ tablespace, database: oid, relfilenode }) - 1;
  }
}

function emptyIndex(
  segment: number,
  nextXid: bigint | undefined,
): Omit<WalIndex, "relations" | "patterns" | "ends" | "endDetails" | "open" | "events"> {
  return {
    builderVersion: INDEX_BUILDER_VERSION,
    segmentNumber: BigInt(segment),
    segmentSizeBytes: SEGMENT_SIZE,
    first: undefined,
    last: undefined,
    end: undefined,
    unfinished: undefined,
    isUnfinishedCut: false,
    nextXid,
    classFiles: [],
    customResourceManagers: [],
    blocks: [],
  };
}

/** `public.orders` in {@link ORDERS}, about 120 rows. */
export const ORDERS_TABLE: CatalogueRelation = relation({
  oid: 20_001,
  relfilenode: ORDERS.relfilenode,
});
/** `public.items` in {@link ITEMS}, about 30 rows. */
export const ITEMS_TABLE: CatalogueRelation = relation({
  oid: 20_002,
  relfilenode: ITEMS.relfilenode,
  name: "items",
  rowsEstimate: 30,
});

/** What the catalogues of {@link SHOP} said at a position: these tables of `public` unless told otherwise. */
export function snapshotWith(
  relations: readonly CatalogueRelation[] = [ORDERS_TABLE, ITEMS_TABLE],
  lsn: Lsn = LSN_ZERO,
): CatalogueSnapshot {
  const shared = {
    oid: 0,
    name: "",
    tablespace: 1664,
    allowConnections: false,
    lsn,
    schemas: [],
    relations: [],
  };
  const schemas = [
    { oid: SCHEMA.catalog, name: "pg_catalog" },
    { oid: SCHEMA.toast, name: "pg_toast" },
    { oid: SCHEMA.public, name: "public" },
    { oid: SCHEMA.sales, name: "sales" },
  ];
  return {
    timeline: timeline(1),
    lsn,
    at: BEGIN_OF_TIME,
    databases: [
      database(shared),
      database({
        oid: SHOP,
        lsn,
        schemas,
        relations: relations.toSorted((left, right) => left.oid - right.oid),
      }),
    ],
  };
}

/** A book that knows these relations from a snapshot before all WAL. */
export function bookWith(relations?: readonly CatalogueRelation[]): RelationBook {
  const book = new RelationBook();
  book.addSnapshot(snapshotWith(relations));
  return book;
}

/** A relation as a book knows it from {@link snapshotWith}; a table of `public` unless told otherwise. */
export function identityOf(
  { oid, name, kind, table, parents }: CatalogueRelation,
  schema = "public",
): RelationIdentity {
  return { database: SHOP, oid, schema, name, kind, table, parents };
}

/**
 * An archive with these indexes and the zeros that they pretend to describe, and with these catalogues.
 *
 * @param indexes on timeline 1, or each with its timeline.
 */
export async function archiveWith(
  indexes: readonly (WalIndex | readonly [timeline: number, index: WalIndex])[],
  snapshots: readonly CatalogueSnapshot[] = [snapshotWith()],
  cluster: Partial<ClusterIdentity> = {},
): Promise<WalArchive> {
  const named = indexes.map((each) => {
    const [id, index] = "ends" in each ? ([1, each] as const) : each;
    return { name: nameOf(index.segmentNumber, id), index };
  });
  const zeros = Buffer.alloc(SEGMENT_SIZE);
  const files = named.map(({ name }) => [name, zeros] as const);
  const archive = await archiveIn(createMemoryStore(), files, cluster);
  const context = createContext();
  for (const each of named) await putWalIndex(archive, each, context);
  const { repository, stanza } = archive;
  for (const snapshot of snapshots) await putCatalogue(repository, stanza, { snapshot, context });
  return archive;
}

/** What a transaction did to `shop.public.orders`; nothing unless told otherwise. */
export function foundRelation(parts: Partial<FoundRelation> = {}): FoundRelation {
  return {
    identity: identityOf(ORDERS_TABLE),
    database: "shop",
    schema: "public",
    name: "orders",
    inserted: 0,
    updated: 0,
    deleted: 0,
    movedIn: 0,
    movedOut: 0,
    truncated: false,
    dropped: false,
    rewritten: false,
    replacedBy: undefined,
    rowsBefore: undefined,
    ...parts,
  };
}

/** Transaction 761, committed at step 5 of segment 1, which is to be stopped before; it did nothing. */
export function foundTransaction(parts: Partial<FoundTransaction> = {}): FoundTransaction {
  return {
    xid: 761n,
    lsn: stepLsn(1, 5),
    at: stepTime(1, 5),
    timeline: timeline(1),
    isAborted: false,
    globalIdentifier: undefined,
    relations: [],
    droppedPlace: undefined,
    stopBefore: { lsn: stepLsn(1, 5), irreversible: undefined },
    isIncomplete: false,
    commitBefore: undefined,
    commitAfter: undefined,
    isBehindGap: false,
    isBeforeGap: false,
    ...parts,
  };
}

/** A result with these transactions and no more, unless told otherwise, of no segments. */
export function findResult(
  transactions: readonly FoundTransaction[] = [],
  parts: Partial<FindResult> = {},
): FindResult {
  return {
    transactions,
    matchedCount: transactions.length,
    rolledBack: undefined,
    points: [],
    profile: [],
    unindexedCount: 0,
    missing: [],
    unreadable: [],
    gaps: parts.missing ?? [],
    end: undefined,
    ...parts,
  };
}

/** What a segment was like in which nothing happened, unless told otherwise. */
export function segmentProfile(parts: Partial<SegmentProfile> = {}): SegmentProfile {
  return { number: 1n, from: undefined, to: undefined, deleted: [], marks: [], ...parts };
}
