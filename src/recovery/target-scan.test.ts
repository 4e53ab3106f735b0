import { describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { lsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { listAll } from "../storage/object-store.ts";
import {
  filler,
  restorePoint,
  SEGMENT_SIZE,
  transactionEnd,
  WalBuilder,
} from "../wal/wal.fixture.ts";
import { archiveIn, filesOf, nameOf } from "./target.fixture.ts";
import { type HistoryEvent, type HistoryScan, scanHistory } from "./target-scan.ts";

const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const BEGIN = lsn(BigInt(SEGMENT_SIZE));
const NOON = "2025-01-01T12:00:00Z";

async function scan(
  archive: WalArchive,
  options: Partial<HistoryScan> = {},
): Promise<readonly HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  const question = { archive, history: FIRST, begin: BEGIN, blockSizeBytes: 8192, ...options };
  for await (const event of scanHistory(question, createContext())) events.push(event);
  return events;
}

const idsOf = (events: readonly HistoryEvent[]): readonly number[] =>
  events.flatMap((event) => (event.kind === "transactionEnd" ? [event.transaction.xid] : []));

/** Five segments; each ends with the commit of the transaction with its number. */
function fiveSegments(): WalBuilder {
  const builder = new WalBuilder();
  for (const xid of [1, 2, 3, 4, 5]) {
    builder.append(transactionEnd("commit", xid, NOON));
    builder.switchSegment();
  }
  return builder;
}

test("tells what is in every segment, and where the archive ends", async () => {
  const builder = fiveSegments();
  const progress: string[] = [];
  const events = await scan(await archiveIn(createMemoryStore(), filesOf(builder)), {
    onProgress: ({ segment }) => progress.push(segment),
  });
  expect(idsOf(events)).toEqual([1, 2, 3, 4, 5]);
  expect(events.at(-1)).toMatchObject({ kind: "archiveEnd", lsn: builder.position });
  expect(progress).toEqual([1n, 2n, 3n, 4n, 5n].map((number) => nameOf(number)));
});

test("reads no further than it is told", async () => {
  const archive = await archiveIn(createMemoryStore(), filesOf(fiveSegments()));
  const events = await scan(archive, { end: lsn(BEGIN + BigInt(SEGMENT_SIZE) + 100n) });
  expect(idsOf(events)).toEqual([1, 2]);
});

test("an archive without the first segment ends before it begins", async () => {
  expect(await scan(await archiveIn(createMemoryStore(), []))).toEqual([
    { kind: "archiveEnd", lastRecord: undefined, lsn: BEGIN },
  ]);
});

describe("a segment that is not stored", () => {
  test("is named when later ones are; what lies before it is told", async () => {
    const files = filesOf(fiveSegments()).filter(([name]) => name !== nameOf(3n));
    const archive = await archiveIn(createMemoryStore(), files);
    const seen: HistoryEvent[] = [];
    const reading = async (): Promise<void> => {
      const question = { archive, history: FIRST, begin: BEGIN, blockSizeBytes: 8192 };
      for await (const event of scanHistory(question, createContext())) seen.push(event);
    };
    await expect(reading()).rejects.toMatchObject({
      code: "WAL_SEGMENT_MISSING",
      exitCode: 31,
      context: { segment: nameOf(3n) },
    });
    expect(idsOf(seen)).toEqual([1, 2]);
  });

  test("is the end of the archive when it would be the last", async () => {
    const files = filesOf(fiveSegments()).filter(([name]) => name !== nameOf(5n));
    expect((await scan(await archiveIn(createMemoryStore(), files))).at(-1)).toMatchObject({
      kind: "archiveEnd",
      lsn: lsn(5n * BigInt(SEGMENT_SIZE)),
    });
  });
});

test("damage of a segment before the beginning is no concern, although a record goes on from it", async () => {
  const builder = new WalBuilder();
  builder.append(transactionEnd("commit", 1, NOON));
  builder.append(filler(SEGMENT_SIZE));
  const { begin } = builder.append(transactionEnd("commit", 2, NOON));
  const store = createMemoryStore();
  const archive = await archiveIn(store, filesOf(builder));
  for await (const { key } of listAll(store, "stanza/", { signal: createContext().signal })) {
    if (key.endsWith(nameOf(1n))) store.tamper(key, (bytes) => bytes.subarray(0, 1000));
  }
  expect(idsOf(await scan(archive, { begin }))).toEqual([2]);
  await expect(scan(archive)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
});

describe("WAL that ends inside a segment", () => {
  test("is damage when a later segment is stored", async () => {
    const files = filesOf(fiveSegments());
    files[2]?.[1].fill(0x55, 60, 70);
    await expect(scan(await archiveIn(createMemoryStore(), files))).rejects.toMatchObject({
      code: "WAL_SEGMENT_INVALID",
      exitCode: 22,
      context: { segment: nameOf(3n), reason: "checksum" },
    });
  });

  test("is what a crash left behind when it is the last one", async () => {
    const builder = fiveSegments();
    const last = builder.append(transactionEnd("commit", 6, NOON));
    expect((await scan(await archiveIn(createMemoryStore(), filesOf(builder)))).at(-1)).toEqual({
      kind: "archiveEnd",
      lastRecord: last.begin,
      lsn: last.end,
    });
  });
});

test("a commit that the end of the archive cuts is none", async () => {
  const builder = new WalBuilder();
  const whole = builder.append(filler(SEGMENT_SIZE - 128 * 24 - 200));
  builder.fillPage(16);
  builder.append(transactionEnd("commit", 7, NOON));
  const [first] = filesOf(builder);
  const events = await scan(await archiveIn(createMemoryStore(), first ? [first] : []));
  expect(idsOf(events)).toEqual([]);
  expect(events.at(-1)).toMatchObject({ kind: "archiveEnd" });
  expect(whole.begin).toBeLessThan(events.at(-1)?.lsn ?? 0n);
});

describe("a promotion inside a segment", () => {
  const parent = new WalBuilder();
  const child = new WalBuilder();
  for (const builder of [parent, child]) {
    builder.append(transactionEnd("commit", 1, NOON));
    builder.switchSegment();
    builder.append(transactionEnd("commit", 2, NOON));
  }
  const switchLsn = parent.position;
  const ancestors = [{ timeline: timeline(1), switchLsn, reason: "" }];
  const history: TimelineHistory = { timeline: timeline(2), ancestors };
  child.promote(2);
  child.append(restorePoint("of the child", NOON));
  child.append(transactionEnd("commit", 20, NOON));
  child.switchSegment();
  parent.append(transactionEnd("commit", 10, NOON));
  parent.switchSegment();
  parent.append(transactionEnd("commit", 11, NOON));
  const ofParent = filesOf(parent);
  const ofChild = filesOf(child, 2).slice(1);

  test("is followed into the child's segment", async () => {
    const events = await scan(await archiveIn(createMemoryStore(), [...ofParent, ...ofChild]), {
      history,
    });
    expect(idsOf(events)).toEqual([1, 2, 20]);
    expect(events.at(-1)).toMatchObject({ kind: "archiveEnd", lsn: child.position });
  });

  test("is reached through the parent's while the child's is not archived, and not passed", async () => {
    const events = await scan(await archiveIn(createMemoryStore(), ofParent), { history });
    expect(idsOf(events)).toEqual([1, 2]);
    expect(events.at(-1)).toMatchObject({ kind: "archiveEnd", lsn: switchLsn });
  });

  test("is not followed when the parent's timeline is", async () => {
    expect(
      idsOf(await scan(await archiveIn(createMemoryStore(), [...ofParent, ...ofChild]))),
    ).toEqual([1, 2, 10, 11]);
  });
});
