import { describe, expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { parseLsn } from "../model/lsn.ts";
import type { RecoveryTarget, TimelineChoice } from "../model/recovery-target.ts";
import { parseHistory, timeline, type TimelineHistory } from "../model/timeline.ts";
import { chooseBackup, type TargetAnswer } from "./choose-backup.ts";
import { type BackupFacts, chooseTimeline } from "./choose-timeline.ts";

function backup(day: number, timelineId: number, stop: string): BackupFacts {
  const date = String(day).padStart(2, "0");
  return {
    label: parseBackupLabel(`202611${date}-020000F`),
    timeline: timeline(timelineId),
    stopLsn: parseLsn(stop),
    stopTime: Temporal.Instant.from(`2026-11-${date}T02:10:00Z`),
  };
}

// Timeline 2 left timeline 1 at 0/500000, timeline 3 left timeline 2 at 0/800000. A and B are on timeline 1, B behind
// the switch; C and D are on timeline 2, D behind its switch; E is on timeline 3.
const A = backup(1, 1, "0/300000");
const B = backup(2, 1, "0/600000");
const C = backup(3, 2, "0/700000");
const D = backup(4, 2, "0/900000");
const E = backup(5, 3, "0/A00000");
const ALL = [A, B, C, D, E];
const HISTORIES: readonly TimelineHistory[] = [
  { timeline: timeline(1), ancestors: [] },
  parseHistory(timeline(2), "1\t0/500000\tno recovery target specified\n"),
  parseHistory(timeline(3), "1\t0/500000\tx\n2\t0/800000\ty\n"),
];

function pin(
  choice: TimelineChoice,
  parts: {
    backups?: readonly BackupFacts[];
    set?: BackupFacts;
    histories?: readonly TimelineHistory[];
  } = {},
): { timeline: number; labels: readonly string[] } {
  const { history, candidates } = chooseTimeline({
    choice,
    histories: HISTORIES,
    backups: ALL,
    set: undefined,
    ...parts,
  });
  return { timeline: history.timeline, labels: candidates.map(({ label }) => label) };
}

describe("the timeline", () => {
  test.each<[TimelineChoice, BackupFacts | undefined, number, readonly BackupFacts[]]>([
    ["latest", undefined, 3, [A, C, E]],
    ["latest", A, 3, [A]],
    // Behind the switch of timeline 2: only the abandoned branch contains it.
    ["latest", B, 1, [B]],
    ["latest", D, 2, [D]],
    ["current", undefined, 3, [A, C, E]],
    ["current", A, 1, [A]],
    ["current", C, 2, [C]],
    [1, undefined, 1, [A, B]],
    [2, undefined, 2, [A, C, D]],
    [3, C, 3, [C]],
  ])("%s with set %o is %i", (choice, set, expected, candidates) => {
    const found = pin(choice, set ? { set } : {});
    expect(found).toEqual({ timeline: expected, labels: candidates.map(({ label }) => label) });
  });

  test("a backup exactly at the switch point is on the path of both", () => {
    const atSwitch = backup(9, 1, "0/500000");
    expect(pin(3, { set: atSwitch }).timeline).toBe(3);
    expect(pin(1, { set: atSwitch }).timeline).toBe(1);
  });

  test("a backup behind the switch cannot be recovered along the child, and the hint says along which it can", () => {
    expect(() => pin(3, { set: B })).toThrow(
      expect.objectContaining({
        code: "TIMELINE_UNREACHABLE",
        exitCode: 29,
        message: expect.stringMatching(
          /is not on the path of timeline 3: .*timeline 1 until 0\/500000, then timeline 2/,
        ),
        hint: expect.stringContaining("timeline 1:"),
      }),
    );
  });

  test("an abandoned branch is never taken by itself, even when nothing else is left", () => {
    expect(() => pin("latest", { backups: [B] })).toThrow(
      expect.objectContaining({
        code: "TIMELINE_UNREACHABLE",
        hint: expect.stringContaining("timeline 1"),
      }),
    );
  });

  test("a timeline without history is unknown", () => {
    expect(() => pin(7)).toThrow(
      expect.objectContaining({
        code: "TIMELINE_UNREACHABLE",
        hint: expect.stringContaining("1, 2, 3"),
      }),
    );
  });
});

describe("the backup", () => {
  const zone = { answer: undefined, isNamed: false, timeZone: "UTC" };
  const at = (text: string, exclusive = false): RecoveryTarget => ({
    kind: "time",
    time: { instant: Temporal.Instant.from(text), zone: "UTC" },
    exclusive,
  });
  const position = (text: string): RecoveryTarget => ({
    kind: "lsn",
    lsn: parseLsn(text),
    exclusive: true,
  });

  test.each<[string, RecoveryTarget, BackupFacts]>([
    ["the end", { kind: "default" }, E],
    ["immediate", { kind: "immediate" }, E],
    ["a transaction", { kind: "xid", xid: 5n, exclusive: false }, E],
    ["an LSN at a backup's stop", position("0/700000"), C],
    ["an LSN just before it", position("0/6FFFFF"), A],
    ["a time at a backup's stop", at("2026-11-03T02:10:00Z"), C],
    ["a time just before it", at("2026-11-03T02:09:59.999999Z"), A],
    ["a time long after", at("2027-01-01T00:00:00Z"), E],
  ])("for %s", (_, target, expected) => {
    expect(chooseBackup(target, [A, C, E], zone).backup).toBe(expected);
  });

  test("a target before every backup says what can be reached", () => {
    expect(() => chooseBackup(at("2026-11-01T02:09:00Z"), [A, C], zone)).toThrow(
      expect.objectContaining({
        code: "TARGET_UNREACHABLE",
        exitCode: 29,
        hint: expect.stringContaining("2026-11-01 02:10:00.000000+00:00 (0/300000)"),
      }),
    );
    expect(() => chooseBackup(position("0/2FFFFF"), [A], zone)).toThrow(
      expect.objectContaining({
        code: "TARGET_UNREACHABLE",
        message: expect.stringContaining("LSN 0/2FFFFF"),
      }),
    );
  });

  test("who read WAL knows better than headers", () => {
    const answer: TargetAnswer = {
      backup: A.label,
      stopLsn: parseLsn("0/400000"),
      isApplied: false,
      compiled: { kind: "default" },
      commitBefore: undefined,
      commitAfter: undefined,
      lastSegment: "000000010000000000000004",
      notes: [],
    };
    const target: RecoveryTarget = { kind: "xid", xid: 5n, exclusive: false };
    expect(chooseBackup(target, [A, C, E], { ...zone, answer }).backup).toBe(A);
  });
});
