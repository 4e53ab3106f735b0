// The lines of a catalogue snapshot, as strict JSON: what each looks like, and in which order they may come. One line
// for each thing, so that none grows with the cluster. Which frames they travel in: catalogue.ts.
//
// {"timeline":1,"lsn":"0/15000028","at":"2026-11-21T02:40:00Z"}            the snapshot, first
// {"database":5,"name":"app","tablespace":1663,"isTemplate":false,          a database, by OID, and behind each
//  "allowConnections":true,"lsn":"0/15000028"}
// [2200,"public"]                                                           its schemas, by OID, then
// [16384,16384,1663,2200,"orders","r","p",0,[],120]                         its relations, by OID
// {"databases":1,"schemas":1,"relations":1}                                 what all this was, last
import type {
  CatalogueDatabase,
  CataloguePlace,
  CatalogueRelation,
  CatalogueSchema,
  CatalogueSnapshot,
} from "../model/catalogue.ts";
import { formatLsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { asInteger, isArray, type Json, JsonFields, JsonShapeError } from "./strict-json.ts";

const OID_MAX = 0xffffffff;
/** A letter, as PostgreSQL's catalogues have it in a column of type "char". */
const LETTER = /^[A-Za-z]$/;

/** What the first line says. */
export type CatalogueHead = CataloguePlace & Pick<CatalogueSnapshot, "at">;

/** What the last line counts. */
export interface CatalogueCounts {
  readonly databases: number;
  readonly schemas: number;
  readonly relations: number;
}

/** The first line. */
export function formatHeadLine({ timeline: id, lsn, at }: CatalogueHead): string {
  return JSON.stringify({ timeline: id, lsn: formatLsn(lsn), at: at.toString() });
}

/** @throws {JsonShapeError} and what parsers of nouns throw. */
export function parseHeadLine(value: Json): CatalogueHead {
  const fields = new JsonFields(value);
  const head = {
    timeline: timeline(fields.integer("timeline")),
    lsn: fields.lsn("lsn"),
    at: fields.instant("at"),
  };
  fields.end();
  return head;
}

/** The line of a database; that it was read is told by its LSN. */
export function formatDatabaseLine(database: CatalogueDatabase): string {
  const { oid, name, tablespace, isTemplate, allowConnections, lsn } = database;
  return JSON.stringify({
    database: oid,
    name,
    tablespace,
    isTemplate,
    allowConnections,
    lsn: lsn === undefined ? null : formatLsn(lsn),
  });
}

/** @throws {JsonShapeError} and what parsers of nouns throw. */
export function parseDatabaseLine(
  fields: JsonFields,
): Omit<CatalogueDatabase, "schemas" | "relations"> {
  const database = {
    oid: fields.integer("database", OID_MAX),
    name: fields.text("name"),
    tablespace: fields.integer("tablespace", OID_MAX),
    isTemplate: fields.boolean("isTemplate"),
    allowConnections: fields.boolean("allowConnections"),
    lsn: fields.optional("lsn", (from, key) => from.lsn(key)),
  };
  fields.end();
  return database;
}

/** The line of a schema. */
export function formatSchemaLine({ oid, name }: CatalogueSchema): string {
  return JSON.stringify([oid, name]);
}

/** @throws {JsonShapeError} */
export function parseSchemaLine(values: readonly Json[]): CatalogueSchema {
  const [oid, name] = values;
  return { oid: asInteger(oid, "oid", OID_MAX), name: asName(name) };
}

/** The line of a relation. */
export function formatRelationLine(relation: CatalogueRelation): string {
  return JSON.stringify([
    relation.oid,
    relation.relfilenode,
    relation.tablespace,
    relation.schema,
    relation.name,
    relation.kind,
    relation.persistence,
    relation.table ?? 0,
    relation.parents,
    relation.rowsEstimate,
  ]);
}

/** How many values the line of a relation has; that of a schema has {@link SCHEMA_LINE_LENGTH}. */
export const RELATION_LINE_LENGTH = 10;
/** How many values the line of a schema has. */
export const SCHEMA_LINE_LENGTH = 2;

/** @throws {JsonShapeError} */
export function parseRelationLine(values: readonly Json[]): CatalogueRelation {
  const [oid, relfilenode, tablespace, schema, name, kind, persistence, table, parents, rows] =
    values;
  if (!isArray(parents)) throw new JsonShapeError('"parents" is not a list');
  return {
    oid: asInteger(oid, "oid", OID_MAX),
    relfilenode: asInteger(relfilenode, "relfilenode", OID_MAX),
    tablespace: asInteger(tablespace, "tablespace", OID_MAX),
    schema: asInteger(schema, "schema", OID_MAX),
    name: asName(name),
    kind: asLetter(kind, "kind"),
    persistence: asLetter(persistence, "persistence"),
    table: asInteger(table, "table", OID_MAX) || undefined,
    parents: parents.map((parent) => asInteger(parent, "parents", OID_MAX)),
    rowsEstimate: rows === -1 ? -1 : asInteger(rows, "rowsEstimate", Number.MAX_SAFE_INTEGER),
  };
}

/** The last line. */
export function formatCountsLine({ databases, schemas, relations }: CatalogueCounts): string {
  return JSON.stringify({ databases, schemas, relations });
}

/** @throws {JsonShapeError} */
export function parseCountsLine(fields: JsonFields): CatalogueCounts {
  const counts = {
    databases: fields.integer("databases"),
    schemas: fields.integer("schemas"),
    relations: fields.integer("relations"),
  };
  fields.end();
  return counts;
}

function asName(value: Json | undefined): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new JsonShapeError('"name" is not a text');
}

function asLetter(value: Json | undefined, key: string): string {
  if (typeof value === "string" && LETTER.test(value)) return value;
  throw new JsonShapeError(`"${key}" is not a letter`);
}
