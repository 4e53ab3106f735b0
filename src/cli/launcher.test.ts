// The launcher, run by the real shell in a place where Node, the program, or both are missing, old or broken. What is
// tested is what PostgreSQL would see: the exit status.
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const BIN = join(import.meta.dirname, "..", "..", "bin");
const TOOLS = "/usr/bin:/bin";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "hindsight-launcher-"));
  mkdirSync(join(root, "bin"));
  mkdirSync(join(root, "dist", "program"), { recursive: true });
  mkdirSync(join(root, "path"));
  mkdirSync(join(root, "data"));
  for (const name of ["hindsight", "check-node.cjs"]) {
    copyFileSync(join(BIN, name), join(root, "bin", name));
  }
  chmodSync(join(root, "bin", "hindsight"), 0o755);
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** A program of package.json's kind that does what `body` says. */
function install(body: string): void {
  writeFileSync(join(root, "package.json"), '{"type":"module"}');
  writeFileSync(join(root, "dist", "program", "entry.cjs"), body);
}

/** A `node` on the path that is this shell script. */
function fakeNode(script: string): void {
  const file = join(root, "path", "node");
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function realNode(): void {
  symlinkSync(process.execPath, join(root, "path", "node"));
}

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(words: readonly string[], environment: Record<string, string> = {}): Run {
  return spawnSync(join(root, "bin", "hindsight"), words, {
    cwd: join(root, "data"),
    env: { PATH: `${join(root, "path")}:${TOOLS}`, ...environment },
    encoding: "utf8",
  });
}

/** A path with a shell's tools and without any node. */
function pathWithoutNode(): Record<string, string> {
  for (const tool of ["readlink", "find"]) {
    symlinkSync(`/usr/bin/${tool}`, join(root, "path", tool));
  }
  return { PATH: join(root, "path") };
}

test("says what is missing when there is no Node", () => {
  install("");
  const { status, stderr } = run(["version"], pathWithoutNode());
  expect(status).toBe(1);
  expect(stderr).toContain("needs Node.js 26 or newer");
  expect(stderr).toContain("HINDSIGHT_NODE");
});

test.each([
  [["archive-push", "pg_wal/x"], 1],
  [["archive-get", "x", "y"], 200],
  [["--stanza=main", "archive-get", "--standby-form", "x", "y"], 200],
])("without Node, %j ends %i", (words, status) => {
  install("");
  expect(run(words, pathWithoutNode()).status).toBe(status);
});

test("without Node, a standby is told to ask again", () => {
  install("");
  writeFileSync(join(root, "data", "standby.signal"), "");
  const words = ["--stanza", "main", "archive-get", "--standby-form", "x", "y"];
  expect(run(words, pathWithoutNode()).status).toBe(1);
});

test("a Node that is too old is named with its version", () => {
  install('throw new Error("must not run")');
  const preload = join(root, "old.cjs");
  writeFileSync(
    preload,
    'Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.1.0" } });',
  );
  fakeNode(`exec "${process.execPath}" --require "${preload}" "$@"`);
  const { status, stderr } = run(["version"]);
  expect(status).toBe(1);
  expect(stderr).toContain("needs Node.js 26 or newer");
  expect(run(["archive-get", "x", "y"]).status).toBe(200);
  expect(run(["archive-push", "x"]).status).toBe(1);
});

test("HINDSIGHT_NODE names a Node, and an error says when it is none", () => {
  install('console.log("ran", ...process.argv.slice(2))');
  const good = run(["a b", "c"], { ...pathWithoutNode(), HINDSIGHT_NODE: process.execPath });
  expect(good.stdout).toBe("ran a b c\n");
  const bad = run(["archive-get", "x", "y"], { HINDSIGHT_NODE: "/nonexistent/node" });
  expect(bad.status).toBe(200);
  expect(bad.stderr).toContain("/nonexistent/node is not a program");
});

test("the Node installed beside the program comes first", () => {
  install("");
  fakeNode("exit 7");
  mkdirSync(join(root, "node_modules", "node", "bin"), { recursive: true });
  symlinkSync(process.execPath, join(root, "node_modules", "node", "bin", "node"));
  expect(run(["version"]).status).toBe(0);
});

test("works through a chain of symbolic links", () => {
  install("");
  realNode();
  symlinkSync("../bin/hindsight", join(root, "data", "first"));
  symlinkSync(join(root, "data", "first"), join(root, "data", "second"));
  const { status } = spawnSync(join(root, "data", "second"), ["version"], {
    env: { PATH: `${join(root, "path")}:${TOOLS}` },
  });
  expect(status).toBe(0);
});

test("NODE_OPTIONS of the environment are not obeyed", () => {
  install("");
  realNode();
  expect(run(["version"], { NODE_OPTIONS: "--no-such-option" }).status).toBe(0);
  expect(run(["archive-push", "x"], { NODE_OPTIONS: "--no-such-option" }).status).toBe(0);
});

test.each([
  ["process.exitCode = 0", 0],
  ["process.exitCode = 24", 24],
  ["process.exit(126)", 1],
  ["process.exit(255)", 1],
  ["process.abort()", 1],
  ['process.kill(process.pid, "SIGKILL"); setInterval(() => {}, 1000)', 1],
  ["syntax error", 1],
  ["process.exitCode = 125", 125],
])("archive-push with a program that does %j ends %i", (body, status) => {
  install(body);
  realNode();
  expect(run(["--stanza=main", "archive-push", "pg_wal/x"]).status).toBe(status);
});

test.each([
  ["process.exitCode = 0", 0],
  ["process.exitCode = 66", 1],
  ["process.exitCode = 1", 200],
  ["process.exitCode = 2", 200],
  ["process.exitCode = 20", 200],
  ["process.exit(143)", 143],
  ["process.exit(126)", 200],
  ["process.abort()", 200],
  ["syntax error", 200],
  ["process.exitCode = 1; new Promise(() => {})", 200],
])("archive-get with a program that does %j ends %i", (body, status) => {
  install(body);
  realNode();
  expect(run(["archive-get", "x", "y", "--stanza=main"]).status).toBe(status);
});

test.each([
  ["process.exitCode = 0", 0],
  ["process.exitCode = 66", 1],
  ["process.exitCode = 20", 1],
  ["process.exitCode = 2", 1],
  ["process.abort()", 1],
  ["process.exitCode = 22", 200],
])("archive-get of a standby with a program that does %j ends %i", (body, status) => {
  install(body);
  realNode();
  writeFileSync(join(root, "data", "standby.signal"), "");
  expect(run(["archive-get", "x", "y", "--standby-form"]).status).toBe(status);
});

test("the standby form ends with standby.signal, and with a pinned timeline", () => {
  install("process.exitCode = 20");
  realNode();
  const words = ["archive-get", "x", "y", "--standby-form"];
  expect(run(words).status).toBe(200);
  writeFileSync(join(root, "data", "standby.signal"), "");
  expect(run(words).status).toBe(1);
  expect(run([...words, "--pin-timeline=1"]).status).toBe(200);
});

test.each([
  ["process.exitCode = 0", 0],
  ["process.exitCode = 20", 1],
  ["process.exitCode = 22", 1],
  ["process.abort()", 1],
])("the last question of a promotion with a program that does %j ends %i", (body, status) => {
  install(body);
  realNode();
  const data = join(root, "data");
  writeFileSync(join(data, "postmaster.pid"), "");
  mkdirSync(join(data, "pg_wal"));
  writeFileSync(join(data, "pg_wal", "0000000A.history"), "");
  const ask = (name: string): number | null =>
    run(["--stanza=main", "archive-get", name, "pg_wal/RECOVERYHISTORY"]).status;
  expect([ask("0000000A.history"), ask("00000001.history")]).toEqual([status, status]);
  const guarded = status === 0 ? 0 : 200;
  expect(ask("0000000B.history"), "of which there is no copy").toBe(guarded);
  expect(ask("0000000A0000000000000001"), "not a history").toBe(guarded);
  for (const name of ["recovery.signal", "standby.signal"]) {
    writeFileSync(join(data, name), "");
    expect([name, ask("0000000A.history")]).toEqual([name, guarded]);
    rmSync(join(data, name));
  }
  rmSync(join(data, "postmaster.pid"));
  expect(ask("0000000A.history"), "not a server's question").toBe(guarded);
});

test("a segment that was fetched ahead is moved without starting the program, once", () => {
  install("process.exitCode = 66");
  realNode();
  const name = "00000001000000000000000A";
  const spool = join(root, "data", "pg_wal", "hindsight-spool");
  mkdirSync(spool, { recursive: true });
  for (const file of [name, "0000000A.history", "00000001000000000000000B.partial"]) {
    writeFileSync(join(spool, file), `bytes of ${file}`);
  }
  const target = join("pg_wal", "RECOVERYXLOG");
  const get = (file: string, ...flags: readonly string[]): number | null =>
    run(["--stanza=main", "archive-get", file, target, ...flags]).status;
  expect(get(name), "not told to").toBe(1);
  expect(get("0000000A.history", "--spool"), "never a history").toBe(1);
  expect(get("00000001000000000000000B.partial", "--spool"), "segments alone").toBe(1);
  expect(get("../hindsight-spool/0000000A.hist", "--spool"), "no path").toBe(1);
  writeFileSync(join(root, "data", "standby.signal"), "");
  expect(get(name, "--spool", "--standby-form"), "not for a standby").toBe(1);
  rmSync(join(root, "data", "standby.signal"));
  expect(existsSync(join(root, "data", target))).toBe(false);
  expect(get(name, "--spool", "--pin-timeline=1")).toBe(0);
  expect(readFileSync(join(root, "data", target), "utf8")).toBe(`bytes of ${name}`);
  expect(get(name, "--spool"), "it is gone").toBe(1);
});

test("what cannot be moved is left to the program", () => {
  install("process.exitCode = 20");
  realNode();
  const name = "00000001000000000000000A";
  mkdirSync(join(root, "data", "pg_wal", "hindsight-spool"), { recursive: true });
  writeFileSync(join(root, "data", "pg_wal", "hindsight-spool", name), "bytes");
  expect(run(["archive-get", name, "nowhere/RECOVERYXLOG", "--spool"]).status).toBe(200);
  expect(run(["archive-get", name, "--spool"]).status, "no destination").toBe(200);
});

test("a missing program is an error that PostgreSQL understands", () => {
  realNode();
  expect(run(["archive-get", "x", "y"]).status).toBe(200);
  expect(run(["archive-push", "x"]).status).toBe(1);
  expect(run(["info"]).stderr).toContain("entry.cjs is missing");
});

test("help on archive-get is not guarded", () => {
  install("process.exitCode = 2");
  realNode();
  expect(run(["help", "archive-get"]).status).toBe(2);
  expect(run(["--stanza", "help", "archive-get", "x", "y"]).status, "a stanza's name").toBe(200);
});

test("takes the sources when one is newer than the built program", () => {
  install('console.log("built")');
  realNode();
  mkdirSync(join(root, "src", "cli"), { recursive: true });
  writeFileSync(join(root, "src", "cli", "entry.ts"), 'console.log("source" as string)');
  expect(run(["version"]).stdout).toBe("source\n");
  writeFileSync(join(root, "dist", ".stamp"), "");
  spawnSync("touch", ["-d", "2020-01-01", join(root, "dist", ".stamp")]);
  expect(run(["version"]).stdout).toBe("source\n");
  spawnSync("touch", ["-d", "2100-01-01", join(root, "dist", ".stamp")]);
  expect(run(["version"]).stdout).toBe("built\n");
});

test.each([
  ["archive-get", 143],
  ["archive-push", 1],
])("SIGTERM to the whole group ends %s with %i", async (command, status) => {
  install('console.log("up"); setInterval(() => {}, 1000)');
  realNode();
  const child = spawn(join(root, "bin", "hindsight"), [command, "x", "y"], {
    cwd: join(root, "data"),
    env: { PATH: `${join(root, "path")}:${TOOLS}` },
    stdio: ["ignore", "pipe", "ignore"], // the shell says "Terminated"
    detached: true,
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  process.kill(-(child.pid ?? 0), "SIGTERM");
  expect(await ended).toBe(status);
});
