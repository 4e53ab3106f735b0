// A catalogue snapshot as a sequence of lines, there and back: CatalogueReading takes them one by one and knows what
// may come next. How a line is spelt: catalogue-lines.ts.
import type {
  CatalogueDatabase,
  CatalogueRelation,
  CatalogueSchema,
  CatalogueSnapshot,
} from "../model/catalogue.ts";
import {
  type CatalogueCounts,
  type CatalogueHead,
  formatCountsLine,
  formatDatabaseLine,
  formatHeadLine,
  formatRelationLine,
  formatSchemaLine,
  parseCountsLine,
  parseDatabaseLine,
  parseHeadLine,
  parseRelationLine,
  parseSchemaLine,
  RELATION_LINE_LENGTH,
  SCHEMA_LINE_LENGTH,
} from "./catalogue-lines.ts";
import { isArray, type Json, JsonFields, JsonShapeError, parseStrictJson } from "./strict-json.ts";

/** The lines of a snapshot, without their ends. */
export function* formatCatalogue(snapshot: CatalogueSnapshot): Generator<string, void, undefined> {
  const { databases } = snapshot;
  yield formatHeadLine(snapshot);
  for (const database of databases) {
    yield formatDatabaseLine(database);
    for (const schema of database.schemas) yield formatSchemaLine(schema);
    for (const relation of database.relations ?? []) yield formatRelationLine(relation);
  }
  yield formatCountsLine(countsOf(databases));
}

/** A database whose lines are still coming. */
interface OpenDatabase extends CatalogueDatabase {
  readonly schemas: CatalogueSchema[];
  readonly relations: CatalogueRelation[] | undefined;
}

/** Takes the lines of one snapshot in their order. */
export class CatalogueReading {
  #head: CatalogueHead | undefined;
  readonly #databases: OpenDatabase[] = [];
  #isComplete = false;

  /** Whether the last line was taken: none may follow. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** @throws {JsonShapeError}, and what parsers of nouns throw, for a line that may not come now. */
  add(line: string): void {
    if (this.#isComplete) throw new JsonShapeError("lines follow after the last one");
    const value = parseStrictJson(line);
    if (!this.#head) this.#head = parseHeadLine(value);
    else if (isArray(value)) this.#addToDatabase(value);
    else this.#addObject(value);
  }

  /** What the lines said; only when {@link isComplete}. */
  snapshot(): CatalogueSnapshot {
    if (!this.#head || !this.#isComplete) throw new Error("the last line was not read yet");
    return { ...this.#head, databases: this.#databases };
  }

  #addObject(value: Json): void {
    const fields = new JsonFields(value);
    if (!fields.has("database")) return this.#finish(parseCountsLine(fields));
    const database = parseDatabaseLine(fields);
    requireAfter(this.#databases.at(-1), database, "database");
    const relations = database.lsn === undefined ? undefined : [];
    this.#databases.push({ ...database, schemas: [], relations });
  }

  #addToDatabase(values: readonly Json[]): void {
    const { schemas, relations } = this.#databases.at(-1) ?? {};
    if (!schemas || !relations) throw new JsonShapeError("a line belongs to no database");
    if (values.length === SCHEMA_LINE_LENGTH && relations.length === 0) {
      append(schemas, parseSchemaLine(values), "schema");
    } else if (values.length === RELATION_LINE_LENGTH) {
      append(relations, parseRelationLine(values), "relation");
    } else {
      throw new JsonShapeError("a line is neither that of a schema nor that of a relation");
    }
  }

  #finish(found: CatalogueCounts): void {
    const [says, has] = [formatCountsLine(found), formatCountsLine(countsOf(this.#databases))];
    if (says !== has) throw new JsonShapeError(`it counts ${says} but has ${has}`);
    this.#isComplete = true;
  }
}

function append<Item extends { readonly oid: number }>(
  items: Item[],
  item: Item,
  kind: string,
): void {
  requireAfter(items.at(-1), item, kind);
  items.push(item);
}

function requireAfter(
  before: { readonly oid: number } | undefined,
  { oid }: { readonly oid: number },
  kind: string,
): void {
  if (!before || before.oid < oid) return;
  throw new JsonShapeError(`${kind} ${oid} comes after ${before.oid}`);
}

function countsOf(databases: readonly CatalogueDatabase[]): CatalogueCounts {
  const sum = (count: (database: CatalogueDatabase) => number): number =>
    databases.reduce((total, database) => total + count(database), 0);
  return {
    databases: databases.length,
    schemas: sum(({ schemas }) => schemas.length),
    relations: sum(({ relations }) => relations?.length ?? 0),
  };
}
