import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  createFileDurably,
  type FileSystem,
  makeDirectoriesDurably,
  removeDurably,
  replaceFileAtomically,
  replaceFileDurably,
  systemFileSystem,
  type WritableFile,
} from "./durable-file.ts";
import { seededRandom } from "./random.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "durable-file-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** The real file system, with some calls of open files replaced and every call written down. */
function tracedFileSystem(change: (file: WritableFile, path: string) => Partial<WritableFile>): {
  readonly fileSystem: FileSystem;
  readonly calls: string[];
} {
  const calls: string[] = [];
  const show = (path: string | Buffer): string =>
    path
      .toString()
      .replace(directory, "")
      .replace(/\.hindsight-[0-9a-f]+/, "TEMPORARY");
  const fileSystem: FileSystem = {
    open: async (path, flags, mode) => {
      const file = await systemFileSystem.open(path, flags, mode);
      const plain: WritableFile = {
        write: (bytes, offset, lengthBytes) => file.write(bytes, offset, lengthBytes),
        sync: () => {
          calls.push(`sync ${show(path)}`);
          return file.sync();
        },
        close: () => file.close(),
      };
      return { ...plain, ...change(plain, show(path)) };
    },
    link: (existing, path) => {
      calls.push(`link ${show(existing)} ${show(path)}`);
      return systemFileSystem.link(existing, path);
    },
    rename: (source, target) => {
      calls.push(`rename ${show(source)} ${show(target)}`);
      return systemFileSystem.rename(source, target);
    },
    unlink: (path) => {
      calls.push(`unlink ${show(path)}`);
      return systemFileSystem.unlink(path);
    },
    mkdir: (path, mode) => {
      calls.push(`mkdir ${show(path)}`);
      return systemFileSystem.mkdir(path, mode);
    },
  };
  return { fileSystem, calls };
}

test("a new file is synced before it is named and its directory after", async () => {
  const { fileSystem, calls } = tracedFileSystem(() => ({}));
  const path = join(directory, "new");
  expect(await createFileDurably(path, Buffer.from("bytes"), { fileSystem })).toBe("created");
  expect(await readFile(path, "utf8")).toBe("bytes");
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(calls).toEqual(["sync /TEMPORARY", "link /TEMPORARY /new", "unlink /TEMPORARY", "sync "]);
});

test("an existing file is kept, and made durable for whoever died before doing so", async () => {
  const { fileSystem, calls } = tracedFileSystem(() => ({}));
  const path = join(directory, "taken");
  await writeFile(path, "first");
  expect(await createFileDurably(path, Buffer.from("second"), { fileSystem })).toBe("exists");
  expect(await readFile(path, "utf8")).toBe("first");
  expect(calls.at(-1)).toBe("sync ");
  expect(await readdir(directory)).toEqual(["taken"]);
});

test("short writes are continued until every byte is taken", async () => {
  const { fileSystem } = tracedFileSystem((file) => ({
    write: (bytes, offset, lengthBytes) => file.write(bytes, offset, Math.min(lengthBytes, 3)),
  }));
  const path = join(directory, "short");
  await createFileDurably(path, Buffer.from("0123456789"), { fileSystem });
  expect(await readFile(path, "utf8")).toBe("0123456789");
});

test("a write that takes nothing is an error, not an endless loop", async () => {
  const { fileSystem } = tracedFileSystem(() => ({
    write: () => Promise.resolve({ bytesWritten: 0 }),
  }));
  await expect(
    createFileDurably(join(directory, "stuck"), Buffer.from("x"), { fileSystem }),
  ).rejects.toMatchObject({ code: "EIO" });
  expect(await readdir(directory)).toEqual([]);
});

test("a full disk leaves nothing behind", async () => {
  const { fileSystem } = tracedFileSystem((file) => ({
    write: async (bytes, offset, lengthBytes) => {
      if (offset > 0) throw systemError("ENOSPC");
      return file.write(bytes, offset, Math.min(lengthBytes, 4));
    },
  }));
  await expect(
    createFileDurably(join(directory, "full"), Buffer.from("0123456789"), { fileSystem }),
  ).rejects.toMatchObject({ code: "ENOSPC" });
  expect(await readdir(directory)).toEqual([]);
});

test("a failed fsync loses the file and is not tried again", async () => {
  let syncCount = 0;
  const { fileSystem, calls } = tracedFileSystem(() => ({
    sync: () => {
      syncCount += 1;
      return Promise.reject(systemError("EIO"));
    },
  }));
  const path = join(directory, "lost");
  await expect(createFileDurably(path, Buffer.from("x"), { fileSystem })).rejects.toMatchObject({
    code: "EIO",
  });
  expect(syncCount).toBe(1);
  expect(calls).toEqual(["unlink /TEMPORARY"]);
  expect(await readdir(directory)).toEqual([]);
});

test("a failed sync of the directory takes the new name back", async () => {
  const { fileSystem } = tracedFileSystem((file, path) => ({
    sync: () => (path === "" ? Promise.reject(systemError("EIO")) : file.sync()),
  }));
  await expect(
    createFileDurably(join(directory, "unsure"), Buffer.from("x"), { fileSystem }),
  ).rejects.toMatchObject({ code: "EIO" });
  expect(await readdir(directory)).toEqual([]);
});

test("a failed sync of the directory does not remove what another process made", async () => {
  await writeFile(join(directory, "other"), "first");
  const { fileSystem } = tracedFileSystem((file, path) => ({
    sync: () => (path === "" ? Promise.reject(systemError("EIO")) : file.sync()),
  }));
  await expect(
    createFileDurably(join(directory, "other"), Buffer.from("x"), { fileSystem }),
  ).rejects.toMatchObject({ code: "EIO" });
  expect(await readFile(join(directory, "other"), "utf8")).toBe("first");
});

test("a content that throws midway leaves nothing behind", async () => {
  async function* broken(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("half");
    throw new Error("source failed");
  }
  await expect(createFileDurably(join(directory, "half"), broken())).rejects.toThrow(
    "source failed",
  );
  expect(await readdir(directory)).toEqual([]);
});

test("an abort between two pieces leaves nothing behind and closes the source", async () => {
  const controller = new AbortController();
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        yield Buffer.from("more");
        controller.abort(new Error("enough"));
      }
    } finally {
      closed = true;
    }
  }
  await expect(
    createFileDurably(join(directory, "endless"), endless(), { signal: controller.signal }),
  ).rejects.toThrow("enough");
  expect(closed).toBe(true);
  expect(await readdir(directory)).toEqual([]);
});

test("a temporary name that is taken is passed over", async () => {
  const taken = `.hindsight-${seededRandom(7).bytes(8).toString("hex")}`;
  await writeFile(join(directory, taken), "leftover of another process");
  await createFileDurably(join(directory, "new"), Buffer.from("x"), { random: seededRandom(7) });
  expect((await readdir(directory)).toSorted()).toEqual([taken, "new"]);
  expect(await readFile(join(directory, taken), "utf8")).toBe("leftover of another process");
});

test("replacing is durable in order, or atomic without a single sync", async () => {
  const { fileSystem, calls } = tracedFileSystem(() => ({}));
  const path = join(directory, "settings");
  await writeFile(path, "old");
  await replaceFileDurably(path, Buffer.from("new"), { fileSystem, mode: 0o640 });
  expect(calls).toEqual(["sync /TEMPORARY", "rename /TEMPORARY /settings", "sync "]);
  expect(await readFile(path, "utf8")).toBe("new");
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  calls.length = 0;
  await replaceFileAtomically(path, Buffer.from("newer"), { fileSystem });
  expect(calls).toEqual(["rename /TEMPORARY /settings"]);
  expect(await readFile(path, "utf8")).toBe("newer");
});

test("a rename that fails leaves the old file and no temporary one", async () => {
  const path = join(directory, "kept");
  await writeFile(path, "old");
  const { fileSystem } = tracedFileSystem(() => ({}));
  const failing = { ...fileSystem, rename: () => Promise.reject(systemError("EACCES")) };
  await expect(
    replaceFileDurably(path, Buffer.from("new"), { fileSystem: failing }),
  ).rejects.toMatchObject({ code: "EACCES" });
  expect(await readdir(directory)).toEqual(["kept"]);
  expect(await readFile(path, "utf8")).toBe("old");
});

test("directories are made with their parents, each synced into the one above", async () => {
  const { fileSystem, calls } = tracedFileSystem(() => ({}));
  await makeDirectoriesDurably(join(directory, "one", "two"), { fileSystem });
  expect(calls).toEqual(["mkdir /one/two", "mkdir /one", "sync ", "mkdir /one/two", "sync /one"]);
  expect((await stat(join(directory, "one", "two"))).mode & 0o777).toBe(0o700);
  calls.length = 0;
  await makeDirectoriesDurably(join(directory, "one", "two"), { fileSystem });
  expect(calls, "a directory that is found is synced too").toEqual(["mkdir /one/two", "sync /one"]);
});

test("a removal syncs whether or not the file was there", async () => {
  const { fileSystem, calls } = tracedFileSystem(() => ({}));
  await makeDirectoriesDurably(join(directory, "to"));
  await writeFile(join(directory, "to", "name"), "x");
  await removeDurably(join(directory, "to", "name"), fileSystem);
  await removeDurably(join(directory, "to", "name"), fileSystem);
  expect(calls).toEqual(["unlink /to/name", "sync /to", "unlink /to/name", "sync /to"]);
});

test("names that are no UTF-8 are kept byte for byte", async () => {
  const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0x6e, 0xff, 0xfe])]);
  await createFileDurably(path, Buffer.from("x"));
  const names = await readdir(directory, { encoding: "buffer" });
  expect(names).toEqual([Buffer.from([0x6e, 0xff, 0xfe])]);
});
