// The clusters of a stanza. Each has a record with a number; the highest is the current one, and a major upgrade adds
// the next. Everything that is archived belongs to one of them.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { type StanzaName, stanzaName } from "../model/stanza.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { isSegmentSize } from "../model/wal-segment.ts";
import { listNames } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import { putFact, readFact } from "./fact.ts";
import { STANZAS_PREFIX, stanzaRecordKey, stanzaRecordPrefix } from "./keys.ts";
import type { Repository } from "./repository.ts";
import { type Json, type JsonFields, JsonShapeError } from "./strict-json.ts";

/** One cluster of a stanza. */
export interface StanzaRecord {
  /** Counted from 1; part of the key. */
  readonly number: number;
  /** pgBackRest's db-id: counts the clusters of the stanza. */
  readonly databaseId: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly majorVersion: number;
  readonly catalogVersion: number;
  readonly controlVersion: number;
  readonly segmentSizeBytes: number;
  readonly createdAt: Temporal.Instant;
}

/** What makes a cluster this one and no other. */
export type ClusterIdentity = Omit<StanzaRecord, "number" | "databaseId" | "createdAt">;

/**
 * Records the cluster of a new stanza. Doing it again for the same cluster changes nothing.
 *
 * @returns the record that is there now; `created` is false when it was there before.
 * @throws {HindsightError} `CLUSTER_MISMATCH` when the stanza is another cluster's.
 */
export async function createStanza(
  repository: Repository,
  name: StanzaName,
  facts: ClusterIdentity,
  context: Context,
): Promise<{ readonly record: StanzaRecord; readonly created: boolean }> {
  const existing = await readCurrent(repository, name, context);
  if (existing) return { record: requireSame(name, existing, facts), created: false };
  const record: StanzaRecord = {
    ...facts,
    number: 1,
    databaseId: 1,
    createdAt: context.clock.now(),
  };
  const value = formatRecord(record);
  const outcome = await putFact(repository, stanzaRecordKey(name, 1), { value, context });
  const stored = await readStanza(repository, name, context);
  return { record: requireSame(name, stored, facts), created: outcome === "created" };
}

/**
 * Records that the stanza's cluster is another one now, as after pg_upgrade. What the former one archived stays its own.
 *
 * @returns the current record; `created` is false when it is this cluster's already.
 * @throws {HindsightError} `STANZA_UNKNOWN`, `OBJECT_CORRUPT`; `CLUSTER_MISMATCH` when another cluster came first.
 */
export async function upgradeStanza(
  repository: Repository,
  name: StanzaName,
  facts: ClusterIdentity,
  context: Context,
): Promise<{ readonly record: StanzaRecord; readonly created: boolean }> {
  const former = await readStanza(repository, name, context);
  if (isSame(former, facts)) return { record: former, created: false };
  const number = former.number + 1;
  const databaseId = former.databaseId + 1;
  const record = { ...facts, number, databaseId, createdAt: context.clock.now() };
  const value = formatRecord(record);
  const outcome = await putFact(repository, stanzaRecordKey(name, number), { value, context });
  const stored = await readStanza(repository, name, context);
  return { record: requireSame(name, stored, facts), created: outcome === "created" };
}

function isSame(record: StanzaRecord, facts: ClusterIdentity): boolean {
  return Object.keys(IDENTITY_NAMES).every(
    (key) => record[key as keyof ClusterIdentity] === facts[key as keyof ClusterIdentity],
  );
}

/**
 * The current record of a stanza.
 *
 * @throws {HindsightError} `STANZA_UNKNOWN`, `OBJECT_CORRUPT`
 */
export async function readStanza(
  repository: Repository,
  name: StanzaName,
  context: Context,
): Promise<StanzaRecord> {
  const record = await readCurrent(repository, name, context);
  if (record) return record;
  throw unknownStanza(repository, name);
}

function unknownStanza(repository: Repository, name: StanzaName): Error {
  return failure("STANZA_UNKNOWN", `the repository has no stanza "${name}"`, {
    hint: "`hindsight info` lists the stanzas; `hindsight stanza-create` makes one.",
    context: { stanza: name, repository: repository.store.description },
  });
}

/**
 * Every cluster that the stanza has had, oldest first; the last one is the current one.
 *
 * @throws {HindsightError} `STANZA_UNKNOWN`, `OBJECT_CORRUPT`
 */
export async function listStanzaRecords(
  repository: Repository,
  name: StanzaName,
  context: Context,
): Promise<readonly StanzaRecord[]> {
  const records: StanzaRecord[] = [];
  for (const number of await recordNumbers(repository, name, context)) {
    records.push(await readRecord(repository, { name, number }, context));
  }
  if (records.length > 0) return records;
  throw unknownStanza(repository, name);
}

/** The names of all stanzas, sorted. */
export async function listStanzas(
  repository: Repository,
  context: Context,
): Promise<readonly StanzaName[]> {
  const names = await listNames(repository.store, STANZAS_PREFIX, { signal: context.signal });
  return names.filter((name) => name.endsWith("/")).flatMap((name) => nameOrNothing(name));
}

/** The archive's part of keys, as pgBackRest calls it: major version and database id, `18-1`. */
export function archiveId(record: Pick<StanzaRecord, "majorVersion" | "databaseId">): string {
  return `${record.majorVersion}-${record.databaseId}`;
}

/** Folders that cannot be a stanza's are not ours, and no reason to hide the others. */
function nameOrNothing(folder: string): readonly StanzaName[] {
  try {
    return [stanzaName(folder.slice(0, -1))];
  } catch {
    return [];
  }
}

async function readCurrent(
  repository: Repository,
  name: StanzaName,
  context: Context,
): Promise<StanzaRecord | undefined> {
  const number = (await recordNumbers(repository, name, context)).at(-1);
  return number === undefined ? undefined : readRecord(repository, { name, number }, context);
}

async function recordNumbers(
  repository: Repository,
  name: StanzaName,
  context: Context,
): Promise<readonly number[]> {
  const prefix = stanzaRecordPrefix(name);
  const names = await listNames(repository.store, prefix, { signal: context.signal });
  const numbers = names.filter((text) => /^[1-9][0-9]{0,5}$/.test(text)).map(Number);
  return numbers.toSorted((left, right) => left - right);
}

async function readRecord(
  repository: Repository,
  { name, number }: { readonly name: StanzaName; readonly number: number },
  context: Context,
): Promise<StanzaRecord> {
  const key = stanzaRecordKey(name, number);
  const parse = (fields: JsonFields): StanzaRecord => parseRecord(fields, number);
  const record = await readFact(repository, key, { parse, context });
  if (!record) throw corrupt(key, "it was listed but is not there");
  return record;
}

const IDENTITY_NAMES = {
  systemIdentifier: "system identifier",
  majorVersion: "PostgreSQL major version",
  catalogVersion: "catalogue version",
  controlVersion: "control file version",
  segmentSizeBytes: "WAL segment size",
} as const satisfies Record<keyof ClusterIdentity, string>;

function requireSame(name: StanzaName, record: StanzaRecord, facts: ClusterIdentity): StanzaRecord {
  for (const [field, title] of Object.entries(IDENTITY_NAMES)) {
    const key = field as keyof ClusterIdentity;
    if (record[key] === facts[key]) continue;
    throw failure(
      "CLUSTER_MISMATCH",
      `stanza "${name}" belongs to another cluster: its ${title} is ${record[key]}, this cluster's is ${facts[key]}`,
      {
        hint: "Use another stanza name for another cluster; check pg1-path and pg1-port when it should be the same. After a major upgrade run `hindsight stanza-upgrade`.",
        context: { stanza: name, recorded: record[key], found: facts[key] },
      },
    );
  }
  return record;
}

function formatRecord(record: StanzaRecord): Json {
  return {
    databaseId: record.databaseId,
    systemIdentifier: record.systemIdentifier.toString(),
    majorVersion: record.majorVersion,
    catalogVersion: record.catalogVersion,
    controlVersion: record.controlVersion,
    segmentSizeBytes: record.segmentSizeBytes,
    createdAt: record.createdAt.toString(),
  };
}

function parseRecord(fields: JsonFields, number: number): StanzaRecord {
  const record: StanzaRecord = {
    number,
    databaseId: fields.integer("databaseId"),
    systemIdentifier: systemIdentifier(fields.uint64("systemIdentifier")),
    majorVersion: fields.integer("majorVersion"),
    catalogVersion: fields.integer("catalogVersion", 0xffffffff),
    controlVersion: fields.integer("controlVersion", 0xffffffff),
    segmentSizeBytes: fields.integer("segmentSizeBytes"),
    createdAt: fields.instant("createdAt"),
  };
  if (!isSegmentSize(record.segmentSizeBytes)) {
    throw new JsonShapeError(`${record.segmentSizeBytes} is not a WAL segment size`);
  }
  return record;
}
