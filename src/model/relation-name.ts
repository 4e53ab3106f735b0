// Names of tables as people type them and as they are shown: `[[database.]schema.]name`, quoted as in SQL where needed.
// What is shown can be typed again and means the same.
import { failure } from "./failure.ts";

/** A name as it was written; what was not written matches anything. */
export interface RelationName {
  /** The number of a database whose name nobody knows. */
  readonly database: string | undefined;
  readonly schema: string | undefined;
  readonly name: string;
}

/** Shown for a schema of which nobody knows the name; read as any. */
const SCHEMA_UNKNOWN = "?";

/** What needs no quotes. A number without quotes is that of a database. */
const PLAIN_PART = /^[a-z_][a-z0-9_$]*$/;

/**
 * Reads a name. Parts are separated by dots and may be quoted as in SQL; what is not quoted counts in lower case.
 *
 * @throws {HindsightError} `RELATION_INVALID`
 */
export function parseRelationName(text: string): RelationName {
  const parts: (string | undefined)[] = [];
  const part = /(?:"((?:[^"]|"")+)"|([^".]+))(?:\.(?=.)|$)/sy;
  for (let match = part.exec(text); match; match = part.exec(text)) {
    parts.push(readPart(match[1], match[2]));
    if (part.lastIndex === text.length) break;
  }
  const isWhole = part.lastIndex === text.length && parts.length >= 1 && parts.length <= 3;
  const [name, schema, database] = parts.toReversed();
  if (isWhole && name !== undefined) return { database, schema, name };
  throw failure("RELATION_INVALID", `"${text}" is not the name of a table`, {
    hint: 'Write name, schema.name or database.schema.name; quote a part with other characters: public."Odd.Name".',
  });
}

/** @returns undefined for a part that matches anything. */
function readPart(quoted: string | undefined, plain: string | undefined): string | undefined {
  if (quoted !== undefined) return quoted.replaceAll('""', '"');
  return plain === SCHEMA_UNKNOWN ? undefined : plain && foldCase(plain);
}

/** As PostgreSQL folds names in a database of UTF-8: letters beyond ASCII stay as they are. */
function foldCase(plain: string): string {
  return plain.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** The name as {@link parseRelationName} reads it; a database without known name is given by its number. */
export function formatRelationName({
  database,
  schema,
  name,
}: Omit<RelationName, "database"> & { readonly database?: string | number | undefined }): string {
  const last = quotePart(name);
  if (database === undefined) return schema === undefined ? last : `${quotePart(schema)}.${last}`;
  const first = typeof database === "number" ? String(database) : quotePart(database);
  return `${first}.${schema === undefined ? SCHEMA_UNKNOWN : quotePart(schema)}.${last}`;
}

/** A name of one part as SQL reads it. */
export function quotePart(part: string): string {
  return PLAIN_PART.test(part) ? part : `"${part.replaceAll('"', '""')}"`;
}
