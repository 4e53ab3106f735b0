import { expect, test } from "vitest";
import type { Finding } from "./finding.ts";
import { type CheckedSettings, checkSettings, type SettingRow } from "./settings.ts";

const GOOD: Readonly<Record<string, string>> = {
  archive_mode: "on",
  archive_command: "hindsight --stanza=main archive-push %p",
  archive_library: "",
  wal_level: "replica",
  full_page_writes: "on",
  fsync: "on",
};

function judge(
  changes: Record<string, string>,
  pending: readonly string[] = [],
): readonly Finding[] {
  const rows = Object.entries({ ...GOOD, ...changes }).map(
    ([name, value]): [string, SettingRow] => [
      name,
      { value, isPendingRestart: pending.includes(name) },
    ],
  );
  const settings: CheckedSettings = Object.fromEntries(rows);
  const command = "/opt/hindsight --stanza=main archive-push %p";
  return checkSettings(settings, { stanza: "main", command });
}

/** Those that did not pass. */
function findings(...given: Parameters<typeof judge>): readonly Finding[] {
  return judge(...given).filter((each) => !each.passed);
}

test("a good server passes", () => {
  expect(findings({})).toEqual([]);
  expect(findings({ archive_mode: "always", wal_level: "logical" })).toEqual([]);
  expect(
    findings({ archive_command: "'/x y/hindsight' --stanza 'main' archive-push \"%p\"" }),
  ).toEqual([]);
});

test("archive_mode off takes a restart, and the fix says that a reload is not enough", () => {
  const [finding] = findings({ archive_mode: "off" });
  expect(finding?.name).toBe("archive_mode");
  expect(finding?.fix).toContain("alter system set archive_mode = 'on'");
  expect(finding?.fix).toContain("a reload is not enough");
});

test("a changed archive_mode that waits for the restart is told apart", () => {
  const [finding] = findings({ archive_mode: "off" }, ["archive_mode"]);
  expect(finding?.detail).toContain("has not been restarted");
});

test.each([
  [{ archive_command: "" }, "it is empty"],
  [{ archive_command: "cp %p /backup/%f" }, "does not call"],
  [{ archive_command: "hindsight --stanza=other archive-push %p" }, "stanza other, not to main"],
  [{ archive_command: "hindsight --stanza=main archive-push" }, "lacks %p"],
  [{ archive_library: "basic_archive" }, "archive_library is basic_archive"],
])("%j fails, and a reload is all the fix takes", (changes, detail) => {
  const [finding] = findings(changes);
  expect(finding?.name).toBe("archive_command");
  expect(finding?.detail).toContain(detail);
  expect(finding?.fix).toContain(
    "alter system set archive_command = '/opt/hindsight --stanza=main archive-push %p'; select pg_reload_conf();",
  );
  expect(finding?.fix).not.toContain("then restart");
});

test("wal_level minimal is found", () => {
  expect(findings({ wal_level: "minimal" }).map((finding) => finding.name)).toEqual(["wal_level"]);
});

test.each([
  [{ fsync: "off" }, "fsync"],
  [{ full_page_writes: "off" }, "full_page_writes"],
])("%j is a warning with its fix", (changes, name) => {
  const [warning, ...others] = judge(changes).filter((finding) => finding.isWarning);
  expect(others).toEqual([]);
  expect(warning?.name).toBe(name);
  expect(warning?.fix).toContain(`alter system set ${name} = 'on'`);
  expect(findings(changes)).toEqual([]);
});
