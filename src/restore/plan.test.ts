import { chmod, copyFile, mkdir, readdir, symlink } from "node:fs/promises";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { HindsightError } from "../base/errors.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { textPath } from "../model/byte-path.ts";
import { parseLsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import type { TargetQuestion, TargetResolver } from "./choose-backup.ts";
import { describePlan } from "./describe-plan.ts";
import { MARKER_FILE } from "./marker.ts";
import { planRestore, type RestorePlan, type RestoreRequest } from "./plan.ts";
import {
  controlFileBytes,
  Site,
  SMALL_CLUSTER,
  sourceDirectory,
  sourceFile,
} from "./restore.fixture.ts";

const PAUSE_AT_LSN: Partial<RestoreRequest> = {
  type: "lsn",
  target: { kind: "lsn", lsn: parseLsn("0/450000"), exclusive: true },
  targetAction: "pause",
};

async function smallSite(): Promise<Site> {
  const site = await Site.create();
  await site.backUp();
  await site.storeWal(["3", "4", "5"]);
  return site;
}

function plan(site: Site, parts: Partial<RestoreRequest> = {}): Promise<RestorePlan> {
  return planRestore(site.request(parts), site.context);
}

function setting(found: RestorePlan, name: string): string | undefined {
  return found.recovery.settings.find((each) => each.name === name)?.value;
}

describe("the route", () => {
  test("everything is decided, and printed", async () => {
    await using site = await smallSite();
    const found = await plan(site, { ...PAUSE_AT_LSN, interlock: "strict", archiveMode: "off" });
    expect(describePlan(found)).toEqual([
      "backup 20261121-024000F of 2026-11-21 02:41:00.000000+00:00 (2026-11-21 03:41:00.000000+01:00 Europe/Paris): it is the newest backup that was complete at the target",
      "3 files, 8KB, PostgreSQL 18",
      "recovery to just before LSN 0/450000, then pause",
      "recovery stops at 0/450000",
      "path: timeline 1",
      "WAL from 000000010000000000000003 to 000000010000000000000004, 2 segments, 2MB (2MB in the repository), all stored",
      "forecast, rough: 1s to copy the files, 2s to recover",
      `data directory ${site.path("to")} is created`,
      "file recovery.signal is written",
      "settings added to postgresql.auto.conf:",
      `  restore_command = 'archive-get --last=000000010000000000000004 --pin-timeline=1 --spool %f "%p"'`,
      "  archive_cleanup_command = ''",
      "  recovery_end_command = ''",
      "  recovery_min_apply_delay = '0'",
      "  recovery_target = ''",
      "  recovery_target_name = ''",
      "  recovery_target_time = ''",
      "  recovery_target_xid = ''",
      "  recovery_target_timeline = '1'",
      "  recovery_target_inclusive = 'off'",
      "  recovery_target_action = 'pause'",
      "  recovery_target_lsn = '0/450000'",
      "  archive_mode = 'off'",
      "archive_mode: off",
    ]);
    expect(await readdir(site.directory), "nothing is written").toEqual([]);
  });

  test.each([
    ["promote", "strict", " --pin-timeline=1 --pin-mode=path --spool"],
    ["pause", "none", " --pin-timeline=1 --pin-mode=path --spool"],
    ["pause", "strict", " --pin-timeline=1 --spool"],
    ["pause", "pause", " --pin-timeline=1 --pin-mode=pause --spool"],
    ["shutdown", "strict", " --pin-timeline=1 --spool"],
  ] as const)("action %s with interlock %s", async (targetAction, interlock, flags) => {
    await using site = await smallSite();
    const found = await plan(site, { ...PAUSE_AT_LSN, targetAction, interlock });
    expect(setting(found, "restore_command")).toBe(
      `archive-get --last=000000010000000000000004${flags} %f "%p"`,
    );
  });

  test("timelines are decimal, the newest by default and the backup's own for immediate", async () => {
    await using site = await smallSite();
    await site.storeHistory(16, ["1\t0/500000\tx"]);
    const latest = await plan(site);
    expect(latest.timeline).toBe(16);
    expect(setting(latest, "recovery_target_timeline")).toBe("16");
    const immediate = await plan(site, { type: "immediate", target: { kind: "immediate" } });
    expect(immediate.timeline).toBe(1);
    expect(immediate.wal).toMatchObject({ last: "000000010000000000000003" });
  });

  test("what reading WAL finds decides backup, stop and last segment", async () => {
    await using site = await smallSite();
    await site.backUp({ label: "20261121-060000F", start: "0/500028", stop: "0/500100" });
    const target: RecoveryTarget = { kind: "xid", xid: 4711n, exclusive: true };
    const at = Temporal.Instant.from("2026-11-21T03:00:00Z");
    const asked: TargetQuestion[] = [];
    const resolve: TargetResolver = async (question) => {
      asked.push(question);
      return {
        backup: parseBackupLabel("20261121-024000F"),
        stopLsn: parseLsn("0/44FF10"),
        isApplied: false,
        compiled: target,
        commitBefore: undefined,
        commitAfter: { xid: 4711n, lsn: parseLsn("0/44FF10"), at },
        lastSegment: "000000010000000000000004",
        notes: ["The commit before is 4710."],
      };
    };
    const found = await plan(site, { type: "xid", target, resolve });
    expect(asked[0]?.candidates.map(({ label }) => label)).toEqual([
      "20261121-024000F",
      "20261121-060000F",
    ]);
    expect(found).toMatchObject({
      backup: { label: "20261121-024000F" },
      stopLsn: parseLsn("0/44FF10"),
      wal: { last: "000000010000000000000004" },
      notes: ["The commit before is 4710."],
      warnings: [],
    });
    const blind = await plan(site, { type: "xid", target });
    expect(blind.backup.label).toBe("20261121-060000F");
    expect(blind.warnings).toEqual([expect.stringContaining("was not looked up")]);
    await plan(site, { resolve: () => Promise.reject(new Error("not asked for the end")) });
  });

  test("backups that are not there", async () => {
    await using site = await Site.create();
    await expect(plan(site)).rejects.toMatchObject({ code: "BACKUP_NONE", exitCode: 29 });
    await site.backUp();
    await site.storeWal(["3"]);
    await expect(plan(site, { set: parseBackupLabel("20261120-024000F") })).rejects.toMatchObject({
      code: "BACKUP_UNKNOWN",
      hint: expect.stringContaining("20261121-024000F"),
    });
  });

  test("a standby beside production is told that it will not archive", async () => {
    await using site = await smallSite();
    const standby = { type: "standby", target: { kind: "default" } } as const;
    const beside = await plan(site, { ...standby, archiveMode: "off" });
    expect(beside.warnings).toEqual([expect.stringContaining("nothing of it is archived")]);
    expect((await plan(site, { ...standby, archiveMode: "preserve" })).warnings).toEqual([]);
  });

  test("standby_mode=on makes a standby, and says so", async () => {
    await using site = await smallSite();
    const recoveryOptions = new Map([
      ["standby-mode", "on"],
      ["primary-conninfo", "host=db1 user=replicator"],
    ]);
    const found = await plan(site, { recoveryOptions });
    expect(found.type).toBe("standby");
    expect(found.recovery.signal).toBe("standby.signal");
    expect(setting(found, "primary_conninfo")).toBe("host=db1 user=replicator");
    expect(setting(found, "recovery_target_timeline")).toBe("latest");
    expect(setting(found, "restore_command")).toBe('archive-get --standby-form %f "%p"');
    expect(found.warnings).toEqual([expect.stringContaining("--type=standby")]);
    await expect(plan(site, { ...PAUSE_AT_LSN, recoveryOptions })).rejects.toMatchObject({
      code: "CONFIG_OPTION_INVALID",
    });
  });

  test("none recovers nothing, and warns that WAL must be brought by hand", async () => {
    await using site = await smallSite();
    const found = await plan(site, { type: "none" });
    expect(found).toMatchObject({ wal: undefined, recovery: { signal: undefined, settings: [] } });
    expect(found.warnings).toEqual([expect.stringContaining("000000010000000000000003")]);
  });
});

describe("the destination", () => {
  /** Code and message of the refusal, or "planned". */
  async function refusal(site: Site, parts: Partial<RestoreRequest>): Promise<string> {
    const error: unknown = await plan(site, parts).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return error instanceof HindsightError
      ? `${error.code} ${error.exitCode}: ${error.message}`
      : "planned";
  }
  const UNSAFE = /^DESTINATION_UNSAFE 30: /;
  const DENIED = /^DESTINATION_DENIED 30: /;
  const RUNNING = /^DESTINATION_RUNNING 30: /;

  test("a path that is relative, the root, a file or a dangling link", async () => {
    await using site = await smallSite();
    await site.write("file", "x");
    await symlink(site.path("nowhere"), site.path("dangling"));
    for (const destination of [
      "to",
      "/",
      "//",
      site.path("file"),
      site.path("file/x"),
      site.path("dangling"),
    ]) {
      expect(await refusal(site, { destination })).toMatch(UNSAFE);
    }
  });

  test("files without --delta, and without being a cluster even with it", async () => {
    await using site = await smallSite();
    await site.write("to/homework.txt", "precious");
    expect(await refusal(site, {})).toMatch(UNSAFE);
    expect(await refusal(site, { overwrite: true })).toContain("is not a PostgreSQL");
    await site.write("to/PG_VERSION", "18\n");
    expect(await plan(site, { overwrite: true })).toMatchObject({
      destination: { state: "cluster" },
    });
    expect(await refusal(site, {})).toMatch(UNSAFE);
  });

  test("what an unfinished restore left may be overwritten, but only when asked", async () => {
    await using site = await smallSite();
    await site.write(`to/${MARKER_FILE}`, "{}");
    expect(await refusal(site, {})).toMatch(UNSAFE);
    expect(await plan(site, { overwrite: true })).toMatchObject({
      destination: { state: "aborted" },
    });
  });

  test("another cluster's directory", async () => {
    await using site = await smallSite();
    await site.write("to/PG_VERSION", "18\n");
    await site.write("to/global/pg_control", controlFileBytes(42n));
    expect(await refusal(site, { overwrite: true })).toContain("another cluster");
    await site.write("to/global/pg_control", controlFileBytes());
    await plan(site, { overwrite: true });
  });

  test("a place in, above or through a link in the repository", async () => {
    await using site = await smallSite();
    await mkdir(site.path("repository/data"), { recursive: true });
    await symlink(site.path("repository"), site.path("link"));
    for (const name of ["repository", "repository/data/pg", "link/pg"]) {
      const destination = site.path(name);
      expect(
        await refusal(site, { destination, protectedPaths: [site.path("repository")] }),
      ).toMatch(UNSAFE);
    }
    const inside = { destination: site.path("to"), protectedPaths: [site.path("to/repository")] };
    expect(await refusal(site, inside)).toMatch(UNSAFE);
    await plan(site, {
      destination: site.path("repository2"),
      protectedPaths: [site.path("repository")],
    });
  });

  test("a place inside of another data directory", async () => {
    await using site = await smallSite();
    await site.write("production/PG_VERSION", "18\n");
    expect(await refusal(site, { destination: site.path("production/base/copy") })).toMatch(UNSAFE);
  });

  test("a link is resolved, and said", async () => {
    await using site = await smallSite();
    await site.write("real/.keep", "");
    await symlink(site.path("real"), site.path("link"));
    const found = await plan(site, { destination: site.path("link/pg") });
    expect(found.destination.path).toBe(site.path("real/pg"));
    expect(found.notes).toEqual([`${site.path("link/pg")} leads to ${site.path("real/pg")}.`]);
  });

  test("a running server", async () => {
    await using site = await smallSite();
    await site.write("to/PG_VERSION", "18\n");
    // A process that is a server as far as anybody can see: the program's name and its directory.
    await copyFile("/bin/sleep", site.path("postgres"));
    const server = spawn(site.path("postgres"), ["60"], { cwd: site.path("to"), stdio: "ignore" });
    await once(server, "spawn");
    try {
      const lines = [
        server.pid,
        site.path("to"),
        Math.floor(Date.now() / 1000),
        5432,
        "/tmp",
        "",
        "",
        "ready   ",
      ];
      await site.write("to/postmaster.pid", `${lines.join("\n")}\n`);
      expect(await refusal(site, { overwrite: true })).toMatch(RUNNING);
    } finally {
      server.kill("SIGKILL");
      await once(server, "exit");
    }
    await plan(site, { overwrite: true });
  });

  test("a place that belongs to root, or to somebody else", async () => {
    await using site = await smallSite();
    if (process.geteuid?.() !== 0) return;
    await mkdir(site.path("roots"));
    expect(await refusal(site, { destination: site.path("roots") })).toMatch(DENIED);
    expect(await refusal(site, { destination: site.path("roots/pg") })).toMatch(DENIED);
  });

  test("a place that cannot be written", async () => {
    await using site = await smallSite();
    if (process.geteuid?.() === 0) return;
    await mkdir(site.path("closed"), { mode: 0o500 });
    expect(await refusal(site, { destination: site.path("closed/pg") })).toMatch(DENIED);
    await chmod(site.path("closed"), 0o700);
  });
});

describe("tablespaces", () => {
  async function siteWithTablespace(dataDirectory: string): Promise<Site> {
    const site = await Site.create();
    await site.backUp({
      entries: [
        ...SMALL_CLUSTER,
        { kind: "link", path: textPath("pg_tblspc/16385"), target: textPath(site.path("ts")) },
        sourceDirectory("pg_tblspc/16385/PG_18_202506291"),
        sourceFile("pg_tblspc/16385/PG_18_202506291/1", "rows"),
      ],
      header: {
        dataDirectory: dataDirectory === "" ? site.path("production") : dataDirectory,
        tablespaces: [{ oid: 16_385, name: "ts1", location: site.path("ts") }],
      },
    });
    await site.storeWal(["3"]);
    return site;
  }

  const mapped = (name: string, path: string): Partial<RestoreRequest> => ({
    tablespaces: { byName: new Map([[name, path]]), all: undefined },
  });

  test.each([
    ["with files", "ts/PG_18_202506291/1"],
    ["without files, as of a tablespace nothing was created in yet", "ts/PG_18_202506291/.none"],
  ])("a copy never goes where production's may be: %s", async (_, file) => {
    await using site = await siteWithTablespace("");
    await site.write(file, "rows");
    for (const overwrite of [false, true]) {
      await expect(plan(site, { overwrite })).rejects.toMatchObject({
        code: "DESTINATION_UNSAFE",
        message: expect.stringContaining("may be in use by the cluster in"),
        hint: expect.stringContaining("--tablespace-map=ts1="),
      });
    }
    await plan(site, mapped("ts1", site.path("new")));
  });

  test("a place that nobody uses may be used, also beside another version's directory", async () => {
    await using site = await siteWithTablespace("");
    expect(await plan(site)).toMatchObject({
      tablespaces: [{ path: site.path("ts"), removed: [] }],
    });
    await site.write("ts/PG_17_202406281/1", "another version's");
    expect(await plan(site)).toMatchObject({
      tablespaces: [{ path: site.path("ts"), removed: [] }],
    });
  });

  test("a link of the replaced cluster proves that the place is its own; without --delta it stays", async () => {
    await using site = await siteWithTablespace("");
    await site.write("ts/PG_18_202506291/1", "rows");
    await site.write("to/PG_VERSION", "18\n");
    await site.write("to/pg_tblspc/.keep", "");
    const over = { overwrite: true };
    await expect(plan(site, over)).rejects.toMatchObject({ code: "DESTINATION_UNSAFE" });
    await symlink(site.path("ts"), site.path("to/pg_tblspc/16385"));
    expect(await plan(site, over)).toMatchObject({
      tablespaces: [{ removed: ["PG_18_202506291"] }],
    });
  });

  test("an unfinished restore's marker proves it as well", async () => {
    await using site = await siteWithTablespace("");
    await site.write("ts/PG_18_202506291/1", "half");
    await site.write(
      `to/${MARKER_FILE}`,
      JSON.stringify({ tablespaceLocations: [site.path("ts")] }),
    );
    await plan(site, { overwrite: true });
    await site.write(`to/${MARKER_FILE}`, JSON.stringify({ tablespaceLocations: ["/other"] }));
    await expect(plan(site, { overwrite: true })).rejects.toMatchObject({
      code: "DESTINATION_UNSAFE",
    });
  });

  test("mapping by name, by OID, or all below one directory", async () => {
    await using site = await siteWithTablespace("");
    for (const key of ["ts1", "16385"]) {
      const found = await plan(site, mapped(key, site.path("new")));
      expect(found.tablespaces[0]?.path).toBe(site.path("new"));
    }
    const all = { byName: new Map<string, string>(), all: site.path("all") };
    expect((await plan(site, { tablespaces: all })).tablespaces[0]?.path).toBe(
      site.path("all/ts1"),
    );
    await expect(plan(site, mapped("ts2", site.path("new")))).rejects.toMatchObject({
      code: "CONFIG_OPTION_INVALID",
      hint: expect.stringContaining("ts1"),
    });
  });

  test("a location inside of the data directory, around it, or in the repository", async () => {
    await using site = await siteWithTablespace("");
    for (const path of [site.path("to/ts"), site.path("to"), site.directory, "relative"]) {
      await expect(plan(site, mapped("ts1", path)), path).rejects.toMatchObject({
        code: "DESTINATION_UNSAFE",
      });
    }
    const protectedPaths = [site.path("repository")];
    await expect(
      plan(site, { ...mapped("ts1", site.path("repository/ts")), protectedPaths }),
    ).rejects.toMatchObject({ code: "DESTINATION_UNSAFE" });
  });

  test("content outside of the version's directory is not believed", async () => {
    await using site = await Site.create();
    await site.backUp({
      entries: [
        ...SMALL_CLUSTER,
        { kind: "link", path: textPath("pg_tblspc/16385"), target: textPath(site.path("ts")) },
        sourceFile("pg_tblspc/16385/authorized_keys", "ssh-rsa"),
      ],
    });
    await site.storeWal(["3"]);
    await expect(plan(site)).rejects.toMatchObject({ code: "OBJECT_CORRUPT", exitCode: 22 });
  });
});
