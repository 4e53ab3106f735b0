// Directories made by hand, because a server would not make most of them. Real ones of all majors:
// test/integration/postgres-scan.test.ts.
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createContext } from "../../base/context.ts";
import { comparePath, textPath } from "../../model/byte-path.ts";
import { warnAboutOutsideConfiguration } from "./root.ts";
import { type DataEntry, scanDataDirectory } from "./scan.ts";

let place: string;
let root: string;
let warnings: string[];

beforeEach(async () => {
  place = await realpath(await mkdtemp(join(tmpdir(), "hindsight-scan-")));
  root = join(place, "pg1");
  warnings = [];
  write("PG_VERSION", "18\n");
  write("global/pg_control", "c");
  write("global/1262", "g");
  write("base/5/PG_VERSION", "18\n");
  for (const name of ["pg_wal/archive_status", "pg_tblspc", "pg_replslot", "pg_stat"])
    directory(name);
});

afterEach(() => rm(place, { recursive: true }));

function directory(name: string): void {
  mkdirSync(join(root, name), { recursive: true });
}

function write(name: string | Buffer, content: string): void {
  if (typeof name === "string") {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), content);
  } else writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), content);
}

function tablespace(oid: number, name: string): string {
  const target = join(place, name);
  mkdirSync(join(target, "PG_18_202506291", "5"), { recursive: true });
  writeFileSync(join(target, "PG_18_202506291", "5", "16500"), "t");
  symlinkSync(target, join(root, "pg_tblspc", String(oid)));
  return target;
}

async function scan(major = 18): Promise<readonly DataEntry[]> {
  const options = { major, onWarning: (message: string) => void warnings.push(message) };
  return await scanDataDirectory(root, options, createContext());
}

async function paths(kind?: DataEntry["kind"]): Promise<readonly string[]> {
  const entries = await scan();
  return entries
    .filter((entry) => kind === undefined || entry.kind === kind)
    .map((entry) => entry.path);
}

describe("what is listed", () => {
  test("directories and files with what the file system says of them, sorted by path", async () => {
    const entries = await scan();
    expect(entries.map((entry) => [entry.kind, entry.path])).toEqual([
      ["directory", ""],
      ["file", "PG_VERSION"],
      ["directory", "base"],
      ["directory", "base/5"],
      ["file", "base/5/PG_VERSION"],
      ["directory", "global"],
      ["file", "global/1262"],
      ["file", "global/pg_control"],
      ["directory", "pg_replslot"],
      ["directory", "pg_stat"],
      ["directory", "pg_tblspc"],
      ["directory", "pg_wal"],
      ["directory", "pg_wal/archive_status"],
      ["directory", "pg_wal/summaries"],
    ]);
    expect(entries.map((entry) => entry.path)).toEqual(
      entries.map((entry) => entry.path).toSorted(comparePath),
    );
    const version = entries.find((entry) => entry.path === "PG_VERSION");
    expect(version).toMatchObject({ sizeBytes: 3 });
    expect((version?.mode ?? 0) & 0o600).toBe(0o600);
    expect((version?.mode ?? 0) >> 12).toBe(0);
    expect(Math.abs(Number(version?.modifiedAt.epochMilliseconds) - Date.now())).toBeLessThan(
      60_000,
    );
    expect(warnings).toEqual([]);
  });

  test("a name that is no UTF-8, by its bytes", async () => {
    write(Buffer.from([0x6c, 0xf6, 0xff]), "x");
    expect(await paths("file")).toContain("l\u00f6\u00ff");
  });

  test("neither WAL nor the contents of directories of one run, but the directories", async () => {
    write("pg_wal/000000010000000000000001", "w");
    write("pg_wal/archive_status/000000010000000000000001.ready", "");
    write("pg_replslot/slot/state", "s");
    write("pg_notify/0000", "n");
    write("pg_stat/pgstat.stat", "kept");
    const found = await paths();
    expect(found).toContain("pg_replslot");
    expect(found).toContain("pg_notify");
    expect(found).toContain("pg_stat/pgstat.stat");
    expect(found.filter((path) => /000000|slot\/|pg_notify\//.test(path))).toEqual([]);
  });

  test("no file of one run of the server, of another backup or of a temporary or unlogged relation", async () => {
    const root =
      "postmaster.pid postmaster.opts backup_label tablespace_map backup_manifest recovery.signal";
    const temporary =
      "postgresql.auto.conf.tmp current_logfiles.tmp base/pgsql_tmp/pgsql_tmp1.0 standby.signal";
    const others = "global/pg_internal.init base/5/pg_internal.init.77 base/5/.DS_Store";
    const relations = "base/5/t3_16400 base/5/16390 base/5/16390_vm base/5/16390.1";
    const excluded = [root, temporary, others, relations].join(" ").split(" ");
    const kept =
      "base/5/16390_init base/5/16391 postgresql.auto.conf log/backup_label log/16390_init".split(
        " ",
      );
    for (const name of [...excluded, ...kept, "log/16390"]) write(name, "x");
    const found = await paths();
    expect(found.filter((path) => excluded.includes(path))).toEqual([]);
    for (const name of kept) expect(found).toContain(name);
    // Outside the directories of relations a name means nothing.
    expect(found).toContain("log/16390");
    expect(found).not.toContain("base/pgsql_tmp");
  });

  test("special files are named in a warning and left out", async () => {
    const server = createServer().listen(join(root, "socket"));
    try {
      expect(await paths()).not.toContain("socket");
      expect(warnings).toEqual([
        expect.stringContaining("socket is neither file nor directory nor link"),
      ]);
    } finally {
      server.close();
    }
  });
});

describe("links", () => {
  test("pg_wal elsewhere is a link with the directories a server needs", async () => {
    const target = join(place, "wal");
    renameSync(join(root, "pg_wal"), target);
    writeFileSync(join(target, "000000010000000000000001"), "w");
    symlinkSync(target, join(root, "pg_wal"));
    const found = (await scan()).filter((entry) => entry.path.startsWith("pg_wal"));
    expect(found.map((entry) => [entry.kind, entry.path, entry.target])).toEqual([
      ["link", "pg_wal", textPath(target)],
      ["directory", "pg_wal/archive_status", undefined],
      ["directory", "pg_wal/summaries", undefined],
    ]);
  });

  test("other links are followed, and said", async () => {
    writeFileSync(join(place, "main.conf"), "port = 1");
    mkdirSync(join(place, "conf.d"));
    writeFileSync(join(place, "conf.d", "a.conf"), "");
    symlinkSync(join(place, "main.conf"), join(root, "postgresql.conf"));
    symlinkSync("../conf.d", join(root, "conf.d"));
    const entries = await scan();
    expect(entries.find((entry) => entry.path === "postgresql.conf")).toMatchObject({
      kind: "file",
      sizeBytes: 8,
    });
    expect(entries.find((entry) => entry.path === "conf.d")).toMatchObject({ kind: "directory" });
    expect(entries.map((entry) => entry.path)).toContain("conf.d/a.conf");
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain("is stored in its place");
  });

  test("links that lead nowhere or to a directory that contains them are left out", async () => {
    symlinkSync(join(place, "gone"), join(root, "dangling"));
    symlinkSync(root, join(root, "base", "loop"));
    symlinkSync("self", join(root, "self"));
    expect(await paths("link")).toEqual([]);
    expect(warnings.toSorted()).toEqual([
      expect.stringMatching(/base\/loop is a link to .*which contains it/),
      expect.stringMatching(/dangling is a link to .*does not exist/),
      expect.stringMatching(/self is a link to self, which does not exist/),
    ]);
  });
});

describe("tablespaces", () => {
  test("are links with the directory of this version below them, and no other", async () => {
    const target = tablespace(16400, "ts");
    mkdirSync(join(target, "PG_17_202406281", "5"), { recursive: true });
    writeFileSync(join(target, "PG_18_202506291", "5", "t9_1"), "");
    writeFileSync(join(target, "notes"), "");
    const found = (await scan()).filter((entry) => entry.path.startsWith("pg_tblspc/"));
    expect(found.map((entry) => [entry.kind, entry.path])).toEqual([
      ["link", "pg_tblspc/16400"],
      ["directory", "pg_tblspc/16400/PG_18_202506291"],
      ["directory", "pg_tblspc/16400/PG_18_202506291/5"],
      ["file", "pg_tblspc/16400/PG_18_202506291/5/16500"],
    ]);
    expect(found[0]?.target).toBe(target);
  });

  test("beside the data directory with a name that begins alike are no part of it", async () => {
    tablespace(16400, "pg10");
    await expect(scan()).resolves.toBeDefined();
  });

  test("in place are directories from 15 on", async () => {
    write("pg_tblspc/16401/PG_18_202506291/5/16502", "t");
    expect(await paths()).toContain("pg_tblspc/16401/PG_18_202506291/5/16502");
    expect(await paths("link")).toEqual([]);
    write("PG_VERSION", "14\n");
    await expect(scan(14)).rejects.toMatchObject({ code: "DATA_DIRECTORY_INVALID" });
  });

  test.each([
    ["inside the data directory", () => tablespaceInside()],
    ["which is itself a link", () => tablespaceByLink()],
    ["which does not exist", () => symlinkSync(join(place, "gone"), join(root, "pg_tblspc/16400"))],
    [
      "which is not a directory",
      () => symlinkSync(join(root, "PG_VERSION"), join(root, "pg_tblspc/16400")),
    ],
    ["is relative", () => symlinkSync("../../ts", join(root, "pg_tblspc/16400"))],
  ])("are refused: %s", async (reason, make) => {
    make();
    await expect(scan()).rejects.toMatchObject({
      code: "DATA_DIRECTORY_INVALID",
      message: expect.stringContaining(reason) as string,
    });
  });

  function tablespaceInside(): void {
    directory("mine");
    // Through a link beside, so that comparing texts would not find it.
    symlinkSync(root, join(place, "alias"));
    symlinkSync(join(place, "alias", "mine"), join(root, "pg_tblspc/16400"));
  }

  function tablespaceByLink(): void {
    mkdirSync(join(place, "real"));
    symlinkSync(join(place, "real"), join(place, "second"));
    symlinkSync(`${join(place, "second")}/`, join(root, "pg_tblspc/16400"));
  }

  test("what is not named by an oid is left out with a warning", async () => {
    write("pg_tblspc/readme", "x");
    expect(await paths()).not.toContain("pg_tblspc/readme");
    expect(warnings).toEqual(["pg_tblspc/readme is no tablespace, and is left out"]);
  });
});

describe("what is no data directory", () => {
  test("is refused with the reason", async () => {
    await expect(scan(17)).rejects.toMatchObject({
      message: `${root} is of PostgreSQL 18, expected 17`,
    });
    await rm(join(root, "global/pg_control"));
    await expect(scan()).rejects.toMatchObject({ code: "DATA_DIRECTORY_INVALID" });
    await rm(join(root, "PG_VERSION"));
    await expect(scan()).rejects.toMatchObject({
      code: "DATA_DIRECTORY_INVALID",
      message: expect.stringContaining("no PG_VERSION") as string,
    });
  });

  test("an aborted scan ends with the reason of the signal", async () => {
    const reason = new Error("enough");
    const context = createContext({ signal: AbortSignal.abort(reason) });
    const options = { major: 18, onWarning: () => undefined };
    await expect(scanDataDirectory(root, options, context)).rejects.toBe(reason);
  });
});

test("configuration outside the data directory is named", () => {
  const settings = {
    config_file: "/etc/postgresql/18/main/postgresql.conf",
    hba_file: "/data/pg1/pg_hba.conf",
    ident_file: "/data/pg10/pg_ident.conf",
  };
  const found = warnAboutOutsideConfiguration(settings, "/data/pg1");
  expect(found).toHaveLength(2);
  expect(found[0]).toContain("config_file is /etc/postgresql/18/main/postgresql.conf");
  expect(found[1]).toContain("ident_file is /data/pg10/");
  expect(warnAboutOutsideConfiguration({ config_file: "/data/pg1/..x" }, "/data/pg1")).toEqual([]);
});
