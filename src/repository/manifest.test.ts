import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../codec/digest.ts";
import { plainSealer } from "../codec/seal.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { bytePath, type BytePath, comparePath, textPath } from "../model/byte-path.ts";
import { lsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import { commitBackup } from "./backup-set.ts";
import { formatPackLine } from "./manifest-entry-line.ts";
import { formatHeaderLine } from "./manifest-header-line.ts";
import {
  type ManifestEntry,
  type ManifestFile,
  type ManifestHeader,
  readManifest,
  readManifestHeader,
  writeManifest,
} from "./manifest.ts";
import { encodeFrame, type FrameTag } from "./object-frame.ts";
import { encodeObjectHeader } from "./object-header.ts";
import {
  CLUSTER,
  createFixture,
  expectDamageFound,
  type Fixture,
  LABEL,
  replaceStored,
  STANZA,
  storedBytes,
} from "./repository.fixture.ts";

const KEY = "stanza/main/backup/20261121-024000F/manifest";
const NONE = { compression: { kind: "none", level: 0 } } as const;
const ZSTD = { compression: { kind: "zstd", level: 3 } } as const;
const INSTANT = Temporal.Instant.from("2026-11-21T02:40:00.123456789Z");
const HASH = "ab".repeat(32);

const HEADER: ManifestHeader = {
  ...CLUSTER,
  label: LABEL,
  type: "full",
  prior: undefined,
  startLsn: lsn(0x2000028n),
  stopLsn: lsn(0x10_2000100n),
  startTime: INSTANT,
  stopTime: INSTANT.add({ seconds: 5 }),
  timeline: timeline(1),
  blockSizeBytes: 8192,
  relationSegmentBlocks: 131_072,
  dataChecksums: true,
  firstSegment: "000000010000000000000020",
  lastSegment: "000000010000000000000021",
  backupLabelFile: "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n",
  tablespaceMapFile: "16400 /srv/täble space\n",
  settings: { max_connections: "100", TimeZone: "Europe/Paris" },
  tablespaces: [{ oid: 16_400, name: "fast", location: "/srv/täble space" }],
  databases: [
    { oid: 5, name: "postgres", isTemplate: false, allowConnections: true, tablespace: 1663 },
  ],
  packs: [
    { label: LABEL, number: 0, sizeBytes: 1000, sha256: HASH, blobCount: 10 },
    {
      label: parseBackupLabel("20261120-024000F"),
      number: 3,
      sizeBytes: 70_000_000,
      sha256: HASH,
      blobCount: 64,
    },
  ],
  sizeBytes: 8192 + 5,
  fileCount: 2,
  repositorySizeBytes: 1000,
  pageErrors: [{ path: textPath("base/5/16384"), blocks: [3, 17] }],
  annotations: { reason: "before the upgrade" },
  host: "db1",
  dataDirectory: "/var/lib/postgresql/18/main",
  binDirectory: undefined,
  hindsightVersion: "0.1.0",
  fromStandby: false,
};

const directory = (path: string): ManifestEntry => ({
  kind: "directory",
  path: textPath(path),
  mode: 0o700,
});

function file(path: BytePath, parts: Partial<ManifestFile> = {}): ManifestFile {
  const source = { pack: 0, blob: 0, blobOffsetBytes: 0 };
  return {
    kind: "file",
    path,
    mode: 0o600,
    sizeBytes: 5,
    modifiedAt: INSTANT,
    sha256: HASH,
    extents: [{ fileOffsetBytes: 0, lengthBytes: 5, source }],
    ...parts,
  };
}

const ENTRIES: readonly ManifestEntry[] = [
  directory(""),
  file(textPath("PG_VERSION")),
  directory("base"),
  directory("base/5"),
  file(textPath("base/5/16384"), {
    sizeBytes: 8192 + 5,
    extents: [
      { fileOffsetBytes: 0, lengthBytes: 8192, source: undefined },
      {
        fileOffsetBytes: 8192,
        lengthBytes: 5,
        source: { pack: 1, blob: 63, blobOffsetBytes: 4096 },
      },
    ],
  }),
  file(textPath("base/5/16385"), { extents: { pack: 1, blob: 2 } }),
  file(textPath("base/5/é")),
  file(bytePath(Buffer.from("base/5/\xff\x01", "latin1")), { sizeBytes: 0, extents: [] }),
  directory("pg_tblspc"),
  { kind: "link", path: textPath("pg_tblspc/16400"), target: textPath("/srv/täble space") },
  directory("pg_tblspc/16400/PG_18_202506291"),
  file(textPath("postgresql.auto.conf")),
];

async function write(
  { repository, context }: Fixture,
  entries: readonly ManifestEntry[],
  {
    header = HEADER,
    compression = NONE,
  }: { header?: ManifestHeader; compression?: typeof NONE | typeof ZSTD } = {},
): Promise<void> {
  const manifest = await writeManifest(repository, STANZA, header, entries, compression, context);
  await commitBackup(repository, STANZA, LABEL, manifest.sha256, context);
}

async function read({
  repository,
  context,
}: Fixture): Promise<{ header: ManifestHeader; entries: ManifestEntry[] }> {
  const manifest = await readManifest(repository, STANZA, LABEL, context);
  const entries: ManifestEntry[] = [];
  for await (const entry of manifest.entries) entries.push(entry);
  return { header: manifest.header, entries };
}

const LINES = [
  '{"directory":"","mode":448}',
  `{"file":"PG_VERSION","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
  '{"directory":"base","mode":448}',
  '{"directory":"base/5","mode":448}',
  `{"file":"base/5/16384","mode":384,"sizeBytes":8197,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[8192],[5,1,63,4096]]}`,
  `{"file":"base/5/16385","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","map":[1,2]}`,
  `{"file":"base/5/é","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
  `{"file":{"hex":"626173652f352fff01"},"mode":384,"sizeBytes":0,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[]}`,
  '{"directory":"pg_tblspc","mode":448}',
  '{"link":"pg_tblspc/16400","target":"/srv/täble space"}',
  '{"directory":"pg_tblspc/16400/PG_18_202506291","mode":448}',
  `{"file":"postgresql.auto.conf","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00.123456789Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`,
];

test("golden bytes of a manifest", async () => {
  const fixture = await createFixture();
  await write(fixture, ENTRIES);
  const bytes = await storedBytes(fixture.store, KEY);
  const frames = bytes.subarray(80 + KEY.length + 4);
  const found: string[] = [];
  for (let at = 0; at < frames.length; at += 16 + frames.readUInt32LE(at + 4)) {
    const plain = frames.toString("utf8", at + 16, at + 16 + frames.readUInt32LE(at + 4));
    found.push(`${frames.toString("latin1", at, at + 4)} ${plain}`);
  }
  expect(found.map((frame) => frame.slice(0, 4))).toEqual(["HEAD", "PKTB", "FILE", "DONE"]);
  expect(found[1]).toBe(
    "PKTB " +
      `{"label":"20261121-024000F","number":0,"sizeBytes":1000,"sha256":"${HASH}","blobCount":10}\n` +
      `{"label":"20261120-024000F","number":3,"sizeBytes":70000000,"sha256":"${HASH}","blobCount":64}\n`,
  );
  expect(found[2]).toBe(`FILE ${LINES.join("\n")}\n`);
  expect(found[3]).toBe('DONE {"directories":5,"files":6,"links":1,"sizeBytes":8217}\n');
  expect(sha256(bytes).toString("hex")).toBe("9119550eace838a7ca099f7f89f6a1abf09e1c4668e5c2493a3321cb7f5988f2");
});

test.each([NONE, ZSTD])(
  "a manifest comes back as it was ($compression.kind)",
  async (compression) => {
    const fixture = await createFixture();
    await write(fixture, ENTRIES, { compression });
    const { header, entries } = await read(fixture);
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
      await write(fixture, entries, { compression: ZSTD });
      expect((await read(fixture)).entries).toEqual(entries);
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
  expect(manifest.sizeBytes).toBe((await storedBytes(fixture.store, KEY)).length);
  expect(manifest.sizeBytes).toBeLessThan(200_000);
  await commitBackup(repository, STANZA, LABEL, manifest.sha256, context);
  expect((await read(fixture)).entries).toHaveLength(20_001);
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
  await write(fixture, ENTRIES);
  await fixture.store.remove(KEY);
  await expect(read(fixture)).rejects.toMatchObject({ code: "OBJECT_MISSING", exitCode: 22 });
});

test("every damage of a small manifest is found", async () => {
  const fixture = await createFixture();
  await write(fixture, ENTRIES.slice(0, 3), {
    header: { ...HEADER, pageErrors: [], databases: [] },
  });
  await expectDamageFound(fixture.store, KEY, () => read(fixture), { flippedBytesCount: 400 });
});

test("damage of a compressed manifest is found by whoever reads its entries, or only its header", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  const names = Array.from({ length: 300 }, () => randomBytes(20).toString("hex")).toSorted();
  await write(
    fixture,
    names.map((name) => file(textPath(name))),
    { compression: ZSTD },
  );
  const few = { flippedBytesCount: 60, cutsCount: 32 };
  await expectDamageFound(fixture.store, KEY, () => read(fixture), few);
  const header = (): Promise<unknown> => readManifestHeader(repository, STANZA, LABEL, context);
  await expectDamageFound(fixture.store, KEY, header, few);
});

test("a whole and sound manifest that is not the committed one is refused", async () => {
  const fixture = await createFixture();
  await write(fixture, ENTRIES);
  const other = await createFixture();
  await write(other, ENTRIES.slice(0, 4));
  replaceStored(fixture.store, KEY, await storedBytes(other.store, KEY));
  await expect(read(fixture)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("was committed") as string,
  });
});

test("a manifest is written once", async () => {
  const fixture = await createFixture();
  await write(fixture, ENTRIES);
  await expect(write(fixture, ENTRIES)).rejects.toMatchObject({ code: "OBJECT_EXISTS" });
});

test.each<[string, readonly ManifestEntry[]]>([
  ["unsorted", [file(textPath("b")), file(textPath("a"))]],
  ["repeated", [file(textPath("a")), file(textPath("a"))]],
  ["climbing", [file(textPath("../etc/passwd"))]],
  ["absolute", [file(textPath("/etc/passwd"))]],
  ["homeless", [file(textPath("base/1"))]],
  ["half covered", [file(textPath("a"), { sizeBytes: 6 })]],
  ["in an unknown pack", [file(textPath("a"), { extents: { pack: 2, blob: 0 } })]],
])("the writer refuses %s entries and stores nothing", async (_what, entries) => {
  const fixture = await createFixture();
  await expect(write(fixture, entries)).rejects.toThrow(RangeError);
  expect(fixture.store.keys()).not.toContain(KEY);
});

/** Writes and commits frames as they are, the way a hostile repository would. */
async function writeHostile(
  fixture: Fixture,
  frames: readonly (readonly [FrameTag, string])[],
): Promise<void> {
  const { repository, store, context } = fixture;
  const header = {
    type: "MANI",
    compression: "none",
    repositoryId: repository.id,
    key: KEY,
    fields: Buffer.alloc(0),
  } as const;
  const style = { header, sealer: plainSealer, compression: NONE.compression };
  const pieces = frames.flatMap(([tag, text], number) =>
    encodeFrame(tag, Buffer.from(text), { style, number }),
  );
  const bytes = Buffer.concat([encodeObjectHeader(header), ...pieces]);
  await store.put(KEY, bytes);
  await commitBackup(repository, STANZA, LABEL, sha256(bytes).toString("hex"), context);
}

const PACK_LINES = HEADER.packs.map((pack) => `${formatPackLine(pack)}\n`).join("");
const HEAD_LINE = `${formatHeaderLine(HEADER, { count: 2, sha256: sha256(Buffer.from(PACK_LINES)).toString("hex") })}\n`;
const DONE = (files: number, sizeBytes: number): string =>
  `{"directories":0,"files":${files},"links":0,"sizeBytes":${sizeBytes}}\n`;
const FILE = `{"file":"a","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`;

async function expectRefused(frames: readonly (readonly [FrameTag, string])[]): Promise<void> {
  const fixture = await createFixture();
  await writeHostile(fixture, frames);
  await expect(read(fixture)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    context: { key: KEY },
  });
}

test("the hostile writer of these tests can write a good manifest", async () => {
  const fixture = await createFixture();
  await writeHostile(fixture, [
    ["HEAD", HEAD_LINE],
    ["PKTB", PACK_LINES],
    ["FILE", `${FILE}\n`],
    ["DONE", DONE(1, 5)],
  ]);
  expect((await read(fixture)).entries).toHaveLength(1);
});

test.each([
  ["an absolute path", FILE.replace('"a"', '"/a"')],
  ["a path that climbs", FILE.replace('"a"', '"../a"')],
  ["a path that climbs inside", FILE.replace('"a"', '"x/../../a"')],
  ["a dot", FILE.replace('"a"', '"./a"')],
  ["an empty part", FILE.replace('"a"', '"a//b"')],
  ["no name", FILE.replace('"a"', '""')],
  ["a NUL", FILE.replace('"a"', '"a\\u0000b"')],
  ["a lone surrogate", FILE.replace('"a"', '"\\ud800"')],
  ["bytes that are text", FILE.replace('"a"', '{"hex":"61"}')],
  [
    "bytes that climb",
    FILE.replace('"a"', `{"hex":"${Buffer.from("../\xff", "latin1").toString("hex")}"}`),
  ],
  ["a long name", FILE.replace('"a"', `"${"n".repeat(256)}"`)],
  ["a missing parent", FILE.replace('"a"', '"base/a"')],
  ["a repeated path", `${FILE}\n${FILE}`],
  ["an earlier path", `${FILE.replace('"a"', '"b"')}\n${FILE}`],
  ["a child of a file", `${FILE}\n${FILE.replace('"a"', '"a/b"')}`],
  ["an extent past the end", FILE.replace("[[5,0,0,0]]", "[[6,0,0,0]]")],
  ["an extent too few", FILE.replace("[[5,0,0,0]]", "[[4,0,0,0]]")],
  ["no extents", FILE.replace("[[5,0,0,0]]", "[]")],
  ["a negative length", FILE.replace("[[5,0,0,0]]", "[[10,0,0,0],[-5,0,0,0]]")],
  ["an unknown pack", FILE.replace("[[5,0,0,0]]", "[[5,2,0,0]]")],
  ["an offset past a blob", FILE.replace("[[5,0,0,0]]", "[[5,0,0,1048576]]")],
  ["an extent of two numbers", FILE.replace("[[5,0,0,0]]", "[[5,0]]")],
  ["thousands of extents", FILE.replace("[[5,0,0,0]]", `[${"[5,0,0,0],".repeat(2000)}[5,0,0,0]]`)],
  ["a map in no pack", FILE.replace('"extents":[[5,0,0,0]]', '"map":[9,0]')],
  ["extents and a map", FILE.replace('"extents"', '"map":[0,0],"extents"')],
  ["a negative size", FILE.replace('"sizeBytes":5', '"sizeBytes":-5')],
  ["a fraction", FILE.replace('"sizeBytes":5', '"sizeBytes":5.5')],
  ["a number past 2^53", FILE.replace('"sizeBytes":5', '"sizeBytes":9007199254740993')],
  ["another spelling of a number", FILE.replace('"sizeBytes":5', '"sizeBytes":5e0')],
  ["a repeated key", FILE.replace('"mode":384', '"mode":384,"mode":511')],
  ["an unknown key", FILE.replace('"mode":384', '"mode":384,"owner":0')],
  ["__proto__", FILE.replace('"mode":384', '"mode":384,"__proto__":{"x":1}')],
  ["a missing key", FILE.replace('"mode":384,', "")],
  ["a mode that is none", FILE.replace('"mode":384', '"mode":65535')],
  ["a blank", FILE.replace('"mode":384', '"mode": 384')],
  ["a time with an offset", FILE.replace("02:40:00Z", "02:40:00+01:00")],
  ["a hash in capitals", FILE.replace(HASH, HASH.toUpperCase())],
  ["no JSON", "not json"],
  ["no object", "[]"],
  ["null", "null"],
  ["an empty line", ""],
  ["deep nesting", `${"[".repeat(200_000)}${"]".repeat(200_000)}`],
  ["a link without target", '{"link":"a","target":""}'],
  ["a link that is the root", '{"link":"","target":"/etc"}'],
])("%s in an entry is refused", async (_what, lines) => {
  await expectRefused([
    ["HEAD", HEAD_LINE],
    ["PKTB", PACK_LINES],
    ["FILE", `${lines}\n`],
    ["DONE", DONE(1, 5)],
  ]);
});

test.each<[string, readonly (readonly [FrameTag, string])[]]>([
  [
    "no end",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["FILE", `${FILE}\n`],
    ],
  ],
  [
    "wrong counts",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["FILE", `${FILE}\n`],
      ["DONE", DONE(2, 5)],
    ],
  ],
  [
    "a wrong sum",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["FILE", `${FILE}\n`],
      ["DONE", DONE(1, 6)],
    ],
  ],
  [
    "entries after the end",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
      ["FILE", `${FILE}\n`],
    ],
  ],
  [
    "half a line",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["FILE", FILE],
      ["DONE", DONE(1, 5)],
    ],
  ],
  [
    "no pack table",
    [
      ["HEAD", HEAD_LINE],
      ["FILE", `${FILE}\n`],
      ["DONE", DONE(1, 5)],
    ],
  ],
  [
    "half a pack table",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES.split("\n")[0] + "\n"],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "another pack table",
    [
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES.replace("70000000", "70000001")],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "two headers",
    [
      ["HEAD", HEAD_LINE + HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "another backup's header",
    [
      ["HEAD", HEAD_LINE.replace("20261121-024000F", "20261122-024000F")],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "a type that is none",
    [
      ["HEAD", HEAD_LINE.replace('"full"', '"half"')],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "an LSN that is none",
    [
      ["HEAD", HEAD_LINE.replace('"0/2000028"', '"0/02000028"')],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "a system identifier as a number",
    [
      ["HEAD", HEAD_LINE.replace('"7427163219804653187"', "7427163219804653000")],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
  [
    "__proto__ as a setting",
    [
      ["HEAD", HEAD_LINE.replace('"max_connections"', '"__proto__"')],
      ["PKTB", PACK_LINES],
      ["DONE", DONE(0, 0)],
    ],
  ],
])("%s is refused", async (_what, frames) => {
  await expectRefused(frames);
});

test("a pack that stands in the table twice is refused", async () => {
  const packs = [HEADER.packs[0], HEADER.packs[0]].filter((pack) => pack !== undefined);
  const lines = packs.map((pack) => `${formatPackLine(pack)}\n`).join("");
  const table = { count: 2, sha256: sha256(Buffer.from(lines)).toString("hex") };
  await expectRefused([
    ["HEAD", `${formatHeaderLine({ ...HEADER, packs }, table)}\n`],
    ["PKTB", lines],
    ["DONE", DONE(0, 0)],
  ]);
});

test("a setting named like a part of every object stays a setting", async () => {
  const fixture = await createFixture();
  const settings = { constructor: "a", toString: "b", "10": "c" };
  await write(fixture, [], {
    header: { ...HEADER, settings, systemIdentifier: systemIdentifier(2n ** 64n - 1n) },
  });
  expect((await read(fixture)).header.settings).toEqual(settings);
});
