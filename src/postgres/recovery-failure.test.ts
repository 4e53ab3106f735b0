import { describe, expect, test } from "vitest";
import { explainRecoveryFailure } from "./recovery-failure.ts";
import { readSample, sampleNames } from "./recovery-log-samples/read-sample.fixture.ts";

/** What each captured failure must be explained as, on every major version. */
const EXPECTED: Readonly<Record<string, readonly [code: string, exit: number, message: RegExp]>> = {
  "target-missed": [
    "RECOVERY_TARGET_MISSED",
    29,
    /^the archive ends before the target \(2099-01-01 01:00:00\+01\): its last transaction ended at 2026-11-21 08:\S+\+00:00$/,
  ],
  "before-consistent": ["TARGET_UNREACHABLE", 29, /lies before the end of the backup/],
  "timeline-not-child": [
    "TIMELINE_UNREACHABLE",
    29,
    /path of timeline 2: Latest checkpoint .*forked off from that timeline at 0\/600000$/,
  ],
  "timeline-missing": ["TIMELINE_UNREACHABLE", 29, /no history file of timeline 7/],
  "archive-refused": [
    "RECOVERY_ARCHIVE_FAILED",
    20,
    /^[0-9A-F]{24} could not be fetched from the archive \(child process exited with exit code 200\): hindsight archive-get: repository unreachable: connect ECONNREFUSED$/,
  ],
  "archive-signal": ["RECOVERY_ARCHIVE_FAILED", 20, /terminated by signal 9: Killed/],
  "archive-127": ["RECOVERY_ARCHIVE_FAILED", 20, /could not be run .*no\/such\/program: not found/],
  "flipped-bit-target": [
    "RECOVERY_WAL_DAMAGED",
    31,
    /incorrect resource manager data checksum in record at 0\//,
  ],
  "wrong-size": ["RECOVERY_WAL_DAMAGED", 31, /with 500000 bytes instead of 1048576/],
  "no-label": ["RECOVERY_FAILED", 11, /no backup_label/],
  "no-redo-wal": ["RECOVERY_WAL_DAMAGED", 31, /WAL at which the backup begins could not be read/],
  "label-invalid": ["RECOVERY_FAILED", 11, /backup_label and the restored files do not belong/],
  "label-inconsistent": ["RECOVERY_FAILED", 11, /backup_label and the restored files/],
  "params-at-start": ["RECOVERY_SETTING_TOO_LOW", 11, /max_connections = 20 is a lower setting/],
  perm: ["POSTGRES_START_FAILED", 11, /\/srv\/restored: Permissions should be u=rwx/],
  "preload-missing": ["POSTGRES_START_FAILED", 11, /library no_such_lib is not installed here/],
  "setting-unknown": ["POSTGRES_START_FAILED", 11, /parameter "no_such_setting"/],
  "setting-invalid": ["POSTGRES_START_FAILED", 11, /parameter "max_connections"/],
  "two-targets": ["RECOVERY_FAILED", 11, /more than one recovery target/],
  "target-time-invalid": ["POSTGRES_START_FAILED", 11, /"recovery_target_time": "half past nine"/],
  "socket-dir-missing": ["POSTGRES_START_FAILED", 11, /\/no\/such\/dir\/.*No such file/],
  "shared-memory": ["POSTGRES_START_FAILED", 11, /shared memory/],
  lc: ["POSTGRES_START_FAILED", 11, /"lc_monetary": "xx_YY.UTF8"/],
  version: ["POSTGRES_START_FAILED", 11, /initialized by PostgreSQL version 13/],
  "no-control": ["CONTROL_FILE_INVALID", 22, /no usable global\/pg_control/],
  "corrupt-control": ["CONTROL_FILE_INVALID", 22, /no usable global\/pg_control/],
  "no-restore-command": ["RECOVERY_FAILED", 11, /no restore_command/],
  "interlock-default": [
    "RECOVERY_PROMOTION_REFUSED",
    11,
    /came to the end of WAL and was about to begin timeline 2; it was stopped/,
  ],
  "killed-startup": ["RECOVERY_FAILED", 11, /was killed/],
  "invalid-page": ["RECOVERY_TARGET_MISSED", 29, /the archive ends before the target/],
};

describe.each([14, 18])("captured on %i", (major) => {
  test.each(sampleNames(`failure-${major}`))("%s", (name) => {
    const error = explainRecoveryFailure(readSample(`failure-${major}`, name));
    const [code, exit, message] = EXPECTED[name] ?? [];
    expect(error.code).toBe(code);
    expect(error.exitCode).toBe(exit);
    expect(error.message).toMatch(message ?? /^$/);
    expect(error.hint).toMatch(/\.$/);
  });
});

/** The lines that PostgreSQL writes around a fatal message of the startup process. */
function logOf(fatal: string, ...before: readonly string[]): readonly string[] {
  const prefix = "2026-11-21 08:22:22.100 UTC";
  return [
    `${prefix} [5] postmaster LOG:  starting PostgreSQL 18.4 on x86_64`,
    ...before,
    `${prefix} [6] startup ${fatal}`,
    `${prefix} [5] postmaster LOG:  startup process (PID 6) exited with exit code 1`,
    `${prefix} [5] postmaster LOG:  database system is shut down`,
  ];
}

test.each([
  // texts of the sources, for what is hard to bring about
  [
    "FATAL:  WAL was generated with wal_level=minimal, cannot continue recovering",
    "RECOVERY_WAL_DAMAGED",
  ],
  [
    'FATAL:  WAL was generated with "wal_level=minimal", cannot continue recovering',
    "RECOVERY_WAL_DAMAGED",
  ],
  [
    "FATAL:  could not find redo location 0/2000028 referenced by checkpoint record at 0/2000060",
    "RECOVERY_WAL_DAMAGED",
  ],
  ["PANIC:  WAL contains references to invalid pages", "RECOVERY_FAILED"],
  ['FATAL:  invalid page in block 7 of relation "base/5/16384"', "RECOVERY_FAILED"],
  ["FATAL:  invalid page in block 7 of relation base/5/16384", "RECOVERY_FAILED"],
  [
    "FATAL:  requested timeline 3 does not contain minimum recovery point 0/3000000 on timeline 2",
    "TIMELINE_UNREACHABLE",
  ],
  [
    "FATAL:  database system identifier differs between the primary and standby",
    "CLUSTER_MISMATCH",
  ],
  ['FATAL:  lock file "/run/x/.s.PGSQL.5444.lock" already exists', "POSTGRES_START_FAILED"],
  ['FATAL:  lock file "postmaster.pid" already exists', "DESTINATION_RUNNING"],
  ['FATAL:  data directory "/srv/restored" has wrong ownership', "POSTGRES_START_FAILED"],
  ["FATAL:  resource manager with ID 129 not registered", "RECOVERY_FAILED"],
  [
    'FATAL:  could not write to file "pg_wal/xlogtemp.7": No space left on device',
    "DESTINATION_FULL",
  ],
])("%s", (fatal, code) => {
  const error = explainRecoveryFailure(logOf(fatal));
  expect(error.code).toBe(code);
  expect(error.context["postgres"]).toBe(fatal.replace(":  ", ": "));
});

test("the code that archive-get prints decides how the command ends", () => {
  const fatal =
    'FATAL:  could not restore file "00000001000000000000000E" from archive: child process exited with exit code 200';
  const said = [
    "error: 00000001000000000000000E is damaged: its hash differs [OBJECT_CORRUPT]",
    "  key: stanza/main/wal/00000001000000000000000E",
    "hint: Run hindsight verify.",
  ];
  const error = explainRecoveryFailure(logOf(fatal, ...said));
  expect(error.code).toBe("OBJECT_CORRUPT");
  expect(error.exitCode).toBe(22);
  expect(error.message).toMatch(/exit code 200\): 0{7}1\w+ is damaged: its hash differs$/);
});

test("a history file that is refused before redo is an outage, not a stopped promotion", () => {
  const fatal =
    'FATAL:  could not restore file "00000002.history" from archive: child process exited with exit code 200';
  expect(explainRecoveryFailure(logOf(fatal)).code).toBe("RECOVERY_ARCHIVE_FAILED");
});

test("a pause that was about to become a promotion names its cause", () => {
  const fatal =
    'FATAL:  could not restore file "0000000B.history" from archive: child process exited with exit code 200';
  const stop =
    "2026-11-21 08:22:22.099 UTC [6] startup LOG:  recovery stopping before commit of transaction 900, time 2026-11-21 08:00:00+00";
  const error = explainRecoveryFailure(logOf(fatal, stop));
  expect(error.code).toBe("RECOVERY_PROMOTION_REFUSED");
  expect(error.message).toContain("reached the target but could not pause");
  expect(error.message).toContain("timeline 11");
});

test("the setting to raise is handed on as data", () => {
  const error = explainRecoveryFailure(readSample("failure-18", "params-at-start"));
  expect(error.context).toMatchObject({ setting: "max_connections", required: 30 });
});

test("a client that came too early does not pass for the failure", () => {
  const early =
    "2026-11-21 08:22:22.050 UTC [9] client backend FATAL:  the database system is starting up";
  const error = explainRecoveryFailure(
    logOf("FATAL:  requested recovery stop point is before consistent recovery point", early),
  );
  expect(error.code).toBe("TARGET_UNREACHABLE");
});

test("what nobody foresaw is quoted, and silence is called silence", () => {
  const odd = explainRecoveryFailure(logOf("PANIC:  the moon is in the wrong phase"));
  expect(odd.code).toBe("RECOVERY_FAILED");
  expect(odd.message).toBe(
    "PostgreSQL ended during recovery and said: the moon is in the wrong phase",
  );
  expect(explainRecoveryFailure(["Segmentation fault"]).message).toContain("Segmentation fault");
  expect(explainRecoveryFailure([]).message).toContain("without saying why");
});
