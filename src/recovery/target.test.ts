import { beforeAll, describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import { formatLsn, type Lsn, lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore } from "../storage/memory.ts";
import {
  type DraftRecord,
  filler,
  restorePoint,
  runningTransactions,
  SEGMENT_SIZE,
  transactionEnd,
  WalBuilder,
} from "../wal/wal.fixture.ts";
import { archiveIn, backupAt, filesOf, nameOf } from "./target.fixture.ts";
import { resolveTarget } from "./target.ts";

const CONTEXT = createContext();
const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };

/** `00:10:00.000001` of the first day of 2025. */
const at = (clock: string): string => `2025-01-01T${clock}Z`;

function timeTarget(clock: string, exclusive = false): RecoveryTarget {
  return {
    kind: "time",
    time: { instant: Temporal.Instant.from(at(clock)), zone: "UTC" },
    exclusive,
  };
}

const xidTarget = (xid: bigint, exclusive = false): RecoveryTarget => ({
  kind: "xid",
  xid,
  exclusive,
});

const NO_TRANSACTIONS = { xids: [], overflowed: false, nextXid: 100, oldestRunningXid: 100 };

/**
 * Two backups, of 00:10 and of 00:30, and what happened around them. Each line is a record; positions are kept by name.
 */
class History {
  readonly builder: WalBuilder = new WalBuilder();
  readonly places: Record<string, { readonly begin: Lsn; readonly end: Lsn }> = {};
  readonly backups: ManifestHeader[] = [];

  write(name: string, draft: DraftRecord): this {
    this.places[name] = this.builder.append(draft);
    return this;
  }

  backup(minutes: readonly [number, number], during: () => unknown = () => undefined): this {
    const { begin } = this.builder.append(runningTransactions(NO_TRANSACTIONS));
    during();
    const { end } = this.builder.append(filler(60));
    this.backups.push(backupAt(begin, end, minutes));
    return this;
  }

  begin(name: string): Lsn {
    return this.places[name]?.begin ?? lsn(0n);
  }
}

const history = new History();
let archive: WalArchive;

beforeAll(async () => {
  history
    .write("early", transactionEnd("commit", 90, at("00:05:00")))
    .backup([10, 11], () => history.write("during", transactionEnd("commit", 91, at("00:10:30"))))
    .write("twelve", transactionEnd("commit", 101, at("00:12:00"), [102, 103]))
    .write("point", restorePoint("before disaster", at("00:13:00")))
    .write("thirteen", transactionEnd("commit", 104, at("00:13:30")))
    .write("sub", transactionEnd("abort", 106, at("00:14:00")))
    .write("fifteen", transactionEnd("commit", 105, at("00:15:00")))
    .write("late", transactionEnd("commit", 107, at("00:14:30")));
  history.builder.switchSegment();
  history
    .write("only", restorePoint("only once", at("00:20:00")))
    .write("bulk", filler(SEGMENT_SIZE))
    .backup([30, 31], () => history.write("within", transactionEnd("commit", 120, at("00:30:30"))))
    .write("same", transactionEnd("commit", 121, at("00:35:00")))
    .write("equal", transactionEnd("commit", 122, at("00:35:00")))
    .write("again", restorePoint("before disaster", at("00:36:00")))
    .write("twin", restorePoint("before disaster", at("00:37:00")))
    .write("last", transactionEnd("commit", 130, at("00:40:00")))
    .write("end", filler(64));
  archive = await archiveIn(createMemoryStore(), filesOf(history.builder));
});

const resolve = (target: RecoveryTarget, candidates = history.backups) =>
  resolveTarget({ archive, target, history: FIRST, candidates }, CONTEXT);

const FULL_1 = "20250101-001000F";
const FULL_2 = "20250101-003000F";

describe("a time", () => {
  test("stops before the first transaction that ended later, and says what is kept and given up", async () => {
    expect(await resolve(timeTarget("00:13:00"))).toMatchObject({
      backup: FULL_1,
      stopLsn: history.begin("thirteen"),
      isApplied: false,
      lastSegment: nameOf(1n),
      commitBefore: { xid: 101n, lsn: history.begin("twelve") },
      commitAfter: { xid: 104n },
      pauseWouldPromote: false,
      compiled: { kind: "lsn", lsn: history.begin("thirteen"), exclusive: true },
      notes: [
        `2025-01-01 00:13:00.000000+00:00 means LSN ${formatLsn(history.begin("thirteen"))}, exclusive: there is the first transaction that ended later.`,
        "The last that is kept is transaction 101, committed at 2025-01-01 00:12:00.000000+00:00.",
        "The first that is given up is transaction 104, committed at 2025-01-01 00:13:30.000000+00:00.",
      ],
    });
  });

  test("of a commit keeps it, or gives it up when exclusive, with all of the same microsecond", async () => {
    expect(await resolve(timeTarget("00:35:00"))).toMatchObject({
      stopLsn: history.begin("last"),
      commitBefore: { xid: 122n },
    });
    expect(await resolve(timeTarget("00:35:00", true))).toMatchObject({
      stopLsn: history.begin("same"),
      commitBefore: { xid: 120n },
    });
  });

  test("is compared with rollbacks of subtransactions, too, and not with restore points", async () => {
    expect(await resolve(timeTarget("00:13:59"))).toMatchObject({
      stopLsn: history.begin("sub"),
      commitAfter: { xid: 105n },
    });
    expect((await resolve(timeTarget("00:12:30"))).stopLsn).toBe(history.begin("thirteen"));
  });

  test("gives up what was written later although its clock was earlier", async () => {
    expect(await resolve(timeTarget("00:14:45"))).toMatchObject({
      stopLsn: history.begin("fifteen"),
      commitAfter: { xid: 105n },
      notes: expect.arrayContaining([
        expect.stringContaining("Transaction 107 is given up, too, although its time"),
      ]) as string[],
    });
  });

  test("between the end of a backup and the next one is reached from the earlier", async () => {
    expect(await resolve(timeTarget("00:29:00"))).toMatchObject({
      backup: FULL_1,
      stopLsn: history.begin("within"),
    });
  });

  test("inside a backup is reached from the one before it", async () => {
    expect(await resolve(timeTarget("00:30:15"))).toMatchObject({
      backup: FULL_1,
      stopLsn: history.begin("within"),
    });
    expect(await resolve(timeTarget("00:30:45"))).toMatchObject({
      backup: FULL_2,
      stopLsn: history.begin("same"),
    });
  });

  test.each(["00:09:00", "00:10:15"])(
    "before the end of the oldest backup is refused with the earliest that can be reached: %s",
    async (clock) => {
      await expect(resolve(timeTarget(clock))).rejects.toMatchObject({
        code: "TARGET_UNREACHABLE",
        exitCode: 29,
        message: expect.stringContaining("before the end of the oldest usable backup") as string,
        hint: expect.stringContaining("2025-01-01 00:11:00.000000+00:00") as string,
      });
    },
  );

  test.each([
    ["00:40:00", false],
    ["00:50:00", true],
  ])("at or after the last commit is refused with its time: %s", async (clock, exclusive) => {
    await expect(resolve(timeTarget(clock, exclusive))).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
      message: expect.stringContaining(
        "the last transaction in the archive ended at 2025-01-01 00:40:00.000000+00:00",
      ) as string,
    });
  });

  test("is not reached from a backup that the user named and that began later", async () => {
    const [, second] = history.backups;
    await expect(resolve(timeTarget("00:20:00"), second ? [second] : [])).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
    });
  });
});

describe("the nearest places that can be reached", () => {
  const placesAround = async (target: RecoveryTarget, where: WalArchive): Promise<unknown> => {
    const candidates = history.backups;
    const error: unknown = await resolveTarget(
      { archive: where, target, history: FIRST, candidates },
      CONTEXT,
    ).catch((reason: unknown) => reason);
    const { code, context } = error as HindsightError;
    const { earlierTime, earlierLsn, laterTime, laterLsn } = context;
    return { code, earlier: [earlierTime, earlierLsn], later: [laterTime, laterLsn] };
  };
  const NONE = [undefined, undefined];
  const ends = (): readonly (readonly string[])[] =>
    history.backups.map(({ stopTime, stopLsn }) => [
      stopTime.toString({ fractionalSecondDigits: 6 }),
      formatLsn(stopLsn),
    ]);

  test("before the first backup is its end, after the last commit that commit", async () => {
    expect(await placesAround(timeTarget("00:09:00"), archive)).toEqual({
      code: "TARGET_UNREACHABLE",
      earlier: NONE,
      later: ends()[0],
    });
    expect(await placesAround(timeTarget("00:45:00"), archive)).toEqual({
      code: "TARGET_UNREACHABLE",
      earlier: [at("00:40:00.000000"), formatLsn(history.begin("last"))],
      later: NONE,
    });
  });

  test("around a rollback are the commit before it and its own position", async () => {
    expect(await placesAround(xidTarget(106n), archive)).toEqual({
      code: "TARGET_INVALID",
      earlier: [at("00:13:30.000000"), formatLsn(history.begin("thirteen"))],
      later: [at("00:14:00.000000"), formatLsn(history.begin("sub"))],
    });
  });

  test("around a gap are the last record before it and the backup behind it", async () => {
    const files = filesOf(history.builder).filter(([name]) => name !== nameOf(2n));
    const torn = await archiveIn(createMemoryStore(), files);
    // The segment switch is the last record of the segment before.
    const expected = {
      code: "WAL_SEGMENT_MISSING",
      earlier: [at("00:14:30.000000"), expect.stringMatching(/^0\/1002/) as string],
      later: ends()[1],
    };
    expect(await placesAround(timeTarget("00:20:00"), torn)).toEqual(expected);
    expect(await placesAround({ kind: "name", name: "only once" }, torn)).toEqual(expected);
    const inside = lsn(BigInt(2 * SEGMENT_SIZE + 4096));
    const target: RecoveryTarget = { kind: "lsn", lsn: inside, exclusive: false };
    expect(await placesAround(target, torn)).toEqual(expected);
    await expect(
      resolveTarget(
        { archive: torn, target, history: FIRST, candidates: history.backups },
        CONTEXT,
      ),
    ).rejects.toMatchObject({
      exitCode: 31,
      message: `LSN ${formatLsn(inside)} lies in a gap of the archive: WAL segment ${nameOf(2n)} is not in the archive, although segment ${nameOf(3n)} is`,
    });
    // What does not need it is not disturbed by it.
    expect(
      await resolveTarget(
        {
          archive: torn,
          target: timeTarget("00:36:00"),
          history: FIRST,
          candidates: history.backups,
        },
        CONTEXT,
      ),
    ).toMatchObject({ backup: FULL_2 });
  });

  test("the other clock is suggested where its time can be reached", async () => {
    const local = Temporal.PlainDateTime.from("2025-01-01T01:15:00");
    const instant = local.toZonedDateTime("UTC").toInstant();
    const inParis = history.backups.map((backup) => ({
      ...backup,
      settings: { TimeZone: "Europe/Paris" },
    }));
    const target: RecoveryTarget = {
      kind: "time",
      time: { instant, zone: "UTC", local },
      exclusive: false,
    };
    await expect(resolve(target, inParis)).rejects.toMatchObject({
      hint: expect.stringContaining(
        "It was read in UTC; if the clock of Europe/Paris was meant, write 2025-01-01 01:15:00.000000+01:00.",
      ) as string,
    });
  });
});

describe("a transaction", () => {
  test("is kept, or given up when exclusive", async () => {
    expect(await resolve(xidTarget(121n))).toMatchObject({
      backup: FULL_2,
      stopLsn: history.begin("same"),
      isApplied: true,
      commitBefore: { xid: 121n },
      commitAfter: { xid: 122n },
    });
    expect(await resolve(xidTarget(121n, true))).toMatchObject({
      isApplied: false,
      commitBefore: { xid: 120n },
      commitAfter: { xid: 121n },
    });
  });

  test("before the newest backup, or inside it, is reached from an older one", async () => {
    expect(await resolve(xidTarget(104n))).toMatchObject({ backup: FULL_1 });
    expect(await resolve(xidTarget(120n))).toMatchObject({
      backup: FULL_1,
      stopLsn: history.begin("within"),
    });
  });

  test("may be given with its epoch", async () => {
    expect((await resolve(xidTarget(121n + (7n << 32n)))).stopLsn).toBe(history.begin("same"));
  });

  test.each<[bigint, string, string]>([
    [106n, "TARGET_INVALID", "was rolled back at 2025-01-01 00:14:00.000000+00:00"],
    [103n, "TARGET_INVALID", "is a subtransaction of 101, which committed"],
    [999n, "TARGET_INVALID", "is not in the archive after 20250101-001000F"],
    [90n, "TARGET_INVALID", "is not in the archive after 20250101-001000F"],
    [91n, "TARGET_UNREACHABLE", "before the end of the oldest usable backup"],
  ])("that cannot be recovered to is refused: %i", async (xid, code, message) => {
    await expect(resolve(xidTarget(xid))).rejects.toMatchObject({
      code,
      exitCode: 29,
      message: expect.stringContaining(message) as string,
    });
  });

  test("that is part of another one leads to before or behind the whole, as it was asked for", async () => {
    await expect(resolve(xidTarget(103n))).rejects.toMatchObject({
      hint: "They commit together; to recover to the whole transaction: --type=xid --target=101.",
      context: { laterLsn: formatLsn(history.begin("twelve")) },
    });
    await expect(resolve(xidTarget(103n, true))).rejects.toMatchObject({
      message: expect.stringMatching("^transaction 103 is") as string,
      hint: "They commit together; to stop before the whole transaction: --type=xid --target=101 --target-exclusive.",
    });
  });
});

describe("a restore point", () => {
  test("is the first of its name behind the newest backup that has one; later ones are told", async () => {
    const found = await resolve({ kind: "name", name: "before disaster" });
    expect(found).toMatchObject({
      backup: FULL_2,
      stopLsn: history.begin("again"),
      isApplied: true,
      commitBefore: { xid: 122n },
      commitAfter: { xid: 130n },
    });
    const twin = formatLsn(history.begin("twin"));
    const point = formatLsn(history.begin("point"));
    expect(found.notes.slice(-2)).toEqual([
      `Restore point "before disaster" is there again at 2025-01-01 00:37:00.000000+00:00; a recovery by name stops at the first, --type=lsn --target=${twin} leads to that one.`,
      `Restore point "before disaster" is there before, too, at 2025-01-01 00:13:00.000000+00:00; --type=lsn --target=${point} leads to that one.`,
    ]);
  });

  test("before the newest backup is reached from an older one", async () => {
    expect(await resolve({ kind: "name", name: "only once" })).toMatchObject({
      backup: FULL_1,
      stopLsn: history.begin("only"),
    });
  });

  test("that does not exist is refused", async () => {
    await expect(resolve({ kind: "name", name: "Only once" })).rejects.toMatchObject({
      code: "TARGET_INVALID",
    });
  });
});

describe("an LSN", () => {
  const lsnTarget = (position: Lsn, exclusive = false): RecoveryTarget => ({
    kind: "lsn",
    lsn: position,
    exclusive,
  });

  test("is the first record that begins there or behind", async () => {
    const inside = lsn(history.begin("thirteen") - 8n);
    expect(await resolve(lsnTarget(inside))).toMatchObject({
      stopLsn: history.begin("thirteen"),
      isApplied: true,
      commitBefore: { xid: 104n },
    });
    expect(await resolve(lsnTarget(inside, true))).toMatchObject({
      isApplied: false,
      commitBefore: { xid: 101n },
    });
  });

  test("is reached from the newest backup that ended by then; equal is enough", async () => {
    const end = history.backups[1]?.stopLsn ?? lsn(0n);
    expect((await resolve(lsnTarget(end))).backup).toBe(FULL_2);
    expect((await resolve(lsnTarget(lsn(end - 1n)))).backup).toBe(FULL_1);
  });

  test("outside of what can be reached is refused with the nearest", async () => {
    const before = lsn((history.backups[0]?.stopLsn ?? 0n) - 1n);
    await expect(resolve(lsnTarget(before))).rejects.toMatchObject({ code: "TARGET_UNREACHABLE" });
    const end = history.begin("end");
    expect((await resolve(lsnTarget(end))).stopLsn).toBe(end);
    await expect(resolve(lsnTarget(lsn(end + 1n)))).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
      hint: expect.stringContaining(formatLsn(end)) as string,
    });
  });
});

test("the end of the archive is its last complete record, from the newest backup", async () => {
  expect(await resolve({ kind: "default" })).toMatchObject({
    backup: FULL_2,
    stopLsn: history.begin("end"),
    isApplied: true,
    commitBefore: { xid: 130n },
    commitAfter: undefined,
  });
});

test("immediate is the end of the newest backup", async () => {
  expect(await resolve({ kind: "immediate" })).toMatchObject({
    backup: FULL_2,
    stopLsn: history.backups[1]?.stopLsn,
    pauseWouldPromote: false,
  });
});
