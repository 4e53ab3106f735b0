import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createContext } from "../base/context.ts";
import { CONTROL_FILE_SIZE_BYTES } from "../postgres/control-file.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import { putWalIndex } from "../repository/wal-index.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { indexesOf, insertion, ORDERS } from "../wal/index.fixture.ts";
import { RESOURCE_MANAGER } from "../wal/resource-manager/ids.ts";
import { XLOG_OPERATION } from "../wal/resource-manager/xlog.ts";
import { filler, SYSTEM_IDENTIFIER, WalBuilder } from "../wal/wal.fixture.ts";
import { changesCatalogue, indexPushedSegment } from "./push-index.ts";
import { storeSegmentIndex } from "./segment-index.ts";
import {
  namedSegments,
  type NamedSegment,
  recordingLog,
  storedIndex,
  straddlingSegments,
} from "./segment-index.fixture.ts";
import { makeTestArchive, store, type TestArchive } from "./wal-archive.fixture.ts";

const context = createContext();

let target: TestArchive;
let dataDirectory = "";
beforeEach(async () => {
  target = await makeTestArchive();
  dataDirectory = await mkdtemp(join(tmpdir(), "push-index-"));
  onTestFinished(() => rm(dataDirectory, { recursive: true }));
  await mkdir(join(dataDirectory, "pg_wal"));
  await mkdir(join(dataDirectory, "global"));
});

async function keepInPgWal(...segments: readonly NamedSegment[]): Promise<void> {
  for (const [name, bytes] of segments) {
    await writeFile(join(dataDirectory, "pg_wal", name), bytes);
  }
}

interface Pushed {
  readonly index: WalIndex | undefined;
  readonly lines: ReturnType<typeof recordingLog>["lines"];
}

async function index(
  [name, bytes]: NamedSegment,
  options: {
    readonly targets?: readonly TestArchive[];
    readonly signal?: AbortSignal;
    readonly timeoutMs?: number;
  } = {},
): Promise<Pushed> {
  const { targets = [target], signal = context.signal, timeoutMs } = options;
  const { log, lines } = recordingLog();
  const archives = targets.map(({ archive }) => archive);
  const path = join(dataDirectory, "pg_wal", name);
  const segment = { path, name, bytes, archives, timeoutMs };
  return { index: await indexPushedSegment(segment, { ...context, log, signal }), lines };
}

/** What the indexes are when each is built from the one before. */
async function expectedIndexes(segments: readonly NamedSegment[]): Promise<readonly WalIndex[]> {
  const { archive } = await makeTestArchive();
  const indexes: WalIndex[] = [];
  const readSegment = (name: string): Promise<Buffer | undefined> =>
    Promise.resolve(new Map(segments).get(name));
  for (const [name, bytes] of segments) {
    const previous = indexes.at(-1);
    const source = { archive, name, bytes, blockSizeBytes: 8192, previous, readSegment };
    const stored = await storeSegmentIndex(source, context);
    if (stored.kind !== "stored") throw new Error(`${name} cannot be indexed: ${stored.kind}`);
    indexes.push(stored.index);
  }
  return indexes;
}

function bytesOf([, bytes]: NamedSegment): Buffer {
  return bytes;
}

function keyOf(name: string): string {
  return `stanza/main/archive/18-1/${name.slice(0, 16)}/${name}.index-1`;
}

describe("where the beginning of the first record comes from", () => {
  const segments = straddlingSegments(3);
  const [first, second] = segments as [NamedSegment, NamedSegment];

  test("the index of the segment before, and then nothing else is read", async () => {
    const [before, expected] = await expectedIndexes(segments);
    if (!before) throw new Error("there is no index");
    await putWalIndex(target.archive, { name: first[0], index: before }, context);
    expect((await index(second)).index).toEqual(expected);
    expect(await storedIndex(target.archive, second[0])).toEqual(expected);
    const keys = target.faults.calls.map(({ key }) => key);
    expect(keys.filter((key) => key.endsWith(first[0]))).toEqual([]);
  });

  test("the segment before in pg_wal, rather than the archive", async () => {
    await store(target, first);
    await keepInPgWal(first);
    const [, expected] = await expectedIndexes(segments);
    expect((await index(second)).index).toEqual(expected);
    const reads = target.faults.calls.filter(({ method }) => method === "get");
    expect(reads.filter(({ key }) => key.endsWith(first[0]))).toEqual([]);
  });

  test("the segment before in the archive, when pg_wal has another one under its name", async () => {
    await store(target, first);
    await keepInPgWal([first[0], second[1]]);
    const [, expected] = await expectedIndexes(segments);
    expect((await index(second)).index).toEqual(expected);
  });

  test("the segment before in the archive, when its index is damaged", async () => {
    await store(target, first);
    await target.memory.put(keyOf(first[0]), Buffer.from("damage"));
    const [, expected] = await expectedIndexes(segments);
    expect((await index(second)).index).toEqual(expected);
  });

  test.each(["pg_wal", "the archive"])("several segments before, from %s", async (place) => {
    const builder = new WalBuilder();
    builder.append(insertion({ xid: 700 }));
    builder.append(filler(3 * 1024 * 1024));
    builder.append(insertion({ xid: 701 }));
    builder.switchSegment();
    const long = namedSegments(builder);
    const expected = await expectedIndexes(long);
    expect(expected.map(({ first: record }) => record !== undefined)).toEqual([
      true,
      false,
      false,
      true,
    ]);
    if (place === "pg_wal") await keepInPgWal(...long.slice(0, -1));
    else await store(target, ...long.slice(0, -1));
    const last = long.at(-1) as NamedSegment;
    const readsOf = async (segment: NamedSegment): Promise<number> => {
      const counted = target.faults.calls.length;
      expect((await index(segment)).index).toEqual(expected[long.indexOf(segment)]);
      const calls = target.faults.calls.slice(counted);
      const names = long.map(([name]) => name);
      return calls.filter(({ method, key }) => method === "get" && names.includes(key.slice(-24)))
        .length;
    };
    // Back to the first one, and forward again, in how many pieces ever they are read.
    const once = place === "pg_wal" ? 0 : 3;
    expect(await readsOf(last)).toBeLessThanOrEqual(2 * once);
    // And one that lies wholly inside the record, and the next one, for which its index is enough.
    expect(await readsOf(long[1] as NamedSegment)).toBeLessThanOrEqual(2 * once);
    expect(await readsOf(long[2] as NamedSegment)).toBe(0);
  });

  test("nowhere: none is stored, and there is no fuss", async () => {
    const { index: made, lines } = await index(second);
    expect(made?.first?.lsn).toBeGreaterThan(segmentBegin(2n, bytesOf(second).length));
    expect(target.memory.keys()).not.toContain(keyOf(second[0]));
    expect(lines.map(([level]) => level)).toEqual(["info"]);
    expect((await index(first)).index).toBeDefined();
  });
});

describe("several archives", () => {
  const segments = straddlingSegments(2);
  const [first] = segments as [NamedSegment];

  test("the index is built once, and the same in all", async () => {
    const other = await makeTestArchive();
    const callCount = other.faults.calls.length;
    const { index: made } = await index(first, { targets: [target, other] });
    expect(await storedIndex(other.archive, first[0])).toEqual(made);
    expect(await storedIndex(target.archive, first[0])).toEqual(made);
    const calls = other.faults.calls.slice(callCount, callCount + 2);
    expect(calls.map(({ method }) => method)).toEqual(["stat", "put"]);
  });

  test("one that fails does not keep the others from theirs", async () => {
    const other = await makeTestArchive();
    target.faults.setRules([{ method: "put", times: Infinity, fault: { kind: "fail" } }]);
    const { lines } = await index(first, { targets: [target, other] });
    expect(lines.map(([level]) => level)).toEqual(["warn"]);
    expect(await storedIndex(other.archive, first[0])).toBeDefined();
  });

  test("none takes it: what the segment did is known all the same", async () => {
    target.faults.setRules([{ method: "put", times: Infinity, fault: { kind: "fail" } }]);
    const { index: made, lines } = await index(first);
    expect(made?.ends.count).toBe(2);
    expect(lines.map(([level]) => level)).toEqual(["warn"]);
  });

  test("one that does not answer in time leaves the others theirs", async () => {
    const other = await makeTestArchive();
    target.faults.setRules([{ times: Infinity, fault: { kind: "delay", delayMs: 60_000 } }]);
    const { index: made, lines } = await index(first, {
      targets: [target, other],
      timeoutMs: 4_000,
    });
    expect(lines.map(([level]) => level)).toEqual(["warn"]);
    expect(await storedIndex(other.archive, first[0])).toEqual(made);
  });

  test("an index that is there is read, to know what the segment did", async () => {
    const { index: made } = await index(first);
    expect(await index(first)).toEqual({ index: made, lines: [] });
  });

  test("an index that is there is kept, whatever it is", async () => {
    await target.memory.put(keyOf(first[0]), Buffer.from("damage"));
    expect(await index(first)).toEqual({ index: undefined, lines: [] });
    expect(await target.memory.get(keyOf(first[0]))).toEqual(Buffer.from("damage"));
  });
});

describe("what goes wrong is a warning", () => {
  const segments = straddlingSegments(2);
  const [first, second] = segments as [NamedSegment, NamedSegment];

  /** The reason in the one warning there is. */
  async function warning(
    segment: NamedSegment,
    options: Parameters<typeof index>[1] = {},
  ): Promise<unknown> {
    const { lines } = await index(segment, options);
    expect(lines).toHaveLength(1);
    const [level, message, fields] = lines[0] ?? [];
    expect([level, message]).toEqual([
      "warn",
      "the segment is archived, but its WAL index could not be made",
    ]);
    expect(fields).toMatchObject({ segment: segment[0], later: "hindsight index --rebuild" });
    return fields?.["reason"];
  }

  test.each(["REPOSITORY_DENIED", "REPOSITORY_UNREACHABLE"] as const)(
    "the store ends each of its calls with %s",
    async (code) => {
      await store(target, first);
      const counted = target.faults.calls.length;
      target.faults.setRules([]);
      await index(second);
      const callCount = target.faults.calls.length - counted;
      expect(callCount).toBeGreaterThan(2);
      for (let nth = 1; nth <= callCount; nth += 1) {
        await target.memory.remove(keyOf(second[0]));
        target.faults.setRules([{ nth, fault: { kind: "fail", code } }]);
        expect([nth, await warning(second)]).toEqual([nth, expect.stringContaining("injected")]);
      }
    },
  );

  test("the store does not answer in time", async () => {
    target.faults.setRules([{ fault: { kind: "delay", delayMs: 60_000 } }]);
    expect(await warning(first, { timeoutMs: 20 })).toBe("it took longer than 20 ms");
  });

  test("the server is shutting down", async () => {
    const signal = AbortSignal.abort(new Error("interrupted by SIGTERM"));
    expect(await warning(first, { signal })).toBe("interrupted by SIGTERM");
  });

  test("WAL ends inside the segment, and the index that lacks the rest is not stored", async () => {
    const bytes = Buffer.from(first[1]);
    bytes.writeUInt8((bytes[20_000] ?? 0) ^ 1, 20_000);
    expect(await warning([first[0], bytes])).toMatch(
      /^WAL ends at 0\/10\w+, inside of it \(\w+\)$/,
    );
    expect(target.memory.keys()).not.toContain(keyOf(first[0]));
  });

  test("the segment has no record that can be read", async () => {
    const bytes = Buffer.from(first[1]);
    bytes.fill(0x61, 40);
    expect(await warning([first[0], bytes])).toMatch(/^WAL ends at 0\/100028, before its first/);
  });
});

describe("the size of a relation's page", () => {
  /** A segment with the image of a page of 8 KiB. */
  function imageSegment(): NamedSegment {
    const builder = new WalBuilder();
    const reference = Buffer.alloc(25);
    reference.writeUInt8(0x10, 1);
    reference.writeUInt16LE(8192, 4);
    reference.writeUInt8(0x02, 8);
    reference.writeUInt32LE(ORDERS.tablespace, 9);
    reference.writeUInt32LE(ORDERS.database, 13);
    reference.writeUInt32LE(ORDERS.relfilenode, 17);
    const body = Buffer.concat([reference, Buffer.alloc(8192, 1)]);
    const operation = XLOG_OPERATION.fullPageImage;
    builder.append({ resourceManager: RESOURCE_MANAGER.xlog, operation, xid: 700, body });
    builder.append(insertion({ xid: 701, block: 7 }));
    builder.switchSegment();
    return namedSegments(builder)[0] as NamedSegment;
  }

  async function writeControl(identifier: bigint, blockSizeBytes: number): Promise<void> {
    const bytes = Buffer.alloc(CONTROL_FILE_SIZE_BYTES);
    bytes.writeBigUInt64LE(identifier, 0);
    bytes.writeUInt32LE(1800, 8);
    bytes.writeUInt32LE(1, 48);
    bytes.writeUInt32LE(blockSizeBytes, 216);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 292)), 292);
    await writeFile(join(dataDirectory, "global", "pg_control"), bytes);
  }

  test.each([
    ["8192 without pg_control", undefined, 2],
    ["that of pg_control", [SYSTEM_IDENTIFIER, 1024], 0],
    ["that of pg_control", [SYSTEM_IDENTIFIER, 8192], 2],
    ["8192 beside another cluster's pg_control", [5n, 1024], 2],
  ] as const)("is %s: %s", async (_, control, blocks) => {
    if (control) await writeControl(control[0], control[1]);
    const { index: made, lines } = await index(imageSegment());
    expect(made?.blocks.flatMap((each) => [...each.blocks]).length).toBe(blocks);
    expect(lines.map(([level]) => level)).toEqual(blocks > 0 ? [] : ["warn"]);
  });
});

test("rows alone do not change the catalogue", () => {
  const builder = new WalBuilder();
  builder.append(insertion({ xid: 700 }));
  const [made] = indexesOf(builder) as [WalIndex];
  expect(changesCatalogue(made)).toBe(false);
  const place = { lsn: made.first?.lsn, endLsn: made.first?.endLsn } as WalIndex["events"][number];
  const created = (fork: string): WalIndex["events"][number] => ({
    ...place,
    kind: "fileCreate",
    xid: 700,
    relation: ORDERS,
    fork,
  });
  expect(changesCatalogue({ ...made, events: [created("fsm")] })).toBe(false);
  expect(changesCatalogue({ ...made, events: [created("main")] })).toBe(true);
  const others: readonly WalIndex["events"][number][] = [
    {
      ...place,
      kind: "databaseCreate",
      xid: 0,
      strategy: "fileCopy",
      database: 6,
      tablespace: 1663,
      source: 5,
    },
    { ...place, kind: "databaseDrop", xid: 700, database: 6, tablespaces: [1663] },
    { ...place, kind: "relationMap", xid: 700, database: 5, classFile: 16_430 },
  ];
  for (const event of others) expect(changesCatalogue({ ...made, events: [event] })).toBe(true);
  const detail = {
    database: 5,
    subtransactions: [701],
    droppedRelations: [],
    droppedObjects: [],
    invalidatedRelations: [],
    globalIdentifier: undefined,
  };
  const withEnd = (change: object): WalIndex => ({
    ...made,
    endDetails: new Map([[0, { ...detail, ...change }]]),
  });
  expect(changesCatalogue(withEnd({}))).toBe(false);
  expect(changesCatalogue(withEnd({ droppedRelations: [ORDERS] }))).toBe(true);
  const invalidatedRelations = [{ database: 5, relation: 16384 }];
  expect(changesCatalogue(withEnd({ invalidatedRelations }))).toBe(true);
});
