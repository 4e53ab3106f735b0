// Which relations a restore of a part leaves out, by what the backup's catalogue says. Only what is positively known is
// left out (rules.md B2, B3): everything that the catalogue does not name, every system catalogue, every template.
import {
  type CatalogueDatabase,
  type CatalogueRelation,
  type CatalogueSnapshot,
  SHARED_DATABASE_OID,
} from "../model/catalogue.ts";
import { failure } from "../model/failure.ts";
import type { RelationLocator } from "../model/relation.ts";
import { parseRelationName } from "../model/relation-name.ts";

/** What shall be restored, as it was written. */
export interface PartRequest {
  /** `database.schema.table` */
  readonly tables: readonly string[];
  readonly databases: readonly string[];
  readonly exceptDatabases: readonly string[];
}

/** A relation that is left out. */
export interface HoleRelation extends RelationLocator {
  /** `database.schema.name` */
  readonly label: string;
  /** Whose files it has; for databases that turn out to be needed whole. */
  readonly database: number;
}

/** From here on OIDs are users'; below they are the system's. */
const USER_OID_MIN = 16_384;

/** pg_largeobject and its index: the one system catalogue that holds users' data. */
const LARGE_OBJECT_OIDS: ReadonlySet<number> = new Set([2613, 2683]);

/** Tables, partitioned ones, materialized views. */
const HAVE_ROWS: ReadonlySet<string> = new Set(["r", "p", "m"]);

/**
 * The relations that are left out.
 *
 * @throws {HindsightError} `RELATION_INVALID`, `RELATION_UNKNOWN`, `CONFIG_OPTION_INVALID` for names that the catalogue has
 *   not; `PART_IMPOSSIBLE` for a database that the backup could not read.
 */
export function chooseHoles(
  snapshot: CatalogueSnapshot,
  request: PartRequest,
): readonly HoleRelation[] {
  const databases = snapshot.databases.filter(({ oid }) => oid !== SHARED_DATABASE_OID);
  for (const name of [...request.databases, ...request.exceptDatabases]) {
    databaseNamed(name, databases);
  }
  const wanted = wantedTables(request.tables, databases);
  return databases
    .filter((database) => !isWhole(database, request))
    .flatMap((database) => holesOf(database, wanted.get(database.oid) ?? new Set()));
}

/** Whether all of a database is wanted: it was asked for, or all were but those that were excepted, or it is a template. */
function isWhole({ name, isTemplate }: CatalogueDatabase, request: PartRequest): boolean {
  const { tables, databases, exceptDatabases } = request;
  if (isTemplate || databases.includes(name)) return true;
  const asksForSome = tables.length > 0 || databases.length > 0;
  return !asksForSome && !exceptDatabases.includes(name);
}

function holesOf(
  database: CatalogueDatabase,
  wanted: ReadonlySet<number>,
): readonly HoleRelation[] {
  const schemas = new Map(database.schemas.map(({ oid, name }) => [oid, name]));
  return (database.relations ?? [])
    .filter(({ oid, relfilenode }) => relfilenode !== 0 && isUsers(oid) && !wanted.has(oid))
    .map(({ tablespace, relfilenode, schema, name }) => ({
      tablespace,
      database: database.oid,
      relfilenode,
      label: `${database.name}.${schemas.get(schema) ?? schema}.${name}`,
    }));
}

function isUsers(oid: number): boolean {
  return oid >= USER_OID_MIN || LARGE_OBJECT_OIDS.has(oid);
}

/** OIDs of the wanted tables and of all that belongs to them, by database. */
function wantedTables(
  names: readonly string[],
  databases: readonly CatalogueDatabase[],
): ReadonlyMap<number, Set<number>> {
  const wanted = new Map<number, Set<number>>();
  for (const text of names) {
    const { database: databaseName, schema, name } = parseRelationName(text);
    if (databaseName === undefined || schema === undefined) {
      throw failure("RELATION_INVALID", `"${text}" does not say which table of which database`, {
        hint: "Write database.schema.table, such as --table-include=shop.public.orders.",
      });
    }
    const database = databaseNamed(databaseName, databases);
    const relations = database.relations;
    if (!relations) throw unread(database);
    const table = findTable({ text, schema, name }, database, relations);
    const known = wanted.get(database.oid) ?? new Set<number>();
    wanted.set(database.oid, known);
    for (const oid of belongings(table.oid, relations)) known.add(oid);
  }
  return wanted;
}

function findTable(
  { text, schema, name }: { text: string; schema: string; name: string },
  { schemas }: CatalogueDatabase,
  relations: readonly CatalogueRelation[],
): CatalogueRelation {
  const schemaOid = schemas.find((each) => each.name === schema)?.oid;
  const found = relations.find(
    (relation) =>
      relation.schema === schemaOid && relation.name === name && HAVE_ROWS.has(relation.kind),
  );
  if (found) return found;
  throw failure("RELATION_UNKNOWN", `the backup has no table ${text}`, {
    hint: 'Quote a part with other characters than lower case: shop.public."Odd.Name". A table that was made after the backup comes with the whole cluster only.',
  });
}

/** The table, everything that inherits from it, and of all these: indexes, TOAST, sequences that columns own. */
function belongings(table: number, relations: readonly CatalogueRelation[]): ReadonlySet<number> {
  const found = new Set([table]);
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const { oid, parents, table: holder } of relations) {
      const isPart = holder !== undefined && found.has(holder);
      if (isPart || parents.some((parent) => found.has(parent))) found.add(oid);
    }
  }
  return found;
}

function databaseNamed(name: string, databases: readonly CatalogueDatabase[]): CatalogueDatabase {
  const found = databases.find((database) => database.name === name);
  if (found) return found;
  throw failure("CONFIG_OPTION_INVALID", `the backup has no database "${name}"`, {
    hint: `It has ${databases.map((database) => database.name).join(", ")}.`,
  });
}

function unread({ name }: CatalogueDatabase): Error {
  return failure("PART_IMPOSSIBLE", `the backup does not know the tables of database "${name}"`, {
    hint: `Its catalogue could not be read. Restore all of it: --db-include=${name}.`,
  });
}
