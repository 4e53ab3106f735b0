// The program as it is started: streams, exit statuses, and what never reaches the arguments. Commands against real
// servers are in test/integration.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HINDSIGHT_VERSION } from "../model/version.ts";

const ENTRY = join(import.meta.dirname, "entry.ts");

let directory: string;
let compiled: string;

beforeAll(() => {
  compiled = mkdtempSync(join(tmpdir(), "hindsight-compiled-"));
});

afterAll(() => {
  rmSync(compiled, { recursive: true });
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hindsight-main-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program. It is read as TypeScript once, by the first test, and from node's own cache after that. */
function run(words: readonly string[]): Run {
  return spawnSync(process.execPath, [ENTRY, ...words], {
    cwd: directory,
    env: { PATH: process.env["PATH"], NODE_COMPILE_CACHE: compiled },
    encoding: "utf8",
  });
}

test.each([["version"], ["--version"], ["-V"]])("%s prints the version", (word) => {
  expect(run([word])).toMatchObject({ status: 0, stdout: `hindsight ${HINDSIGHT_VERSION}\n` });
});

test("help is a result, no command is a usage error", () => {
  for (const words of [
    ["help"],
    ["--help"],
    ["help", "restore"],
    ["restore", "--help"],
    ["recover", "-h"],
  ]) {
    const { status, stdout, stderr } = run(words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("usage");
  }
  const { status, stdout, stderr } = run([]);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toContain("usage");
});

test.each([
  [["bakcup"], "COMMAND_UNKNOWN"],
  [["incident"], "COMMAND_UNKNOWN"],
  [["info", "--no-such-option"], "CONFIG_OPTION_UNKNOWN"],
  [["info", "--config=nothing.conf"], "CONFIG_FILE_MISSING"],
  [["info", "--repo1-cipher-pass=x"], "CONFIG_OPTION_SECRET"],
  [["backup"], "COMMAND_USER_ROOT|CONFIG_OPTION_MISSING"],
  [["help", "bakcup"], "COMMAND_UNKNOWN"],
])("%j ends 2 with %s on standard error alone", (words, code) => {
  const { status, stdout, stderr } = run(words);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(new RegExp(`^error: .* \\[(${code})\\]\n`));
  expect(stderr).toContain("hint: ");
});

test("with --output=json the error is one JSON object on standard error", () => {
  for (const words of [
    ["info", "--output=json", "--config=nothing.conf"],
    ["--output=json", "bakcup"],
  ]) {
    const { status, stdout, stderr } = run(words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(JSON.parse(stderr)).toMatchObject({ error: { exitCode: 2 } });
  }
});

test("a repository that is not there ends 20", () => {
  const { status, stderr } = run(["info", `--repo1-path=${directory}/nothing`]);
  expect(status).toBe(20);
  expect(stderr).toContain("[REPOSITORY_");
});

test("a log directory that cannot be written is a warning and changes nothing", () => {
  writeFileSync(join(directory, "file"), "");
  const words = ["version", `--log-path=${directory}/file/log`];
  const { status, stdout, stderr } = run(words);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `hindsight ${HINDSIGHT_VERSION}\n` });
  expect(stderr.match(/no log file is written/g)).toHaveLength(1);
});

test("the log file has a line with time, process and level", () => {
  const words = [
    `--repo1-path=${directory}/nothing`,
    `--log-path=${directory}`,
    "--log-level-file=debug",
  ];
  expect(run(["info", "--stanza=main", ...words]).status).toBe(20);
  const log = readFileSync(join(directory, "main-info.log"), "utf8");
  expect(log).toMatch(/^\d{4}-\d\d-\d\dT[0-9:.]+Z P\d+ [A-Z]+: /m);
});

test("a reader that went away does not change the exit status", async () => {
  for (const stream of ["stdout", "stderr"] as const) {
    const words = stream === "stdout" ? ["help"] : ["bakcup"];
    const child = spawn(process.execPath, [ENTRY, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    child[stream].destroy();
    const status = await new Promise((resolve) => child.once("exit", resolve));
    expect(status).toBe(stream === "stdout" ? 0 : 2);
  }
});

test.runIf(process.getuid?.() === 0)("root must not write the repository", () => {
  const words = ["--stanza=main", "stanza-create", `--repo1-path=${directory}/repository`];
  const { status, stderr } = run(words);
  expect(status).toBe(2);
  expect(stderr).toContain("[COMMAND_USER_ROOT]");
  expect(run([...words, "--allow-root", "--no-online"]).stderr).not.toContain("COMMAND_USER_ROOT");
});
