import { expect, test } from "vitest";
import { measureRpo, measureRto } from "./metrics.ts";
import { NO_INSTANTS, sampleCourse } from "./recovery.fixture.ts";

const at = (time: string): Temporal.Instant => Temporal.Instant.from(`2026-11-19T${time}Z`);

test("the DR timeline of the documents: 4 minutes to detect, 18 of downtime", () => {
  const rto = measureRto({
    ...NO_INSTANTS,
    incidentAt: at("11:45:23"),
    detectedAt: at("11:49:23"),
    firstAttemptAt: at("11:53:23"),
    restoreBeganAt: at("11:53:23"),
    restoredAt: at("12:00:00"),
    recoveryStartedAt: at("12:00:01"),
    readyAt: at("12:01:23"),
    verifiedAt: at("12:03:23"),
  });
  expect(rto.phases).toEqual([
    { name: "detect", seconds: 240 },
    { name: "decide", seconds: 240 },
    { name: "restore", seconds: 397 },
    { name: "replay", seconds: 83 },
    { name: "verify", seconds: 120 },
  ]);
  expect(rto).toMatchObject({
    totalSeconds: 1080,
    countedFrom: "incident",
    logSeconds: 82,
    objectiveSeconds: 900,
    isMet: false,
  });
});

test("earlier attempts are a phase of their own", () => {
  const rto = measureRto({
    ...NO_INSTANTS,
    detectedAt: at("11:00:00"),
    firstAttemptAt: at("11:02:00"),
    restoreBeganAt: at("11:05:00"),
    readyAt: at("11:06:00"),
  });
  expect(rto.phases.map(({ name }) => name)).toContain("retry");
  expect(rto.phases.find(({ name }) => name === "retry")?.seconds).toBe(180);
  expect(rto).toMatchObject({ countedFrom: "detection", totalSeconds: 360, isMet: true });
});

test("RTO from the log of a real server: starting point-in-time recovery to ready", () => {
  const course = sampleCourse("recovery-18", "name-promote");
  const { logSeconds } = measureRto({
    ...NO_INSTANTS,
    recoveryStartedAt: course.recoveryStartedAt,
    readyAt: course.readyAt,
  });
  expect(logSeconds).toBeGreaterThan(0);
  expect(logSeconds).toBeLessThan(5);
});

test("what is unknown, or contradicts itself, is not measured", () => {
  const nothing = measureRto(NO_INSTANTS);
  expect(nothing.phases.every(({ seconds }) => seconds === undefined)).toBe(true);
  expect(nothing).toMatchObject({
    totalSeconds: undefined,
    countedFrom: undefined,
    isMet: undefined,
  });
  const backwards = measureRto({
    ...NO_INSTANTS,
    incidentAt: at("12:00:00"),
    readyAt: at("11:00:00"),
  });
  expect(backwards.totalSeconds).toBeUndefined();
});

test("nothing is lost when the last good commit was kept, however old it is", () => {
  const rpo = measureRpo({
    incidentAt: at("12:00:00"),
    lastGoodAt: at("09:00:00"),
    lastKeptAt: at("09:00:00"),
    counts: [],
  });
  expect(rpo).toMatchObject({ seconds: 0, isUpperBound: false, missingRows: undefined });
});

test("lost time runs from the last kept to the last good commit, or at most to the accident", () => {
  const known = { incidentAt: at("12:00:00"), lastKeptAt: at("11:50:00"), counts: [] };
  expect(measureRpo({ ...known, lastGoodAt: at("11:59:00") })).toMatchObject({
    seconds: 540,
    isUpperBound: false,
  });
  expect(measureRpo({ ...known, lastGoodAt: undefined })).toMatchObject({
    seconds: 600,
    isUpperBound: true,
  });
  const kept = { ...known, lastKeptAt: undefined, lastGoodAt: at("11:59:00") };
  expect(measureRpo(kept).seconds).toBeUndefined();
});

test("rows decide: missing and unwanted ones are counted per table and never set off", () => {
  const count = { relation: "t", production: 0 };
  const rpo = measureRpo({
    incidentAt: undefined,
    lastGoodAt: undefined,
    lastKeptAt: undefined,
    counts: [
      { ...count, recovered: 90, shouldExist: 100, shouldNotExist: 0 },
      { ...count, recovered: 110, shouldExist: 100, shouldNotExist: 10 },
      { ...count, recovered: 5, shouldExist: undefined, shouldNotExist: undefined },
    ],
  });
  expect(rpo).toMatchObject({ missingRows: 10, unwantedRows: 10, recoveredShare: 0.95 });
});
