import { describe, expect, test } from "vitest";
import { advanceCourse, COURSE_BEGIN } from "./recovery-course.ts";
import { sampleCourse } from "./recovery.fixture.ts";

describe.each([14, 15, 16, 17, 18])("on %i", (major) => {
  test("a pause at the target keeps every time that the reports need", () => {
    const course = sampleCourse(`recovery-${major}`, "time-pause");
    expect(course.isPausing).toBe(true);
    expect(course.stop).toMatchObject({ reason: "commit", before: true });
    expect(course.newTimeline).toBeUndefined();
    expect(course.readyAt).toBeUndefined();
    const times = [
      course.serverStartedAt,
      course.recoveryStartedAt,
      course.redoStartedAt,
      course.consistentAt,
      course.stoppedAt,
    ];
    const milliseconds = times.map((time) => time?.epochMilliseconds ?? Number.NaN);
    expect(milliseconds.every((time, at) => at === 0 || time >= (milliseconds[at - 1] ?? 0))).toBe(
      true,
    );
    expect(course.redoStartLsn && course.replayedLsn).toBeGreaterThan(course.redoStartLsn ?? 0n);
  });

  test("a promotion at the end of the archive counts each segment once", () => {
    const course = sampleCourse(`recovery-${major}`, "default-promote");
    expect(course).toMatchObject({ newTimeline: 2, isComplete: true, stop: undefined });
    expect(course.readyAt).toBeDefined();
    expect(course.segmentCount).toBe(2); // the samples keep the first and the last one
    expect(course.lastSegment).toMatch(/^0{7}1\w{16}$/);
    expect(course.walDamage).toBeUndefined();
  });

  test("a pause for a setting is not one at the target", () => {
    const course = sampleCourse(`recovery-${major}`, "params-hot");
    expect(course.isPausing).toBe(false);
    expect(course.requiredSetting).toEqual({ name: "max_connections", required: 60 });
  });

  test("a shutdown at the target and damaged WAL are remembered", () => {
    expect(sampleCourse(`recovery-${major}`, "lsn-after-shutdown").shutDownAtTarget).toBe(true);
    expect(sampleCourse(`recovery-${major}`, "time-pause").shutDownAtTarget).toBe(false);
    expect(sampleCourse(`recovery-${major}`, "flipped-bit").walDamage).toMatch(/ 0\//);
  });
});

test("a history file is no segment", () => {
  const event = { kind: "segmentRestored", name: "00000002.history" } as const;
  expect(advanceCourse(COURSE_BEGIN, { at: undefined, event })).toEqual(COURSE_BEGIN);
});
