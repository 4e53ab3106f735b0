import { lstat, readdir, readFile, readlink, stat, symlink } from "node:fs/promises";
import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import { textPath } from "../model/byte-path.ts";
import { parseControlFile } from "../postgres/control-file.ts";
import { MARKER_FILE } from "./marker.ts";
import { performRestore, type RestoreResult } from "./perform.ts";
import { planRestore, type RestoreRequest } from "./plan.ts";
import {
  Site,
  SMALL_CLUSTER,
  SOMEBODY,
  sourceDirectory,
  type SourceEntry,
  sourceFile,
} from "./restore.fixture.ts";

/** What a restore leaves in pg_wal; where that leads does not matter. */
const WAL_DIRECTORIES = ["archive_status", "hindsight-spool", "summaries"];

async function restore(
  site: Site,
  parts: Partial<RestoreRequest> = {},
  context = site.context,
): Promise<RestoreResult> {
  const plan = await planRestore(site.request(parts), context);
  return performRestore(plan, { repository: site.archive.repository }, context);
}

async function siteWith(entries: readonly SourceEntry[]): Promise<Site> {
  const site = await Site.create();
  await site.backUp({ entries: [...SMALL_CLUSTER, ...entries] });
  await site.storeWal(["3"]);
  return site;
}

/** Bytes that differ everywhere, so that a misplaced page is seen. */
function pattern(lengthBytes: number, seed: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  for (let at = 0; at + 4 <= lengthBytes; at += 4)
    bytes.writeUInt32LE((at + seed * 7919) >>> 0, at);
  return bytes;
}

test("a small cluster comes back whole, and starts in recovery only", async () => {
  await using site = await siteWith([
    sourceDirectory("base", 0o750),
    sourceFile("base/empty", ""),
    sourceFile("base/script", "text", 0o640),
    sourceDirectory("pg_notify"),
  ]);
  const result = await restore(site);
  expect(result).toMatchObject({
    backup: "20261121-024000F",
    target: { type: "default", target: "", exclusive: false, timeline: 1 },
    dataDirectory: site.path("to"),
    filesRestored: 5,
    filesKept: 0,
  });
  expect((await readdir(site.path("to"))).toSorted()).toEqual([
    "PG_VERSION",
    "backup_label",
    "base",
    "global",
    "pg_notify",
    "pg_tblspc",
    "pg_wal",
    "postgresql.auto.conf",
    "recovery.signal",
  ]);
  expect((await readdir(site.path("to/pg_wal"))).toSorted()).toEqual(WAL_DIRECTORIES);
  expect(await readdir(site.path("to/pg_wal/hindsight-spool"))).toEqual([
    "000000010000000000000003",
  ]);
  expect(await readFile(site.path("to/backup_label"), "utf8")).toMatch(/^START WAL LOCATION: /);
  const script = await stat(site.path("to/base/script"));
  expect(script.mode & 0o777).toBe(0o640);
  expect(script.mtime.toISOString()).toBe("2026-11-20T10:00:00.000Z");
  expect((await stat(site.path("to"))).mode & 0o777).toBe(0o700);
  expect((await stat(site.path("to/base"))).mode & 0o777).toBe(0o750);
  const control = parseControlFile(await readFile(site.path("to/global/pg_control")));
  expect(control.checkpointLsn).toBe(0xdeadn);
});

test("settings: what production had stays, what it recovered with goes, the plan's comes last", async () => {
  await using site = await siteWith([]);
  await restore(site, { archiveMode: "off" });
  const text = await readFile(site.path("to/postgresql.auto.conf"), "utf8");
  expect(text).toMatch(
    /^work_mem = '4MB'\n# Hindsight: settings of the restore of 20261121-024000F\n/,
  );
  expect(text).not.toContain("'old'");
  expect(text).toContain(
    `restore_command = 'archive-get --last=000000010000000000000003 --pin-timeline=1 --pin-mode=path --spool %f "%p"'\n`,
  );
  expect(text).toMatch(/\narchive_mode = 'off'\n$/);
});

test("as root everything belongs to the owner of the place", async () => {
  if (process.geteuid?.() !== 0) return;
  await using site = await siteWith([sourceDirectory("base"), sourceFile("base/1", "x")]);
  await restore(site, { destination: site.path("deep/er/to") });
  for (const name of [
    "deep",
    "deep/er/to",
    "deep/er/to/base",
    "deep/er/to/base/1",
    "deep/er/to/global/pg_control",
    "deep/er/to/postgresql.auto.conf",
  ]) {
    expect({ name, ...pickOwner(await lstat(site.path(name))) }).toEqual({ name, ...SOMEBODY });
  }
});

function pickOwner({ uid, gid }: { uid: number; gid: number }): { uid: number; gid: number } {
  return { uid, gid };
}

test("large files, scattered blobs, holes and files that share a blob are put together exactly", async () => {
  const first = pattern(MIB, 1);
  const second = pattern(MIB, 2);
  const third = pattern(300_000, 3);
  const shared = pattern(50_000, 4);
  await using site = await siteWith([
    sourceDirectory("base"),
    // The control file and two small files come first: these are blobs 3 to 6.
    {
      kind: "file",
      path: textPath("base/1"),
      parts: [{ bytes: first }, { bytes: second }, { bytes: third }],
    },
    {
      kind: "file",
      path: textPath("base/2"),
      parts: [
        { holeBytes: 8192 },
        { blob: 4, offsetBytes: 8192, lengthBytes: 16_384 },
        { blob: 3, offsetBytes: 0, lengthBytes: 8192 },
        { blob: 4, offsetBytes: 0, lengthBytes: 8192 },
        { holeBytes: 2 * MIB },
      ],
    },
    { kind: "file", path: textPath("base/3"), parts: [{ bytes: shared }] },
    {
      kind: "file",
      path: textPath("base/4"),
      parts: [{ blob: 6, offsetBytes: 100, lengthBytes: 900 }],
    },
    { kind: "file", path: textPath("base/5"), parts: [{ holeBytes: 8192 }] },
  ]);
  await restore(site);
  const read = (name: string): Promise<Buffer> => readFile(site.path(`to/base/${name}`));
  expect((await read("1")).equals(Buffer.concat([first, second, third]))).toBe(true);
  const scattered = Buffer.concat([
    Buffer.alloc(8192),
    second.subarray(8192, 24_576),
    first.subarray(0, 8192),
    second.subarray(0, 8192),
    Buffer.alloc(2 * MIB),
  ]);
  expect((await read("2")).equals(scattered)).toBe(true);
  expect((await read("3")).equals(shared)).toBe(true);
  expect((await read("4")).equals(shared.subarray(100, 1000))).toBe(true);
  expect((await read("5")).equals(Buffer.alloc(8192))).toBe(true);
});

test("one extent may run over many blobs", async () => {
  const parts = [pattern(MIB, 1), pattern(MIB, 2), pattern(10_000, 3)];
  await using site = await siteWith([
    sourceDirectory("base"),
    { kind: "file", path: textPath("base/1"), parts: parts.map((bytes) => ({ bytes })) },
    {
      kind: "file",
      path: textPath("base/2"),
      parts: [{ blob: 3, offsetBytes: 8192, lengthBytes: 8192 }],
    },
  ]);
  await restore(site);
  expect((await readFile(site.path("to/base/1"))).equals(Buffer.concat(parts))).toBe(true);
});

test("a file whose content is not what was backed up stops the restore, and nothing can start", async () => {
  const bytes = pattern(MIB + 10_000, 1);
  await using site = await siteWith([
    sourceDirectory("base"),
    {
      kind: "file",
      path: textPath("base/1"),
      parts: [{ bytes: bytes.subarray(0, MIB) }, { bytes: bytes.subarray(MIB) }],
      claimedSha256: "ab".repeat(32),
    },
  ]);
  await expect(restore(site)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    exitCode: 22,
    message: expect.stringMatching(/base\/1 .*; .*\/to is incomplete, and PostgreSQL cannot start/),
    hint: expect.stringContaining("--delta"),
  });
  await expect(stat(site.path("to/global/pg_control"))).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readdir(site.path("to"))).toContain(MARKER_FILE);
});

test("a flipped bit in any pack stops the restore", async () => {
  await using site = await siteWith([
    sourceDirectory("base"),
    sourceFile("base/1", pattern(20_000, 1)),
  ]);
  const [pack] = (await site.store.list("stanza/main/pack/")).objects;
  expect(pack).toBeDefined();
  site.store.tamper(pack?.key ?? "", (bytes) => {
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8(damaged.readUInt8(10_000) ^ 1, 10_000);
    return damaged;
  });
  await expect(restore(site)).rejects.toMatchObject({ code: "OBJECT_CORRUPT", exitCode: 22 });
  await expect(stat(site.path("to/global/pg_control"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("pg_control of another cluster is refused before it is put in place", async () => {
  await using site = await Site.create();
  const entries = SMALL_CLUSTER.map((entry) =>
    entry.path === "global/pg_control"
      ? sourceFile("global/pg_control", "not a control file")
      : entry,
  );
  await site.backUp({ entries });
  await site.storeWal(["3"]);
  await expect(restore(site)).rejects.toMatchObject({ code: "CONTROL_FILE_INVALID" });
  await expect(stat(site.path("to/global/pg_control"))).rejects.toMatchObject({ code: "ENOENT" });
});

test("an interrupted restore leaves a marker, and the next one with overwrite begins anew", async () => {
  await using site = await siteWith([
    sourceDirectory("base"),
    ...Array.from({ length: 50 }, (_, number) =>
      sourceFile(`base/${number}`, pattern(9000, number)),
    ),
  ]);
  const controller = new AbortController();
  const context = createContext({ signal: controller.signal });
  const plan = await planRestore(site.request(), context);
  const interrupted = performRestore(
    plan,
    {
      repository: site.archive.repository,
      onProgress: ({ filesDone }) => {
        if (filesDone === 20) controller.abort(new Error("control-c"));
      },
    },
    context,
  );
  await expect(interrupted).rejects.toMatchObject({ code: "INTERRUPTED", exitCode: 28 });
  expect(await readdir(site.path("to"))).toContain(MARKER_FILE);
  await expect(planRestore(site.request(), site.context)).rejects.toMatchObject({
    code: "DESTINATION_UNSAFE",
  });
  await restore(site, { overwrite: true });
  expect(await readdir(site.path("to"))).not.toContain(MARKER_FILE);
  expect(await readdir(site.path("to/base"))).toHaveLength(50);
  expect((await stat(site.path("to/global/pg_control"))).size).toBe(8192);
});

test("overwriting removes everything that was there and follows no link out of it", async () => {
  await using site = await siteWith([]);
  await site.write("to/PG_VERSION", "18\n");
  await site.write("to/global/pg_control", "broken");
  await site.write("to/base/1/old", "old");
  await site.write("to/backup_manifest", "{}");
  await site.write("to/lost+found/kept", "x");
  await site.write("elsewhere/precious", "precious");
  await symlink(site.path("elsewhere"), site.path("to/pg_wal"));
  await restore(site, { overwrite: true });
  expect((await readdir(site.path("to"))).toSorted()).toEqual([
    "PG_VERSION",
    "backup_label",
    "global",
    "lost+found",
    "pg_tblspc",
    "pg_wal",
    "postgresql.auto.conf",
    "recovery.signal",
  ]);
  expect((await lstat(site.path("to/pg_wal"))).isDirectory()).toBe(true);
  expect(await readFile(site.path("elsewhere/precious"), "utf8")).toBe("precious");
});

test("a destination that was filled after the plan was made is left alone", async () => {
  await using site = await siteWith([]);
  const plan = await planRestore(site.request(), site.context);
  await site.write("to/somebody", "else");
  await expect(
    performRestore(plan, { repository: site.archive.repository }, site.context),
  ).rejects.toMatchObject({ code: "DESTINATION_UNSAFE" });
  expect(await readdir(site.path("to"))).toEqual(["somebody"]);
});

const TABLESPACE_ENTRIES = (location: string): readonly SourceEntry[] => [
  { kind: "link", path: textPath("pg_tblspc/16385"), target: textPath(location) },
  sourceDirectory("pg_tblspc/16385/PG_18_202506291"),
  sourceDirectory("pg_tblspc/16385/PG_18_202506291/5"),
  sourceFile("pg_tblspc/16385/PG_18_202506291/5/16386", "rows"),
];

test("a mapped tablespace is written to its new place, linked, and the map of the backup is dropped", async () => {
  await using site = await Site.create();
  await site.backUp({
    entries: [...SMALL_CLUSTER, ...TABLESPACE_ENTRIES("/production/ts1")],
    header: {
      tablespaces: [{ oid: 16_385, name: "ts1", location: "/production/ts1" }],
      tablespaceMapFile: "16385 /production/ts1\n",
    },
  });
  await site.storeWal(["3"]);
  await restore(site, {
    tablespaces: { byName: new Map([["ts1", site.path("new/ts1")]]), all: undefined },
  });
  expect(await readlink(site.path("to/pg_tblspc/16385"))).toBe(site.path("new/ts1"));
  expect(await readFile(site.path("new/ts1/PG_18_202506291/5/16386"), "utf8")).toBe("rows");
  expect(await readdir(site.path("to"))).not.toContain("tablespace_map");
});

test("a tablespace that is mapped through a link gets a link to the place itself", async () => {
  await using site = await Site.create();
  await site.backUp({ entries: [...SMALL_CLUSTER, ...TABLESPACE_ENTRIES("/production/ts1")] });
  await site.storeWal(["3"]);
  await site.write("volume/.keep", "");
  await symlink(site.path("volume"), site.path("link"));
  await restore(site, {
    tablespaces: { byName: new Map([["16385", site.path("link")]]), all: undefined },
  });
  expect(await readlink(site.path("to/pg_tblspc/16385"))).toBe(site.path("volume"));
});

test("settings that are not what was backed up stop the restore", async () => {
  await using site = await Site.create();
  const entries = SMALL_CLUSTER.filter(({ path }) => path !== "postgresql.auto.conf");
  const damaged = {
    kind: "file",
    path: textPath("postgresql.auto.conf"),
    parts: [{ bytes: Buffer.from("fsync = off") }],
    claimedSha256: "ab".repeat(32),
  } as const;
  await site.backUp({ entries: [...entries, damaged] });
  await site.storeWal(["3"]);
  await expect(restore(site)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("postgresql.auto.conf"),
  });
});

test("a second restore over the first replaces its tablespaces as well", async () => {
  await using site = await Site.create();
  const location = site.path("ts1");
  await site.backUp({
    entries: [...SMALL_CLUSTER, ...TABLESPACE_ENTRIES(location)],
    header: { tablespaces: [{ oid: 16_385, name: "ts1", location }] },
  });
  await site.storeWal(["3"]);
  await restore(site);
  await site.write("ts1/PG_18_202506291/5/stale", "stale");
  await site.write("ts1/PG_17_202406281/5/other", "another version's");
  await restore(site, { overwrite: true });
  expect(await readdir(`${location}/PG_18_202506291/5`)).toEqual(["16386"]);
  expect(await readdir(`${location}/PG_17_202406281/5`)).toEqual(["other"]);
  await expect(
    planRestore(site.request({ destination: site.path("copy") }), site.context),
  ).rejects.toMatchObject({
    code: "DESTINATION_UNSAFE",
    exitCode: 30,
    hint: expect.stringContaining("--tablespace-map=ts1="),
  });
});

test("preserve keeps the settings and signals of what is replaced", async () => {
  await using site = await siteWith([]);
  await site.write("to/PG_VERSION", "18\n");
  await site.write("to/standby.signal", "");
  await site.write("to/postgresql.auto.conf", "primary_conninfo = 'host=db1'\n");
  await restore(site, { type: "preserve", overwrite: true });
  expect(await readFile(site.path("to/postgresql.auto.conf"), "utf8")).toBe(
    "primary_conninfo = 'host=db1'\n",
  );
  const names = await readdir(site.path("to"));
  expect(names).toContain("standby.signal");
  expect(names).not.toContain("recovery.signal");
});

const WAL_LINK_ENTRIES = (location: string): readonly SourceEntry[] => [
  ...SMALL_CLUSTER.filter(({ path }) => path !== "pg_wal"),
  { kind: "link", path: textPath("pg_wal"), target: textPath(location) },
];

test("pg_wal goes where it is mapped, or with link-all where it was, and is emptied when it was the cluster's", async () => {
  await using site = await Site.create();
  await site.backUp({ entries: WAL_LINK_ENTRIES(site.path("wal")) });
  await site.storeWal(["3"]);
  await restore(site, { links: { all: true, byName: new Map() } });
  expect(await readlink(site.path("to/pg_wal"))).toBe(site.path("wal"));
  expect((await readdir(site.path("wal"))).toSorted()).toEqual(WAL_DIRECTORIES);
  for (const delta of [false, true]) {
    await site.write("wal/000000010000000000000009", "old WAL");
    await restore(site, { overwrite: true, delta, links: { all: true, byName: new Map() } });
    expect((await readdir(site.path("wal"))).toSorted()).toEqual(WAL_DIRECTORIES);
  }
  const moved = new Map([["pg_wal", site.path("fast/wal")]]);
  await restore(site, { overwrite: true, delta: true, links: { all: true, byName: moved } });
  expect(await readlink(site.path("to/pg_wal"))).toBe(site.path("fast/wal"));
  expect((await readdir(site.path("fast/wal"))).toSorted()).toEqual(WAL_DIRECTORIES);
  await restore(site, { overwrite: true });
  expect((await lstat(site.path("to/pg_wal"))).isDirectory()).toBe(true);
});

test("a copy never takes the pg_wal of another cluster", async () => {
  await using site = await Site.create();
  await site.backUp({ entries: WAL_LINK_ENTRIES(site.path("wal")) });
  await site.storeWal(["3"]);
  await site.write("wal/000000010000000000000003", "production's");
  const links = { all: true, byName: new Map<string, string>() };
  for (const overwrite of [false, true]) {
    await expect(restore(site, { links, overwrite })).rejects.toMatchObject({
      code: "DESTINATION_UNSAFE",
      exitCode: 30,
      hint: expect.stringContaining("--link-map=pg_wal="),
    });
  }
  const others = [
    [["pg_wal", site.path("to/inside")], "DESTINATION_UNSAFE"],
    [["pg_xact", site.path("xact")], "CONFIG_OPTION_INVALID"],
  ] as const;
  for (const [[name, path], code] of others) {
    const byName = new Map([[name, path]]);
    await expect(restore(site, { links: { all: false, byName } })).rejects.toMatchObject({ code });
  }
  expect(await readdir(site.directory)).toEqual(["wal"]);
});
