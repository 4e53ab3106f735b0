import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import type { RelationLocator } from "../model/relation.ts";
import { timeline } from "../model/timeline.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { encodeWalIndex } from "../wal/index-encoding.ts";
import { hotUpdate, indexesOf, insertion, ORDERS } from "../wal/index.fixture.ts";
import { restorePoint, transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import {
  CLUSTER,
  createFixture,
  type Fixture,
  patchHeader,
  replaceStored,
  storedBytes,
  undetectedDamage,
} from "./repository.fixture.ts";
import { putWalFile } from "./wal-archive.ts";
import {
  getWalIndex,
  hasWalIndex,
  type ListedSegment,
  listIndexedSegments,
  putWalIndex,
  removeDamagedIndex,
} from "./wal-index.ts";

const NAME = "000000010000000000000003";
const OTHER = "000000010000000000000004";
const KEY = `stanza/main/archive/18-1/0000000100000000/${NAME}.index-1`;
const AT = "2026-11-21T08:00:00.123456Z";

/** The index of a segment of that name, with a transaction and a restore point. */
function indexOf(name: string): WalIndex {
  const { number } = parseSegmentName(name, CLUSTER.segmentSizeBytes);
  const builder = new WalBuilder({ firstSegment: Number(number) });
  builder.append(insertion({ xid: 700, block: 5 }));
  builder.append(transactionEnd("commit", 700, AT));
  builder.append(restorePoint("p", AT));
  const [index] = indexesOf(builder);
  if (!index) throw new Error("there is no index");
  return index;
}

async function putIndex({ archive, context }: Fixture, name = NAME): Promise<string> {
  return await putWalIndex(archive, { name, index: indexOf(name) }, context);
}

async function putSegment({ archive, context }: Fixture, name: string): Promise<void> {
  const plain = Buffer.alloc(CLUSTER.segmentSizeBytes);
  const compression = { kind: "zstd", level: 1 } as const;
  await putWalFile(archive, name, plain, { compression }, context);
}

test("an index takes less than a hundredth of WAL that pgbench writes", async () => {
  const fixture = await createFixture();
  const { number } = parseSegmentName(NAME, CLUSTER.segmentSizeBytes);
  const builder = new WalBuilder({ firstSegment: Number(number) });
  const random = seededRandom(1);
  const end = Number(number + 1n) * CLUSTER.segmentSizeBytes;
  let at = Temporal.Instant.from(AT);
  // Short records only, which is the worst: an image of a page is 8 KiB of which the index has a number.
  for (let xid = 700; Number(builder.position) < end - 2000; xid += 1) {
    const relation = (place: number): RelationLocator => ({
      ...ORDERS,
      relfilenode: 16_384 + place,
    });
    builder.append(hotUpdate({ xid, relation: relation(0), block: random.integer(0, 32_000) }));
    builder.append(hotUpdate({ xid, relation: relation(1), block: random.integer(0, 4) }));
    builder.append(hotUpdate({ xid, relation: relation(2), block: 0 }));
    builder.append(insertion({ xid, relation: relation(3), block: Math.floor(xid / 100) }));
    at = at.add({ microseconds: random.integer(50, 2000) });
    builder.append(transactionEnd("commit", xid, at.toString()));
  }
  const [index] = indexesOf(builder);
  if (!index) throw new Error("there is no index");
  expect(index.ends.count).toBeGreaterThan(3000);
  await putWalIndex(fixture.archive, { name: NAME, index }, fixture.context);
  const bytes = await storedBytes(fixture.store, KEY);
  expect(bytes.length / CLUSTER.segmentSizeBytes).toBeLessThan(0.01);
});

test("golden bytes of the header, and of the frame behind it", async () => {
  const fixture = await createFixture();
  await putIndex(fixture);
  const bytes = await storedBytes(fixture.store, KEY);
  const plainSize = encodeWalIndex(indexOf(NAME)).length.toString(16);
  const header = [
    "48534754 57494458 0100 01 00 4a00 1800", // HSGT WIDX, format 1, zstd, not sealed, lengths of key and fields
    "a00087fbf7479cb86dfe747d23673f27", // repository id
    "00".repeat(32 + 16), // salt and key value
    Buffer.from(KEY).toString("hex"),
    `${plainSize}00000000000000 83864dfd98951267 01000000 00001000`, // size, system identifier, timeline, segment size
  ];
  const expected = header.join("").replaceAll(" ", "");
  expect(bytes.toString("hex").slice(0, expected.length)).toBe(expected);
  const frameBegin = expected.length / 2 + 4;
  expect(bytes.toString("latin1", frameBegin, frameBegin + 4)).toBe("WIDX");
  expect(bytes.length).toBe(frameBegin + 16 + bytes.readUInt32LE(frameBegin + 4));
});

test("an index comes back as it was, and is stored once", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  expect(await getWalIndex(archive, NAME, context)).toBeUndefined();
  expect(await hasWalIndex(archive, NAME, context)).toBe(false);
  expect(await putIndex(fixture)).toBe("created");
  expect(await hasWalIndex(archive, NAME, context)).toBe(true);
  expect(await getWalIndex(archive, NAME, context)).toEqual(indexOf(NAME));
  const bytes = await storedBytes(store, KEY);
  expect(await putIndex(fixture)).toBe("exists");
  expect((await storedBytes(store, KEY)).equals(bytes)).toBe(true);
});

test("no damage is taken for an index", async () => {
  const fixture = await createFixture();
  await putIndex(fixture);
  const read = (): Promise<unknown> => getWalIndex(fixture.archive, NAME, fixture.context);
  expect(await undetectedDamage(fixture.store, KEY, read)).toEqual([]);
});

test.each([
  ["another cluster", (header: Buffer) => header.writeUInt8(1, header.length - 16), /another cl/],
  ["another timeline", (header: Buffer) => header.writeUInt8(2, header.length - 8), /timeline/],
  ["another segment size", (header: Buffer) => header.writeUInt8(1, header.length - 1), /cluster/],
  ["too large", (header: Buffer) => header.writeUInt8(1, header.length - 17), /impossible size/],
] as const)("a header that says %s is refused", async (_, patch, message) => {
  const fixture = await createFixture();
  await putIndex(fixture);
  const bytes = await storedBytes(fixture.store, KEY);
  const patched = patchHeader(bytes, (header) => void patch(header));
  replaceStored(fixture.store, KEY, patched);
  await expect(getWalIndex(fixture.archive, NAME, fixture.context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringMatching(message) as string,
  });
});

test("an index under the name of another segment is refused, copied or written there", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await putIndex(fixture);
  await putWalIndex(archive, { name: OTHER, index: indexOf(NAME) }, context);
  await expect(getWalIndex(archive, OTHER, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("another segment") as string,
  });
  replaceStored(store, KEY.replace(NAME, OTHER), await storedBytes(store, KEY));
  await expect(getWalIndex(archive, OTHER, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("copied here") as string,
  });
});

test("only a damaged index is removed", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  await putIndex(fixture);
  expect(await removeDamagedIndex(archive, NAME, context)).toBe(false);
  store.tamper(KEY, (bytes) => bytes.subarray(0, -1));
  expect(await removeDamagedIndex(archive, NAME, context)).toBe(true);
  expect(store.keys()).not.toContain(KEY);
});

test("the listing pairs segments with the indexes of this builder", async () => {
  const fixture = await createFixture();
  const { archive, context, store } = fixture;
  const names = [NAME, OTHER, "00000001000000010000000F", "000000020000000000000004"];
  for (const name of names) await putSegment(fixture, name);
  await putIndex(fixture);
  await putIndex(fixture, "000000020000000000000004");
  // Of another builder, without segment, and other files of the archive.
  const folder = "stanza/main/archive/18-1/0000000100000000/";
  for (const name of [`${OTHER}.index-2`, `${NAME}.partial`, "000000010000000000000009.index-1"]) {
    await store.put(folder + name, Buffer.from("x"));
  }
  const list = async (
    options: Parameters<typeof listIndexedSegments>[1],
  ): Promise<readonly ListedSegment[]> =>
    await Array.fromAsync(listIndexedSegments(archive, options, context));
  const indexed = (name: string): ListedSegment => ({ name, isIndexed: true });
  const bare = (name: string): ListedSegment => ({ name, isIndexed: false });
  expect(await list({})).toEqual([
    indexed(NAME),
    bare(OTHER),
    bare("00000001000000010000000F"),
    indexed("000000020000000000000004"),
  ]);
  const [second] = await list({ timeline: timeline(2) });
  expect(second).toEqual(indexed("000000020000000000000004"));
  expect(await list({ from: OTHER, to: OTHER })).toEqual([bare(OTHER)]);
  expect(await list({ from: OTHER, to: "00000001000000010000000F" })).toHaveLength(2);
  expect(await list({ to: NAME })).toEqual([indexed(NAME)]);
});
