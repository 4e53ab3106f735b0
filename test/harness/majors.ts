// The PostgreSQL majors that tests run on. `HINDSIGHT_TEST_MAJORS=14,18` narrows a run at the desk.
//
//     describe.each(MAJORS)("PostgreSQL %i", (major) => { … });
import { packageRoot } from "../../src/cli/demo/embedded-packages.ts";
import { EMBEDDED_MAJORS, embeddedMissing } from "../../src/cli/demo/embedded-postgres.ts";
import { testRuntime } from "./runtime.ts";

/** A major that this machine cannot run, and why. */
export interface SkippedMajor {
  readonly major: number;
  readonly reason: string;
}

const installed = new Set(Object.keys(testRuntime().programs).map(Number));
const wanted = new Set(
  (process.env["HINDSIGHT_TEST_MAJORS"] ?? EMBEDDED_MAJORS.join(",")).split(",").map(Number),
);

/** Majors that cannot be run here, each with the reason; the harness's own test says them aloud. */
export const SKIPPED_MAJORS: readonly SkippedMajor[] = EMBEDDED_MAJORS.filter(
  (major) => !installed.has(major),
).map((major) => ({
  major,
  reason: embeddedMissing(major, packageRoot(import.meta.dirname)) ?? "it was not staged",
}));

/** The majors to test, oldest first. */
export const MAJORS: readonly number[] = EMBEDDED_MAJORS.filter(
  (major) => wanted.has(major) && installed.has(major),
);

/** The oldest and the newest of them, for scenarios that need not run on all. */
export const OUTER_MAJORS: readonly number[] = MAJORS.filter(
  (major) => major === MAJORS[0] || major === MAJORS.at(-1),
);

/** The newest, for tests whose subject does not depend on the major. */
export const NEWEST_MAJOR: number = MAJORS.at(-1) ?? 18;
