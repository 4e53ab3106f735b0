// The WAL index of one segment: what its records did, without the records. Made once, when the segment is archived
// (index-builder.ts), stored beside it (index-encoding.ts), and read by everything that asks about history.
//
// It describes the records that end in the segment. The beginning of one that goes on in the next segment is kept as
// bytes, so that the next segment's index can be built from this one without reading the segment again.
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { EventPlace, IndexEvent } from "./index-events.ts";
import type { FieldsOf } from "./index-fields.ts";
import type { UnfinishedRecord, WalEnd } from "./reader.ts";

/**
 * Which builder made an index. It is part of the object's name, so a better builder's index takes its place beside an
 * older one. Raise it with every change of what is recorded.
 */
export const INDEX_BUILDER_VERSION = 1;

/**
 * What was done to one relation's rows. `movedOut` counts rows that an UPDATE took out of a partition; where they came in
 * is among the `inserted`, for nothing in WAL tells them from others. `pages` counts whole pages that were written as
 * images only.
 */
export const ROW_OPERATIONS = ["inserted", "updated", "deleted", "movedOut", "pages"] as const;
export type RowOperation = (typeof ROW_OPERATIONS)[number];

/** Rows of one relation, by what was done to them. */
export type RowCounts = { readonly [Operation in RowOperation]: number };

/** What a transaction did to one relation. `relation` counts in {@link WalIndex.relations}. */
export interface RelationRows extends RowCounts {
  readonly relation: number;
}

/** What a transaction did. Many do the same, so each different one is kept once; sorted by relation. */
export type RowPattern = readonly RelationRows[];

/** What the end of a transaction names beside itself. */
export const END_DETAIL_FIELDS = {
  database: "number",
  subtransactions: "numbers",
  droppedRelations: "locators",
  droppedObjects: "objects",
  invalidatedRelations: "objects",
  globalIdentifier: "word",
} as const;

/**
 * - `droppedRelations`: relations whose files go: dropped, truncated or rewritten ones.
 * - `droppedObjects`: relations that are dropped, by oid; known since 15.
 * - `invalidatedRelations`: relations whose description changed.
 */
export type EndDetail = FieldsOf<typeof END_DETAIL_FIELDS>;

/**
 * Ends of transactions in the order of WAL, as columns: a segment can have tens of thousands. Row `n` of each column
 * belongs to the same end.
 */
export interface TransactionEnds {
  readonly count: number;
  /** Where the record begins, from the beginning of the segment; below 0 for one that began earlier. */
  readonly offset: Int32Array;
  /** Bytes from there to the record's end. */
  readonly length: Int32Array;
  /** {@link END_FLAGS}, ored. */
  readonly flags: Uint8Array;
  readonly xid: Uint32Array;
  /** Microseconds since 2000-01-01 00:00 UTC, of the years 1965 to 2249: the difference of any two is exact. */
  readonly at: Float64Array;
  /** What the transaction and its subtransactions did in this segment: a place in `patterns`. */
  readonly pattern: Uint32Array;
}

/** What the flags of an end say. */
export const END_FLAGS = {
  /** Rolled back; else committed. */
  aborted: 1,
  /** It had been prepared. */
  prepared: 2,
} as const;

/** Rows of a transaction that does not end in this segment. */
export interface OpenRows {
  readonly xid: number;
  /** A place in `patterns`. */
  readonly pattern: number;
}

/** The file of pg_class in a database where it was rewritten. */
export interface ClassFile {
  readonly database: number;
  readonly relfilenode: number;
}

/** Blocks of one fork that records refer to. */
export interface ChangedBlocks {
  /** A place in `relations`. */
  readonly relation: number;
  /** An index of FORKS. */
  readonly fork: number;
  /** Ascending, each once. */
  readonly blocks: Uint32Array;
}

/** A record of the segment, and the one before it in WAL. */
export interface FirstRecord extends EventPlace {
  readonly previous: Lsn;
}

/** See above. */
export interface WalIndex {
  readonly builderVersion: number;
  readonly segmentNumber: bigint;
  readonly segmentSizeBytes: number;
  /** The first record that ends in the segment; undefined when none does. */
  readonly first: FirstRecord | undefined;
  readonly last: EventPlace | undefined;
  /** Where and why WAL ends in this segment; undefined when it goes on in the next one. */
  readonly end: WalEnd | undefined;
  /** The beginning of a record that goes on in the next segment. */
  readonly unfinished: UnfinishedRecord | undefined;
  /** Whether `unfinished` has fewer bytes than the segment: then the next index needs this segment, not this index. */
  readonly isUnfinishedCut: boolean;
  /** The next transaction id, with its epoch, as a checkpoint near this segment had it. */
  readonly nextXid: bigint | undefined;
  /** Where pg_class is at the segment's end, for databases in which WAL showed that it was rewritten. */
  readonly classFiles: readonly ClassFile[];
  /** Resource managers of extensions that wrote records; what they did to pages is not known. */
  readonly customResourceManagers: readonly number[];
  readonly relations: readonly RelationLocator[];
  /** Place 0 is the empty pattern. */
  readonly patterns: readonly RowPattern[];
  readonly ends: TransactionEnds;
  /** By row of `ends`; most have none. */
  readonly endDetails: ReadonlyMap<number, EndDetail>;
  readonly open: readonly OpenRows[];
  readonly blocks: readonly ChangedBlocks[];
  /** In the order of WAL. */
  readonly events: readonly IndexEvent[];
}
