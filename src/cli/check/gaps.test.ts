import { expect, test } from "vitest";
import { parseBackupLabel } from "../../model/backup-label.ts";
import { lsn } from "../../model/lsn.ts";
import { timeline } from "../../model/timeline.ts";
import type { RecoveryGap } from "../../recovery/window-gaps.ts";
import { gapFinding } from "./gaps.ts";

const SEGMENT = "000000010000000000000002";

const gap = (changes: Partial<RecoveryGap>): RecoveryGap => ({
  kind: "missing",
  timeline: timeline(1),
  begin: lsn(0x2000000n),
  end: lsn(0x3000000n),
  segments: { first: SEGMENT, last: SEGMENT, count: 1 },
  reason: `WAL segment ${SEGMENT} is not stored`,
  hasWindowBefore: true,
  backupBehind: undefined,
  isOnNewestPath: true,
  ...changes,
});
const OLD = gap({ backupBehind: parseBackupLabel("20261121-024000F") });
const OF_A_BRANCH = gap({ isOnNewestPath: false });

test("no gap is a check that passed", () => {
  expect(gapFinding([])).toMatchObject({ passed: true, detail: "none" });
});

test("a gap that nothing can be recovered behind fails, and asks for a backup", () => {
  const finding = gapFinding([OLD, gap({}), OF_A_BRANCH]);
  expect(finding).toMatchObject({
    passed: false,
    exitCode: 31,
    detail: `WAL segment ${SEGMENT} is not stored; 3 in all`,
  });
  expect(finding.fix).toContain("Run `hindsight backup` now.");
});

test("a gap before a backup, or of a branch that was left, is a warning", () => {
  for (const each of [OLD, OF_A_BRANCH]) {
    expect(gapFinding([each])).toMatchObject({ passed: true, isWarning: true });
  }
});
