// The programs of this test run and the account that runs them, as the global setup staged them.
import { inject } from "vitest";
import { openRuntime, type Runtime } from "../../src/cli/demo/runtime.ts";
import "./global-setup.ts";

/** The runtime shared by all tests of the run. Do not dispose of it. */
export function testRuntime(): Runtime {
  return openRuntime(inject("testRun").runtime);
}

/** The directory in which workspaces of this run are created. */
export function runDirectory(): string {
  return inject("testRun").directory;
}
