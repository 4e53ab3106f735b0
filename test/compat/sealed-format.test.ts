// The encrypted repository that format 1 froze (fixtures/sealed-1): whoever has docs/repository-format.md can open it,
// and so can every later release. Its key file is the bytes 0 to 31.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { SecretBytes } from "../../src/base/secret.ts";
import { parseBackupLabel } from "../../src/model/backup-label.ts";
import { lsn } from "../../src/model/lsn.ts";
import { stanzaName } from "../../src/model/stanza.ts";
import { timeline } from "../../src/model/timeline.ts";
import { readCatalogue } from "../../src/repository/catalogue.ts";
import { readManifest } from "../../src/repository/manifest.ts";
import { PackReader } from "../../src/repository/pack-reader.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { createAccess, type RepositorySecret } from "../../src/repository/root-key.ts";
import { readStanza } from "../../src/repository/stanza.ts";
import { getWalFile, readWalHeader } from "../../src/repository/wal-archive.ts";
import { getWalIndex } from "../../src/repository/wal-index.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { openObject, openPack, readRepositoryRecord, readRootKey } from "./sealed-reader.ts";

const ROOT = join(import.meta.dirname, "fixtures", "sealed-1");
const KEY_FILE = Buffer.from(Array.from({ length: 32 }, (_, at) => at));
const PASSPHRASE = "correct horse battery staple";
const ROOT_KEY = "b874c5fe3dc12752693f26b99320430c9fdd3dfdb7664dadf3ecb1ebd5ef1d0a";

const HISTORY = "9\t0/5000000\tno recovery target specified\n";
const HISTORY_KEY = "stanza/main/archive/18-1/history/0000000A.history";
const BACKUP = "stanza/main/backup/20261121-024000F";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const rootKey = (): Buffer => Buffer.from(ROOT_KEY, "hex");

test("passphrase and key file unwrap the same root key, and repository.json is proven by it", () => {
  expect(readRootKey(ROOT, { keyFile: KEY_FILE }).toString("hex")).toBe(ROOT_KEY);
  expect(readRootKey(ROOT, { passphrase: PASSPHRASE }).toString("hex")).toBe(ROOT_KEY);
  expect(readRepositoryRecord(ROOT, rootKey())).toMatchObject({
    id: "a00087fbf7479cb86dfe747d23673f27",
    cipher: "aes-256-gcm",
  });
  expect(() => readRootKey(ROOT, { passphrase: "another" })).toThrow("authenticate");
});

test("facts, WAL files, indexes and catalogues open by the page alone", () => {
  const record = openObject(ROOT, "stanza/main/stanza/1", rootKey());
  expect(JSON.parse(record.frames[0]?.plain.toString() ?? "")).toMatchObject({
    systemIdentifier: "7427163219804653187",
  });
  const history = openObject(ROOT, HISTORY_KEY, rootKey());
  expect(history.frames.map(({ tag, plain }) => [tag, plain.toString()])).toEqual([
    ["WALD", HISTORY],
  ]);
  expect(history.fields.toString("hex", 0, 32)).toBe(sha256(Buffer.from(HISTORY)));
  expect(history.fields.readBigUInt64LE(40)).toBe(7_427_163_219_804_653_187n);
  // What the fields say is not to be read without the key.
  expect(history.header.includes(Buffer.from(sha256(Buffer.from(HISTORY)), "hex"))).toBe(false);
  const index = openObject(
    ROOT,
    "stanza/main/archive/18-1/0000000100000000/000000010000000000000003.index-1",
    rootKey(),
  );
  expect(BigInt(index.frames[0]?.plain.length ?? 0)).toBe(index.fields.readBigUInt64LE(0));
  const catalogue = openObject(ROOT, "stanza/main/catalogue/0000000A-0000000115000028", rootKey());
  expect(catalogue.frames[0]?.plain.toString()).toContain('"orders"');
});

test("a pack and a manifest open by the page alone", () => {
  const blobs = openPack(openObject(ROOT, "stanza/main/pack/20261121-024000F/00000000", rootKey()));
  expect(blobs.map(({ plain }) => plain)).toEqual([
    Buffer.from("first chunk"),
    Buffer.alloc(513, 7),
  ]);
  expect(blobs.map(({ sha256: found }) => found)).toEqual(blobs.map(({ plain }) => sha256(plain)));
  expect(blobs.map(({ pageHashes }) => pageHashes.length)).toEqual([8, 16]);
  const manifest = openObject(ROOT, `${BACKUP}/manifest`, rootKey());
  expect(manifest.frames.map(({ tag }) => tag)).toEqual(["HEAD", "PKTB", "FILE", "DONE"]);
  const outcome = openObject(ROOT, `${BACKUP}/outcome`, rootKey());
  expect(JSON.parse(outcome.frames[0]?.plain.toString() ?? "")).toMatchObject({
    state: "committed",
    manifestSha256: sha256(manifest.bytes),
  });
});

test.each<[RepositorySecret["kind"], Buffer]>([
  ["key-file", KEY_FILE],
  ["passphrase", Buffer.from(PASSPHRASE)],
])("this release opens it with the %s", async (kind, content) => {
  const context = createContext();
  const access = createAccess(() =>
    Promise.resolve({ kind, bytes: new SecretBytes(Buffer.from(content)) }),
  );
  const store = openStore({ type: "posix", path: ROOT }, context);
  const repository = await openRepository(store, context, access);
  const stanza = stanzaName("main");
  const archive = { repository, stanza, record: await readStanza(repository, stanza, context) };
  expect((await getWalFile(archive, "0000000A.history", context))?.toString()).toBe(HISTORY);
  expect(await readWalHeader(archive, "0000000A.history", context)).toMatchObject({ timeline: 10 });
  expect(await getWalIndex(archive, "000000010000000000000003", context)).toBeDefined();
  const place = { timeline: timeline(10), lsn: lsn(0x1_1500_0028n) };
  expect(await readCatalogue(repository, stanza, { place, context })).toBeDefined();
  const label = parseBackupLabel("20261121-024000F");
  const { entries } = await readManifest(repository, stanza, label, context);
  const kinds: string[] = [];
  for await (const entry of entries) kinds.push(entry.kind);
  expect(kinds).toHaveLength(12);
  const entry = { label, number: 0, sizeBytes: 954, sha256: "", blobCount: 2 };
  const pack = await PackReader.open(repository, stanza, entry, context);
  expect((await pack.readBlob(0, context)).toString()).toBe("first chunk");
  expect(await pack.pageHashes(1)).toHaveLength(16);
});
