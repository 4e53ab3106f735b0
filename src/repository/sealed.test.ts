// An encrypted repository in the hands of an attacker who knows everything but the key: whatever is done to an object,
// with every checksum made right again, it is not believed. What was written: test/compat/.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createAesSealer } from "../codec/aes-seal.ts";
import { crc32c, sha256 } from "../codec/digest.ts";
import { plainSealer } from "../codec/seal.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { isFailure } from "../model/failure.ts";
import { readOutcome } from "./backup-set.ts";
import { SNAPSHOT } from "./catalogue.fixture.ts";
import { readCatalogue } from "./catalogue.ts";
import { putFact } from "./fact.ts";
import { readEntries, ZSTD } from "./manifest.fixture.ts";
import type { PackEntry } from "./pack-format.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";
import {
  type Fixture,
  LABEL,
  patchHeader,
  replaceStored,
  STANZA,
  storedBytes,
  undetectedDamage,
} from "./repository.fixture.ts";
import {
  CHUNKS,
  createSealedFixture,
  HISTORY,
  HISTORY_NAME,
  SAMPLE_KEYS,
  type SampleName,
  SEGMENT_NAME,
  writeSample,
} from "./sealed.fixture.ts";
import { readStanza } from "./stanza.ts";
import { getWalFile, readWalHeader } from "./wal-archive.ts";
import { getWalIndex } from "./wal-index.ts";

interface Sample extends Fixture {
  readonly pack: PackEntry;
}

async function createSample(): Promise<Sample> {
  const fixture = await createSealedFixture();
  return { ...fixture, pack: await writeSample(fixture) };
}

/** Reads the whole of one object. */
const READERS: Readonly<Record<SampleName, (sample: Sample) => Promise<unknown>>> = {
  stanza: ({ repository, context }) => readStanza(repository, STANZA, context),
  history: async ({ archive, context }) => {
    await readWalHeader(archive, HISTORY_NAME, context);
    return await getWalFile(archive, HISTORY_NAME, context);
  },
  index: ({ archive, context }) => getWalIndex(archive, SEGMENT_NAME, context),
  catalogue: ({ repository, context }) =>
    readCatalogue(repository, STANZA, { place: SNAPSHOT, context }),
  pack: readPack,
  manifest: readEntries,
  outcome: ({ repository, context }) => readOutcome(repository, STANZA, LABEL, context),
};

async function readPack({ repository, pack, context }: Sample): Promise<readonly Buffer[]> {
  const reader = await PackReader.open(repository, STANZA, pack, context);
  const chunks: Buffer[] = [];
  for (let blob = 0; blob < reader.blobCount; blob += 1) {
    chunks.push(await reader.readBlob(blob, context));
    await reader.pageHashes(blob);
  }
  return chunks;
}

const NAMES = Object.keys(SAMPLE_KEYS) as readonly SampleName[];

test("what is written is what format 1 froze", async () => {
  const { store } = await createSample();
  const frozen = join(import.meta.dirname, "..", "..", "test", "compat", "fixtures", "sealed-1");
  for (const key of ["repository.json", ...Object.values(SAMPLE_KEYS)]) {
    const expected = readFileSync(join(frozen, key));
    const bytes = await storedBytes(store, key);
    // Compressed bytes are the compressor's, which may change: their header is compared.
    const isCompressed = expected[10] !== 0;
    const length = isCompressed ? headerSize(expected) : expected.length;
    expect(bytes.toString("hex", 0, length), key).toBe(expected.toString("hex", 0, length));
  }
});

test("nothing but headers can be read without the key", async () => {
  const { store } = await createSample();
  const plaintexts = [
    ...CHUNKS,
    ...CHUNKS.map(sha256),
    sha256(Buffer.from(HISTORY)),
    Buffer.from("no recovery target"),
    Buffer.from("systemIdentifier"),
    Buffer.from("7427163219804653187"),
    Buffer.from("manifestSha256"),
    Buffer.from("before the upgrade"),
  ];
  for (const key of Object.values(SAMPLE_KEYS)) {
    const bytes = await storedBytes(store, key);
    for (const plain of plaintexts) expect([key, bytes.includes(plain)]).toEqual([key, false]);
  }
});

test("compressed chunks are sealed after they were compressed", async () => {
  const { repository, context, store } = await createSample();
  const label = parseBackupLabel("20261121-024001F");
  const options = { stanza: STANZA, label, nextPackNumber: () => 0, pageSizeBytes: 512, ...ZSTD };
  await using writer = new PackWriter(repository, options, context);
  const chunk = Buffer.alloc(100_000, "all the same ");
  await writer.append(chunk);
  const [pack] = await writer.finish();
  if (!pack) throw new Error("no pack was written");
  const reader = await PackReader.open(repository, STANZA, pack, context);
  expect(await reader.readBlob(0, context)).toEqual(chunk);
  const stored = await storedBytes(store, `stanza/main/pack/${label}/00000000`);
  expect(stored.length).toBeLessThan(5000);
  expect(stored.includes("all the same")).toBe(false);
});

test.each(NAMES)("every damage of a sealed object is found: %s", async (name) => {
  const sample = await createSample();
  const read = (): Promise<unknown> => READERS[name](sample);
  const options = { flippedBytesCount: 60, cutsCount: 60 };
  expect(await undetectedDamage(sample.store, SAMPLE_KEYS[name], read, options)).toEqual([]);
});

test.each(NAMES)("with right checksums no change is believed either: %s", async (name) => {
  const sample = await createSample();
  const key = SAMPLE_KEYS[name];
  const original = await storedBytes(sample.store, key);
  const believed: string[] = [];
  for (let at = 0; at < original.length; at += Math.ceil(original.length / 400)) {
    const bytes = Buffer.from(original);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (at % 8)), at);
    replaceStored(sample.store, key, repairChecksums(bytes));
    const answer: unknown = await READERS[name](sample).catch((error: unknown) => error);
    // The one thing that is read before the seal is which release wrote it.
    const isRefused = isFailure(answer, "OBJECT_CORRUPT", "REPOSITORY_FORMAT_UNKNOWN");
    // A checksum that was changed is right again after the repair.
    if (!isRefused && !repairChecksums(bytes).equals(original)) believed.push(`byte ${at}`);
  }
  expect(believed).toEqual([]);
  replaceStored(sample.store, key, original);
  await READERS[name](sample);
});

test.each<SampleName>(["stanza", "history", "index", "catalogue", "pack", "manifest", "outcome"])(
  "an object is worth nothing in another repository, under another key, or without its seal: %s",
  async (name) => {
    const sample = await createSample();
    const { store } = sample;
    const key = SAMPLE_KEYS[name];
    const original = await storedBytes(store, key);
    const read = (): Promise<unknown> => READERS[name](sample);
    // What lies here was written with the same root key, for another repository or for another key of its length.
    const otherId = patchHeader(original, (header) => header.fill(0xab, 16, 32));
    const otherKey = patchHeader(original, (header) => header.write("s", 80, "latin1"));
    const otherType = patchHeader(original, (header) => header.write("FACT", 4, "latin1"));
    const unsealed = patchHeader(original, (header) => header.fill(0, 32, 80).writeUInt8(0, 11));
    for (const bytes of [otherId, otherKey, otherType, unsealed]) {
      if (bytes.equals(original)) continue;
      replaceStored(store, key, bytes);
      await expect(read()).rejects.toMatchObject({ code: "OBJECT_CORRUPT", context: { key } });
    }
  },
);

test("an object of another repository with the same root key does not open", async () => {
  const { repository, store, context } = await createSample();
  const key = SAMPLE_KEYS.outcome;
  const sealer = createAesSealer(repository.key?.rootKey.reveal() ?? KEY_NONE, context.random);
  const value = { state: "revoked", manifestSha256: null, decidedAt: "2026-11-21T02:40:00Z" };
  const write = async (place: { id: string; key: string }): Promise<Buffer> => {
    await putFact({ store, id: place.id, sealer }, place.key, { value, context });
    return await storedBytes(store, place.key);
  };
  const asOurs = (bytes: Buffer): Buffer =>
    patchHeader(bytes, (header) => {
      header.write(repository.id, 16, "hex");
      header.write(key, 80, "latin1");
    });
  const read = (): Promise<unknown> => readOutcome(repository, STANZA, LABEL, context);
  await store.remove(key);
  const theirs = await write({ id: "cd".repeat(16), key });
  replaceStored(store, key, asOurs(theirs));
  await expect(read()).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
  // An outcome of another backup of this very repository.
  const another = await write({ id: repository.id, key: key.replace("024000F", "024001F") });
  replaceStored(store, key, asOurs(another));
  await expect(read()).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
  replaceStored(store, key, asOurs(await rewritten()));
  await expect(read()).resolves.toMatchObject({ state: "revoked" });

  async function rewritten(): Promise<Buffer> {
    await store.remove(key);
    return await write({ id: repository.id, key });
  }
});

const KEY_NONE = Buffer.alloc(32);

test("a plain object that somebody puts into an encrypted repository is refused", async () => {
  const { repository, store, context } = await createSample();
  const key = SAMPLE_KEYS.outcome;
  await store.remove(key);
  const value = { state: "revoked", manifestSha256: null, decidedAt: "2026-11-21T02:40:00Z" };
  await putFact({ store, id: repository.id, sealer: plainSealer }, key, { value, context });
  await expect(readOutcome(repository, STANZA, LABEL, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("not sealed") as string,
  });
});

test("a sealed object that somebody puts into a plain repository is refused", async () => {
  const { repository, context } = await createSample();
  const asPlain = { ...repository, sealer: plainSealer };
  await expect(readOutcome(asPlain, STANZA, LABEL, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("it is sealed") as string,
  });
});

test.each<SampleName>(["catalogue", "manifest", "history", "index"])(
  "whole frames cannot be cut off, added or exchanged: %s",
  async (name) => {
    const sample = await createSample();
    const key = SAMPLE_KEYS[name];
    const original = await storedBytes(sample.store, key);
    const begin = headerSize(original);
    const header = original.subarray(0, begin);
    const frames = framesOf(original);
    const last = frames.at(-1) ?? KEY_NONE;
    const arrangements = [
      [],
      frames.slice(0, -1),
      [...frames, last],
      frames.slice(1),
      ...(frames.length > 1 ? [frames.toReversed()] : []),
    ];
    for (const arrangement of arrangements) {
      replaceStored(sample.store, key, repairChecksums(Buffer.concat([header, ...arrangement])));
      await expect(READERS[name](sample)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
    }
  },
);

function headerSize(bytes: Buffer): number {
  return 80 + bytes.readUInt16LE(12) + bytes.readUInt16LE(14) + 4;
}

function framesOf(bytes: Buffer): readonly Buffer[] {
  const frames: Buffer[] = [];
  for (let at = headerSize(bytes); at + 16 <= bytes.length;) {
    const end = at + 16 + bytes.readUInt32LE(at + 4);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** Makes every checksum right that stands outside a seal, as far as the lengths still make sense. */
function repairChecksums(bytes: Buffer): Buffer {
  if (bytes.length < headerSize(bytes)) return bytes;
  const repaired = patchHeader(bytes, () => undefined);
  if (repaired.toString("latin1", 4, 8) === "PACK") return repairPack(repaired);
  let at = headerSize(repaired);
  for (let number = 0; at + 16 <= repaired.length; number += 1) {
    const end = at + 16 + repaired.readUInt32LE(at + 4);
    const place = Buffer.alloc(4);
    place.writeUInt32LE(number);
    const head = repaired.subarray(at, at + 12);
    const checksum = crc32c(repaired.subarray(at + 16, end), crc32c(head, crc32c(place)));
    repaired.writeUInt32LE(checksum, at + 12);
    at = end;
  }
  return repaired;
}

function repairPack(bytes: Buffer): Buffer {
  const footer = bytes.subarray(-48);
  const directoryAt = Number(footer.readBigUInt64LE(16));
  const directory = bytes.subarray(directoryAt, directoryAt + footer.readUInt32LE(24));
  footer.writeUInt32LE(crc32c(directory), 32);
  footer.writeUInt32LE(bytes.readUInt32LE(headerSize(bytes) - 4), 36);
  footer.writeUInt32LE(crc32c(footer.subarray(0, 44)), 44);
  return bytes;
}
