import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { isServerProcess, readPostmasterFile } from "./postmaster-process.ts";

let root: string;
let children: ChildProcess[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "postmaster-"));
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(root, { recursive: true });
});

/** A process that sleeps in a directory, as a program of that name. */
async function sleeper(program: string, cwd: string): Promise<number> {
  const file = join(root, program);
  await copyFile("/bin/sleep", file);
  const child = spawn(file, ["60"], { cwd });
  children.push(child);
  await once(child, "spawn");
  return child.pid ?? 0;
}

async function directory(name: string): Promise<string> {
  const path = join(root, name);
  await mkdir(path);
  return path;
}

test("a live postgres whose current directory is the data directory is its server", async () => {
  const data = await directory("data");
  expect(await isServerProcess(await sleeper("postgres", data), data)).toBe(true);
});

test("a postgres of another directory got the number by chance", async () => {
  const data = await directory("data");
  const other = await directory("other");
  expect(await isServerProcess(await sleeper("postgres", other), data)).toBe(false);
});

test("another program got the number by chance, even in that directory", async () => {
  const data = await directory("data");
  expect(await isServerProcess(await sleeper("editor", data), data)).toBe(false);
});

test("a process that ended is no server, and neither is one its parent has not collected", async () => {
  const data = await directory("data");
  const file = join(root, "postgres");
  await copyFile("/bin/sleep", file);
  // A shell that never waits keeps the dead child as a zombie.
  const shell = spawn("/bin/sh", ["-c", `cd "${data}"; "${file}" 60 & echo $!; exec sleep 60`]);
  children.push(shell);
  const [printed] = (await once(shell.stdout, "data")) as [Buffer];
  const pid = Number(printed.toString());
  // Until it runs the program, the child is a shell like its parent.
  await expect.poll(() => isServerProcess(pid, data)).toBe(true);
  process.kill(pid, "SIGKILL");
  await expect.poll(() => isServerProcess(pid, data)).toBe(false);
  shell.kill("SIGKILL");
  await once(shell, "exit");
  expect(await isServerProcess(shell.pid ?? 0, data)).toBe(false);
});

test("this very process is never the server", async () => {
  expect(await isServerProcess(process.pid, process.cwd())).toBe(false);
});

test("the pid file is read, with and without the lines a young server has not written yet", async () => {
  const data = await directory("data");
  expect(await readPostmasterFile(data)).toBeUndefined();
  expect(await readPostmasterFile(join(root, "missing"))).toBeUndefined();
  const file = join(data, "postmaster.pid");
  await writeFile(file, `4242\n${data}\n1732176000\n5444\n/run/hs\n\n  8394 17\nstandby \n`);
  expect(await readPostmasterFile(data)).toEqual({
    pid: 4242,
    port: 5444,
    socketDirectory: "/run/hs",
    status: "standby",
  });
  await writeFile(file, `4242\n`);
  expect(await readPostmasterFile(data)).toEqual({
    pid: 4242,
    port: undefined,
    socketDirectory: undefined,
    status: "",
  });
  await writeFile(file, `-77\n${data}\n`);
  expect(await readPostmasterFile(data)).toMatchObject({ pid: 77 });
});

test("a pid file without a number is an error: nobody can say whether a server runs", async () => {
  const data = await directory("data");
  await writeFile(join(data, "postmaster.pid"), "");
  await expect(readPostmasterFile(data)).rejects.toMatchObject({ code: "POSTGRES_STATE_WRONG" });
});
