import { expect, test } from "vitest";
import { isBackupLabel, labelInstant, nextBackupLabel, parseBackupLabel } from "./backup-label.ts";

const NOW = Temporal.Instant.from("2026-11-21T02:40:00.9Z");

test("a label is the UTC second and the type", () => {
  expect(nextBackupLabel("full", NOW)).toBe("20261121-024000F");
  const full = parseBackupLabel("20261121-024000F");
  const later = Temporal.Instant.from("2026-11-21T06:00:00Z");
  expect(nextBackupLabel("diff", later, { full, newest: full })).toBe(
    "20261121-024000F_20261121-060000D",
  );
  expect(nextBackupLabel("incr", later, { full, newest: full })).toBe(
    "20261121-024000F_20261121-060000I",
  );
});

test("labels stay in order when the clock steps back or two begin in one second", () => {
  const newest = parseBackupLabel("20261121-024000F");
  expect(nextBackupLabel("full", NOW, { newest })).toBe("20261121-024001F");
  const dayBefore = Temporal.Instant.from("2026-11-20T00:00:00Z");
  expect(nextBackupLabel("full", dayBefore, { newest })).toBe("20261121-024001F");
});

test("the second of an incremental label is its own, not its full backup's", () => {
  const label = parseBackupLabel("20261121-024000F_20261121-060000I");
  expect(labelInstant(label).toString()).toBe("2026-11-21T06:00:00Z");
});

test.each([
  "",
  "latest",
  "20261121-024000",
  "20261121-024000D",
  "20261121-024000F_",
  "20261121-024000F/../x",
])("%j is no label", (text) => {
  expect(isBackupLabel(text)).toBe(false);
  expect(() => parseBackupLabel(text)).toThrow(
    expect.objectContaining({ code: "BACKUP_LABEL_INVALID" }),
  );
});
