import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { expand } from "../codec/compress.ts";
import type {
  CatalogueDatabase,
  CatalogueRelation,
  CatalogueSnapshot,
} from "../model/catalogue.ts";
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { CATALOGUE_KEY, database, relation, SNAPSHOT } from "./catalogue.fixture.ts";
import { listCatalogues, putCatalogue, readCatalogue } from "./catalogue.ts";
import {
  createFixture,
  type Fixture,
  replaceStored,
  STANZA,
  storedBytes,
  undetectedDamage,
} from "./repository.fixture.ts";

const LINES = [
  '{"timeline":10,"lsn":"1/15000028","at":"2026-11-21T02:40:00.123456Z"}',
  '{"database":0,"name":"","tablespace":1664,"isTemplate":false,"allowConnections":false,"lsn":"1/15000028"}',
  '[11,"pg_catalog"]',
  '[1262,1262,1664,11,"pg_database","r","p",0,[],120]',
  '{"database":4,"name":"template0","tablespace":1663,"isTemplate":true,"allowConnections":false,"lsn":null}',
  '{"database":16400,"name":"shop","tablespace":1663,"isTemplate":false,"allowConnections":true,"lsn":"1/15000060"}',
  '[99,"pg_toast"]',
  '[2200,"public"]',
  '[16384,0,1663,2200,"orders","p","p",0,[],-1]',
  '[16387,16390,16500,2200,"zeile\\n\\"2\\" é😀","r","p",0,[16384,16386],120]',
  '[16391,16390,1663,99,"pg_toast_16387","t","p",16387,[],120]',
  '[4294967295,16390,1663,2200,"t","r","u",0,[],1099511627776]',
  '{"databases":3,"schemas":3,"relations":5}',
];

/** The whole object as it was stored once: it must stay readable, however zstd compresses tomorrow. */
const STORED =
  "SFNHVENBVEwBAAEALwAAAKAAh/v3R5y4bf50fSNnPycAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" +
  "AAAAAAAAAAAAAAAABzdGFuemEvbWFpbi9jYXRhbG9ndWUvMDAwMDAwMEEtMDAwMDAwMDExNTAwMDAyOKQR3XlDQVRM" +
  "kwEAAAoDAAA7E263KLUv/WAKAk0MAAaVQy5wJ20O/P//VxXcO4JKDh+ktm1T6x1UQ4z0O/HB/3T1vwG0zcR2bxGt05" +
  "yrQh9MNAA3ADQAuu1PuoWbjvGEo3ECjSyVOMBu29XSGjgVmAudNr19uuuVtLuLsAB+e5Twutz+IgNfw8wnBEfiBw50" +
  "0y2Kg+fKfDgaMjrMXF6MzgADDoTu+iR0BdrfdPBpnkEy19XN7W9xj3xw4eb1b3+Niw8FCT0G5KjqZl1dimpeGLiInu" +
  "tuSlM6ZzK2/TgIclczhFGMoKl2rsQm1sRBV/9cD101deJDRwNx8EGueQiLvKp22UmSpGZGGNsIYSlptlhaiUJVM2tl" +
  "IUigoMECBgCOSEdExIPMO7CLMNWsiaKaAzIgYCIhNugDdFImf0ju4hkdOSKqAYAU8GjBvwEEiBcSDEgozh0wFrA7ae" +
  "tFYwW7OXp5u9prOKGajmbSa9ssF4vyUYDPHyKFLLQPY+EIMgpgQBILYBsEZJhwTCa6x1m+nT3bnOXikvkE5WKEMsps" +
  "gXgYiE5LYS1IAQ==";

async function put(fixture: Fixture, snapshot: CatalogueSnapshot): Promise<string> {
  const { repository, context } = fixture;
  return await putCatalogue(repository, STANZA, { snapshot, context });
}

async function read(
  { repository, context }: Fixture,
  place: Pick<CatalogueSnapshot, "timeline" | "lsn"> = SNAPSHOT,
): Promise<CatalogueSnapshot | undefined> {
  return await readCatalogue(repository, STANZA, { place, context });
}

test("golden bytes of a catalogue", async () => {
  const fixture = await createFixture();
  expect(await put(fixture, SNAPSHOT)).toBe("created");
  const bytes = await storedBytes(fixture.store, CATALOGUE_KEY);
  const headerSizeBytes = 80 + CATALOGUE_KEY.length + 4;
  expect(bytes.toString("latin1", 0, 8)).toBe("HSGTCATL");
  expect(bytes.toString("hex", 8, 16)).toBe("0100" + "01" + "00" + "2f00" + "0000");
  expect(bytes.toString("latin1", 80, headerSizeBytes - 4)).toBe(CATALOGUE_KEY);
  const frame = bytes.subarray(headerSizeBytes);
  expect(frame.toString("latin1", 0, 4)).toBe("CATL");
  const plainSizeBytes = frame.readUInt32LE(8);
  expect(frame.length).toBe(16 + frame.readUInt32LE(4));
  const plain = expand(frame.subarray(16), "zstd", plainSizeBytes).toString("utf8");
  expect(plain.split("\n")).toEqual([...LINES, ""]);
});

test("fixed bytes are read as the catalogue they hold", async () => {
  const fixture = await createFixture();
  await put(fixture, SNAPSHOT);
  replaceStored(fixture.store, CATALOGUE_KEY, Buffer.from(STORED, "base64"));
  expect(await read(fixture)).toEqual(SNAPSHOT);
});

test("a catalogue that is there already stays", async () => {
  const fixture = await createFixture();
  await put(fixture, SNAPSHOT);
  expect(await put(fixture, { ...SNAPSHOT, at: SNAPSHOT.at.add({ seconds: 1 }) })).toBe("exists");
  expect(await read(fixture)).toEqual(SNAPSHOT);
});

test("one that nobody took is absent", async () => {
  const fixture = await createFixture();
  await put(fixture, SNAPSHOT);
  expect(await read(fixture, { ...SNAPSHOT, timeline: timeline(1) })).toBeUndefined();
});

test("catalogues are listed by timeline and position, and nothing else is", async () => {
  const fixture = await createFixture();
  const { repository, store, context } = fixture;
  expect(await listCatalogues(repository, STANZA, context)).toEqual([]);
  const places = [
    { timeline: timeline(1), lsn: lsn(0xffff_ffffn) },
    { timeline: timeline(1), lsn: lsn(0xa_0000_0000n) },
    { timeline: timeline(2), lsn: lsn(1n) },
    { timeline: timeline(0xffffffff), lsn: lsn((1n << 64n) - 1n) },
  ];
  for (const place of places.toReversed()) await put(fixture, { ...SNAPSHOT, ...place });
  for (const name of ["00000001-00", "00000000-0000000000000001", "x/y"])
    await store.put(`stanza/main/catalogue/${name}`, Buffer.from("x"));
  expect(await listCatalogues(repository, STANZA, context)).toEqual(places);
});

const oid = fc.integer({ min: 0, max: 0xffffffff });
const text = fc.string({ unit: "grapheme", maxLength: 70 });
const letter = fc.constantFrom("r", "i", "S", "t", "v", "m", "c", "f", "p", "I");
const byOid = <Item extends { readonly oid: number }>(items: readonly Item[]): readonly Item[] =>
  items.toSorted((left, right) => left.oid - right.oid);
const distinct = { maxLength: 20, selector: ({ oid: id }: { oid: number }) => id };

const anyRelation: fc.Arbitrary<CatalogueRelation> = fc.record({
  oid,
  relfilenode: oid,
  tablespace: oid,
  schema: oid,
  name: text,
  kind: letter,
  persistence: fc.constantFrom("p", "u", "t"),
  table: fc.option(fc.integer({ min: 1, max: 0xffffffff }), { nil: undefined }),
  parents: fc.array(oid, { maxLength: 3 }),
  rowsEstimate: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
});

const anyDatabase: fc.Arbitrary<CatalogueDatabase> = fc
  .record({
    oid,
    name: text,
    tablespace: oid,
    isTemplate: fc.boolean(),
    allowConnections: fc.boolean(),
    lsn: fc.option(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { nil: undefined }),
    schemas: fc.uniqueArray(fc.record({ oid, name: text }), distinct).map(byOid),
    relations: fc.uniqueArray(anyRelation, distinct).map(byOid),
  })
  .map((parts) =>
    parts.lsn === undefined
      ? { ...parts, lsn: undefined, schemas: [], relations: undefined }
      : { ...parts, lsn: lsn(parts.lsn) },
  );

test("any catalogue comes back as it was", async () => {
  const databases = fc.uniqueArray(anyDatabase, { ...distinct, maxLength: 5 }).map(byOid);
  await fc.assert(
    fc.asyncProperty(databases, async (generated) => {
      const fixture = await createFixture();
      const snapshot = { ...SNAPSHOT, databases: generated };
      await put(fixture, snapshot);
      expect(await read(fixture)).toEqual(snapshot);
    }),
    { numRuns: 100 },
  );
});

test("a hundred thousand relations go through in frames", async () => {
  const fixture = await createFixture();
  const relations = Array.from({ length: 100_000 }, (_, index) =>
    relation({ oid: 16_384 + index, name: `orders_${randomBytes(8).toString("hex")}` }),
  );
  const snapshot = { ...SNAPSHOT, databases: [database({ relations })] };
  await put(fixture, snapshot);
  expect((await storedBytes(fixture.store, CATALOGUE_KEY)).length).toBeLessThan(3_000_000);
  expect(await read(fixture)).toEqual(snapshot);
});

test("every damage of a catalogue is found", async () => {
  const fixture = await createFixture();
  await put(fixture, SNAPSHOT);
  const undetected = await undetectedDamage(fixture.store, CATALOGUE_KEY, () => read(fixture));
  expect(undetected).toEqual([]);
});

test("a catalogue that was copied over another one is found", async () => {
  const fixture = await createFixture();
  await put(fixture, SNAPSHOT);
  const other = { ...SNAPSHOT, timeline: timeline(11) };
  await put(fixture, other);
  const otherKey = CATALOGUE_KEY.replace("0000000A", "0000000B");
  replaceStored(fixture.store, otherKey, await storedBytes(fixture.store, CATALOGUE_KEY));
  await expect(read(fixture, other)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
});

test.each<[string, Partial<CatalogueDatabase>]>([
  ["relations out of order", { relations: [relation({ oid: 2 }), relation({ oid: 1 })] }],
  ["a relation twice", { relations: [relation(), relation()] }],
  ["an OID past 2^32", { relations: [relation({ relfilenode: 2 ** 32 })] }],
  ["half a character", { relations: [relation({ name: "\ud800" })] }],
  ["relations of a database that was not read", { lsn: undefined }],
  ["a name longer than a frame", { relations: [relation({ name: "x".repeat(2 ** 20) })] }],
])("%s: not written, because nobody could read it", async (_what, parts) => {
  const fixture = await createFixture();
  const snapshot = { ...SNAPSHOT, databases: [database(parts)] };
  await expect(put(fixture, snapshot)).rejects.toThrow(RangeError);
  expect(await listCatalogues(fixture.repository, STANZA, fixture.context)).toEqual([]);
});

test("writing obeys the signal", async () => {
  const fixture = await createFixture();
  const reason = new Error("enough");
  const context = { ...fixture.context, signal: AbortSignal.abort(reason) };
  await expect(put({ ...fixture, context }, SNAPSHOT)).rejects.toBe(reason);
});
