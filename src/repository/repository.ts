// A repository: a store, the record that makes it one, and how its objects are sealed. Everything else in this folder is
// handed a Repository. Where to read on: keys.ts (names), stanza.ts, wal-archive.ts, pack-writer.ts and pack-reader.ts,
// manifest.ts, backup-set.ts (which backups exist), key-slots.ts (how an encrypted one is opened).
import type { Context } from "../base/context.ts";
import { createAesSealer } from "../codec/aes-seal.ts";
import { plainSealer, type SealKind, type Sealer, SEALS } from "../codec/seal.ts";
import { failure } from "../model/failure.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import { putFact, readStoredFact } from "./fact.ts";
import { addSlot, unlockRootKey } from "./key-slots.ts";
import { keySlotKey, REPOSITORY_KEY } from "./keys.ts";
import { type ProbeVerdict, probeStore, refuseForeign } from "./repository-probe.ts";
import {
  createRootKey,
  isSameProof,
  type OpenedKey,
  PLAIN_ACCESS,
  proofOf,
  type RepositoryAccess,
  type RepositorySecret,
} from "./root-key.ts";
import type { Json, JsonFields } from "./strict-json.ts";

/** The content of repository.json. */
export interface RepositoryRecord {
  /** 32 lower-case hexadecimal digits, made once at random. */
  readonly id: string;
  readonly createdAt: Temporal.Instant;
  readonly cipher: SealKind;
  readonly probe: ProbeVerdict;
}

/** An open repository. */
export interface Repository {
  readonly store: ObjectStore;
  readonly id: string;
  readonly sealer: Sealer;
  readonly record: RepositoryRecord;
  /** Undefined when the repository is not encrypted. */
  readonly key: OpenedKey | undefined;
}

/** The record as it is stored. */
interface StoredRecord {
  readonly record: RepositoryRecord;
  /** Undefined when the repository is not encrypted. */
  readonly proof: string | undefined;
}

/**
 * Makes a place a repository, or opens the one that is there.
 *
 * @param access says whether the new repository is encrypted, and with which secret it will be opened.
 * @returns `created` is false when the repository was there, also when somebody else made it at the same moment.
 * @throws {HindsightError} `REPOSITORY_FOREIGN` when the place holds something else, and what {@link openRepository}
 *   and the store throw.
 */
export async function createRepository(
  store: ObjectStore,
  context: Context,
  access: RepositoryAccess = PLAIN_ACCESS,
): Promise<{ readonly repository: Repository; readonly created: boolean }> {
  const existing = await readRecord(store, context);
  if (existing) {
    return { repository: await assemble(store, existing, { access, context }), created: false };
  }
  const { signal } = context;
  await refuseForeign(store, context);
  // Before anything is written, because it may not be there.
  const secret = access.cipher === "none" ? undefined : await access.secret(context);
  using _ = secret?.bytes;
  const record: RepositoryRecord = {
    id: context.random.bytes(16).toString("hex"),
    createdAt: context.clock.now(),
    cipher: access.cipher,
    probe: await probeStore(store, context),
  };
  const slot = await putRecord({ store, record }, secret, context);
  // Read back even after "created": what counts is what the store now holds, and the answer may have been lost once.
  const repository = await openRepository(store, context, access);
  const created = repository.id === record.id;
  // Somebody else was quicker: our slot belongs to no repository.
  if (!created && slot !== undefined) await store.remove(keySlotKey(slot), { signal });
  return { repository, created };
}

/** @returns the name of the first key slot, which is there before the record; undefined without encryption. */
async function putRecord(
  { store, record }: { readonly store: ObjectStore; readonly record: RepositoryRecord },
  secret: RepositorySecret | undefined,
  context: Context,
): Promise<string | undefined> {
  const place = { store, id: record.id, sealer: plainSealer };
  const value = formatRecord(record);
  if (!secret) {
    await putFact(place, REPOSITORY_KEY, { value, context });
    return undefined;
  }
  using rootKey = createRootKey(context);
  const slot = await addSlot(place, { rootKey, secret }, context);
  const proof = proofOf(rootKey, { id: record.id, key: REPOSITORY_KEY }, value);
  await putFact(place, REPOSITORY_KEY, { value: { ...value, proof }, context });
  return slot.name;
}

/**
 * Opens a repository. Its record is read in this very call, so an answer of absence later is not mistaken for a store
 * that is not there. The key of an encrypted one is found and proven before anything else is read.
 *
 * @throws {HindsightError} `REPOSITORY_MISSING`, `REPOSITORY_FORMAT_UNKNOWN`, `OBJECT_CORRUPT`; `KEY_WRONG`,
 *   `KEY_MISSING`, `REPOSITORY_NOT_ENCRYPTED` when `access` does not fit; or what the store throws.
 */
export async function openRepository(
  store: ObjectStore,
  context: Context,
  access: RepositoryAccess = PLAIN_ACCESS,
): Promise<Repository> {
  const stored = await readRecord(store, context);
  if (stored) return await assemble(store, stored, { access, context });
  throw failure("REPOSITORY_MISSING", `${store.description} holds no repository`, {
    hint: "Check the path and that its file system is mounted; `hindsight stanza-create` makes a new repository.",
    context: { key: REPOSITORY_KEY },
  });
}

async function assemble(
  store: ObjectStore,
  { record, proof }: StoredRecord,
  { access, context }: { readonly access: RepositoryAccess; readonly context: Context },
): Promise<Repository> {
  const { id } = record;
  requireCipher(store, record, access);
  if (proof === undefined) return { store, id, sealer: plainSealer, record, key: undefined };
  const key = await openKey({ store, id }, access, context);
  const expected = proofOf(key.rootKey, { id, key: REPOSITORY_KEY }, formatRecord(record));
  if (!isSameProof(proof, expected)) {
    throw corrupt(REPOSITORY_KEY, "it was not written by a holder of the repository's key");
  }
  const sealer = createAesSealer(key.rootKey.reveal(), context.random);
  return { store, id, sealer, record, key };
}

/** What the configuration expects must be what is there: else secrets would go to a place that does not keep them. */
function requireCipher(
  { description }: ObjectStore,
  { cipher }: RepositoryRecord,
  access: RepositoryAccess,
): void {
  if (cipher === access.cipher) return;
  if (cipher === "none") {
    throw failure(
      "REPOSITORY_NOT_ENCRYPTED",
      `${description} is not encrypted, but its cipher-type is ${access.cipher}`,
      {
        hint: "A repository is encrypted from its creation or never: give repo-path another place for an encrypted one, or set repo-cipher-type=none. If this one was encrypted before, somebody replaced it.",
      },
    );
  }
  throw failure("KEY_MISSING", `${description} is encrypted, but its cipher-type is none`, {
    hint: `Set repo-cipher-type=${cipher} and one of repo-cipher-key-file, repo-cipher-pass-file, repo-cipher-pass-command and repo-cipher-pass, with the number of the repository.`,
  });
}

async function openKey(
  place: { readonly store: ObjectStore; readonly id: string },
  access: RepositoryAccess,
  context: Context,
): Promise<OpenedKey> {
  const known = access.opened.get(place.id);
  if (known) return known;
  const secret = await access.secret(context);
  using _ = secret.bytes;
  const key = await unlockRootKey(place, secret, context);
  access.opened.set(place.id, key);
  return key;
}

async function readRecord(store: ObjectStore, context: Context): Promise<StoredRecord | undefined> {
  const fact = await readStoredFact(store, {
    key: REPOSITORY_KEY,
    repositoryId: undefined,
    sealer: plainSealer,
    parse: parseRecord,
    context,
  });
  if (fact && fact.value.record.id !== fact.repositoryId) {
    throw corrupt(REPOSITORY_KEY, "its header and its content name different repositories");
  }
  return fact?.value;
}

function formatRecord(record: RepositoryRecord): Record<string, Json> {
  return {
    id: record.id,
    createdAt: record.createdAt.toString(),
    cipher: record.cipher,
    probe: { putIfAbsent: record.probe.putIfAbsent, listing: record.probe.listing },
  };
}

function parseRecord(fields: JsonFields): StoredRecord {
  const id = fields.textOf("id", /^[0-9a-f]{32}$/);
  const createdAt = fields.instant("createdAt");
  const cipher = parseCipher(fields.text("cipher"));
  const probe = fields.fields("probe");
  const verdict = { putIfAbsent: probe.boolean("putIfAbsent"), listing: probe.boolean("listing") };
  probe.end();
  const proof = cipher === "none" ? undefined : fields.sha256("proof");
  return { record: { id, createdAt, cipher, probe: verdict }, proof };
}

function parseCipher(word: string): SealKind {
  const cipher = SEALS.find((kind) => kind === word);
  if (cipher) return cipher;
  throw failure(
    "REPOSITORY_FORMAT_UNKNOWN",
    `the repository is sealed with ${word}, which this release does not know`,
    { hint: "A newer release of Hindsight made it; use that release or a later one." },
  );
}
