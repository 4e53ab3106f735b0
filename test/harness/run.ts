// One run of the tests: a short directory below the temporary one in which everything lives, programs staged for the
// account that runs them, and a janitor that cleans up should the run be killed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createRunDirectory } from "../../src/cli/demo/embedded-place.ts";
import { EMBEDDED_MAJORS } from "../../src/cli/demo/embedded-postgres.ts";
import { type RuntimeLayout, stageRuntime } from "../../src/cli/demo/runtime.ts";
import { endProcessesIn } from "./processes.ts";

/** What the tests of a run share; plain data, handed to the workers by vitest. */
export interface TestRun {
  /** Where workspaces are created. Traversable by all, listable by us. */
  readonly directory: string;
  readonly runtime: RuntimeLayout;
}

/** The name of the directory, below the run's, that holds the staged programs. */
const RUNTIME_NAME = "rt";

/**
 * Begins a run.
 *
 * @param majors the PostgreSQL that it needs.
 * @returns the run, and a function that ends it: everything is stopped and removed, and it throws, naming them, if tests
 *   had left processes or directories behind.
 */
export async function beginRun(
  majors: readonly number[] = EMBEDDED_MAJORS,
): Promise<{ run: TestRun; end: () => Promise<void> }> {
  const directory = await createRunDirectory("hs-");
  const dismissJanitor = startJanitor(directory);
  const staged = await stageRuntime({ directory: join(directory, RUNTIME_NAME), majors });
  const { stagedDirectory, user, command, node, programs } = staged;
  const end = async (): Promise<void> => {
    const processes = await endProcessesIn(directory);
    const names = (await readdir(directory)).filter((name) => name !== RUNTIME_NAME);
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
    await dismissJanitor();
    const left = [...processes.map((entry) => `${entry.pid} ${entry.commandLine}`), ...names];
    if (left.length > 0) throw new Error(`tests left behind:\n  ${left.join("\n  ")}`);
  };
  return { run: { directory, runtime: { stagedDirectory, user, command, node, programs } }, end };
}

function startJanitor(directory: string): () => Promise<void> {
  const script = join(import.meta.dirname, "janitor.ts");
  const child = spawn(process.execPath, [script], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const gone = once(child, "exit");
  child.stdin?.write(`${directory}\n`);
  child.unref();
  return async () => {
    child.ref();
    child.stdin?.end();
    await gone;
  };
}
