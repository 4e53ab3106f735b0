// The bytes of format 1, with something in every field, so that no field can change its place unseen: every value is made
// of the field's name. A change here is a change of format and raises INDEX_BUILDER_VERSION.
import { expect, test } from "vitest";
import { lsn } from "../model/lsn.ts";
import { fromPostgresMicroseconds } from "../model/timestamp.ts";
import {
  END_DETAIL_FIELDS,
  END_FLAGS,
  type EndDetail,
  ROW_OPERATIONS,
  type WalIndex,
} from "./index-content.ts";
import { ColumnReader } from "./index-columns.ts";
import { decodeWalIndex, encodeWalIndex } from "./index-encoding.ts";
import { EVENT_FIELDS, type IndexEvent, type IndexEventKind } from "./index-events.ts";

const SEGMENT_SIZE = 1024 * 1024;
const BEGIN = BigInt(SEGMENT_SIZE);

/** A number that only this name has. */
function numberOf(name: string): number {
  let sum = 0;
  for (const letter of name) sum = (31 * sum + letter.charCodeAt(0)) % 65_521;
  return sum;
}

function valueOf(name: string, kind: string): unknown {
  const number = numberOf(name);
  switch (kind) {
    case "number":
    case "signed":
      return number;
    case "flag":
      return number % 2 === 0;
    case "text":
    case "word":
      return name;
    case "lsn":
    case "uint64":
      return BigInt(number) << 20n;
    case "instant":
      return fromPostgresMicroseconds(BigInt(number));
    case "numbers":
      return [number, 1];
    case "texts":
      return [name, "é"];
    case "locator":
      return { tablespace: 1663, database: 5, relfilenode: number };
    case "locators":
      return [{ tablespace: 1663, database: 5, relfilenode: number }];
    default:
      return [{ database: 5, relation: number }];
  }
}

function fieldsOf(table: Readonly<Record<string, string>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).map(([name, kind]) => [name, valueOf(name, kind)]),
  );
}

/** One event of each kind, in the order of their names. */
const EVENTS: readonly IndexEvent[] = Object.keys(EVENT_FIELDS)
  .toSorted((left, right) => (left < right ? -1 : 1))
  .map((kind, place) => {
    const begin = lsn(BEGIN + 100n * BigInt(place) - 50n);
    const fields = fieldsOf(EVENT_FIELDS[kind as IndexEventKind]);
    return { kind, lsn: begin, endLsn: lsn(begin + 64n), ...fields } as unknown as IndexEvent;
  });

const INDEX: WalIndex = {
  builderVersion: 1,
  segmentNumber: 1n,
  segmentSizeBytes: SEGMENT_SIZE,
  first: { lsn: lsn(BEGIN - 8n), endLsn: lsn(BEGIN + 48n), previous: lsn(BEGIN - 160n) },
  last: { lsn: lsn(BEGIN + 9000n), endLsn: lsn(BEGIN + 9096n) },
  end: { reason: "zeros", lsn: lsn(BEGIN + 9100n), segmentNumber: 2n },
  unfinished: {
    lsn: lsn(BEGIN + 9104n),
    totalBytes: 70_000,
    bytes: Uint8Array.of(1, 2, 3),
    passedBytes: 4000,
    checksum: -77,
  },
  isUnfinishedCut: true,
  nextXid: (3n << 32n) + 712n,
  classFiles: [{ database: 5, relfilenode: 16_433 }],
  customResourceManagers: [128, 200],
  relations: [
    { tablespace: 1663, database: 5, relfilenode: 16_384 },
    { tablespace: 1664, database: 0, relfilenode: 1262 },
  ],
  patterns: [
    [],
    [
      { relation: 0, inserted: 1, updated: 2, deleted: 3, movedOut: 4, pages: 200 },
      { relation: 1, inserted: 0, updated: 0, deleted: 5, movedOut: 0, pages: 0 },
    ],
  ],
  ends: {
    count: 2,
    offset: Int32Array.of(-8, 9000),
    length: Int32Array.of(56, 96),
    flags: Uint8Array.of(END_FLAGS.aborted, END_FLAGS.prepared),
    xid: Uint32Array.of(710, 700),
    at: Float64Array.of(848_563_200_123_456, -(2 ** 49)),
    pattern: Uint32Array.of(0, 1),
  },
  endDetails: new Map([[1, fieldsOf(END_DETAIL_FIELDS) as EndDetail]]),
  open: [
    { xid: 701, pattern: 1 },
    { xid: 4_000_000_000, pattern: 0 },
  ],
  blocks: [
    { relation: 0, fork: 0, blocks: Uint32Array.of(0, 7, 4_294_967_294) },
    { relation: 1, fork: 2, blocks: Uint32Array.of(3) },
  ],
  events: EVENTS,
};

test("the index with something in every field is read back as it was", () => {
  expect(decodeWalIndex(encodeWalIndex(INDEX))).toEqual(INDEX);
});

test("its summary, facts and details are these rows", () => {
  const reader = new ColumnReader(encodeWalIndex(INDEX));
  const rowsOf = (): unknown => JSON.parse(Buffer.from(reader.block()).toString("utf8"));
  expect(rowsOf()).toMatchInlineSnapshot(`
    [
      [
        1,
        "1",
        1048576,
        1,
        [
          128,
          200,
        ],
      ],
      [
        "1048568",
        "1048624",
        "1048416",
      ],
      [
        "1057576",
        "1057672",
      ],
      [
        "zeros",
        "1057676",
        "2",
      ],
      [
        "1057680",
        70000,
        4000,
        -77,
      ],
      [
        "12884902600",
      ],
      [
        [
          5,
          16433,
        ],
      ],
    ]
  `);
  const facts = rowsOf() as readonly unknown[];
  expect(facts.map((row) => JSON.stringify(row))).toMatchInlineSnapshot(`
    [
      "["backupEnd",-50,64,"54849961984"]",
      "["checkpoint",50,64,0,"24990711808",13451,56422,1,"walLevel","37472960512","3123",18345]",
      "["classRow",150,64,53154,38607,40760,"name",61055,2467,"relationKind"]",
      "["continuationOverwritten",250,64,"20110639104","3123"]",
      "["databaseCreate",350,64,53154,"strategy",38607,18781,18239]",
      "["databaseDrop",450,64,53154,38607,[58158,1]]",
      "["endOfRecovery",550,64,"3123",13451,56422]",
      "["fileCreate",650,64,53154,[1663,5,40760],"fork"]",
      "["fileTruncate",750,64,53154,[1663,5,40760],44046,["forks","é"]]",
      "["fullPageWrites",850,64,1]",
      "["lock",950,64,53154,38607,40760]",
      "["parameterChange",1050,64,16264,1901,5444,1012,62388,"walLevel",0,1]",
      "["prepare",1150,64,53154,"3123",38607,"globalIdentifier",[33052,1],[[1663,5,24752]],[[1663,5,30089]]]",
      "["relationMap",1250,64,53154,38607,33581]",
      "["restorePoint",1350,64,"name","3123"]",
      "["runningTransactions",1450,64,35032,1,35737,28679,[9864,1]]",
      "["sharedInPlace",1550,64,2467,44505]",
      "["tablespaceCreate",1650,64,53154,18781]",
      "["tablespaceDrop",1750,64,53154,18781]",
      "["truncate",1850,64,53154,38607,[18776,1]]",
    ]
  `);
  expect(rowsOf()).toMatchInlineSnapshot(`
    [
      [
        1,
        38607,
        [
          33052,
          1,
        ],
        [
          [
            1663,
            5,
            25964,
          ],
        ],
        [
          [
            5,
            4544,
          ],
        ],
        [
          [
            5,
            1162,
          ],
        ],
        "globalIdentifier",
      ],
    ]
  `);
});

test("its columns are these bytes", () => {
  const bytes = encodeWalIndex(INDEX);
  const reader = new ColumnReader(bytes);
  // Three blocks of rows stand before them, as the test above says.
  const rowBytes = [0, 1, 2].map(() => reader.block().length);
  const prefix = rowBytes.reduce((sum, length) => sum + length + (length < 128 ? 1 : 2), 0);
  expect(Buffer.from(bytes.subarray(prefix)).toString("hex")).toMatchInlineSnapshot(
    `"02ff0c800d0500808002a3ec010102001f01020304c801010405020fe08c01386001028c0b138089e7c1f0f08103ff88e7c1f0f08105000102fa0a018695d9e61d00020000030007f7ffffff0f0102010303010203"`,
  );
});

test("the tables of fields are these, in this order", () => {
  const tables = Object.entries(EVENT_FIELDS).map(
    ([kind, table]) =>
      `${kind}: ${Object.entries(table)
        .map((pair) => pair.join(" "))
        .join(", ")}`,
  );
  expect(tables).toMatchInlineSnapshot(`
    [
      "restorePoint: name text, at instant",
      "checkpoint: shutdown flag, redo lsn, timeline number, previousTimeline number, fullPageWrites flag, walLevel word, nextXid uint64, at instant, oldestActiveXid number",
      "parameterChange: maxConnections number, maxWorkerProcesses number, maxWalSenders number, maxPreparedTransactions number, maxLocksPerTransaction number, walLevel word, walLogHints flag, trackCommitTimestamp flag",
      "fullPageWrites: enabled flag",
      "endOfRecovery: at instant, timeline number, previousTimeline number",
      "backupEnd: begin lsn",
      "continuationOverwritten: overwritten lsn, at instant",
      "prepare: xid number, at instant, database number, globalIdentifier text, subtransactions numbers, relationsDroppedAtCommit locators, relationsDroppedAtAbort locators",
      "runningTransactions: transactionCount number, overflowed flag, nextXid number, oldestRunningXid number, xids numbers",
      "fileCreate: xid number, relation locator, fork text",
      "fileTruncate: xid number, relation locator, blockCount number, forks texts",
      "databaseCreate: xid number, strategy text, database number, tablespace number, source number",
      "databaseDrop: xid number, database number, tablespaces numbers",
      "sharedInPlace: relfilenode number, oid number",
      "tablespaceCreate: xid number, tablespace number",
      "tablespaceDrop: xid number, tablespace number",
      "lock: xid number, database number, relation number",
      "truncate: xid number, database number, relations numbers",
      "classRow: xid number, database number, relation number, name text, namespace number, relfilenode number, relationKind text",
      "relationMap: xid number, database number, classFile number",
    ]
  `);
  expect(Object.entries(END_DETAIL_FIELDS).map((pair) => pair.join(" "))).toMatchInlineSnapshot(`
    [
      "database number",
      "subtransactions numbers",
      "droppedRelations locators",
      "droppedObjects objects",
      "invalidatedRelations objects",
      "globalIdentifier word",
    ]
  `);
  expect(ROW_OPERATIONS).toMatchInlineSnapshot(`
    [
      "inserted",
      "updated",
      "deleted",
      "movedOut",
      "pages",
    ]
  `);
});
