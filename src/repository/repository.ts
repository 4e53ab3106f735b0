// A repository: a store, the record that makes it one, and how its objects are sealed. Everything else in this folder is
// handed a Repository. Where to read on: keys.ts (names), stanza.ts, wal-archive.ts, pack-writer.ts and pack-reader.ts,
// manifest.ts, backup-set.ts (which backups exist).
import type { Context } from "../base/context.ts";
import { plainSealer, type Sealer } from "../codec/seal.ts";
import { failure } from "../model/failure.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import { putFact, readStoredFact } from "./fact.ts";
import { REPOSITORY_KEY } from "./keys.ts";
import { type ProbeVerdict, probeStore, refuseForeign } from "./repository-probe.ts";
import type { Json, JsonFields } from "./strict-json.ts";

/** The content of repository.json. */
export interface RepositoryRecord {
  /** 32 lower-case hexadecimal digits, made once at random. */
  readonly id: string;
  readonly createdAt: Temporal.Instant;
  readonly cipher: "none";
  readonly probe: ProbeVerdict;
}

/** An open repository. */
export interface Repository {
  readonly store: ObjectStore;
  readonly id: string;
  readonly sealer: Sealer;
  readonly record: RepositoryRecord;
}

/**
 * Makes a place a repository, or opens the one that is there.
 *
 * @returns `created` is false when the repository was there, also when somebody else made it at the same moment.
 * @throws {HindsightError} `REPOSITORY_FOREIGN` when the place holds something else, and what {@link openRepository}
 *   and the store throw.
 */
export async function createRepository(
  store: ObjectStore,
  context: Context,
): Promise<{ readonly repository: Repository; readonly created: boolean }> {
  const existing = await readRecord(store, context);
  if (existing) return { repository: assemble(store, existing), created: false };
  await refuseForeign(store, context);
  const record: RepositoryRecord = {
    id: context.random.bytes(16).toString("hex"),
    createdAt: context.clock.now(),
    cipher: "none",
    probe: await probeStore(store, context),
  };
  const place = { store, id: record.id, sealer: plainSealer };
  await putFact(place, REPOSITORY_KEY, { value: formatRecord(record), context });
  // Read back even after "created": what counts is what the store now holds, and the answer may have been lost once.
  const repository = await openRepository(store, context);
  return { repository, created: repository.id === record.id };
}

/**
 * Opens a repository. Its record is read in this very call, so an answer of absence later is not mistaken for a store
 * that is not there.
 *
 * @throws {HindsightError} `REPOSITORY_MISSING`, `REPOSITORY_FORMAT_UNKNOWN`, `OBJECT_CORRUPT`, or what the store throws.
 */
export async function openRepository(store: ObjectStore, context: Context): Promise<Repository> {
  const record = await readRecord(store, context);
  if (record) return assemble(store, record);
  throw failure("REPOSITORY_MISSING", `${store.description} holds no repository`, {
    hint: "Check the path and that its file system is mounted; `hindsight stanza-create` makes a new repository.",
    context: { key: REPOSITORY_KEY },
  });
}

function assemble(store: ObjectStore, record: RepositoryRecord): Repository {
  return { store, id: record.id, sealer: plainSealer, record };
}

async function readRecord(
  store: ObjectStore,
  context: Context,
): Promise<RepositoryRecord | undefined> {
  const fact = await readStoredFact(store, {
    key: REPOSITORY_KEY,
    repositoryId: undefined,
    sealer: plainSealer,
    parse: parseRecord,
    context,
  });
  if (fact && fact.value.id !== fact.repositoryId) {
    throw corrupt(REPOSITORY_KEY, "its header and its content name different repositories");
  }
  return fact?.value;
}

function formatRecord(record: RepositoryRecord): Json {
  return {
    id: record.id,
    createdAt: record.createdAt.toString(),
    cipher: record.cipher,
    probe: { putIfAbsent: record.probe.putIfAbsent, listing: record.probe.listing },
  };
}

function parseRecord(fields: JsonFields): RepositoryRecord {
  const id = fields.textOf("id", /^[0-9a-f]{32}$/);
  const createdAt = fields.instant("createdAt");
  const cipher = fields.text("cipher");
  if (cipher !== "none") {
    throw failure(
      "REPOSITORY_FORMAT_UNKNOWN",
      `the repository is sealed with ${cipher}, which this release does not know`,
      { hint: "A newer release of Hindsight made it; use that release or a later one." },
    );
  }
  const probe = fields.fields("probe");
  const verdict = { putIfAbsent: probe.boolean("putIfAbsent"), listing: probe.boolean("listing") };
  probe.end();
  return { id, createdAt, cipher, probe: verdict };
}
