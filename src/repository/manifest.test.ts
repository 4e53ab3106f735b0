import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../codec/digest.ts";
import { bytePath, comparePath, textPath } from "../model/byte-path.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { commitBackup } from "./backup-set.ts";
import { type ManifestEntry, readManifest, readManifestHeader, writeManifest } from "./manifest.ts";
import {
  directory,
  ENTRIES,
  file,
  HASH,
  HEADER,
  MANIFEST_KEY,
  NONE,
  readEntries,
  writeEntries,
  ZSTD,
} from "./manifest.fixture.ts";
import {
  createFixture,
  LABEL,
  replaceStored,
  STANZA,
  storedBytes,
  undetectedDamage,
} from "./repository.fixture.ts";

const LINES = [
  '{"directory":"","mode":448}',
  `{"file":"PG_VERSION","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
  '{"directory":"base","mode":448}',
  '{"directory":"base/5","mode":448}',
  `{"file":"base/5/16384","mode":384,"sizeBytes":8197,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[8192],[5,1,63,4096]]}`,
  `{"file":"base/5/16385","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":null,"map":[1,2],"uses":[0,1]}`,
  `{"file":"base/5/é","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
  `{"file":{"hex":"626173652f352fff01"},"mode":384,"sizeBytes":0,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[]}`,
  '{"directory":"pg_tblspc","mode":448}',
  '{"link":"pg_tblspc/16400","target":"/srv/täble space"}',
  '{"directory":"pg_tblspc/16400/PG_18_202506291","mode":448}',
  `{"file":"postgresql.auto.conf","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
];

test("golden bytes of a manifest", async () => {
  const fixture = await createFixture();
  await writeEntries(fixture, ENTRIES);
  const bytes = await storedBytes(fixture.store, MANIFEST_KEY);
  const frames = bytes.subarray(80 + MANIFEST_KEY.length + 4);
  const found: string[] = [];
  for (let at = 0; at < frames.length; at += 16 + frames.readUInt32LE(at + 4)) {
    const plain = frames.toString("utf8", at + 16, at + 16 + frames.readUInt32LE(at + 4));
    found.push(`${frames.toString("latin1", at, at + 4)} ${plain}`);
  }
  expect(found.map((frame) => frame.slice(0, 4))).toEqual(["HEAD", "PKTB", "FILE", "DONE"]);
  expect(found[0]).toBe(
    'HEAD {"label":"20261121-024000F","type":"full","prior":null,"startLsn":"0/2000028","stopLsn":"1/2000100",' +
      '"startTime":"2026-11-21T02:40:00.123456789Z","stopTime":"2026-11-21T02:40:05.123456789Z","timeline":1,' +
      '"systemIdentifier":"7427163219804653187","majorVersion":18,"catalogVersion":202506291,"controlVersion":1800,' +
      '"segmentSizeBytes":1048576,"blockSizeBytes":8192,"relationSegmentBlocks":131072,"dataChecksums":true,' +
      '"firstSegment":"000000010000000000000020","lastSegment":"000000010000000000000021",' +
      '"backupLabelFile":"START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\\n",' +
      '"tablespaceMapFile":"16400 /srv/täble space\\n","settings":{"max_connections":"100","TimeZone":"Europe/Paris"},' +
      '"tablespaces":[{"oid":16400,"name":"fast","location":"/srv/täble space"}],' +
      '"databases":[{"oid":5,"name":"postgres","isTemplate":false,"allowConnections":true,"tablespace":1663}],' +
      '"packTable":{"count":2,"sha256":"625761d37a264d93291f5620b59ae44c48e55c24687131a73cc67e1635e3d1c0"},' +
      '"sizeBytes":8197,"deltaSizeBytes":8192,"fileCount":2,"repositorySizeBytes":1000,"pageErrors":[{"path":"base/5/16384","blocks":[3,17]}],' +
      '"annotations":{"reason":"before the upgrade"},"host":"db1","dataDirectory":"/var/lib/postgresql/18/main",' +
      '"binDirectory":null,"hindsightVersion":"0.1.0","fromStandby":false,"contentScan":null}\n',
  );
  expect(found[1]).toBe(
    "PKTB " +
      `{"label":"20261121-024000F","number":0,"sizeBytes":1000,"sha256":"${HASH}","blobCount":10}\n` +
      `{"label":"20261120-024000F","number":3,"sizeBytes":70000000,"sha256":"${HASH}","blobCount":64}\n`,
  );
  expect(found[2]).toBe(`FILE ${LINES.join("\n")}\n`);
  expect(found[3]).toBe('DONE {"directories":5,"files":6,"links":1,"sizeBytes":8217}\n');
  expect(sha256(bytes).toString("hex")).toBe(
    "d72293ba383eace1f36516116e36aaa78d554d0c80fea82441097358b025c333",
  );
});

test.each([NONE, ZSTD])(
  "a manifest comes back as it was ($compression.kind)",
  async (compression) => {
    const fixture = await createFixture();
    await writeEntries(fixture, ENTRIES, { compression });
    const { header, entries } = await readEntries(fixture);
    expect(header).toEqual(HEADER);
    expect(entries).toEqual(ENTRIES);
    expect(await readManifestHeader(fixture.repository, STANZA, LABEL, fixture.context)).toEqual(
      HEADER,
    );
  },
);

const anyName = fc
  .uint8Array({ minLength: 1, maxLength: 20 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x41 : byte))))
  .filter((bytes) => ![".", ".."].includes(bytes.toString("latin1")))
  .map((bytes) => bytePath(bytes));

test("any file names, bytes and all, come back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(anyName, { maxLength: 40 }), async (names) => {
      const fixture = await createFixture();
      const entries = names.toSorted(comparePath).map((name) => file(name));
      await writeEntries(fixture, entries, { compression: ZSTD });
      expect((await readEntries(fixture)).entries).toEqual(entries);
    }),
    { numRuns: 50 },
  );
});

test("a large manifest streams through in frames", async () => {
  const fixture = await createFixture();
  async function* entries(): AsyncGenerator<ManifestEntry> {
    yield directory("base");
    for (let number = 0; number < 20_000; number += 1) {
      yield file(textPath(`base/${String(number).padStart(6, "0")}`));
    }
  }
  const { repository, context } = fixture;
  const manifest = await writeManifest(repository, STANZA, HEADER, entries(), ZSTD, context);
  expect(manifest.sizeBytes).toBe((await storedBytes(fixture.store, MANIFEST_KEY)).length);
  expect(manifest.sizeBytes).toBeLessThan(200_000);
  await commitBackup(repository, STANZA, LABEL, manifest.sha256, context);
  expect((await readEntries(fixture)).entries).toHaveLength(20_001);
});

test("without a committed outcome a manifest does not exist", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  await writeManifest(repository, STANZA, HEADER, ENTRIES, NONE, context);
  await expect(readManifest(repository, STANZA, LABEL, context)).rejects.toMatchObject({
    code: "BACKUP_UNKNOWN",
  });
});

test("a committed backup without its manifest is damaged", async () => {
  const fixture = await createFixture();
  await writeEntries(fixture, ENTRIES);
  await fixture.store.remove(MANIFEST_KEY);
  await expect(readEntries(fixture)).rejects.toMatchObject({
    code: "OBJECT_MISSING",
    exitCode: 22,
  });
});

test("every damage of a small manifest is found", async () => {
  const fixture = await createFixture();
  await writeEntries(fixture, ENTRIES.slice(0, 3), {
    header: { ...HEADER, pageErrors: [], databases: [] },
  });
  expect(
    await undetectedDamage(fixture.store, MANIFEST_KEY, () => readEntries(fixture), {
      flippedBytesCount: 400,
    }),
  ).toEqual([]);
});

test("damage of a compressed manifest is found by whoever reads its entries, or only its header", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  const names = Array.from({ length: 300 }, () => randomBytes(20).toString("hex")).toSorted();
  await writeEntries(
    fixture,
    names.map((name) => file(textPath(name))),
    { compression: ZSTD },
  );
  const few = { flippedBytesCount: 60, cutsCount: 32 };
  expect(
    await undetectedDamage(fixture.store, MANIFEST_KEY, () => readEntries(fixture), few),
  ).toEqual([]);
  const header = (): Promise<unknown> => readManifestHeader(repository, STANZA, LABEL, context);
  expect(await undetectedDamage(fixture.store, MANIFEST_KEY, header, few)).toEqual([]);
});

test("a whole and sound manifest that is not the committed one is refused", async () => {
  const fixture = await createFixture();
  await writeEntries(fixture, ENTRIES);
  const other = await createFixture();
  await writeEntries(other, ENTRIES.slice(0, 4));
  replaceStored(fixture.store, MANIFEST_KEY, await storedBytes(other.store, MANIFEST_KEY));
  await expect(readEntries(fixture)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("was committed") as string,
  });
});

test("a manifest is written once", async () => {
  const fixture = await createFixture();
  await writeEntries(fixture, ENTRIES);
  await expect(writeEntries(fixture, ENTRIES)).rejects.toMatchObject({ code: "OBJECT_EXISTS" });
});

test.each<[string, readonly ManifestEntry[]]>([
  ["unsorted", [file(textPath("b")), file(textPath("a"))]],
  ["repeated", [file(textPath("a")), file(textPath("a"))]],
  ["climbing", [file(textPath("../etc/passwd"))]],
  ["absolute", [file(textPath("/etc/passwd"))]],
  ["homeless", [file(textPath("base/1"))]],
  ["half covered", [file(textPath("a"), { sizeBytes: 6 })]],
  ["in an unknown pack", [file(textPath("a"), { extents: { pack: 2, blob: 0, uses: [] } })]],
])("the writer refuses %s entries and stores nothing", async (_what, entries) => {
  const fixture = await createFixture();
  await expect(writeEntries(fixture, entries)).rejects.toThrow(RangeError);
  expect(fixture.store.keys()).not.toContain(MANIFEST_KEY);
});

test("a setting named like a part of every object stays a setting", async () => {
  const fixture = await createFixture();
  const settings = { constructor: "a", toString: "b", "10": "c" };
  await writeEntries(fixture, [], {
    header: { ...HEADER, settings, systemIdentifier: systemIdentifier(2n ** 64n - 1n) },
  });
  expect((await readEntries(fixture)).header.settings).toEqual(settings);
});
