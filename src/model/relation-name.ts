// How a user names a table: `[[database.]schema.]name`, quoted as in SQL where need be.
import { failure } from "./failure.ts";

/** A name as it was written; what was not written matches anything. */
export interface RelationName {
  readonly database: string | undefined;
  readonly schema: string | undefined;
  readonly name: string;
}

/**
 * Reads a name. Parts are separated by dots and may be quoted as in SQL; what is not quoted counts in lower case.
 *
 * @throws {HindsightError} `RELATION_INVALID`
 */
export function parseRelationName(text: string): RelationName {
  const parts: string[] = [];
  const part = /(?:"((?:[^"]|"")+)"|([^".]+))(?:\.(?=.)|$)/y;
  for (let match = part.exec(text); match; match = part.exec(text)) {
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2]?.toLowerCase() ?? "");
    if (part.lastIndex === text.length) break;
  }
  const isWhole = part.lastIndex === text.length && parts.length >= 1 && parts.length <= 3;
  const [name, schema, database] = parts.toReversed();
  if (isWhole && name !== undefined) return { database, schema, name };
  throw failure("RELATION_INVALID", `"${text}" is not the name of a table`, {
    hint: 'Write name, schema.name or database.schema.name; quote a part with other characters: public."Odd.Name".',
  });
}
