import { describe, expect, test } from "vitest";
import { parseLogLine } from "./log-line.ts";
import { recognise, type RecoveryEvent } from "./recovery-log.ts";
import { readSample } from "./recovery-log-samples/read-sample.fixture.ts";

const MAJORS = [14, 15, 16, 17, 18] as const;

function events(major: number, name: string): readonly RecoveryEvent[] {
  return readSample(`recovery-${major}`, name).flatMap((line) => recognise(line)?.event ?? []);
}

function kinds(major: number, name: string): readonly string[] {
  return events(major, name)
    .map((event) => event.kind)
    .filter(
      (kind, at, all) => kind !== "syncing" && kind !== "redoProgress" && kind !== all[at - 1],
    );
}

function find<Kind extends RecoveryEvent["kind"]>(
  major: number,
  name: string,
  kind: Kind,
): Extract<RecoveryEvent, { kind: Kind }> {
  const event = events(major, name).find(
    (candidate): candidate is Extract<RecoveryEvent, { kind: Kind }> => candidate.kind === kind,
  );
  if (!event) throw new Error(`${name} on ${major} has no ${kind}`);
  return event;
}

describe.each(MAJORS)("on %i", (major) => {
  test("a recovery to a time that pauses is recognised from start to shutdown", () => {
    const sequence = kinds(major, "time-pause");
    expect(sequence[0]).toBe("serverStarted");
    expect(sequence).toContain("interrupted");
    const order = sequence.filter((kind) =>
      ["redoStarted", "consistent", "stopping", "paused", "shutdown"].includes(kind),
    );
    expect(order).toEqual(["redoStarted", "consistent", "stopping", "paused", "shutdown"]);
    expect(sequence).toContain("recoveryStarted");
    expect(sequence).toContain("readyReadOnly");
    expect(sequence).not.toContain("ready");
    expect(find(major, "time-pause", "paused").atTarget).toBe(true);
    const stop = find(major, "time-pause", "stopping");
    expect(stop).toMatchObject({ reason: "commit", before: true, name: undefined, lsn: undefined });
    expect(stop.xid).toBeGreaterThan(700);
    // PostgreSQL printed the cluster's zone, +01; what is held is the instant.
    const target = find(major, "time-pause", "recoveryStarted").target;
    const wanted = Temporal.Instant.from(target.replace(" ", "T"));
    expect(stop.time && Temporal.Instant.compare(stop.time, wanted)).toBe(1);
  });

  test("a recovery to the end of WAL that promotes is recognised", () => {
    const sequence = kinds(major, "default-promote");
    const order = sequence.filter((kind) =>
      [
        "redoDone",
        "lastTransaction",
        "timelineSelected",
        "recoveryComplete",
        "ready",
        "shutdown",
      ].includes(kind),
    );
    expect(order).toEqual([
      "redoDone",
      "lastTransaction",
      "timelineSelected",
      "recoveryComplete",
      "ready",
      "shutdown",
    ]);
    expect(find(major, "default-promote", "timelineSelected").timeline).toBe(2);
    expect(find(major, "default-promote", "recoveryStarted").target).toBe("the end of WAL");
    expect(find(major, "default-promote", "segmentRestored").name).toMatch(/^0{7}1[0-9A-F]{16}$/);
    expect(find(major, "default-promote", "redoDone").lsn).toBeGreaterThan(
      find(major, "default-promote", "redoStarted").lsn,
    );
    expect(find(major, "default-promote", "lastTransaction").time).toBeInstanceOf(Temporal.Instant);
  });

  test("each kind of target says where it stopped", () => {
    expect(find(major, "xid-before", "stopping")).toMatchObject({ reason: "commit", before: true });
    expect(find(major, "xid-after-promote", "stopping")).toMatchObject({
      reason: "commit",
      before: false,
    });
    expect(find(major, "xid-abort-after", "stopping")).toMatchObject({
      reason: "abort",
      before: false,
    });
    expect(find(major, "time-abort-pause", "stopping")).toMatchObject({
      reason: "abort",
      before: true,
    });
    expect(find(major, "name-promote", "stopping")).toMatchObject({
      reason: "restorePoint",
      before: false,
      name: "before_disaster",
    });
    expect(find(major, "lsn-before", "stopping")).toMatchObject({ reason: "lsn", before: true });
    expect(find(major, "lsn-before", "stopping").lsn).toBeGreaterThan(0n);
    expect(find(major, "lsn-after-shutdown", "stopping")).toMatchObject({
      reason: "lsn",
      before: false,
    });
    expect(find(major, "immediate-pause", "stopping")).toMatchObject({ reason: "immediate" });
    expect(find(major, "immediate-pause", "recoveryStarted").target).toBe(
      "earliest consistent point",
    );
  });

  test("a shutdown at the target differs from one that was asked for", () => {
    const steps = events(major, "lsn-after-shutdown").flatMap((event) =>
      event.kind === "shutdown" ? [event.step] : [],
    );
    expect(steps).toEqual(["atTarget", "complete"]);
    const asked = events(major, "time-pause").flatMap((event) =>
      event.kind === "shutdown" ? [event.step] : [],
    );
    expect(asked).toEqual(["begun", "complete"]);
  });

  test("a pause for a setting that is too low is no pause at the target", () => {
    expect(find(major, "params-hot", "settingTooLow")).toEqual({
      kind: "settingTooLow",
      name: "max_connections",
      value: 30,
      required: 60,
    });
    expect(find(major, "params-hot", "paused").atTarget).toBe(false);
    expect(kinds(major, "params-hot")).not.toContain("stopping");
    expect(find(major, "params-hot", "fatal").message).toBe(
      "recovery aborted because of insufficient parameter settings",
    );
  });

  test("WAL that is damaged is seen before the server promotes as if nothing were wrong", () => {
    const sequence = kinds(major, "flipped-bit");
    expect(sequence.indexOf("walEnded")).toBeGreaterThan(0);
    expect(sequence.indexOf("walEnded")).toBeLessThan(sequence.indexOf("recoveryComplete"));
    expect(find(major, "flipped-bit", "walEnded")).toMatchObject({
      reason: expect.stringMatching(
        /^(incorrect resource manager data checksum|record with incorrect prev-link) .*0\//,
      ),
      expected: false,
    });
  });
});

test.each([15, 16, 17, 18])("%i reports progress of fsync and redo", (major) => {
  const all = events(major, "default-promote").map((event) => event.kind);
  expect(all).toContain("syncing");
  expect(all).toContain("redoProgress");
});

test("a line is dated in UTC, to the millisecond, also before log_timezone takes effect", () => {
  const at = Temporal.Instant.from("2026-11-21T08:12:18.814Z");
  const words = "[8652] postmaster LOG:  database system is ready to accept connections";
  expect(recognise(`2026-11-21 08:12:18.814 UTC ${words}`)).toEqual({
    at,
    event: { kind: "ready" },
  });
  expect(recognise(`2026-11-21 08:12:18.814 GMT ${words}`)?.at).toEqual(at);
  expect(recognise(`2026-11-21 08:12:18.814 CET ${words}`)).toEqual({
    at: undefined,
    event: { kind: "ready" },
  });
});

test("the kind of process is optional in a line and may have several words", () => {
  const line = "2026-11-21 08:12:18.814 UTC [86] logical replication launcher DEBUG";
  expect(parseLogLine(line)).toBeUndefined();
  expect(parseLogLine("2026-11-21 08:12:18.814 UTC [86] client backend ERROR:  a: b")).toEqual({
    at: Temporal.Instant.from("2026-11-21T08:12:18.814Z"),
    pid: 86,
    process: "client backend",
    severity: "ERROR",
    message: "a: b",
  });
  expect(parseLogLine("2026-11-21 08:12:18.814 UTC [86] HINT:  try")?.process).toBeUndefined();
});

test("what a client says or suffers is never a fact about the recovery", () => {
  const prefix = "2026-11-21 08:12:18.814 UTC [86]";
  expect(recognise(`${prefix} client backend FATAL:  anything at all`)).toBeUndefined();
  expect(recognise(`${prefix} FATAL:  the database system is starting up`)).toBeUndefined();
  expect(recognise(`${prefix} FATAL:  role "root" does not exist`)).toBeUndefined();
  expect(
    recognise(`${prefix} client backend STATEMENT:  select 'archive recovery complete'`),
  ).toBeUndefined();
  expect(recognise(`\tdatabase system is ready to accept connections`)).toBeUndefined();
  expect(recognise("cp: cannot stat '/srv/archive/00000002.history'")).toBeUndefined();
  expect(recognise("")).toBeUndefined();
});

test("restore points keep the quotes in their names, and odd times are left out", () => {
  const prefix = "2026-11-21 08:12:18.814 UTC [86] startup LOG: ";
  expect(
    recognise(
      `${prefix} recovery stopping at restore point "say "when"", time 2026-11-21 09:10:00+01`,
    )?.event,
  ).toMatchObject({ name: 'say "when"', time: Temporal.Instant.from("2026-11-21T08:10:00Z") });
  expect(
    recognise(`${prefix} recovery stopping after commit of transaction 7, time -infinity`)?.event,
  ).toMatchObject({ xid: 7, time: undefined });
  expect(
    recognise(
      `${prefix} last completed transaction was at log time 1890-01-01 00:19:32.000001+00:19:32`,
    )?.event,
  ).toEqual({
    kind: "lastTransaction",
    time: Temporal.Instant.from("1890-01-01T00:00:00.000001Z"),
  });
});

test("the end of an unfinished segment is normal, other ends are not", () => {
  const reason = (text: string): boolean | undefined => {
    const event = recognise(`2026-11-21 08:12:18.814 UTC [86] startup LOG:  ${text}`)?.event;
    return event?.kind === "walEnded" ? event.expected : undefined;
  };
  expect(reason("invalid record length at 0/3000060: wanted 24, got 0")).toBe(true);
  expect(reason("invalid record length at 0/3000060: expected at least 24, got 0")).toBe(true);
  expect(reason("invalid record length at 0/3000060: wanted 24, got 17")).toBe(false);
  expect(
    reason("unexpected pageaddr 0/1000000 in log segment 000000010000000000000003, offset 0"),
  ).toBe(true);
  expect(reason("record with incorrect prev-link 0/1 at 0/3000060")).toBe(false);
  expect(
    reason(
      "WAL file is from different database system: WAL file database system identifier is 7, pg_control database system identifier is 8",
    ),
  ).toBe(false);
});
