import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { pageHashes, sha256 } from "../codec/digest.ts";
import { failure } from "../model/failure.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { encodeBlob } from "./blob.ts";
import { PackReader } from "./pack-reader.ts";
import { type PackEntry, PackWriter } from "./pack-writer.ts";
import {
  createFixture,
  undetectedDamage,
  type Fixture,
  LABEL,
  replaceStored,
  STANZA,
  storedBytes,
} from "./repository.fixture.ts";

const KEY = "stanza/main/pack/20261121-024000F/00000000";
const NONE: CompressionChoice = { kind: "none", level: 0 };
const ZSTD: CompressionChoice = { kind: "zstd", level: 3 };

function openWriter(
  { repository, context }: Pick<Fixture, "repository" | "context">,
  compression: CompressionChoice = ZSTD,
  first = 0,
): PackWriter {
  let next = first;
  const nextPackNumber = (): number => next++;
  const options = {
    stanza: STANZA,
    label: LABEL,
    nextPackNumber,
    compression,
    pageSizeBytes: 8192,
  };
  return new PackWriter(repository, options, context);
}

async function writePack(
  fixture: Fixture,
  chunks: readonly Uint8Array[],
  compression = ZSTD,
): Promise<PackEntry> {
  await using writer = openWriter(fixture, compression);
  for (const chunk of chunks) await writer.append(chunk);
  const [entry] = await writer.finish();
  if (!entry) throw new Error("no pack was written");
  return entry;
}

/** Everything that can be read from a pack. */
async function readWhole({ repository, context }: Fixture, entry: PackEntry): Promise<Buffer[]> {
  const reader = await PackReader.open(repository, STANZA, entry, context);
  const chunks: Buffer[] = [];
  for (let blob = 0; blob < reader.blobCount; blob += 1) {
    chunks.push(await reader.readBlob(blob, context));
    await reader.pageHashes(blob);
  }
  return chunks;
}

test("golden bytes of a pack", async () => {
  const fixture = await createFixture();
  const chunks = [Buffer.from("first chunk"), Buffer.alloc(8193, 7)];
  const entry = await writePack(fixture, chunks, NONE);
  const bytes = await storedBytes(fixture.store, KEY);
  const blobsBegin = 80 + KEY.length + 8 + 4;
  const hashesBegin = blobsBegin + 11 + 8193;
  const directoryBegin = hashesBegin + 8 + 16;
  expect(bytes.length).toBe(directoryBegin + 2 * 64 + 48);
  expect(bytes.toString("latin1", 0, 8)).toBe("HSGTPACK");
  expect(bytes.subarray(blobsBegin - 12, blobsBegin - 4).toString("hex")).toBe("0100000000200000");
  expect(bytes.subarray(blobsBegin, hashesBegin)).toEqual(Buffer.concat(chunks));
  expect(bytes.subarray(hashesBegin, directoryBegin)).toEqual(
    Buffer.concat(chunks.map((chunk) => pageHashes(chunk, 8192))),
  );
  const second = bytes.subarray(directoryBegin + 64, directoryBegin + 128);
  expect(second.readBigUInt64LE(0)).toBe(BigInt(blobsBegin + 11));
  expect(second.subarray(24, 56)).toEqual(sha256(chunks[1] ?? Buffer.alloc(0)));
  expect(bytes.subarray(-48, -40).toString("latin1")).toBe("HSGTPEND");
  expect(sha256(bytes).toString("hex")).toBe(
    "be213233e5266f7c9dfbcfed81319a5eefefadf3ed3a4f655313fc31a4effcb2",
  );
  expect(entry).toEqual({
    label: LABEL,
    number: 0,
    sizeBytes: bytes.length,
    sha256: sha256(bytes).toString("hex"),
    blobCount: 2,
  });
});

test("every chunk comes back, whatever it holds", async () => {
  const chunk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 40_000 }),
    fc.integer({ min: 1, max: 100_000 }).map((length) => new Uint8Array(length)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 12 }), async (chunks) => {
      const fixture = await createFixture();
      const entry = await writePack(fixture, chunks);
      expect(entry.blobCount).toBe(chunks.length);
      const read = await readWhole(fixture, entry);
      expect(read.map((bytes) => sha256(bytes).toString("hex"))).toEqual(
        chunks.map((bytes) => sha256(bytes).toString("hex")),
      );
    }),
    { numRuns: 25 },
  );
});

test("page hashes are those of the plaintext", async () => {
  const fixture = await createFixture();
  const chunks = [Buffer.alloc(8192 * 3 + 5, 1), randomBytes(100), randomBytes(MIB)];
  const entry = await writePack(fixture, chunks);
  const reader = await PackReader.open(fixture.repository, STANZA, entry, fixture.context);
  for (const [blob, chunk] of chunks.entries()) {
    expect(reader.blobPlainSize(blob)).toBe(chunk.length);
    expect((await reader.pageHashes(blob)).equals(pageHashes(chunk, 8192))).toBe(true);
  }
});

test("what does not get smaller is stored as it is", () => {
  const noise = randomBytes(1000);
  expect(encodeBlob(noise, { compression: ZSTD, pageSizeBytes: 8192 }).compression).toBe("none");
  const zeros = encodeBlob(Buffer.alloc(1000), { compression: ZSTD, pageSizeBytes: 8192 });
  expect(zeros.compression).toBe("zstd");
  expect(zeros.stored.length).toBeLessThan(100);
});

test("an empty chunk and one over 1 MiB are mistakes", async () => {
  const fixture = await createFixture();
  await using writer = openWriter(fixture);
  await expect(writer.append(Buffer.alloc(0))).rejects.toThrow(RangeError);
  await expect(writer.append(Buffer.alloc(MIB + 1))).rejects.toThrow(RangeError);
});

test("the caller may reuse its buffer at once", async () => {
  const fixture = await createFixture();
  await using writer = openWriter(fixture, NONE);
  const buffer = Buffer.from("kept");
  await writer.append(buffer);
  buffer.fill("x");
  const [entry] = await writer.finish();
  expect(entry && (await readWhole(fixture, entry))).toEqual([Buffer.from("kept")]);
});

test("a full pack makes room for the next, and every blob is found", async () => {
  const fixture = await createFixture();
  await using writer = openWriter(fixture, NONE, 5);
  const marks: { pack: number; blob: number; fill: number }[] = [];
  for (let fill = 0; fill < 66; fill += 1) {
    marks.push({ ...(await writer.append(Buffer.alloc(MIB, fill))), fill });
  }
  const entries = await writer.finish();
  expect(entries.map(({ number, blobCount }) => [number, blobCount])).toEqual([
    [5, 64],
    [6, 2],
  ]);
  for (const { pack, blob, fill } of [marks[0], marks[63], marks[64], marks[65]].filter(
    (mark) => mark !== undefined,
  )) {
    const entry = entries.find(({ number }) => number === pack);
    if (!entry) throw new Error(`pack ${pack} is missing`);
    const reader = await PackReader.open(fixture.repository, STANZA, entry, fixture.context);
    expect((await reader.readBlob(blob, fixture.context)).equals(Buffer.alloc(MIB, fill))).toBe(
      true,
    );
  }
});

test("a writer that appended nothing writes nothing", async () => {
  const fixture = await createFixture();
  await using writer = openWriter(fixture);
  expect(await writer.finish()).toEqual([]);
  expect(fixture.store.keys().some((key) => key.includes("/pack/"))).toBe(false);
});

test("without finish nothing becomes visible", async () => {
  const fixture = await createFixture();
  {
    await using writer = openWriter(fixture);
    await writer.append(Buffer.from("never seen"));
  }
  expect(fixture.store.keys().some((key) => key.includes("/pack/"))).toBe(false);
});

test("an aborted context ends the work and leaves nothing", async () => {
  const fixture = await createFixture();
  const controller = new AbortController();
  const context = { ...fixture.context, signal: controller.signal };
  await using writer = openWriter({ ...fixture, context });
  await writer.append(Buffer.from("one"));
  controller.abort(new Error("stopped by the user"));
  await expect(writer.append(Buffer.from("two"))).rejects.toThrow("stopped by the user");
  await expect(writer.finish()).rejects.toThrow("stopped by the user");
  expect(fixture.store.keys().some((key) => key.includes("/pack/"))).toBe(false);
});

test("a number that was used before is refused, and nothing waits for ever", async () => {
  const fixture = await createFixture();
  await writePack(fixture, [Buffer.from("mine")]);
  await using writer = openWriter(fixture);
  await expect(
    (async () => {
      for (let count = 0; count < 50; count += 1) await writer.append(randomBytes(MIB));
      await writer.finish();
    })(),
  ).rejects.toMatchObject({ code: "OBJECT_EXISTS" });
});

/** A store whose puts are replaced. */
function withPut(store: ObjectStore, put: ObjectStore["put"]): ObjectStore {
  return { ...store, put };
}

test("a store that fails in the middle fails the append, also when the writer waits for room", async () => {
  const fixture = await createFixture();
  const store = withPut(fixture.store, async (_key, content) => {
    let seenBytes = 0;
    if (content instanceof Uint8Array) throw new Error("a pack is a stream");
    for await (const piece of content) {
      seenBytes += piece.length;
      if (seenBytes > 3 * MIB) break;
    }
    throw failure("REPOSITORY_DENIED", "no space left");
  });
  await using writer = openWriter(
    { ...fixture, repository: { ...fixture.repository, store } },
    NONE,
  );
  await expect(
    (async () => {
      for (let count = 0; count < 50; count += 1) await writer.append(randomBytes(MIB));
    })(),
  ).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
  await expect(writer.finish()).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
});

test("a slow store holds the writer back: memory stays bounded", async () => {
  const fixture = await createFixture();
  let takenBytes = 0;
  const gate = Promise.withResolvers<void>();
  const store = withPut(fixture.store, async (_key, content) => {
    if (content instanceof Uint8Array) throw new Error("a pack is a stream");
    for await (const piece of content) {
      takenBytes += piece.length;
      await gate.promise;
    }
    return "created";
  });
  await using writer = openWriter(
    { ...fixture, repository: { ...fixture.repository, store } },
    NONE,
  );
  let appended = 0;
  const appending = (async () => {
    for (; appended < 40; appended += 1) await writer.append(Buffer.alloc(MIB, 1));
  })();
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(appended).toBeLessThanOrEqual(6);
  expect(takenBytes).toBeLessThan(MIB);
  gate.resolve();
  await appending;
  await writer.finish();
  expect(takenBytes).toBeGreaterThan(40 * MIB);
});

test("every damage of a small pack is found", async () => {
  const fixture = await createFixture();
  const entry = await writePack(fixture, [Buffer.from("first"), Buffer.alloc(9000, 3)]);
  const read = (): Promise<unknown> => readWhole(fixture, entry);
  expect(await undetectedDamage(fixture.store, KEY, read)).toEqual([]);
});

test("damage of a larger pack is found", async () => {
  const fixture = await createFixture();
  const entry = await writePack(fixture, [
    randomBytes(300_000),
    randomBytes(5),
    randomBytes(70_000),
  ]);
  const read = (): Promise<unknown> => readWhole(fixture, entry);
  expect(
    await undetectedDamage(fixture.store, KEY, read, { flippedBytesCount: 60, cutsCount: 16 }),
  ).toEqual([]);
});

test("a blob that is whole but not what was promised is refused", async () => {
  const fixture = await createFixture();
  const encoded = encodeBlob(Buffer.alloc(9000, 1), { compression: ZSTD, pageSizeBytes: 8192 });
  await using writer = openWriter(fixture);
  await writer.appendEncoded({ ...encoded, sha256: Buffer.alloc(32) });
  await writer.appendEncoded({ ...encoded, plainSizeBytes: 9001 });
  await writer.appendEncoded({ ...encoded, pageHashes: encoded.pageHashes.subarray(8) });
  const [entry] = await writer.finish();
  if (!entry) throw new Error("no pack was written");
  const reader = await PackReader.open(fixture.repository, STANZA, entry, fixture.context);
  const corrupt = { code: "OBJECT_CORRUPT", context: { key: KEY } };
  await expect(reader.readBlob(0, fixture.context)).rejects.toMatchObject(corrupt);
  await expect(reader.readBlob(1, fixture.context)).rejects.toMatchObject(corrupt);
  await expect(reader.pageHashes(2)).rejects.toMatchObject(corrupt);
});

test("a missing pack says which", async () => {
  const fixture = await createFixture();
  const entry = await writePack(fixture, [Buffer.from("soon gone")]);
  const reader = await PackReader.open(fixture.repository, STANZA, entry, fixture.context);
  await fixture.store.remove(KEY);
  const missing = { code: "OBJECT_MISSING", exitCode: 22, context: { key: KEY } };
  await expect(reader.readBlob(0, fixture.context)).rejects.toMatchObject(missing);
  await expect(
    PackReader.open(fixture.repository, STANZA, entry, fixture.context),
  ).rejects.toMatchObject(missing);
});

test("another pack in its place, or another than the manifest means, is refused", async () => {
  const fixture = await createFixture();
  await using writer = openWriter(fixture, NONE, 1);
  await writer.append(Buffer.from("chunk"));
  await writer.finish();
  const entry = await writePack(fixture, [Buffer.from("chunk")], NONE);
  const bytes = await storedBytes(fixture.store, KEY);
  replaceStored(fixture.store, KEY, await storedBytes(fixture.store, KEY.replace(/0$/, "1")));
  const corrupt = { code: "OBJECT_CORRUPT", context: { key: KEY } };
  await expect(readWhole(fixture, entry)).rejects.toMatchObject(corrupt);
  replaceStored(fixture.store, KEY, bytes);
  await expect(readWhole(fixture, { ...entry, blobCount: 2 })).rejects.toMatchObject(corrupt);
  await expect(readWhole(fixture, { ...entry, sizeBytes: 7 })).rejects.toMatchObject(corrupt);
});

test("a blob that the pack does not have is damage of whoever named it", async () => {
  const fixture = await createFixture();
  const entry = await writePack(fixture, [Buffer.from("only one")]);
  const reader = await PackReader.open(fixture.repository, STANZA, entry, fixture.context);
  expect(() => reader.blobPlainSize(1)).toThrow(
    expect.objectContaining({ code: "OBJECT_CORRUPT" }),
  );
});
