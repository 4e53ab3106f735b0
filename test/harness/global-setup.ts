// vitest runs this once before all tests and once after them: builds what they run, begins the run, and ends it with a
// look at what they left. A run of unit tests alone needs none of it.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { beginRun, type TestRun } from "./run.ts";

declare module "vitest" {
  interface ProvidedContext {
    readonly testRun: TestRun;
  }
}

const BUILD = join(import.meta.dirname, "..", "..", "scripts", "build.js");

export default async function setup(root: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (root.vitest.projects.every((project) => project.name === "unit")) return undefined;
  await promisify(execFile)(process.execPath, [BUILD]);
  const { run, end } = await beginRun();
  root.provide("testRun", run);
  return async () => {
    try {
      await end();
    } catch (error) {
      // vitest prints what a teardown throws, but does not fail for it.
      process.exitCode = 1;
      throw error;
    }
  };
}
