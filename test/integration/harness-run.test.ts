// Proves that a run of the tests cleans up after itself: when it ends, and when it is killed before it can.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isRunning, processesIn } from "../harness/processes.ts";
import { beginRun } from "../harness/run.ts";
import { waitUntil } from "../harness/wait.ts";

const HARNESS = join(import.meta.dirname, "..", "harness");

test("a run that ends says what was left, ends it and removes it", async () => {
  const { run, end } = await beginRun([]);
  await mkdir(join(run.directory, "w-left"));
  const sleeper = spawn("sleep", ["600"], { cwd: run.directory, detached: true, stdio: "ignore" });
  await once(sleeper, "spawn");
  await expect(end()).rejects.toThrow(/tests left behind:\n {2}\d+ sleep 600\n {2}w-left/);
  expect(existsSync(run.directory)).toBe(false);
  expect(await isRunning(Number(sleeper.pid))).toBe(false);
});

test("a run that left nothing ends without a word", async () => {
  const { run, end } = await beginRun([]);
  expect(existsSync(run.directory)).toBe(true);
  await end();
  expect(existsSync(run.directory)).toBe(false);
});

test("a run that is killed is cleaned up by its janitor", async () => {
  // The run's process starts a sleeper in a session of its own, says where, and hangs.
  const script = `
    import { spawn } from "node:child_process";
    import { beginRun } from ${JSON.stringify(join(HARNESS, "run.ts"))};
    const { run } = await beginRun([]);
    const sleeper = spawn("sleep", ["600"], { cwd: run.directory, detached: true, stdio: "ignore" });
    sleeper.on("spawn", () => console.log(run.directory));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [answer] = (await once(child.stdout, "data")) as [Buffer];
  const directory = answer.toString().trim();
  expect(await processesIn(directory)).toHaveLength(1);
  child.kill("SIGKILL");
  await waitUntil("the janitor to finish", async () => {
    const left = await processesIn(directory);
    return left.length === 0 && !existsSync(directory);
  });
});
