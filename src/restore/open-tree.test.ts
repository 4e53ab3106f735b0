import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BytePath, bytePath, textPath } from "../model/byte-path.ts";
import { OpenTree } from "./open-tree.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "open-tree-"));
  await mkdir(join(directory, "tree"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function openTree(): Promise<OpenTree> {
  return OpenTree.open(join(directory, "tree"), undefined);
}

async function write(tree: OpenTree, path: string, text: string): Promise<void> {
  await using file = await tree.createFile(textPath(path));
  await file.write(text);
}

test("files are created below their directories, once", async () => {
  await using tree = await openTree();
  await tree.makeDirectory(textPath("base"), 0o750);
  await tree.makeDirectory(textPath("base/5"), 0o700);
  await write(tree, "base/5/1259", "rows");
  expect(await readFile(join(directory, "tree/base/5/1259"), "utf8")).toBe("rows");
  expect((await stat(join(directory, "tree/base"))).mode & 0o777).toBe(0o750);
  expect((await stat(join(directory, "tree/base/5/1259"))).mode & 0o777).toBe(0o600);
  await expect(tree.createFile(textPath("base/5/1259"))).rejects.toMatchObject({ code: "EEXIST" });
});

test("a link in the place of a file or a directory is never followed", async () => {
  await mkdir(join(directory, "outside"));
  await writeFile(join(directory, "outside/precious"), "precious");
  await symlink(join(directory, "outside"), join(directory, "tree/base"));
  await symlink(join(directory, "outside/precious"), join(directory, "tree/PG_VERSION"));
  await symlink(join(directory, "outside/new"), join(directory, "tree/dangling"));
  await using tree = await openTree();
  for (const path of ["base/new", "PG_VERSION", "dangling"]) {
    await expect(tree.createFile(textPath(path)), path).rejects.toMatchObject({
      code: expect.stringMatching(/^(EEXIST|ENOTDIR|ELOOP)$/),
    });
  }
  await tree.replaceFile(textPath("PG_VERSION"), Buffer.from("18"), 0o600);
  expect(await readFile(join(directory, "tree/PG_VERSION"), "utf8")).toBe("18");
  await tree.removeContent(textPath(""), { kept: new Set(), signal: new AbortController().signal });
  expect(await readdir(join(directory, "tree"))).toEqual([]);
  expect(await readFile(join(directory, "outside/precious"), "utf8")).toBe("precious");
  expect(await readdir(join(directory, "outside"))).toEqual(["precious"]);
});

test("a directory that was moved away and replaced by a link is still the one that is written", async () => {
  await using tree = await openTree();
  await tree.makeDirectory(textPath("base"), 0o700);
  await rename(join(directory, "tree/base"), join(directory, "moved"));
  await mkdir(join(directory, "trap"));
  await symlink(join(directory, "trap"), join(directory, "tree/base"));
  await write(tree, "base/1", "x");
  expect(await readdir(join(directory, "trap"))).toEqual([]);
  expect(await readdir(join(directory, "moved"))).toEqual(["1"]);
});

test.each(["..", "../x", "base/..", ".", "", "a/", "a/./b", "nul\0"])(
  "a path that leads elsewhere is refused: %j",
  async (path) => {
    await using tree = await openTree();
    await expect(tree.createFile(path as BytePath)).rejects.toThrow(
      /not the name of a file|ENOENT/,
    );
    expect(await readdir(directory)).toEqual(["tree"]);
    expect(await readdir(join(directory, "tree"))).toEqual([]);
  },
);

test("names that are no UTF-8 are kept byte for byte, and removed", async () => {
  await using tree = await openTree();
  const name = bytePath(Buffer.from([0x6e, 0xff, 0xfe]));
  await (await tree.createFile(name)).close();
  expect(await readdir(join(directory, "tree"), { encoding: "buffer" })).toEqual([
    Buffer.from([0x6e, 0xff, 0xfe]),
  ]);
  await tree.removeFile(name);
  expect(await readdir(join(directory, "tree"))).toEqual([]);
});

test("very many directories need few open files", async () => {
  await using tree = await openTree();
  const before = (await readdir("/proc/self/fd")).length;
  for (let number = 0; number < 200; number += 1) {
    await tree.makeDirectory(textPath(`d${number}`), 0o700);
    await write(tree, `d${number}/file`, "x");
  }
  expect((await readdir("/proc/self/fd")).length - before).toBeLessThan(80);
  const { signal } = new AbortController();
  await tree.removeContent(textPath(""), { kept: new Set(["d7"]), signal });
  expect(await readdir(join(directory, "tree"))).toEqual(["d7"]);
});

test("closing gives every open file back", async () => {
  const before = (await readdir("/proc/self/fd")).length;
  const tree = await openTree();
  for (const name of ["a", "b", "c"]) await tree.makeDirectory(textPath(name), 0o700);
  await tree[Symbol.asyncDispose]();
  expect((await readdir("/proc/self/fd")).length).toBe(before);
});

test("a removed directory can be made again", async () => {
  await using tree = await openTree();
  await tree.makeDirectory(textPath("base"), 0o700);
  await write(tree, "base/1", "old");
  await tree.removeDirectory(textPath("base"), new AbortController().signal);
  await tree.makeDirectory(textPath("base"), 0o700);
  await write(tree, "base/1", "new");
  expect(await readFile(join(directory, "tree/base/1"), "utf8")).toBe("new");
});
