// What the catalogues of a cluster said at one position of its WAL: which relation of which database had which file.
// WAL only numbers relations; whoever names what it did needs this. How it is read from a server:
// postgres/catalogue.ts; how it is kept: repository/catalogue.ts.
import type { Lsn } from "./lsn.ts";
import type { Timeline } from "./timeline.ts";

/**
 * What stands for all databases where PostgreSQL names one: the relations that they share, such as pg_database.
 *
 * @source PostgreSQL src/include/storage/relfilelocator.h (15 and before: relfilenode.h), dbOid
 */
export const SHARED_DATABASE_OID = 0;

/**
 * pg_global, the tablespace of the relations that all databases share.
 *
 * @source PostgreSQL src/include/catalog/pg_tablespace.dat
 */
export const SHARED_TABLESPACE_OID = 1664;

/** Where a snapshot was taken. */
export interface CataloguePlace {
  readonly timeline: Timeline;
  /**
   * What was committed before this position is in the snapshot, and perhaps some of what was committed after it. One
   * exception: on a primary, a transaction whose commit is in WAL but which still waits, such as for a synchronous
   * standby, is not visible yet and so is missing.
   */
  readonly lsn: Lsn;
}

/** The catalogues of all databases of a cluster. */
export interface CatalogueSnapshot extends CataloguePlace {
  /** The server's clock when it was begun. */
  readonly at: Temporal.Instant;
  /** By OID. The first is {@link SHARED_DATABASE_OID}, the relations that belong to no database. */
  readonly databases: readonly CatalogueDatabase[];
}

/** One database. */
export interface CatalogueDatabase {
  readonly oid: number;
  /** "" for {@link SHARED_DATABASE_OID}. */
  readonly name: string;
  /** OID of the tablespace where its relations are unless they say otherwise. */
  readonly tablespace: number;
  readonly isTemplate: boolean;
  readonly allowConnections: boolean;
  /**
   * As that of the snapshot, for this database: databases are read one after the other, so it may be later. Undefined
   * when the database was not read.
   */
  readonly lsn: Lsn | undefined;
  /** By OID; empty when the database was not read. */
  readonly schemas: readonly CatalogueSchema[];
  /** By OID. Undefined when the database could not be read, such as one that allows no connections. */
  readonly relations: readonly CatalogueRelation[] | undefined;
}

/** A schema. */
export interface CatalogueSchema {
  readonly oid: number;
  readonly name: string;
}

/** A table, index, sequence, view or whatever else has a row in pg_class. */
export interface CatalogueRelation {
  readonly oid: number;
  /** Number of its files, 0 for a relation without any, such as a view or a partitioned table. */
  readonly relfilenode: number;
  /** OID of the tablespace with its files; never 0, which in pg_class stands for the database's own. */
  readonly tablespace: number;
  /** OID of its schema. */
  readonly schema: number;
  readonly name: string;
  /** The letter of pg_class.relkind: `r` table, `i` index, `S` sequence, `t` TOAST table, `m` materialized view, … */
  readonly kind: string;
  /** The letter of pg_class.relpersistence: `p` permanent, `u` unlogged, `t` temporary. */
  readonly persistence: string;
  /**
   * OID of the table (or materialized view) that it is part of: that of an index, of a TOAST table, of the index of a
   * TOAST table, of a sequence that a column owns. Undefined for what stands alone.
   */
  readonly table: number | undefined;
  /** OIDs of what it inherits from or is a partition of, in order; of indexes likewise. */
  readonly parents: readonly number[];
  /** PostgreSQL's estimate of its rows, for an index of its entries; -1 when there was never one. */
  readonly rowsEstimate: number;
}
