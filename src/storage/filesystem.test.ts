import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { filesystemError } from "./filesystem-error.ts";
import { createFilesystemStore } from "./filesystem.ts";
import { describeObjectStore } from "./object-store.conformance.ts";
import { listAll, listNames, type ObjectStore } from "./object-store.ts";

interface Place {
  /** A directory of the test's own. */
  readonly outside: string;
  /** The root of the store, inside it. */
  readonly root: string;
  readonly store: ObjectStore;
}

async function makePlace(): Promise<Place> {
  const outside = await realpath(await mkdtemp(join(tmpdir(), "filesystem-store-")));
  onTestFinished(() => rm(outside, { recursive: true }));
  const root = join(outside, "repository");
  await mkdir(root, { mode: 0o700 });
  return { outside, root, store: createFilesystemStore(root) };
}

describeObjectStore("filesystem store", async () => (await makePlace()).store);

const UNREACHABLE = { code: "REPOSITORY_UNREACHABLE", exitCode: 20 };
const DENIED = { code: "REPOSITORY_DENIED", exitCode: 21 };
const bytes = Buffer.from("bytes");

/** Every method, to check that none of them mistakes an error for absence. */
function everyCall(store: ObjectStore, key: string): readonly (() => Promise<unknown>)[] {
  return [
    () => store.get(key),
    () => store.stat(key),
    () => store.list(""),
    () => store.list(`${key}/`),
    () => store.put(key, bytes),
    () => store.remove(key),
  ];
}

describe("files", () => {
  test("directories are 0700 and files 0600, and the file holds just the bytes", async () => {
    const { root, store } = await makePlace();
    await store.put("stanza/main/a", bytes);
    expect((await stat(join(root, "stanza"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, "stanza/main"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(root, "stanza/main/a"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(root, "stanza/main/a"))).toEqual(bytes);
    expect(await readdir(join(root, "stanza/main")), "no temporary name").toEqual(["a"]);
  });

  test("leftovers of temporary names and names that are no keys are never listed", async () => {
    const { root, store } = await makePlace();
    await store.put("dir/a", bytes);
    await writeFile(join(root, "dir/.hindsight-0123456789abcdef"), "half");
    await mkdir(join(root, "lost+found"), { mode: 0o000 });
    await mkdir(join(root, ".snapshot"));
    await writeFile(join(root, "a file"), "foreign");
    expect(await listNames(store, "")).toEqual(["dir/"]);
    expect((await store.list("")).objects.map((object) => object.key)).toEqual(["dir/a"]);
  });

  test("the root may be behind a link", async () => {
    const { outside, root, store } = await makePlace();
    await symlink(root, join(outside, "link"));
    const linked = createFilesystemStore(join(outside, "link"));
    expect(await linked.put("dir/a", bytes)).toBe("created");
    expect(await store.get("dir/a")).toEqual(bytes);
    expect(await linked.get("dir/a")).toEqual(bytes);
    expect(await listNames(linked, "dir/")).toEqual(["a"]);
  });

  test("a key below another key is refused, not stored somewhere else", async () => {
    const { store } = await makePlace();
    await store.put("a", bytes);
    await expect(store.put("a/b", bytes)).rejects.toMatchObject(DENIED);
    await store.put("c/d", bytes);
    await expect(store.put("c", bytes)).rejects.toMatchObject(DENIED);
  });
});

describe("a root that is not there", () => {
  test("is unreachable, by every method, and is not made", async () => {
    const { outside } = await makePlace();
    const store = createFilesystemStore(join(outside, "absent"));
    for (const call of everyCall(store, "a"))
      await expect(call()).rejects.toMatchObject(UNREACHABLE);
    expect(await readdir(outside)).toEqual(["repository"]);
  });

  test("is unreachable when it is a file", async () => {
    const { outside } = await makePlace();
    await writeFile(join(outside, "file"), "x");
    const store = createFilesystemStore(join(outside, "file"));
    for (const call of everyCall(store, "a"))
      await expect(call()).rejects.toMatchObject(UNREACHABLE);
  });

  test("goes away while the store is open: an outage, not absence", async () => {
    const { outside, root, store } = await makePlace();
    await store.put("a", bytes);
    await rename(root, join(outside, "moved"));
    for (const call of everyCall(store, "a"))
      await expect(call()).rejects.toMatchObject(UNREACHABLE);
    await rename(join(outside, "moved"), root);
    expect(await store.get("a")).toEqual(bytes);
  });

  test("is replaced by an empty directory, as by an unmount: an outage, not absence", async () => {
    const { outside, root, store } = await makePlace();
    await store.put("dir/a", bytes);
    await rename(root, join(outside, "moved"));
    await mkdir(root);
    for (const call of everyCall(store, "dir/a"))
      await expect(call()).rejects.toMatchObject(UNREACHABLE);
    expect(await readdir(root), "nothing was written into it").toEqual([]);
  });
});

describe("links and special files inside the repository", () => {
  async function withLink(): Promise<Place> {
    const place = await makePlace();
    await mkdir(join(place.outside, "secret"));
    await writeFile(join(place.outside, "secret/file"), "secret");
    await symlink(join(place.outside, "secret"), join(place.root, "dir"));
    await symlink(join(place.outside, "secret/file"), join(place.root, "file"));
    return place;
  }

  test("are not followed by get, stat and put, whether file or directory", async () => {
    const { outside, store } = await withLink();
    for (const key of ["dir/file", "file"]) {
      await expect(store.get(key)).rejects.toMatchObject(DENIED);
      await expect(store.stat(key)).rejects.toMatchObject(DENIED);
      await expect(store.put(key, bytes)).rejects.toMatchObject(DENIED);
    }
    await expect(store.put("dir/new", bytes)).rejects.toMatchObject(DENIED);
    await expect(store.put("dir/deeper/new", bytes)).rejects.toMatchObject(DENIED);
    expect(await readdir(join(outside, "secret"))).toEqual(["file"]);
    expect(await readFile(join(outside, "secret/file"), "utf8")).toBe("secret");
  });

  test("make a listing that meets them an error, and no other", async () => {
    const { store } = await withLink();
    await store.put("other/a", bytes);
    await expect(store.list("")).rejects.toMatchObject(DENIED);
    await expect(store.list("dir/")).rejects.toMatchObject(DENIED);
    await expect(store.list("", { delimiter: "/" })).rejects.toMatchObject(DENIED);
    expect(await listNames(store, "other/")).toEqual(["a"]);
  });

  test("remove takes away the link itself, and nothing behind one", async () => {
    const { outside, root, store } = await withLink();
    await expect(store.remove("dir/file")).rejects.toMatchObject(DENIED);
    await store.remove("file");
    await expect(lstat(join(root, "file"))).rejects.toMatchObject({ code: "ENOENT" });
    expect(await readFile(join(outside, "secret/file"), "utf8")).toBe("secret");
  });

  test("a pipe is refused at once instead of waited on", async () => {
    const { root, store } = await makePlace();
    execFileSync("mkfifo", [join(root, "pipe")]);
    await expect(store.get("pipe")).rejects.toMatchObject(DENIED);
    await expect(store.stat("pipe")).rejects.toMatchObject(DENIED);
    await expect(store.list("")).rejects.toMatchObject(DENIED);
  });
});

describe("permissions", () => {
  /** Runs as a user whom permissions bind: root becomes nobody for the while. */
  async function unprivileged(place: Place, work: () => Promise<void>): Promise<void> {
    if (process.geteuid?.() !== 0) return work();
    for (const name of await readdir(place.outside, { recursive: true })) {
      await chown(join(place.outside, name), 65534, 65534);
    }
    await chown(place.outside, 65534, 65534);
    process.seteuid?.(65534);
    try {
      await work();
    } finally {
      process.seteuid?.(0);
    }
  }

  test("a directory that cannot be entered is denied, not empty", async () => {
    const place = await makePlace();
    await place.store.put("dir/a", bytes);
    await chmod(join(place.root, "dir"), 0o000);
    await unprivileged(place, async () => {
      for (const call of everyCall(place.store, "dir/a"))
        await expect(call()).rejects.toMatchObject(DENIED);
      await expect(place.store.list("", { delimiter: "/" })).rejects.toMatchObject(DENIED);
    });
    await chmod(join(place.root, "dir"), 0o700);
  });

  test("an unreadable file and an unwritable directory are denied and named", async () => {
    const place = await makePlace();
    await place.store.put("dir/a", bytes);
    await chmod(join(place.root, "dir/a"), 0o000);
    await chmod(join(place.root, "dir"), 0o500);
    await unprivileged(place, async () => {
      const path = join(place.root, "dir/a");
      await expect(place.store.get("dir/a")).rejects.toMatchObject({
        ...DENIED,
        message: `cannot read ${path}: permission denied (EACCES)`,
        context: { path },
      });
      const other = join(place.root, "dir/b");
      await expect(place.store.put("dir/b", bytes)).rejects.toMatchObject({
        ...DENIED,
        message: `cannot write ${other}: permission denied (EACCES)`,
      });
      await expect(place.store.remove("dir/a")).rejects.toMatchObject(DENIED);
      expect(await place.store.put("dir/a", bytes), "what is there needs no writing").toBe(
        "exists",
      );
    });
    await chmod(join(place.root, "dir"), 0o700);
  });
});

describe("words for system errors", () => {
  const cases: readonly (readonly [string, number, object])[] = [
    ["EACCES", -13, DENIED],
    ["EPERM", -1, DENIED],
    ["EROFS", -30, DENIED],
    ["ENOSPC", -28, DENIED],
    ["Unknown system error -122", -122, DENIED],
    ["EFBIG", -27, DENIED],
    ["EIO", -5, UNREACHABLE],
    ["Unknown system error -116", -116, UNREACHABLE],
    ["ENOTCONN", -107, UNREACHABLE],
    ["EMFILE", -24, UNREACHABLE],
    ["Unknown system error -117", -117, UNREACHABLE],
  ];
  test.each(cases)("%s", (code, errno, expected) => {
    const error = Object.assign(new Error(code), { code, errno });
    const translated = filesystemError(error, "write", "/repository/x");
    expect(translated).toMatchObject(expected);
    expect(String(translated)).toMatch(/cannot write \/repository\/x: .* \((E[A-Z]+|errno 117)\)$/);
  });

  test("what the system did not say is handed back as it is", () => {
    const error = new Error("other");
    expect(filesystemError(error, "read", "/x")).toBe(error);
    const argument = Object.assign(new TypeError("bad"), { code: "ERR_INVALID_ARG_TYPE" });
    expect(filesystemError(argument, "read", "/x")).toBe(argument);
  });
});

test("a walk reads only what a page can reach", async () => {
  const { root, store } = await makePlace();
  for (const key of ["a/1", "b/1", "b/2", "b/3", "c/1"]) await store.put(key, bytes);
  // A link is an error wherever it is met, so it shows which directories were read.
  await symlink("/", join(root, "a/link"));
  await symlink("/", join(root, "c/link"));
  const keys: string[] = [];
  for await (const object of listAll(store, "b")) keys.push(object.key);
  expect(keys).toEqual(["b/1", "b/2", "b/3"]);
  const page = await store.list("", { after: "b/1", limitCount: 1 });
  expect(page.objects.map((object) => object.key)).toEqual(["b/2"]);
});
