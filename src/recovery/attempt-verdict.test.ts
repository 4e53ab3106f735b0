import { describe, expect, test } from "vitest";
import type { AttemptPlan } from "./attempt-request.ts";
import { endProblem, judgeCourse } from "./attempt-verdict.ts";
import { readSample } from "../postgres/recovery-log-samples/read-sample.fixture.ts";
import { courseOf, sampleCourse, samplePlan } from "./recovery.fixture.ts";

/** To the end of the archive, which ends with the segment that the captured recovery fetched last. */
function endPlan(file: string, changes: Partial<AttemptPlan> = {}): AttemptPlan {
  const last = sampleCourse(file, "default-promote").lastSegment ?? "";
  return samplePlan({
    type: "default",
    target: { kind: "default" },
    targetAction: "promote",
    wal: { last },
    ...changes,
  });
}

describe.each([14, 15, 16, 17, 18])("on %i", (major) => {
  const file = `recovery-${major}`;

  test("a pause at the target is to be confirmed, not believed", () => {
    expect(judgeCourse(sampleCourse(file, "time-pause"), samplePlan()).kind).toBe("confirmPause");
  });

  test("nothing before the word of the pause is an end", () => {
    const lines = readSample(file, "time-pause");
    const end = lines.findIndex((line) => line.includes("pausing at the end of recovery"));
    for (let count = 0; count < end; count += 1) {
      expect(judgeCourse(courseOf(lines.slice(0, count)), samplePlan()).kind).toBe("goOn");
    }
  });

  test("a promotion is to be confirmed when it was asked for, and refused when not", () => {
    const course = sampleCourse(file, "name-promote");
    expect(judgeCourse(course, samplePlan({ targetAction: "promote" })).kind).toBe(
      "confirmPromotion",
    );
    for (const targetAction of ["pause", "shutdown"] as const) {
      expect(judgeCourse(course, samplePlan({ targetAction }))).toMatchObject({
        kind: "refuse",
        error: { code: "RECOVERY_PROMOTED", message: expect.stringContaining("/srv/restored") },
      });
    }
  });

  test("an unwanted promotion is refused as soon as the timeline is chosen", () => {
    const lines = readSample(file, "name-promote");
    const chosen = lines.findIndex((line) => line.includes("selected new timeline"));
    expect(judgeCourse(courseOf(lines.slice(0, chosen)), samplePlan()).kind).toBe("goOn");
    expect(judgeCourse(courseOf(lines.slice(0, chosen + 1)), samplePlan()).kind).toBe("refuse");
  });

  test("a setting that is too low is raised, whether redo pauses or ends for it", () => {
    expect(judgeCourse(sampleCourse(file, "params-hot"), samplePlan())).toEqual({
      kind: "raise",
      setting: { name: "max_connections", required: 60 },
    });
  });

  test("the end of the archive is where the plan says", () => {
    const course = sampleCourse(file, "default-promote");
    expect(judgeCourse(course, endPlan(file)).kind).toBe("confirmPromotion");
    const further = endPlan(file, { wal: { last: "0000000100000000000000FF" } });
    expect(judgeCourse(course, further)).toMatchObject({
      kind: "refuse",
      error: {
        code: "RECOVERY_WAL_DAMAGED",
        message: expect.stringMatching(
          /last segment it fetched was 0\w+, and the archive goes on to 0\w+FF/,
        ),
      },
    });
  });

  test("damaged WAL is refused at the end of redo, before the server has promoted", () => {
    const lines = readSample(file, "flipped-bit");
    const redoDone = lines.findIndex((line) => line.includes("redo done at"));
    const course = courseOf(lines.slice(0, redoDone + 1));
    expect(judgeCourse(course, endPlan(file))).toMatchObject({
      kind: "refuse",
      error: { code: "RECOVERY_WAL_DAMAGED", exitCode: 31 },
    });
  });
});

test("only a recovery to the end of the archive is measured against it", () => {
  const course = sampleCourse("recovery-18", "name-promote");
  const far = { last: "0000000100000000000000FF" };
  expect(endProblem(course, samplePlan({ wal: far }))).toBeUndefined();
  expect(endProblem(course, endPlan("recovery-18", { wal: undefined }))).toBeUndefined();
});
