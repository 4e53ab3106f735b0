import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { MIB } from "../base/limits.ts";
import { COMPRESSIONS } from "../codec/compress.ts";
import { sha256 } from "../codec/digest.ts";
import { lsn, parseLsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import {
  createFixture,
  undetectedDamage,
  type Fixture,
  patchHeader,
  replaceStored,
  storedBytes,
} from "./repository.fixture.ts";
import {
  getWalFile,
  listGaps,
  listHistories,
  listSegments,
  putWalFile,
  readHistory,
  readWalHeader,
  recordGap,
  segmentExtremes,
  statWalFile,
  type WalArchive,
} from "./wal-archive.ts";

const NAME = "000000010000000000000003";
const KEY = "stanza/main/archive/18-1/0000000100000000/000000010000000000000003";
const HISTORY = Buffer.from("1\t0/3000148\tno recovery target specified\n");
const NONE = { compression: { kind: "none", level: 0 } } as const;
const ZSTD = { compression: { kind: "zstd", level: 3 } } as const;

function segment(fill: number): Buffer {
  return Buffer.alloc(MIB, fill);
}

async function put(fixture: Fixture, name: string, plain: Buffer): Promise<string> {
  return await putWalFile(fixture.archive, name, plain, ZSTD, fixture.context);
}

async function collect(names: AsyncIterable<string>): Promise<readonly string[]> {
  const collected: string[] = [];
  for await (const name of names) collected.push(name);
  return collected;
}

test("golden bytes of a history file", async () => {
  const fixture = await createFixture();
  await putWalFile(fixture.archive, "00000002.history", HISTORY, NONE, fixture.context);
  const key = "stanza/main/archive/18-1/history/00000002.history";
  const bytes = await storedBytes(fixture.store, key);
  expect(bytes.toString("hex")).toBe(
    [
      "48534754 57414c46 0100 00 00 3100 3800", // HSGT WALF, format 1, plain, not sealed, lengths of key and fields
      "a00087fbf7479cb86dfe747d23673f27", // repository id
      "00".repeat(32 + 16), // salt and key value
      Buffer.from(key).toString("hex"),
      sha256(HISTORY).toString("hex"),
      "2900000000000000 83864dfd98951267 02000000 00001000", // size, system identifier, timeline, segment size
      "fe6d65c0", // header checksum
      "57414c44 29000000 29000000 3f40c6ae", // WALD, stored and plain size, checksum
      HISTORY.toString("hex"),
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

test("golden hash of a segment", async () => {
  const fixture = await createFixture();
  await putWalFile(fixture.archive, NAME, segment(5), NONE, fixture.context);
  const bytes = await storedBytes(fixture.store, KEY);
  expect(sha256(bytes).toString("hex")).toBe(
    "0194ac546685d309cd8fb2bf80ab8a54e4a993c08aaafaff590743c5d2107db6",
  );
});

test.each(COMPRESSIONS)("a segment comes back as it was, with %s", async (kind) => {
  const { archive, store, context } = await createFixture();
  const plain = Buffer.concat([randomBytes(MIB / 2), Buffer.alloc(MIB / 2)]);
  const compression = { kind, level: 1 };
  await expect(putWalFile(archive, NAME, plain, { compression }, context)).resolves.toBe("created");
  expect((await getWalFile(archive, NAME, context))?.equals(plain)).toBe(true);
  expect(await readWalHeader(archive, NAME, context)).toEqual({
    sha256: sha256(plain).toString("hex"),
    plainSizeBytes: MIB,
    systemIdentifier: archive.record.systemIdentifier,
    timeline: 1,
    segmentSizeBytes: MIB,
  });
  const stored = await storedBytes(store, KEY);
  expect(await statWalFile(archive, NAME, context)).toEqual({ sizeBytes: stored.length });
});

test("a large segment goes through in frames and comes back in ranges", async () => {
  const { archive, store, context } = await createFixture();
  const large: WalArchive = {
    ...archive,
    record: { ...archive.record, segmentSizeBytes: 32 * MIB },
  };
  const plain = randomBytes(32 * MIB);
  await putWalFile(large, NAME, plain, NONE, context);
  const stored = await storedBytes(store, KEY);
  expect(stored.length).toBe(80 + KEY.length + 56 + 4 + 2 * 16 + plain.length);
  expect((await getWalFile(large, NAME, context))?.equals(plain)).toBe(true);
});

test("what is absent is undefined", async () => {
  const { archive, context } = await createFixture();
  expect(await getWalFile(archive, NAME, context)).toBeUndefined();
  expect(await statWalFile(archive, NAME, context)).toBeUndefined();
  expect(await readWalHeader(archive, NAME, context)).toBeUndefined();
  expect(await segmentExtremes(archive, context)).toBeUndefined();
  expect(await listHistories(archive, context)).toEqual([]);
});

test("the same bytes again are identical, other bytes are refused for ever", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await put(fixture, NAME, segment(1));
  const stored = await storedBytes(store, KEY);
  const gzip = { compression: { kind: "gzip", level: 1 } } as const;
  await expect(putWalFile(archive, NAME, segment(1), gzip, context)).resolves.toBe("identical");
  await expect(put(fixture, NAME, segment(2))).rejects.toMatchObject({
    code: "WAL_DUPLICATE_DIFFERS",
    exitCode: 24,
  });
  expect(await storedBytes(store, KEY)).toEqual(stored);
});

test("a damaged object never counts as the same bytes", async () => {
  const fixture = await createFixture();
  await put(fixture, NAME, segment(1));
  fixture.store.tamper(KEY, (bytes) => bytes.subarray(0, bytes.length - 1));
  await expect(put(fixture, NAME, segment(1))).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
});

test("a segment of another size, or no archive name at all, is refused", async () => {
  const fixture = await createFixture();
  await expect(put(fixture, NAME, Buffer.alloc(100))).rejects.toMatchObject({
    code: "WAL_SEGMENT_INVALID",
  });
  await expect(put(fixture, "../../etc/passwd", segment(1))).rejects.toMatchObject({
    code: "WAL_SEGMENT_NAME_INVALID",
  });
  await expect(put(fixture, `${NAME}.partial`, Buffer.alloc(100))).resolves.toBe("created");
});

test("every damage of a history file is found", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await put(fixture, "00000002.history", HISTORY);
  const key = "stanza/main/archive/18-1/history/00000002.history";
  expect(
    await undetectedDamage(store, key, () => getWalFile(archive, "00000002.history", context)),
  ).toEqual([]);
});

test("damage of a segment is found", async () => {
  const { archive, context, store } = await createFixture();
  await putWalFile(archive, NAME, randomBytes(MIB), NONE, context);
  const read = () => getWalFile(archive, NAME, context);
  expect(
    await undetectedDamage(store, KEY, read, { flippedBytesCount: 64, cutsCount: 16 }),
  ).toEqual([]);
});

test("a segment under another's name, stanza, or cluster is refused", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await put(fixture, NAME, segment(1));
  const next = "000000010000000000000004";
  await put(fixture, next, segment(2));
  replaceStored(store, KEY, await storedBytes(store, KEY.replace(NAME, next)));
  await expect(getWalFile(archive, NAME, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining(`${next}, copied here`) as string,
  });
  const foreign = { ...archive, record: { ...archive.record, segmentSizeBytes: 16 * MIB } };
  await expect(getWalFile(foreign, next, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
  });
});

test("content that is whole but not what the header promises is refused", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await put(fixture, NAME, segment(1));
  const bytes = await storedBytes(store, KEY);
  const sha256At = 80 + KEY.length;
  replaceStored(
    store,
    KEY,
    patchHeader(bytes, (header) => header.fill(0, sha256At, sha256At + 32)),
  );
  await expect(getWalFile(archive, NAME, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("SHA-256") as string,
  });
});

test("a header with a right checksum and an impossible size allocates nothing", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await put(fixture, `${NAME}.partial`, segment(1));
  const key = `${KEY}.partial`;
  const bytes = await storedBytes(store, key);
  const sizeAt = 80 + key.length + 32;
  replaceStored(
    store,
    key,
    patchHeader(bytes, (header) => header.writeBigUInt64LE(1n << 60n, sizeAt)),
  );
  await expect(getWalFile(archive, `${NAME}.partial`, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
  });
});

test("segments are listed in order, by timeline and from a name on", async () => {
  const fixture = await createFixture();
  const { archive, context } = fixture;
  const names = [
    "0000000100000000000000FF",
    "000000010000000100000000",
    "000000010000000100000001",
    "0000000A0000000100000001",
  ];
  for (const name of names.toReversed()) await put(fixture, name, segment(1));
  await put(fixture, "000000010000000100000002.partial", segment(1));
  await put(fixture, "000000010000000100000001.00000028.backup", Buffer.from("START WAL"));
  await put(fixture, "0000000A.history", HISTORY);
  const list = async (options: Parameters<typeof listSegments>[1]) =>
    await collect(listSegments(archive, options, context));
  expect(await list({})).toEqual(names);
  expect(await list({ timeline: timeline(1) })).toEqual(names.slice(0, 3));
  expect(await list({ from: names[1] })).toEqual(names.slice(1));
  expect(await list({ timeline: timeline(1), from: "000000010000000100000001" })).toEqual([
    names[2],
  ]);
  expect(await list({ timeline: timeline(2) })).toEqual([]);
  expect(await segmentExtremes(archive, context)).toEqual({ min: names[0], max: names[3] });
  expect(await listHistories(archive, context)).toEqual([10]);
});

test("histories are read; timeline 1 needs none", async () => {
  const fixture = await createFixture();
  const { archive, context } = fixture;
  await put(fixture, "00000002.history", HISTORY);
  expect(await readHistory(archive, timeline(1), context)).toEqual({ timeline: 1, ancestors: [] });
  expect(await readHistory(archive, timeline(3), context)).toBeUndefined();
  expect(await readHistory(archive, timeline(2), context)).toEqual({
    timeline: 2,
    ancestors: [
      { timeline: 1, switchLsn: parseLsn("0/3000148"), reason: "no recovery target specified" },
    ],
  });
});

test("gaps are recorded once and told by their names", async () => {
  const { archive, context, store } = await createFixture();
  const gap = { timeline: timeline(11), begin: parseLsn("A/1000000"), end: lsn(0xa_0300_0000n) };
  await recordGap(archive, gap, { reason: "queue overflow", context });
  await recordGap(archive, gap, { reason: "again", context });
  expect(await listGaps(archive, context)).toEqual([gap]);
  const prefix = "stanza/main/archive/18-1/gap/";
  expect(store.keys()).toContain(`${prefix}0000000B-0000000A01000000-0000000A03000000`);
  await store.put(`${prefix}nonsense`, Buffer.from("x"));
  await expect(listGaps(archive, context)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
});
