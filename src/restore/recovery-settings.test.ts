import { expect, test } from "vitest";
import { parseLsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { timeline } from "../model/timeline.ts";
import { formatSetting } from "./auto-conf.ts";
import { recoverySettings, type RecoverySettingsRequest } from "./recovery-settings.ts";

const AT = Temporal.Instant.from("2025-11-19T11:49:45.123456Z");
const TIME: RecoveryTarget = {
  kind: "time",
  time: { instant: AT, zone: "Europe/Paris" },
  exclusive: false,
};

function request(parts: Partial<RecoverySettingsRequest> = {}): RecoverySettingsRequest {
  return {
    type: "time",
    target: TIME,
    targetAction: "pause",
    timeline: timeline(16),
    followLatest: false,
    restoreCommand: 'hindsight archive-get %f "%p"',
    archiveMode: "preserve",
    hasInPlaceTablespaces: false,
    isPart: false,
    recoveryOptions: new Map(),
    ...parts,
  };
}

function lines(parts: Partial<RecoverySettingsRequest>): readonly string[] {
  return recoverySettings(request(parts)).settings.map((setting) => formatSetting(setting));
}

test("a time target: the whole text, empty targets first and ours last", () => {
  const { signal } = recoverySettings(request());
  expect(signal).toBe("recovery.signal");
  expect(lines({})).toEqual([
    `restore_command = 'hindsight archive-get %f "%p"'`,
    "archive_cleanup_command = ''",
    "recovery_end_command = ''",
    "recovery_min_apply_delay = '0'",
    "recovery_target = ''",
    "recovery_target_lsn = ''",
    "recovery_target_name = ''",
    "recovery_target_xid = ''",
    "recovery_target_timeline = '16'",
    "recovery_target_inclusive = 'on'",
    "recovery_target_action = 'pause'",
    "recovery_target_time = '2025-11-19 11:49:45.123456+00:00'",
  ]);
});

test.each<[RecoveryTarget, string, string]>([
  [{ kind: "immediate" }, "on", "recovery_target = 'immediate'"],
  [{ kind: "name", name: "it's" }, "on", "recovery_target_name = 'it''s'"],
  [{ kind: "lsn", lsn: parseLsn("1/a0"), exclusive: true }, "off", "recovery_target_lsn = '1/A0'"],
  [{ kind: "xid", xid: 4711n, exclusive: true }, "off", "recovery_target_xid = '4711'"],
  [
    { kind: "xid", xid: (3n << 32n) + 4711n, exclusive: false },
    "on",
    "recovery_target_xid = '4711'",
  ],
])("target %o", (target, inclusive, last) => {
  const written = lines({ type: target.kind, target });
  expect(written.at(-1)).toBe(last);
  expect(written).toContain(`recovery_target_inclusive = '${inclusive}'`);
  expect(
    written.filter((line) => /^recovery_target(_lsn|_name|_time|_xid)? = ''$/.test(line)),
  ).toHaveLength(4);
});

test("the end of the archive: no target, and the action is said", () => {
  const written = lines({ type: "default", target: { kind: "default" }, targetAction: "promote" });
  expect(written.filter((line) => line.endsWith(" = ''"))).toHaveLength(7);
  expect(written.at(-1)).toBe("recovery_target_action = 'promote'");
});

test("a standby follows the latest timeline or stays on one, and keeps what only standbys use", () => {
  const standby = { type: "standby", target: { kind: "default" } } as const;
  const options = new Map([["primary_conninfo", "host=db1 password='x'"]]);
  expect(recoverySettings(request(standby)).signal).toBe("standby.signal");
  expect(lines({ ...standby, followLatest: true, recoveryOptions: options })).toEqual([
    "primary_conninfo = 'host=db1 password=''x'''",
    `restore_command = 'hindsight archive-get %f "%p"'`,
    "recovery_target = ''",
    "recovery_target_lsn = ''",
    "recovery_target_name = ''",
    "recovery_target_time = ''",
    "recovery_target_xid = ''",
    "recovery_target_timeline = 'latest'",
  ]);
  expect(lines(standby)).toContain("recovery_target_timeline = '16'");
});

test("an option replaces a setting where it stands; the target stays last", () => {
  const written = lines({
    recoveryOptions: new Map([
      ["recovery_end_command", "touch /tmp/done"],
      ["hot_standby", "on"],
    ]),
  });
  expect(written[0]).toBe("hot_standby = 'on'");
  expect(written[3]).toBe("recovery_end_command = 'touch /tmp/done'");
  expect(written.at(-1)).toMatch(/^recovery_target_time = /);
});

test.each(["recovery_target", "recovery_target_time", "recovery_target_timeline", "a b", "x=y"])(
  "option %s is refused",
  (name) => {
    expect(() => recoverySettings(request({ recoveryOptions: new Map([[name, "1"]]) }))).toThrow(
      expect.objectContaining({ code: "CONFIG_OPTION_INVALID" }),
    );
  },
);

test.each(["", "two\nlines", "x".repeat(64), "é".repeat(32)])(
  "%j is no restore point's name",
  (name) => {
    expect(() =>
      recoverySettings(request({ type: "name", target: { kind: "name", name } })),
    ).toThrow(expect.objectContaining({ code: "TARGET_INVALID" }));
  },
);

test("none removes recovery settings and writes none, preserve touches nothing but a clone's archive_mode", () => {
  const none = recoverySettings(request({ type: "none", target: { kind: "default" } }));
  expect(none).toMatchObject({ signal: undefined, settings: [] });
  expect(none.removed.has("restore_command")).toBe(true);
  const preserve = recoverySettings(
    request({ type: "preserve", target: { kind: "default" }, archiveMode: "off" }),
  );
  expect(preserve.settings).toEqual([{ name: "archive_mode", value: "off" }]);
  expect(preserve.removed.size).toBe(0);
});

test("tablespaces in place are allowed, whatever the type", () => {
  const inPlace = { hasInPlaceTablespaces: true, target: { kind: "default" } } as const;
  for (const type of ["default", "standby", "none", "preserve"] as const) {
    expect(lines({ ...inPlace, type }), type).toContain("allow_in_place_tablespaces = 'on'");
  }
});

test("inherited recovery settings of every age are removed from the file", () => {
  const { removed } = recoverySettings(request());
  for (const name of [
    "recovery_target",
    "recovery_target_lsn",
    "recovery_target_timeline",
    "primary_conninfo",
    "primary_slot_name",
    "promote_trigger_file",
    "standby_mode",
    "restore_command",
    "archive_cleanup_command",
  ]) {
    expect(removed.has(name), name).toBe(true);
  }
});
