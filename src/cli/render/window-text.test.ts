import { expect, test } from "vitest";
import { parseBackupLabel } from "../../model/backup-label.ts";
import { type Lsn, parseLsn } from "../../model/lsn.ts";
import { stanzaName } from "../../model/stanza.ts";
import { timeline, type TimelineHistory } from "../../model/timeline.ts";
import { parseInstant } from "../../model/timestamp.ts";
import type { RecoveryWindows } from "../../recovery/window.ts";
import type { RecoveryGap } from "../../recovery/window-gaps.ts";
import type { RecoveryWindow, WindowEdge } from "../../recovery/window-survey.ts";
import { formatSpan, windowText } from "./window-text.ts";

const FIRST: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const SECOND: TimelineHistory = {
  timeline: timeline(2),
  ancestors: [{ timeline: timeline(1), switchLsn: parseLsn("0/5000148"), reason: "" }],
};
const LABELS = [parseBackupLabel("20261121-091937F"), parseBackupLabel("20261124-020000F")];
const [OLDEST, NEWEST] = LABELS;

const edge = (time: string, lsn: string): WindowEdge => ({
  time: parseInstant(time),
  lsn: parseLsn(lsn),
});

const window: RecoveryWindow = {
  timeline: timeline(1),
  earliest: edge("2026-11-21T09:19:38.5Z", "0/3000158"),
  latest: edge("2026-11-25T12:40:00.123456Z", "0/9000028"),
  transaction: { kind: "commit", xid: 812 },
  backups: LABELS,
  endsAtGap: false,
};

function gapAt(begin: Lsn, changes: Partial<RecoveryGap>): RecoveryGap {
  return {
    kind: "missing",
    timeline: timeline(1),
    begin,
    end: parseLsn("0/7000000"),
    segments: { first: "", last: "", count: 1 },
    reason: "WAL segment 000000010000000000000006 is not stored, although later ones are",
    hasWindowBefore: true,
    backupBehind: undefined,
    isOnNewestPath: true,
    ...changes,
  };
}

const textOf = (found: Partial<RecoveryWindows>, timeZone: string | undefined = "Europe/Paris") =>
  windowText({
    stanza: stanzaName("main"),
    found: { timelines: [], gaps: [], strandedBackups: [], ...found },
    timeZone,
  });

test("a window says when it begins and ends, in both zones, how long it is, and by which backups", () => {
  const ownWal = { timeline: timeline(1), first: 1n, last: 9n };
  const text = textOf({ timelines: [{ history: FIRST, ownWal, windows: [window] }] });
  expect(text.split("\n").slice(0, 7)).toEqual([
    "stanza main",
    "",
    "timeline 1",
    "  window of 4 days 3 h",
    "    earliest  2026-11-21 09:19:38.500000+00:00 (2026-11-21 10:19:38.500000+01:00 Europe/Paris), LSN 0/3000158",
    `              end of backup ${OLDEST}; 2 backups lead into the window, the newest is ${NEWEST}`,
    "    latest    2026-11-25 12:40:00.123456+00:00 (2026-11-25 13:40:00.123456+01:00 Europe/Paris), LSN 0/9000028",
  ]);
  expect(text).toContain("\n              commit of transaction 812\n");
  expect(text).toContain("pg_switch_wal()");
});

test("timelines come newest first, with where each branched off and how to choose it", () => {
  const text = textOf({
    timelines: [
      { history: FIRST, ownWal: { timeline: timeline(1), first: 1n, last: 9n }, windows: [] },
      {
        history: SECOND,
        ownWal: undefined,
        windows: [{ ...window, transaction: undefined, endsAtGap: true }],
      },
    ],
  });
  expect(text.split("\n").slice(2, 7)).toEqual([
    "timeline 2",
    "  the newest: a restore follows it",
    "  path: timeline 1 until 0/5000148, then timeline 2",
    "  none of its WAL is archived: along it recovery ends where timeline 1 was left, at 0/5000148",
    "  window of 4 days 3 h, cut short by a gap",
  ]);
  expect(text).toContain(`end of backup ${NEWEST}: no transaction ended since`);
  expect(text).toContain(
    "timeline 1\n  a restore follows it with --target-timeline=1\n  timeline 2 branched off at 0/5000148\n  no window: no complete backup leads to it",
  );
});

test.each<[changes: Partial<RecoveryGap>, words: string]>([
  [{ backupBehind: NEWEST }, `what is behind it can be reached from backup ${NEWEST} on`],
  [{ backupBehind: NEWEST, hasWindowBefore: false }, "Nothing is lost by it"],
  [{}, "until a new backup is taken. Run `hindsight backup` now."],
  [{ isOnNewestPath: false }, "nothing behind it can be reached."],
  [{}, "`hindsight archive-push PATH` stores it and closes the gap"],
  [{ kind: "damaged" }, "recover from there with --repo"],
  [{ kind: "ended" }, "take that place for the end of WAL"],
  [{ kind: "historyMissing" }, "Nothing of this timeline can be recovered."],
])("a gap of which %o holds says what it means and what to do", (changes, words) => {
  const text = textOf({ gaps: [gapAt(parseLsn("0/6000000"), changes)] });
  expect(text).toContain("gaps\n  timeline 1, from 0/6000000 to 0/7000000\n    WAL segment");
  expect(text.replaceAll(/\n +/g, " ")).toContain(words);
});

test("without a backup there is one thing to do; one without its WAL is named", () => {
  expect(
    windowText({
      stanza: stanzaName("main"),
      found: { timelines: [], gaps: [], strandedBackups: [] },
      timeZone: undefined,
    }),
  ).toMatch(/^stanza main has no complete backup.*\nRun `hindsight backup`/);
  expect(textOf({ strandedBackups: LABELS })).toContain(
    `Backup ${OLDEST} cannot be recovered: WAL that a restore of it needs is not all stored.\nBackup`,
  );
});

test.each([
  ["PT99H", "4 days 3 h"],
  ["PT24H59M", "1 day"],
  ["PT3H12M40S", "3 h 12 min"],
  ["PT12M5S", "12 min 5 s"],
  ["PT5.9S", "5 s"],
  ["PT0.25S", "0.25 s"],
  ["PT0S", "0 s"],
])("%s is %s", (duration, text) => {
  const begin = parseInstant("2026-11-21T09:19:38.5Z");
  expect(formatSpan(begin, begin.add(duration))).toBe(text);
});
