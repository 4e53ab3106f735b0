import { expect, test } from "vitest";
import { parseLsn } from "../../model/lsn.ts";
import { timeline } from "../../model/timeline.ts";
import { readSample } from "../../postgres/recovery-log-samples/read-sample.fixture.ts";
import type { AttemptResult } from "../attempt-request.ts";
import { sampleCourse } from "../recovery.fixture.ts";
import { attemptFacts, attemptInstants, decisiveLines, describeStop } from "./attempt-facts.ts";

function resultOf(sample: string, state: AttemptResult["state"]): AttemptResult {
  const course = sampleCourse("recovery-18", sample);
  return {
    state,
    course,
    stop: course.stop,
    pid: 1,
    port: 5444,
    socketDirectory: "/run/hs",
    logFile: "/run/hs/log",
    timeline: timeline(1),
    lastReplayed: {
      xid: undefined,
      lsn: undefined,
      replayedLsn: parseLsn("0/15000028"),
      time: undefined,
    },
    replaySeconds: 1,
    totalSeconds: 2,
    raised: {},
  };
}

test("a paused server is ready when it takes queries and is at the target", () => {
  const { course } = resultOf("time-pause", "paused");
  const later =
    (course.readOnlyAt?.epochMilliseconds ?? 0) > (course.stoppedAt?.epochMilliseconds ?? 0)
      ? course.readOnlyAt
      : course.stoppedAt;
  expect(attemptInstants(resultOf("time-pause", "paused"))).toEqual({
    recoveryStartedAt: course.recoveryStartedAt,
    readyAt: later,
  });
  const promoted = resultOf("name-promote", "promoted");
  expect(attemptInstants(promoted).readyAt).toEqual(promoted.course.readyAt);
});

test("the method says where it stopped and what became of it", () => {
  const nothing = { restoredBytes: undefined, restoredFiles: undefined, lastGoodAt: undefined };
  const facts = attemptFacts(resultOf("name-promote", "promoted"), nothing, []);
  expect(facts.method).toBe(
    "point-in-time recovery, stopped after restore point before_disaster, promoted",
  );
  expect(facts.connection).toBe("psql -h /run/hs -p 5444");
  expect(describeStop(undefined)).toBe("to the end of the archive");
  expect(describeStop(sampleCourse("recovery-18", "lsn-before").stop)).toMatch(
    /^stopped before LSN 0\/[0-9A-F]+$/,
  );
});

test("of the log only the lines that decide are quoted", () => {
  const lines = decisiveLines(readSample("recovery-18", "time-pause"));
  expect(lines.some((line) => line.includes("recovery stopping before commit"))).toBe(true);
  expect(lines.some((line) => line.includes("restored log file"))).toBe(false);
  expect(lines.length).toBeLessThan(10);
});
