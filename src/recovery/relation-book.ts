// What the relations are called that WAL only numbers. WAL names files; a file belongs to a relation for a while only:
// TRUNCATE, VACUUM FULL and many an ALTER TABLE give a relation a new file, and numbers of dropped files are used again
// one day. So an entry says which relation a file belonged to at one position, and is believed at another position only
// when the file was neither made nor dropped in between.
//
// Entries come from catalogue snapshots, from rows of pg_class that WAL shows being inserted, and from what a
// transaction did to a file whose relation was known (file-changes.ts).
import {
  type CatalogueDatabase,
  SHARED_DATABASE_OID,
  type CatalogueSnapshot,
} from "../model/catalogue.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RelationLocator } from "../model/relation.ts";
import {
  ALL_TABLES_OID,
  type RelationKey,
  type RowEstimate,
  RowEstimates,
} from "./row-estimates.ts";
import { FIRST_USER_OID } from "./user-relation.ts";

/** A relation as somebody knew it once. */
export interface RelationIdentity {
  /** {@link SHARED_DATABASE_OID} for relations that all databases share. */
  readonly database: number;
  readonly oid: number;
  /** Undefined when the schema's name is not known. */
  readonly schema: string | undefined;
  readonly name: string;
  /** The letter of pg_class.relkind. */
  readonly kind: string;
  /** OID of the table that it is a part of, as an index or a TOAST table is. */
  readonly table: number | undefined;
  /** OIDs of what it inherits from. */
  readonly parents: readonly number[];
}

interface Entry {
  readonly lsn: Lsn;
  readonly identity: RelationIdentity;
  /** Whether it comes from a row of pg_class, which does not tell all. */
  readonly isRow: boolean;
}

/** Kinds with rows of their own: tables, materialized views. */
const HAVE_ROWS: ReadonlySet<string> = new Set(["r", "m"]);
/** Generations of inheritance that are followed; deeper ones do not occur. */
const GENERATION_COUNT_MAX = 32;

/** Where and when a snapshot read a database. */
interface EstimatePlace {
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** Everything that is known about names. */
export class RelationBook {
  readonly #databases: Map<number, string> = new Map();
  readonly #schemas: Map<string, string> = new Map();
  readonly #byFile: Map<string, Entry[]> = new Map();
  readonly #byOid: Map<string, Entry[]> = new Map();
  /** Where files were made or dropped, by file. */
  readonly #turns: Map<string, Lsn[]> = new Map();
  readonly #estimates: RowEstimates = new RowEstimates();

  /** Undefined for a database of which only the number is known. */
  databaseName(oid: number): string | undefined {
    return this.#databases.get(oid);
  }

  /** How many rows a relation had, as PostgreSQL estimated before a position. */
  rowsBefore(relation: RelationKey, lsn: Lsn): RowEstimate | undefined {
    return this.#estimates.before(relation, lsn);
  }

  /** The same of all tables of a database. */
  databaseRowsBefore(database: number, lsn: Lsn): RowEstimate | undefined {
    return this.#estimates.before({ database, oid: ALL_TABLES_OID }, lsn);
  }

  /** All that is known by oid, each relation as it was known last. */
  *identities(): Generator<RelationIdentity, void, undefined> {
    for (const entries of this.#byOid.values()) {
      const last = entries.at(-1);
      if (last) yield last.identity;
    }
  }

  /** Takes over a snapshot; they may come in any order. */
  addSnapshot(snapshot: CatalogueSnapshot): void {
    for (const database of snapshot.databases) {
      if (database.oid !== SHARED_DATABASE_OID) this.#databases.set(database.oid, database.name);
      const lsn = database.lsn ?? snapshot.lsn;
      if (database.relations) this.#addEstimates(database, { lsn, at: snapshot.at });
      const schemas = new Map(database.schemas.map(({ oid, name }) => [oid, name]));
      for (const [oid, name] of schemas) this.#schemas.set(keyOf(database.oid, oid), name);
      for (const relation of database.relations ?? []) {
        const identity = {
          database: database.oid,
          oid: relation.oid,
          schema: schemas.get(relation.schema),
          name: relation.name,
          kind: relation.kind,
          table: relation.table,
          parents: relation.parents,
        };
        this.#learn(identity, relation.relfilenode, { lsn, isRow: false });
      }
    }
  }

  /** Takes over a row of pg_class that was inserted. */
  addRow(row: {
    readonly lsn: Lsn;
    readonly database: number;
    readonly relation: number;
    readonly name: string;
    readonly namespace: number;
    readonly relfilenode: number;
    readonly relationKind: string;
  }): void {
    const { database, relation: oid } = row;
    const original = this.#original(row);
    const identity = original ?? {
      database,
      oid,
      schema: this.#schemas.get(keyOf(database, row.namespace)),
      name: row.name,
      kind: row.relationKind,
      table: undefined,
      parents: [],
    };
    this.#learn(identity, row.relfilenode, { lsn: row.lsn, isRow: original === undefined });
  }

  /** Notes that a file is a relation's from a position on. */
  addFile({ database, relfilenode }: RelationLocator, identity: RelationIdentity, lsn: Lsn): void {
    this.#learn({ ...identity, database }, relfilenode, { lsn, isRow: false });
  }

  /** Notes that a file was made or dropped. */
  addTurn(file: RelationLocator, lsn: Lsn): void {
    const key = keyOf(file.database, file.relfilenode);
    const turns = this.#turns.get(key);
    if (turns) turns.push(lsn);
    else this.#turns.set(key, [lsn]);
  }

  /** The relation that a file belonged to at a position. */
  identify(file: RelationLocator, lsn: Lsn): RelationIdentity | undefined {
    const key = keyOf(file.database, file.relfilenode);
    const entries = this.#byFile.get(key);
    if (!entries) return undefined;
    const turns = this.#turns.get(key) ?? [];
    const believable = entries.filter(
      (entry) => !turns.some((turn) => isBetween(turn, lsn, entry.lsn)),
    );
    return this.#describe(nearest(believable, lsn), lsn);
  }

  /** A relation by its oid, as it was known last before a position, else first behind it. */
  relation(database: number, oid: number, lsn: Lsn): RelationIdentity | undefined {
    return this.#describe(nearest(this.#byOid.get(keyOf(database, oid)) ?? [], lsn), lsn);
  }

  /** A relation and everything that it inherits from, as it was known near a position. */
  ancestors(identity: RelationIdentity, lsn: Lsn): readonly RelationIdentity[] {
    const found = new Map([[identity.oid, identity]]);
    let generation: readonly RelationIdentity[] = [identity];
    for (let depth = 0; depth < GENERATION_COUNT_MAX && generation.length > 0; depth += 1) {
      const parents = generation.flatMap((each) => each.parents).filter((oid) => !found.has(oid));
      generation = parents.flatMap((oid) => this.relation(identity.database, oid, lsn) ?? []);
      for (const parent of generation) found.set(parent.oid, parent);
    }
    return [...found.values()];
  }

  /** What a row of pg_class does not tell, a snapshot of the same relation may. */
  #describe(entry: Entry | undefined, lsn: Lsn): RelationIdentity | undefined {
    if (!entry?.isRow) return entry?.identity;
    const { identity } = entry;
    const known = this.#byOid.get(keyOf(identity.database, identity.oid)) ?? [];
    const better = nearest(
      known.filter(({ isRow }) => !isRow),
      lsn,
    )?.identity;
    if (!better) return identity;
    return { ...better, name: identity.name, schema: identity.schema ?? better.schema };
  }

  /** VACUUM FULL and their like make a relation for the new file and swap the two: `pg_temp_<oid of the relation>`. */
  #original(row: {
    readonly lsn: Lsn;
    readonly database: number;
    readonly name: string;
  }): RelationIdentity | undefined {
    const oid = rewrittenRelation(row.name);
    return oid === undefined ? undefined : this.relation(row.database, oid, row.lsn);
  }

  /** Of each table and of all together; of those that were never counted nothing is known. */
  #addEstimates({ oid: database, relations = [] }: CatalogueDatabase, place: EstimatePlace): void {
    let sum = -1;
    for (const { oid, kind, rowsEstimate } of relations) {
      if (!HAVE_ROWS.has(kind)) continue;
      const rows = Math.round(rowsEstimate);
      this.#estimates.add({ database, oid }, { ...place, rows });
      if (oid >= FIRST_USER_OID && rows >= 0) sum = Math.max(0, sum) + rows;
    }
    this.#estimates.add({ database, oid: ALL_TABLES_OID }, { ...place, rows: sum });
  }

  #learn(
    identity: RelationIdentity,
    relfilenode: number,
    { lsn, isRow }: Pick<Entry, "lsn" | "isRow">,
  ): void {
    const entry = { lsn, identity, isRow };
    addEntry(this.#byOid, keyOf(identity.database, identity.oid), entry);
    if (relfilenode !== 0) addEntry(this.#byFile, keyOf(identity.database, relfilenode), entry);
  }
}

/** Entries that say the same at a later position add nothing but that position: the first and the last are kept. */
function addEntry(entries: Map<string, Entry[]>, key: string, entry: Entry): void {
  const known = entries.get(key);
  if (!known) {
    entries.set(key, [entry]);
    return;
  }
  const [before, last] = known.slice(-2);
  const repeats =
    before !== undefined &&
    last !== undefined &&
    entry.lsn > last.lsn &&
    before.isRow === last.isRow &&
    last.isRow === entry.isRow &&
    isSame(before.identity, last.identity) &&
    isSame(last.identity, entry.identity);
  if (repeats) known[known.length - 1] = entry;
  else known.push(entry);
}

function isSame(left: RelationIdentity, right: RelationIdentity): boolean {
  return (
    left.oid === right.oid &&
    left.schema === right.schema &&
    left.name === right.name &&
    left.table === right.table &&
    left.parents.length === right.parents.length &&
    left.parents.every((parent, place) => parent === right.parents[place])
  );
}

/** The last entry up to a position: what was true there. Else the first behind it. */
function nearest(entries: readonly Entry[], lsn: Lsn): Entry | undefined {
  return entries.reduce<Entry | undefined>((best, entry) => {
    if (best === undefined) return entry;
    if (best.lsn <= lsn) return entry.lsn <= lsn && entry.lsn >= best.lsn ? entry : best;
    return entry.lsn < best.lsn ? entry : best;
  }, undefined);
}

/** Whether something happened behind the one position and before the other. */
function isBetween(turn: Lsn, left: Lsn, right: Lsn): boolean {
  return left < right ? left < turn && turn < right : right < turn && turn < left;
}

function keyOf(database: number, number: number): string {
  return `${database}/${number}`;
}

/**
 * The oid of the relation whose content is written anew, by the name of the relation that takes it in the meantime.
 *
 * @source PostgreSQL src/backend/commands/cluster.c, make_new_heap
 */
export function rewrittenRelation(name: string): number | undefined {
  const oid = /^pg_temp_([0-9]+)$/.exec(name)?.[1];
  return oid === undefined ? undefined : Number(oid);
}
