// Manifests as a hostile or broken repository could hold them: every checksum right, the content wrong.
import { expect, test } from "vitest";
import { sha256 } from "../codec/digest.ts";
import { plainSealer } from "../codec/seal.ts";
import { commitBackup } from "./backup-set.ts";
import { formatPackLine } from "./manifest-entry-line.ts";
import { formatHeaderLine } from "./manifest-header-line.ts";
import { HASH, HEADER, MANIFEST_KEY, NONE, readEntries } from "./manifest.fixture.ts";
import { encodeFrame, type FrameTag } from "./object-frame.ts";
import { encodeObjectHeader } from "./object-header.ts";
import { createFixture, type Fixture, LABEL, STANZA } from "./repository.fixture.ts";

type Frames = readonly (readonly [FrameTag, string])[];

const REFUSAL = { code: "OBJECT_CORRUPT", context: { key: MANIFEST_KEY } };

/** Writes and commits frames as they are, the way a hostile repository would. */
async function writeHostile(fixture: Fixture, frames: Frames): Promise<void> {
  const { repository, store, context } = fixture;
  const header = {
    type: "MANI",
    compression: "none",
    repositoryId: repository.id,
    key: MANIFEST_KEY,
    fields: Buffer.alloc(0),
  } as const;
  const begin = encodeObjectHeader(header, plainSealer);
  const style = { seal: begin.seal, compression: NONE.compression };
  const pieces = frames.flatMap(([tag, text], number) =>
    encodeFrame(tag, Buffer.from(text), { style, number }),
  );
  const bytes = Buffer.concat([begin.bytes, ...pieces]);
  await store.put(MANIFEST_KEY, bytes);
  await commitBackup(repository, STANZA, LABEL, sha256(bytes).toString("hex"), context);
}

const PACK_LINES = HEADER.packs.map((pack) => `${formatPackLine(pack)}\n`).join("");
const HEAD_LINE = `${formatHeaderLine(HEADER, { count: 2, sha256: sha256(Buffer.from(PACK_LINES)).toString("hex") })}\n`;
const DONE = (files: number, sizeBytes: number): string =>
  `{"directories":0,"files":${files},"links":0,"sizeBytes":${sizeBytes}}\n`;
const FILE = `{"file":"a","mode":384,"sizeBytes":5,"modifiedAt":"2026-11-21T02:40:00Z","sha256":"${HASH}","extents":[[5,0,0,0]]}`;

/** What reading such a manifest ends with. */
async function readHostile(frames: Frames): Promise<unknown> {
  const fixture = await createFixture();
  await writeHostile(fixture, frames);
  return await readEntries(fixture).catch((error: unknown) => error);
}

test("the hostile writer of these tests can write a good manifest", async () => {
  const fixture = await createFixture();
  await writeHostile(fixture, [
    ["HEAD", HEAD_LINE],
    ["PKTB", PACK_LINES],
    ["FILE", `${FILE}\n`],
    ["DONE", DONE(1, 5)],
  ]);
  expect((await readEntries(fixture)).entries).toHaveLength(1);
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
  ["a map in no pack", FILE.replace('"extents":[[5,0,0,0]]', '"map":[9,0],"uses":[]')],
  ["a map that uses no pack", FILE.replace('"extents":[[5,0,0,0]]', '"map":[0,0],"uses":[9]')],
  [
    "a map whose packs are not ascending",
    FILE.replace('"extents":[[5,0,0,0]]', '"map":[0,0],"uses":[1,0]'),
  ],
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
  expect(
    await readHostile([
      ["HEAD", HEAD_LINE],
      ["PKTB", PACK_LINES],
      ["FILE", `${lines}\n`],
      ["DONE", DONE(1, 5)],
    ]),
  ).toMatchObject(REFUSAL);
});

test.each<[string, Frames]>([
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
  expect(await readHostile(frames)).toMatchObject(REFUSAL);
});

test("a pack that stands in the table twice is refused", async () => {
  const packs = [HEADER.packs[0], HEADER.packs[0]].filter((pack) => pack !== undefined);
  const lines = packs.map((pack) => `${formatPackLine(pack)}\n`).join("");
  const table = { count: 2, sha256: sha256(Buffer.from(lines)).toString("hex") };
  expect(
    await readHostile([
      ["HEAD", `${formatHeaderLine({ ...HEADER, packs }, table)}\n`],
      ["PKTB", lines],
      ["DONE", DONE(0, 0)],
    ]),
  ).toMatchObject(REFUSAL);
});
