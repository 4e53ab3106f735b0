// Reads the catalogues of all databases of a running server: which relation has which file, and what it belongs to.
// Only pg_catalog is named, nothing of a user's schema is looked up, and nothing is written. A database is read in one
// snapshot of its own; how the statements look: catalogue-sql.ts.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import {
  type CatalogueDatabase,
  type CatalogueRelation,
  type CatalogueSchema,
  type CatalogueSnapshot,
  SHARED_DATABASE_OID,
  SHARED_TABLESPACE_OID,
} from "../model/catalogue.ts";
import { failure } from "../model/failure.ts";
import { type Lsn, parseLsn } from "../model/lsn.ts";
import { parseTimelineDigits, type Timeline } from "../model/timeline.ts";
import {
  CURRENT_DATABASE_SQL,
  DATABASES_SQL,
  POSITION_SQL,
  RELATIONS_SQL,
  SCHEMAS_SQL,
  SNAPSHOT_SQL,
} from "./catalogue-sql.ts";
import { text, truth } from "./cluster-facts.ts";
import { connect, type ConnectionSettings, type Row, type Session } from "./connection.ts";

/** One database may take so long, the connection included: a lock on its catalogues can stop that already. */
const DATABASE_TIMEOUT_MS = 30_000;

/** Where WAL is, and when. */
interface Position {
  readonly timeline: Timeline;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** A database as the list of databases has it. */
type ListedDatabase = Pick<
  CatalogueDatabase,
  "oid" | "name" | "tablespace" | "isTemplate" | "allowConnections"
>;

/** What one database said. */
interface DatabaseReading {
  readonly lsn: Lsn;
  readonly tablespace: number;
  readonly schemas: readonly CatalogueSchema[];
  readonly relations: readonly CatalogueRelation[];
  /** The relations that every database lists and none owns. */
  readonly shared: readonly CatalogueRelation[];
}

/**
 * Reads the catalogues, one database after the other, each by a session that is closed again.
 *
 * A database that allows no connections is in the result without relations. So is one that cannot be read, because it
 * was dropped meanwhile or its catalogues are locked for too long; then the log says why.
 *
 * @param settings the first session's database is one of those that are read.
 * @throws {HindsightError} `POSTGRES_CONNECTION_FAILED`, `POSTGRES_CONNECTION_LOST`, `POSTGRES_QUERY_FAILED` when the
 *   databases cannot even be listed; `POSTGRES_STATE_WRONG` when the server was promoted meanwhile.
 */
export async function readCatalogue(
  settings: ConnectionSettings,
  context: Context,
): Promise<CatalogueSnapshot> {
  await using session = await connect(settings, context);
  const begin = await readPosition(session);
  const listed = (await session.rows(DATABASES_SQL)).map(listedDatabase);
  const own = await session.value(CURRENT_DATABASE_SQL);
  const databases: CatalogueDatabase[] = [];
  let shared: CatalogueDatabase = sharedDatabase(undefined);
  for (const database of listed) {
    const sessionOfOwn = database.name === own ? session : undefined;
    const reading = await tryReading(database, { settings, sessionOfOwn, context });
    databases.push(withReading(database, reading));
    if (!shared.relations) shared = sharedDatabase(reading);
  }
  // The first position holds for all: it was read before everything else.
  requireSameTimeline(begin, await readPosition(session));
  return { ...begin, databases: [shared, ...databases] };
}

/** @returns undefined when the database cannot be read. */
async function tryReading(
  database: ListedDatabase,
  {
    settings,
    sessionOfOwn,
    context,
  }: {
    readonly settings: ConnectionSettings;
    readonly sessionOfOwn: Session | undefined;
    readonly context: Context;
  },
): Promise<DatabaseReading | undefined> {
  if (!database.allowConnections) return undefined;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(DATABASE_TIMEOUT_MS)]);
  try {
    if (sessionOfOwn) return await readDatabase(sessionOfOwn, database);
    const place = { ...settings, database: database.name };
    await using session = await connect(place, { ...context, signal });
    return await readDatabase(session, database);
  } catch (error) {
    context.signal.throwIfAborted();
    const reason = errorMessage(error);
    context.log.detail("a database is left out of the catalogue", {
      database: database.name,
      reason,
    });
    return undefined;
  }
}

async function readDatabase(session: Session, listed: ListedDatabase): Promise<DatabaseReading> {
  // Before the snapshot: what commits between the two is then in it, not missing.
  const { lsn } = await readPosition(session);
  await session.rows("begin transaction isolation level repeatable read, read only");
  try {
    const tablespace = ownTablespace(await session.row(SNAPSHOT_SQL), listed);
    const schemas = await session.rows(SCHEMAS_SQL);
    const rows = await session.rows(RELATIONS_SQL, [String(tablespace)]);
    const isShared = (row: Row): boolean => truth(row, "shared");
    return {
      lsn,
      tablespace,
      schemas: schemas.map((row) => ({ oid: number(row, "oid"), name: text(row, "name") })),
      relations: rows.filter((row) => !isShared(row)).map(relation),
      shared: rows.filter(isShared).map(relation),
    };
  } finally {
    await session.rows("rollback");
  }
}

async function readPosition(session: Session): Promise<Position> {
  const row = await session.row(POSITION_SQL);
  return {
    timeline: parseTimelineDigits(text(row, "timeline")),
    lsn: parseLsn(text(row, "lsn")),
    at: Temporal.Instant.fromEpochNanoseconds(BigInt(text(row, "at")) * 1000n),
  };
}

/** Its default tablespace may have changed since the list was made, and its name may mean another one now. */
function ownTablespace(row: Row, listed: ListedDatabase): number {
  if (number(row, "oid") === listed.oid) return number(row, "tablespace");
  throw failure("POSTGRES_STATE_WRONG", `database "${listed.name}" was replaced by another one`, {
    context: { oid: listed.oid, found: number(row, "oid") },
  });
}

function requireSameTimeline(begin: Position, end: Position): void {
  if (begin.timeline === end.timeline) return;
  throw failure(
    "POSTGRES_STATE_WRONG",
    `the server went from timeline ${begin.timeline} to ${end.timeline} while its catalogues were read`,
    { hint: "It was promoted. Try again." },
  );
}

function withReading(
  database: ListedDatabase,
  reading: DatabaseReading | undefined,
): CatalogueDatabase {
  if (!reading) return { ...database, lsn: undefined, schemas: [], relations: undefined };
  const { lsn, tablespace, schemas, relations } = reading;
  return { ...database, lsn, tablespace, schemas, relations };
}

/** What belongs to no database, as the first one that was read tells of it. */
function sharedDatabase(reading: DatabaseReading | undefined): CatalogueDatabase {
  const database: ListedDatabase = {
    oid: SHARED_DATABASE_OID,
    name: "",
    tablespace: SHARED_TABLESPACE_OID,
    isTemplate: false,
    allowConnections: false,
  };
  if (!reading) return withReading(database, undefined);
  const used = new Set(reading.shared.map(({ schema }) => schema));
  return {
    ...database,
    lsn: reading.lsn,
    schemas: reading.schemas.filter(({ oid }) => used.has(oid)),
    relations: reading.shared,
  };
}

function listedDatabase(row: Row): ListedDatabase {
  return {
    oid: number(row, "oid"),
    name: text(row, "name"),
    tablespace: number(row, "tablespace"),
    isTemplate: truth(row, "is_template"),
    allowConnections: truth(row, "allow_connections"),
  };
}

function relation(row: Row): CatalogueRelation {
  const { table, parents } = row;
  return {
    oid: number(row, "oid"),
    relfilenode: number(row, "relfilenode"),
    tablespace: number(row, "tablespace"),
    schema: number(row, "schema"),
    name: text(row, "name"),
    kind: text(row, "kind"),
    persistence: text(row, "persistence"),
    table: typeof table === "string" ? Number(table) : undefined,
    parents: typeof parents === "string" ? parents.split(",").map(Number) : [],
    rowsEstimate: number(row, "rows_estimate"),
  };
}

function number(row: Row, column: string): number {
  return Number(text(row, column));
}
