import { describe, expect, test } from "vitest";
import { storeSegmentIndex } from "../archive/segment-index.ts";
import { createContext } from "../base/context.ts";
import { formatLsn, type Lsn, lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { formatInstant } from "../model/timestamp.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { recordGap, type WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import { filler, SEGMENT_SIZE, transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { archiveIn, backupAt, filesOf, nameOf } from "./target.fixture.ts";
import { readRecoveryWindows, type RecoveryWindows } from "./window.ts";

const CONTEXT = createContext();
type Files = readonly (readonly [string, Buffer])[];

const at = (minute: number): string => `2025-01-01T00:${String(minute).padStart(2, "0")}:00Z`;
const beginOf = (number: number): Lsn => segmentBegin(BigInt(number), SEGMENT_SIZE);

/** Segments 1 to `count`; in the one with number n a transaction with that number is committed in minute 10 n. */
function history(count: number): { readonly builder: WalBuilder; readonly commits: Lsn[] } {
  const builder = new WalBuilder();
  const commits: Lsn[] = [lsn(0n)];
  for (let number = 1; number <= count; number += 1) {
    builder.append(filler(256));
    commits.push(builder.append(transactionEnd("commit", number, at(10 * number))).begin);
    builder.switchSegment();
  }
  return { builder, commits };
}

/** A backup in the first bytes of a segment, one minute after the commit of the segment before. */
function backupIn(number: number, changes: Partial<ManifestHeader> = {}): ManifestHeader {
  const begin = lsn(beginOf(number) + 40n);
  const minute = 10 * number - 9;
  return { ...backupAt(begin, lsn(begin + 200n), [minute, minute]), ...changes };
}

const LABELS = ["", "20250101-000100F", "20250101-001100F", "20250101-002100F", "20250101-003100F"];

/** Windows as lines: timeline, backup, from, to, and the transaction at the end. */
function linesOf({ timelines }: RecoveryWindows): readonly string[] {
  return timelines.flatMap(({ windows }) =>
    windows.map(({ earliest, latest, backups, transaction, ...window }) => {
      const minutes = [earliest, latest].map(({ time }) => formatInstant(time).slice(14, 16));
      const end = transaction ? `${transaction.kind} ${transaction.xid}` : "backup";
      return `${window.timeline} ${backups.join("+")} ${minutes.join("-")} ${end}`;
    }),
  );
}

const placesOf = ({ gaps }: RecoveryWindows): readonly string[] =>
  gaps.map((gap) => `${gap.kind} ${gap.timeline} ${formatLsn(gap.begin)} ${formatLsn(gap.end)}`);

async function windowsOf(
  files: Files,
  backups: readonly ManifestHeader[],
  prepare: (archive: WalArchive, store: MemoryStore) => unknown = () => undefined,
): Promise<RecoveryWindows> {
  const store = createMemoryStore();
  const archive = await archiveIn(store, files);
  await prepare(archive, store);
  return await readRecoveryWindows({ archive, backups }, CONTEXT);
}

const without = (files: Files, ...names: readonly string[]): Files =>
  files.filter(([name]) => !names.includes(name));

describe("a window", () => {
  const { builder, commits } = history(4);

  test("goes from the end of the oldest backup to the last transaction that ended", async () => {
    const [first, second] = [backupIn(1), backupIn(3)];
    const found = await windowsOf(filesOf(builder), [second, first]);
    expect(linesOf(found)).toEqual([`1 ${LABELS[1]}+${LABELS[3]} 01-40 commit 4`]);
    expect(found).toMatchObject({ gaps: [], strandedBackups: [] });
    const [window] = found.timelines[0]?.windows ?? [];
    expect(window?.earliest).toEqual({ time: first.stopTime, lsn: first.stopLsn });
    expect(window?.latest.lsn).toBe(commits[4]);
    expect(window?.endsAtGap).toBe(false);
  });

  test("ends with a rollback as well, which stops a recovery to a time like a commit", async () => {
    const { builder: longer } = history(2);
    longer.append(transactionEnd("abort", 77, at(50)));
    expect(linesOf(await windowsOf(filesOf(longer), [backupIn(1)]))).toEqual([
      `1 ${LABELS[1]} 01-50 abort 77`,
    ]);
  });

  test("goes back over WAL in which no transaction ended, but not behind the newest backup", async () => {
    const { builder: longer } = history(2);
    for (let count = 0; count < 10; count += 1) {
      longer.append(filler(256));
      longer.switchSegment();
    }
    longer.append(filler(256));
    const files = filesOf(longer);
    expect(linesOf(await windowsOf(files, [backupIn(1)]))).toEqual([
      `1 ${LABELS[1]} 01-20 commit 2`,
    ]);
    const begin = lsn(longer.position - 64n);
    const newest = backupAt(begin, longer.position, [55, 56]);
    expect(linesOf(await windowsOf(files, [backupIn(1), newest]))).toEqual([
      `1 ${LABELS[1]}+${newest.label} 01-56 backup`,
    ]);
  });

  test("is nothing but the backup when no transaction ended since", async () => {
    const { builder: longer } = history(3);
    const backup = backupIn(4);
    longer.append(filler(512));
    expect(linesOf(await windowsOf(filesOf(longer), [backup]))).toEqual([
      `1 ${backup.label} 31-31 backup`,
    ]);
  });

  test("needs a backup whose WAL is stored", async () => {
    const files = without(filesOf(builder), nameOf(4n));
    const found = await windowsOf(files, [backupIn(4)]);
    expect(linesOf(found)).toEqual([]);
    expect(found.strandedBackups).toEqual([LABELS[4]]);
    expect(linesOf(await windowsOf(files, []))).toEqual([]);
    expect(await windowsOf([], [])).toMatchObject({
      timelines: [{ ownWal: undefined, windows: [] }],
      gaps: [],
    });
  });

  test("is found by a few indexes, however much is stored", async () => {
    const { builder: longer } = history(5);
    for (let count = 0; count < 40; count += 1) longer.switchSegment();
    longer.append(transactionEnd("commit", 900, at(55)));
    longer.switchSegment();
    const reads: string[] = [];
    const memory = createMemoryStore();
    const store = {
      ...memory,
      get: (...parameters: Parameters<typeof memory.get>) => {
        reads.push(parameters[0]);
        return memory.get(...parameters);
      },
    };
    const archive = await archiveIn(store, filesOf(longer));
    for (const [name, bytes] of filesOf(longer)) {
      await storeSegmentIndex({ archive, name, bytes, blockSizeBytes: 8192 }, CONTEXT);
    }
    reads.length = 0;
    const found = await readRecoveryWindows({ archive, backups: [backupIn(1)] }, CONTEXT);
    expect(linesOf(found)).toEqual([`1 ${LABELS[1]} 01-55 commit 900`]);
    expect(reads.length).toBe(1);
  });
});

describe("a gap", () => {
  const { builder } = history(5);
  const files = filesOf(builder);
  const backups = [backupIn(1), backupIn(4)];

  test("of missing segments cuts a window in two", async () => {
    const found = await windowsOf(without(files, nameOf(2n), nameOf(3n)), backups);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-10 commit 1`,
      `1 ${LABELS[4]} 31-50 commit 5`,
    ]);
    expect(found.timelines[0]?.windows.map(({ endsAtGap }) => endsAtGap)).toEqual([true, false]);
    expect(found.gaps).toEqual([
      {
        kind: "missing",
        timeline: 1,
        begin: beginOf(2),
        end: beginOf(4),
        segments: { first: nameOf(2n), last: nameOf(3n), count: 2 },
        reason: `2 WAL segments, from ${nameOf(2n)} to ${nameOf(3n)}, are not stored, although later ones are`,
        hasWindowBefore: true,
        backupBehind: LABELS[4],
        isOnNewestPath: true,
      },
    ]);
  });

  test("closes what is behind it when no backup begins there", async () => {
    const found = await windowsOf(without(files, nameOf(3n)), [backupIn(1)]);
    expect(linesOf(found)).toEqual([`1 ${LABELS[1]} 01-20 commit 2`]);
    expect(found.gaps).toMatchObject([{ backupBehind: undefined, isOnNewestPath: true }]);
  });

  test("before the first backup takes nothing away", async () => {
    const found = await windowsOf(without(files, nameOf(2n)), [backupIn(4)]);
    expect(linesOf(found)).toEqual([`1 ${LABELS[4]} 31-50 commit 5`]);
    expect(found.gaps).toMatchObject([{ hasWindowBefore: false, backupBehind: LABELS[4] }]);
  });

  test("that was recorded says so, also where nothing later is stored", async () => {
    const lost = (number: number) => (archive: WalArchive) =>
      recordGap(
        archive,
        { timeline: timeline(1), begin: beginOf(number), end: beginOf(number + 1) },
        { reason: "queue overflow", context: CONTEXT },
      );
    const between = await windowsOf(without(files, nameOf(3n)), backups, lost(3));
    const behind = await windowsOf(files, backups, lost(6));
    const never = await windowsOf(files, backups, lost(3));
    expect(placesOf(between)).toEqual(["givenUp 1 0/300000 0/400000"]);
    expect(placesOf(behind)).toEqual(["givenUp 1 0/600000 0/700000"]);
    expect(behind.gaps[0]?.reason).toContain(`${nameOf(6n)} is not stored and never will be`);
    expect(placesOf(never)).toEqual([]);
  });

  test("is a segment that cannot be read", async () => {
    const found = await windowsOf(files, backups, async (archive, store) => {
      // What has an index was whole when it was archived, and is not looked at again.
      for (const [name, bytes] of files.slice(3)) {
        await storeSegmentIndex({ archive, name, bytes, blockSizeBytes: 8192 }, CONTEXT);
      }
      const key = store.keys().find((each) => each.endsWith(nameOf(3n))) ?? "";
      store.tamper(key, (bytes) => bytes.fill(0x55, 9000, 9010));
    });
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-20 commit 2`,
      `1 ${LABELS[4]} 31-50 commit 5`,
    ]);
    expect(placesOf(found)).toEqual(["damaged 1 0/300000 0/400000"]);
    expect(found.gaps[0]?.reason).toMatch(/^WAL segment 0{7}10{15}3 cannot be read: .*is damaged/);
  });

  test("is WAL that ends inside a segment, although later ones are stored", async () => {
    const damaged = filesOf(history(5).builder);
    damaged[2]?.[1].fill(0x55, 310, 320);
    damaged[4]?.[1].fill(0, 296);
    const found = await windowsOf(damaged, backups);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-20 commit 2`,
      `1 ${LABELS[4]} 31-40 commit 4`,
    ]);
    // In the last segment WAL may end: the server had not written more.
    expect(placesOf(found)).toEqual(["ended 1 0/300128 0/400000"]);
  });

  test("is between segments of which the second does not go on where the first ends", async () => {
    const elsewhere = new WalBuilder({ firstSegment: 4 });
    for (const number of [4, 5]) {
      elsewhere.append(filler(512));
      elsewhere.append(transactionEnd("commit", number, at(10 * number)));
      elsewhere.switchSegment();
    }
    const files = [...filesOf(history(3).builder), ...filesOf(elsewhere)];
    const found = await windowsOf(files, backups);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-30 commit 3`,
      `1 ${LABELS[4]} 31-50 commit 5`,
    ]);
    expect(placesOf(found)).toEqual(["damaged 1 0/400000 0/400000"]);
    expect(found.gaps[0]?.reason).toMatch(/^WAL segment \w+4 does not go on where \w+3 ends, at /);
  });
});

describe("a promotion inside segment 3", () => {
  const parent = new WalBuilder();
  const child = new WalBuilder();
  for (const builder of [parent, child]) {
    for (const number of [1, 2, 3]) {
      builder.append(filler(256));
      builder.append(transactionEnd("commit", number, at(10 * number)));
      if (number < 3) builder.switchSegment();
    }
  }
  const switchLsn = parent.position;
  child.promote(2);
  parent.append(transactionEnd("commit", 13, at(32)));
  child.append(transactionEnd("commit", 23, at(34)));
  for (const builder of [parent, child]) builder.switchSegment();
  child.append(filler(256));
  child.append(transactionEnd("commit", 24, at(40)));
  child.switchSegment();
  parent.append(transactionEnd("commit", 14, at(45)));
  parent.switchSegment();
  const ofParent = filesOf(parent);
  const ofChild = filesOf(child, 2).slice(2);
  const historyFile = ["00000002.history", Buffer.from(`1\t${formatLsn(switchLsn)}\tx\n`)] as const;
  const both = [...ofParent, ...ofChild, historyFile];

  test("gives each branch its window, the abandoned one up to its own last transaction", async () => {
    const found = await windowsOf(both, [backupIn(1)]);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-45 commit 14`,
      `2 ${LABELS[1]} 01-40 commit 24`,
    ]);
    expect(found.gaps).toEqual([]);
  });

  test("leads the child no further than the switch while none of its WAL is stored", async () => {
    const found = await windowsOf([...ofParent, historyFile], [backupIn(1)]);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-45 commit 14`,
      `2 ${LABELS[1]} 01-30 commit 3`,
    ]);
    expect(found.timelines.map(({ ownWal }) => ownWal !== undefined)).toEqual([true, false]);
    expect(found.gaps).toEqual([]);
  });

  test("leaves a gap when only the child's first segment is missing", async () => {
    const found = await windowsOf(without(both, nameOf(3n, 2)), [backupIn(1)]);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-45 commit 14`,
      `2 ${LABELS[1]} 01-30 commit 3`,
    ]);
    expect(found.gaps).toMatchObject([
      {
        kind: "missing",
        timeline: 2,
        begin: switchLsn,
        end: beginOf(4),
        segments: { first: nameOf(3n, 2), last: nameOf(3n, 2), count: 1 },
      },
    ]);
  });

  test("shows a gap of the parent once, and windows before it with the parent only", async () => {
    const onChild = backupIn(4, { timeline: timeline(2) });
    const found = await windowsOf(without(both, nameOf(2n)), [backupIn(1), onChild]);
    expect(linesOf(found)).toEqual([
      `1 ${LABELS[1]} 01-10 commit 1`,
      `2 ${LABELS[4]} 31-40 commit 24`,
    ]);
    expect(placesOf(found)).toEqual(["missing 1 0/200000 0/300000"]);
    expect(found.gaps[0]?.backupBehind).toBe(LABELS[4]);
  });

  test("of which the history file is lost or damaged leaves the child out of reach", async () => {
    const lost = await windowsOf([...ofParent, ...ofChild], [backupIn(1)]);
    const damaged = await windowsOf(
      [...ofParent, ...ofChild, ["00000002.history", Buffer.from("nonsense")]],
      [backupIn(1)],
    );
    for (const found of [lost, damaged]) {
      expect(linesOf(found)).toEqual([`1 ${LABELS[1]} 01-45 commit 14`]);
      expect(placesOf(found)).toEqual(["historyMissing 2 0/300000 0/500000"]);
    }
    expect(lost.gaps[0]?.reason).toContain("00000002.history is not stored");
    expect(damaged.gaps[0]?.reason).toContain("00000002.history cannot be read");
  });
});
