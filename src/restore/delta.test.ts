// A restore over a directory that is right in part: what is kept, what is mended, and that the result is always the one
// that a restore into an empty directory gives.
import { randomInt } from "node:crypto";
import {
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Context, createContext } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import { textPath } from "../model/byte-path.ts";
import { MARKER_FILE } from "./marker.ts";
import { performRestore, type RestoreResult } from "./perform.ts";
import { planRestore, type RestoreRequest } from "./plan.ts";
import {
  Site,
  SMALL_CLUSTER,
  sourceDirectory,
  type SourceEntry,
  sourceFile,
} from "./restore.fixture.ts";

const PAGE = 8192;

/** Bytes that differ everywhere, so that a misplaced page is seen. */
function pattern(lengthBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4) {
    bytes.writeUInt32LE((at * 2_654_435_761 + seed * 7919) % 2 ** 32, at);
  }
  return bytes;
}

/** Small files, one of many chunks, and one whose pages lie scattered over the first one's blobs, with holes. */
const ENTRIES: readonly SourceEntry[] = [
  ...SMALL_CLUSTER,
  sourceDirectory("base"),
  sourceDirectory("base/5", 0o750),
  {
    kind: "file",
    path: textPath("base/5/1000"),
    parts: [1, 2, 3]
      .map((seed) => ({ bytes: pattern(MIB, seed) }))
      .concat({
        bytes: pattern(5 * PAGE, 4),
      }),
  },
  {
    kind: "file",
    path: textPath("base/5/2000"),
    parts: [
      { holeBytes: 2 * PAGE },
      { blob: 4, offsetBytes: 7 * PAGE, lengthBytes: 2 * PAGE },
      { blob: 3, offsetBytes: 0, lengthBytes: MIB },
      { blob: 4, offsetBytes: 0, lengthBytes: PAGE },
      { holeBytes: 150 * PAGE },
    ],
  },
  {
    kind: "file",
    path: textPath("base/5/3000"),
    parts: [{ blob: 3, offsetBytes: 100, lengthBytes: 900 }],
  },
  { kind: "file", path: textPath("base/5/4000"), parts: [{ holeBytes: PAGE }] },
  sourceFile("base/5/5000", pattern(3 * PAGE, 9), 0o640),
  sourceFile("base/5/empty", ""),
];

/** The files of ENTRIES that can be kept: all but pg_control and postgresql.auto.conf, which are always written. */
const KEEPABLE = [
  "PG_VERSION",
  "base/5/1000",
  "base/5/2000",
  "base/5/3000",
  "base/5/4000",
  "base/5/5000",
  "base/5/empty",
];

class DeltaSite implements AsyncDisposable {
  readonly site: Site;
  /** What the destination shall be, by path. */
  readonly expected: ReadonlyMap<string, string>;

  private constructor(site: Site, expected: ReadonlyMap<string, string>) {
    this.site = site;
    this.expected = expected;
  }

  static async create(): Promise<DeltaSite> {
    const site = await Site.create();
    await site.backUp({ entries: ENTRIES });
    await site.storeWal(["3"]);
    await restore(site, {});
    return new DeltaSite(site, await snapshot(site.path("to")));
  }

  at(path: string): string {
    return join(this.site.path("to"), path);
  }

  async delta(context: Context = this.site.context): Promise<RestoreResult> {
    return await restore(this.site, { overwrite: true, delta: true }, context);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}

async function restore(
  site: Site,
  parts: Partial<RestoreRequest>,
  context = site.context,
): Promise<RestoreResult> {
  const plan = await planRestore(site.request(parts), context);
  return performRestore(plan, { repository: site.archive.repository }, context);
}

/** Restores, and expects the destination to be as it was, with so many files kept. */
async function expectKept(site: DeltaSite, count: number): Promise<void> {
  const result = await site.delta();
  expect({ kept: result.filesKept, written: result.filesRestored }).toEqual({
    kept: count,
    written: KEEPABLE.length + 2 - count,
  });
  expect(await snapshot(site.site.path("to"))).toEqual(site.expected);
}

/** Kind, permissions and content of everything below a directory. */
async function snapshot(root: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await readdir(root, { recursive: true })).toSorted()) {
    const status = await lstat(join(root, name));
    const content = status.isFile() ? (await readFile(join(root, name))).toString("base64") : "";
    const kind = status.isFile() ? "file" : status.isDirectory() ? "directory" : "other";
    const time = status.isFile() && KEEPABLE.includes(name) ? status.mtimeMs : "";
    const owner = `${status.uid}:${status.gid}`;
    found.set(name, `${kind} ${(status.mode & 0o777).toString(8)} ${owner} ${time} ${content}`);
  }
  return found;
}

/** Writes bytes into a file, in the place of others. */
async function overwrite(path: string, offsetBytes: number, bytes: Buffer): Promise<void> {
  await using file = await open(path, "r+");
  await file.write(bytes, 0, bytes.length, offsetBytes);
}

test("a directory that is right is kept whole, and no blob is read", async () => {
  await using site = await DeltaSite.create();
  const blobReads = countReads(site.site);
  await expectKept(site, KEEPABLE.length);
  expect(blobReads()).toBe(0);
});

/** Counts how often a blob of the largest size is read. */
function countReads(site: Site): () => number {
  const { store } = site;
  const get = store.get.bind(store);
  let count = 0;
  Object.assign(store, {
    get: async (key: string, options: Parameters<typeof get>[1]) => {
      if (options?.range?.lengthBytes === MIB) count += 1;
      return await get(key, options);
    },
  });
  return () => count;
}

test("one page in the middle of a large file is mended, and only its blob is read", async () => {
  await using site = await DeltaSite.create();
  await overwrite(site.at("base/5/1000"), MIB + 17 * PAGE + 5, Buffer.from("other"));
  const { ino } = await stat(site.at("base/5/1000"));
  const blobReads = countReads(site.site);
  await expectKept(site, KEEPABLE.length - 1);
  expect(blobReads()).toBe(1);
  expect((await stat(site.at("base/5/1000"))).ino).toBe(ino);
});

test("a file of which every blob differs is put right, by comparing bytes after a while", async () => {
  await using site = await Site.create();
  const count = 48;
  const sizeBytes = 16 * PAGE;
  const parts = Array.from({ length: count }, (_, seed) => ({ bytes: pattern(sizeBytes, seed) }));
  const entries = [...SMALL_CLUSTER, sourceDirectory("base")];
  await site.backUp({ entries: [...entries, { kind: "file", path: textPath("base/1"), parts }] });
  await site.storeWal(["3"]);
  await restore(site, {});
  const path = site.path("to/base/1");
  const expected = await readFile(path);
  for (const damaged of [count, count - 2]) {
    for (let blob = 0; blob < damaged; blob += 1) {
      await overwrite(path, blob * sizeBytes + (blob % 3) * PAGE + 7, Buffer.from("other"));
    }
    await restore(site, { overwrite: true, delta: true });
    expect((await readFile(path)).equals(expected)).toBe(true);
  }
  // What is damaged in the repository is noticed here as well.
  for (let blob = 0; blob < count; blob += 1)
    await overwrite(path, blob * sizeBytes, Buffer.from("x"));
  const [pack] = (await site.store.list("stanza/main/pack/")).objects;
  site.store.tamper(pack?.key ?? "", (bytes) => {
    const at = bytes.indexOf(pattern(sizeBytes, count - 1).subarray(0, 64));
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  });
  await expect(restore(site, { overwrite: true, delta: true })).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
  });
});

test("wrong sizes are put right: longer, shorter, empty, and cut in a page", async () => {
  await using site = await DeltaSite.create();
  await overwrite(site.at("base/5/1000"), 3 * MIB + 5 * PAGE, pattern(3 * PAGE, 77));
  await truncate(site.at("base/5/2000"), 5 * PAGE + 100);
  await truncate(site.at("base/5/5000"), PAGE);
  await writeFile(site.at("base/5/empty"), "not empty");
  await expectKept(site, KEEPABLE.length - 4);
  await truncate(site.at("base/5/1000"), 0);
  await expectKept(site, KEEPABLE.length - 1);
});

test("what stands in a hole is removed, and what is right with holes stays", async () => {
  await using site = await DeltaSite.create();
  await overwrite(site.at("base/5/2000"), PAGE + 10, Buffer.from("x"));
  await overwrite(site.at("base/5/2000"), MIB + 140 * PAGE, Buffer.from("y"));
  await overwrite(site.at("base/5/4000"), PAGE - 1, Buffer.from("z"));
  await expectKept(site, KEEPABLE.length - 2);
});

test("permissions and times are set, and the content is kept all the same", async () => {
  await using site = await DeltaSite.create();
  await chmod(site.at("base/5/5000"), 0o600);
  await chmod(site.at("base/5"), 0o700);
  await chmod(site.at("base/5/1000"), 0o640);
  await writeFile(site.at("base/5/3000"), await readFile(site.at("base/5/3000")));
  await expectKept(site, KEEPABLE.length);
});

test("strangers go: files, directories, links, what PostgreSQL left behind", async () => {
  await using site = await DeltaSite.create();
  await site.site.write("elsewhere/precious", "precious");
  for (const path of [
    "stranger",
    "base/5/1000.1",
    "base/5/1000_vm",
    "pg_wal/000000010000000000000009",
    "backup_manifest",
    "tablespace_map",
    "standby.signal",
    "postmaster.opts",
    "pg_stat_tmp/deep/er/file",
  ]) {
    await site.site.write(`to/${path}`, "x");
  }
  await symlink(site.site.path("elsewhere"), site.at("pg_tblspc/16385"));
  await symlink(site.site.path("elsewhere/precious"), site.at("base/5/link"));
  await expectKept(site, KEEPABLE.length);
  expect(await readFile(site.site.path("elsewhere/precious"), "utf8")).toBe("precious");
});

test("a link, a directory or a pipe in the place of a file is replaced, and nothing behind a link is touched", async () => {
  await using site = await DeltaSite.create();
  const { site: ground } = site;
  await ground.write("elsewhere/precious", "precious");
  // The right content behind a link is not the right file.
  await rename(site.at("base/5/5000"), ground.path("elsewhere/5000"));
  await symlink(ground.path("elsewhere/5000"), site.at("base/5/5000"));
  await rename(site.at("base/5/1000"), ground.path("elsewhere/1000"));
  await symlink(ground.path("elsewhere/1000"), site.at("base/5/1000"));
  await rm(site.at("base/5/3000"));
  await ground.write("to/base/5/3000/file", "in a directory");
  await rm(site.at("pg_wal"), { recursive: true });
  await symlink(ground.path("elsewhere"), site.at("pg_wal"));
  await expectKept(site, KEEPABLE.length - 3);
  const elsewhere = await readdir(ground.path("elsewhere"));
  expect(elsewhere.toSorted()).toEqual(["1000", "5000", "precious"]);
  await rm(site.at("base/5"), { recursive: true });
  await symlink(ground.path("elsewhere"), site.at("base/5"));
  await expectKept(site, 1);
  expect(await readdir(ground.path("elsewhere"))).toHaveLength(3);
});

test("a file that has another name elsewhere is written anew, so that the other copy stays what it is", async () => {
  await using site = await DeltaSite.create();
  await mkdir(site.site.path("snapshot"));
  for (const name of ["1000", "5000"]) {
    await overwrite(site.at(`base/5/${name}`), PAGE, Buffer.from("changed since"));
    await link(site.at(`base/5/${name}`), site.site.path(`snapshot/${name}`));
  }
  await link(site.at("base/5/3000"), site.site.path("snapshot/3000"));
  const before = await snapshot(site.site.path("snapshot"));
  await expectKept(site, KEEPABLE.length - 3);
  expect(await snapshot(site.site.path("snapshot"))).toEqual(before);
});

test("a restore that was interrupted goes on where it stopped", async () => {
  await using site = await DeltaSite.create();
  const controller = new AbortController();
  const context = createContext({ signal: controller.signal });
  await truncate(site.at("base/5/1000"), MIB);
  await rm(site.at("base/5/5000"));
  const plan = await planRestore(site.site.request({ overwrite: true, delta: true }), context);
  const onProgress = (): void => controller.abort(new Error("control-c"));
  const options = { repository: site.site.archive.repository, onProgress };
  await expect(performRestore(plan, options, context)).rejects.toMatchObject({
    code: "INTERRUPTED",
  });
  expect(await readdir(site.site.path("to"))).toContain(MARKER_FILE);
  await expect(stat(site.at("global/pg_control"))).rejects.toMatchObject({ code: "ENOENT" });
  const result = await site.delta();
  expect(result.filesKept).toBeGreaterThanOrEqual(KEEPABLE.length - 2);
  expect(await snapshot(site.site.path("to"))).toEqual(site.expected);
});

test("a page that the repository has damaged stops the restore, and is not written", async () => {
  await using site = await DeltaSite.create();
  await overwrite(site.at("base/5/1000"), 2 * MIB, Buffer.from("other"));
  const [pack] = (await site.site.store.list("stanza/main/pack/")).objects;
  site.site.store.tamper(pack?.key ?? "", (bytes) => {
    const at = bytes.indexOf(pattern(MIB, 3).subarray(0, 64));
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    return bytes;
  });
  await expect(site.delta()).rejects.toMatchObject({ code: "OBJECT_CORRUPT", exitCode: 22 });
  await expect(stat(site.at("global/pg_control"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("without --delta nothing is kept", async () => {
  await using site = await DeltaSite.create();
  const result = await restore(site.site, { overwrite: true });
  expect(result.filesKept).toBe(0);
  expect(await snapshot(site.site.path("to"))).toEqual(site.expected);
});

test("whatever is done to a directory, the restore puts it right", async () => {
  const seed = Number(process.env["HINDSIGHT_TEST_SEED"] ?? randomInt(1_000_000));
  let state = seed;
  const random = (end: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * end);
  };
  await using site = await DeltaSite.create();
  // Without PG_VERSION a directory is not taken for a cluster.
  const damaged = KEEPABLE.filter((path) => path !== "PG_VERSION");
  const kinds = [
    async (path: string): Promise<void> => rm(path, { recursive: true, force: true }),
    async (path: string): Promise<void> => truncate(path, random(MIB)),
    async (path: string): Promise<void> => overwrite(path, random(MIB), pattern(random(PAGE), 5)),
    async (path: string): Promise<void> => overwrite(path, random(2 * MIB), Buffer.alloc(20_000)),
    async (path: string): Promise<void> => writeFile(`${path}.${random(9)}`, "stranger"),
    async (path: string): Promise<void> => chmod(path, 0o640),
  ];
  for (let round = 0; round < 5; round += 1) {
    for (let count = 0; count < 4; count += 1) {
      const path = site.at(damaged[random(damaged.length)] ?? "");
      await kinds[random(kinds.length)]?.(path).catch(() => undefined);
    }
    await site.delta();
    const found = await snapshot(site.site.path("to"));
    expect(found, `HINDSIGHT_TEST_SEED=${seed}, round ${round}`).toEqual(site.expected);
  }
});

test("holes take no space, in a new file as well as in one that is kept", async () => {
  await using site = await DeltaSite.create();
  const blocks = async (path: string): Promise<number> => (await stat(site.at(path))).blocks * 512;
  const sizes = { "base/5/2000": 0, "base/5/4000": 0 };
  for (const path of Object.keys(sizes)) {
    const { size } = await stat(site.at(path));
    expect(size - (await blocks(path)), path).toBeGreaterThanOrEqual(
      path.endsWith("2000") ? 152 * PAGE - 65_536 : PAGE,
    );
  }
  await expectKept(site, KEEPABLE.length);
  expect(await blocks("base/5/4000")).toBe(0);
});
