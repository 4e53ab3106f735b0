// Catalogues as a hostile or broken repository could hold them: every checksum right, the content wrong.
import { expect, test } from "vitest";
import { plainSealer } from "../codec/seal.ts";
import { formatCatalogue } from "./catalogue-content.ts";
import { CATALOGUE_KEY, SNAPSHOT } from "./catalogue.fixture.ts";
import { readCatalogue } from "./catalogue.ts";
import { encodeFrame, type FrameTag } from "./object-frame.ts";
import { encodeObjectHeader } from "./object-header.ts";
import { createFixture, STANZA } from "./repository.fixture.ts";

type Frames = readonly (readonly [FrameTag, string | Buffer])[];

const REFUSAL = { code: "OBJECT_CORRUPT", context: { key: CATALOGUE_KEY } };
const COMPRESSION = { kind: "none", level: 0 } as const;

/** What reading a catalogue of such frames ends with. */
async function readHostile(frames: Frames): Promise<unknown> {
  const { repository, store, context } = await createFixture();
  const header = {
    type: "CATL",
    compression: COMPRESSION.kind,
    repositoryId: repository.id,
    key: CATALOGUE_KEY,
    fields: Buffer.alloc(0),
  } as const;
  const { bytes, seal } = encodeObjectHeader(header, plainSealer);
  const style = { seal, compression: COMPRESSION };
  const pieces = frames.flatMap(([tag, text], number) =>
    encodeFrame(tag, typeof text === "string" ? Buffer.from(text) : text, { style, number }),
  );
  await store.put(CATALOGUE_KEY, Buffer.concat([bytes, ...pieces]));
  const answer = readCatalogue(repository, STANZA, { place: SNAPSHOT, context });
  return await answer.catch((error: unknown) => error);
}

const HEAD = '{"timeline":10,"lsn":"1/15000028","at":"2026-11-21T02:40:00.123456Z"}\n';
const DATABASE =
  '{"database":5,"name":"app","tablespace":1663,"isTemplate":false,"allowConnections":true,"lsn":"1/15000028"}\n';
const UNREAD = DATABASE.replace('"1/15000028"', "null");
const SCHEMA = '[2200,"public"]\n';
const RELATION = '[16384,16390,1663,2200,"orders","r","p",0,[],120]\n';
const COUNTS = '{"databases":1,"schemas":1,"relations":1}\n';

test("the hostile writer of these tests can write a good catalogue, in any frames", async () => {
  const lines = [...formatCatalogue(SNAPSHOT)];
  expect(await readHostile(lines.map((line) => ["CATL", `${line}\n`]))).toEqual(SNAPSHOT);
  const one = HEAD + DATABASE + SCHEMA + RELATION + COUNTS;
  expect(await readHostile([["CATL", one]])).toMatchObject({ databases: [{ oid: 5 }] });
});

test.each([
  ["another timeline", HEAD.replace("10", "11")],
  ["another position", HEAD.replace("28", "29")],
  ["a timeline that is none", HEAD.replace("10", "0")],
  ["an LSN in another spelling", HEAD.replace("1/1", "01/1")],
  ["a time with an offset", HEAD.replace("Z", "+00:00")],
  ["an unknown key", HEAD.replace("}", ',"host":"x"}')],
  ["__proto__", HEAD.replace("}", ',"__proto__":{"x":1}}')],
  ["a list", "[]\n"],
  ["a database", DATABASE],
  ["nothing", "\n"],
])("%s in the first line is refused", async (_what, head) => {
  const text = head + DATABASE + SCHEMA + RELATION + COUNTS;
  expect(await readHostile([["CATL", text]])).toMatchObject(REFUSAL);
});

test.each([
  ["a name that is none", DATABASE.replace('"app"', "7")],
  ["a lone surrogate", DATABASE.replace("app", "\\ud800")],
  ["an OID past 2^32", DATABASE.replace("1663", "4294967296")],
  ["a missing key", DATABASE.replace('"isTemplate":false,', "")],
  ["a repeated key", DATABASE.replace('"name"', '"name":"x","name"')],
  ["an unknown key", DATABASE.replace('"name"', '"owner":1,"name"')],
  ["no LSN", UNREAD],
  ["twice", DATABASE + DATABASE],
  ["none", ""],
])("a database with %s is refused", async (_what, database) => {
  const text = HEAD + database + SCHEMA + RELATION + COUNTS;
  expect(await readHostile([["CATL", text]])).toMatchObject(REFUSAL);
});

test.each([
  ["a negative OID", RELATION.replace("16390", "-1")],
  ["an OID past 2^32", RELATION.replace("16390", "4294967296")],
  ["a fraction", RELATION.replace("120", "1.5")],
  ["fewer than no rows", RELATION.replace("120", "-2")],
  ["another spelling of a number", RELATION.replace("120", "1.2e2")],
  ["a number past 2^53", RELATION.replace("120", "9007199254740993")],
  ["a name that is none", RELATION.replace('"orders"', "null")],
  ["a lone surrogate", RELATION.replace("orders", "\\udfff")],
  ["a kind of two letters", RELATION.replace('"r"', '"rr"')],
  ["a kind that is no letter", RELATION.replace('"r"', '"0"')],
  ["a persistence that is no text", RELATION.replace('"p"', "1")],
  ["parents that are no list", RELATION.replace("[]", "{}")],
  ["a parent that is none", RELATION.replace("[]", '["1"]')],
  ["a value too few", RELATION.replace(",120", "")],
  ["a value too many", RELATION.replace(",120", ",120,0")],
  ["a blank", RELATION.replace(",120", ", 120")],
  ["itself before it", RELATION + RELATION],
  ["a schema behind it", RELATION + '[2201,"late"]\n'],
  ["an empty line behind it", `${RELATION}\n`],
  ["deep nesting", `${"[".repeat(200_000)}${"]".repeat(200_000)}\n`],
])("a relation with %s is refused", async (_what, relation) => {
  const text = HEAD + DATABASE + SCHEMA + relation + COUNTS;
  expect(await readHostile([["CATL", text]])).toMatchObject(REFUSAL);
});

const BODY = HEAD + DATABASE + SCHEMA + RELATION;

test.each<[string, Frames]>([
  ["no end", [["CATL", BODY]]],
  ["nothing at all", []],
  ["an empty frame", [["CATL", ""]]],
  ["wrong counts", [["CATL", BODY + COUNTS.replace('"relations":1', '"relations":2')]]],
  ["an unknown key in the counts", [["CATL", BODY + COUNTS.replace("}", ',"x":1}')]]],
  ["half a line", [["CATL", BODY + COUNTS.trim()]]],
  ["lines after the end", [["CATL", BODY + COUNTS + COUNTS]]],
  [
    "a frame after the end",
    [
      ["CATL", BODY + COUNTS],
      ["CATL", COUNTS],
    ],
  ],
  ["a frame of another kind", [["FILE", BODY + COUNTS]]],
  [
    "bytes that are no text",
    [["CATL", Buffer.from((BODY + COUNTS).replace("orders", "\xff"), "latin1")]],
  ],
  ["a frame of more than a mebibyte", [["CATL", "x".repeat(2 ** 20 + 1)]]],
])("%s is refused", async (_what, frames) => {
  expect(await readHostile(frames)).toMatchObject(REFUSAL);
});

test("frames without end are not gathered", async () => {
  const schemas = Array.from(
    { length: 1100 },
    (_, index) => ["CATL", `[${index + 1},"s"]\n`] as const,
  );
  expect(await readHostile([["CATL", HEAD + DATABASE], ...schemas])).toMatchObject({
    ...REFUSAL,
    message: expect.stringContaining("more than 1024 frames") as string,
  });
});
