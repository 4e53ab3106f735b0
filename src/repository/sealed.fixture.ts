// An encrypted repository in memory with one object of every type, whose every byte is the same in each run but for the
// key slots. It is the repository that test/compat/ keeps, so none of this may ever change.
import { SecretBytes } from "../base/secret.ts";
import type { ObjectKey } from "../storage/object-store.ts";
// oxlint-disable-next-line no-restricted-imports -- only tests use this file
import { createMemoryStore } from "../storage/memory.ts";
import { restorePoint, transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { indexesOf, insertion } from "../wal/index.fixture.ts";
import { CATALOGUE_KEY, SNAPSHOT } from "./catalogue.fixture.ts";
import { putCatalogue } from "./catalogue.ts";
import { ENTRIES, NONE, writeEntries } from "./manifest.fixture.ts";
import { type PackEntry, PackWriter } from "./pack-writer.ts";
import { createRepository } from "./repository.ts";
import { CLUSTER, type Fixture, fixedContext, LABEL, STANZA } from "./repository.fixture.ts";
import { createAccess, type RepositoryAccess, type RepositorySecret } from "./root-key.ts";
import { createStanza } from "./stanza.ts";
import { putWalFile } from "./wal-archive.ts";
import { putWalIndex } from "./wal-index.ts";

/** The content of the key file: the bytes 0 to 31. */
export const KEY_FILE: Buffer = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
export const PASSPHRASE = "correct horse battery staple";

export const HISTORY_NAME = "0000000A.history";
export const HISTORY = "9\t0/5000000\tno recovery target specified\n";
export const SEGMENT_NAME = "000000010000000000000003";
/** What the blobs of the pack hold. */
export const CHUNKS: readonly Buffer[] = [Buffer.from("first chunk"), Buffer.alloc(513, 7)];

/** One object of every type, by what it is. */
export const SAMPLE_KEYS: Readonly<Record<SampleName, ObjectKey>> = {
  stanza: "stanza/main/stanza/1",
  history: `stanza/main/archive/18-1/history/${HISTORY_NAME}`,
  index: `stanza/main/archive/18-1/0000000100000000/${SEGMENT_NAME}.index-1`,
  catalogue: CATALOGUE_KEY,
  pack: "stanza/main/pack/20261121-024000F/00000000",
  manifest: "stanza/main/backup/20261121-024000F/manifest",
  outcome: "stanza/main/backup/20261121-024000F/outcome",
};
export type SampleName =
  | "stanza"
  | "history"
  | "index"
  | "catalogue"
  | "pack"
  | "manifest"
  | "outcome";

/** A secret of that content. */
export function secretOf(
  kind: RepositorySecret["kind"],
  content: Buffer | string,
): RepositorySecret {
  return { kind, bytes: new SecretBytes(Buffer.from(content)) };
}

/** Access with the key file above. */
export function keyFileAccess(content: Buffer = KEY_FILE): RepositoryAccess {
  return createAccess(() => Promise.resolve(secretOf("key-file", content)));
}

/** A fresh encrypted repository with one stanza. */
export async function createSealedFixture(): Promise<Fixture> {
  const store = createMemoryStore();
  const context = fixedContext();
  const { repository } = await createRepository(store, context, keyFileAccess());
  const { record } = await createStanza(repository, STANZA, CLUSTER, context);
  return { store, repository, archive: { repository, stanza: STANZA, record }, context };
}

/** Puts the other objects of {@link SAMPLE_KEYS} into it. */
export async function writeSample(fixture: Fixture): Promise<PackEntry> {
  const { archive, repository, context } = fixture;
  await putWalFile(archive, HISTORY_NAME, Buffer.from(HISTORY), NONE, context);
  const builder = new WalBuilder({ firstSegment: 3 });
  builder.append(insertion({ xid: 700, block: 5 }));
  builder.append(transactionEnd("commit", 700, "2026-11-21T08:00:00.123456Z"));
  builder.append(restorePoint("p", "2026-11-21T08:00:00.123456Z"));
  const [index] = indexesOf(builder);
  if (!index) throw new Error("there is no index");
  await putWalIndex(archive, { name: SEGMENT_NAME, index }, context);
  await putCatalogue(repository, STANZA, { snapshot: SNAPSHOT, context });
  const pack = await writePack(fixture);
  await writeEntries(fixture, ENTRIES);
  return pack;
}

async function writePack({ repository, context }: Fixture): Promise<PackEntry> {
  const options = { stanza: STANZA, label: LABEL, nextPackNumber: () => 0, pageSizeBytes: 512 };
  await using writer = new PackWriter(repository, { ...options, ...NONE }, context);
  for (const chunk of CHUNKS) await writer.append(chunk);
  const [entry] = await writer.finish();
  if (!entry) throw new Error("no pack was written");
  return entry;
}
