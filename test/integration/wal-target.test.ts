// The target resolver against PostgreSQL itself: for targets of every kind, on every major, a copy is recovered by the
// server and must stop at the record that the resolver has named, keep what it said is kept, and pause or promote as
// foretold.
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { formatLsn, type Lsn, parseLsn } from "../../src/model/lsn.ts";
import type { RecoveryTarget } from "../../src/model/recovery-target.ts";
import { systemIdentifier } from "../../src/model/system-identifier.ts";
import { timeline } from "../../src/model/timeline.ts";
import { formatInZone, parseInstant } from "../../src/model/timestamp.ts";
import { resolveTarget, type ResolvedTarget } from "../../src/recovery/target.ts";
import { archiveIn, backupAt } from "../../src/recovery/target.fixture.ts";
import type { ManifestHeader } from "../../src/repository/manifest.ts";
import { getWalFile, type WalArchive } from "../../src/repository/wal-archive.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { WalReader } from "../../src/wal/reader.ts";
import { recordEndLsn, recordLsn } from "../../src/wal/record.ts";
import { type Cluster, openCluster, startCluster } from "../harness/cluster.ts";
import { expectSuccess } from "../harness/command.ts";
import { formatSettings, type PostgresSettings } from "../harness/config-file.ts";
import { MAJORS } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

const CONTEXT = createContext();
const SEGMENT_SIZE = 1024 * 1024;
const HISTORY = { timeline: timeline(1), ancestors: [] };

/** A cluster that archives into a plain directory. */
async function startArchiving(workspace: Workspace, major: number): Promise<Cluster> {
  const directory = await workspace.makeDirectory("archive");
  return await startCluster({
    major,
    workspace,
    archiveCommand: `cp "%p" "${directory}/%f"`,
    settings: { max_prepared_transactions: 4, autovacuum: false, track_commit_timestamp: true },
  });
}

/** Copies the data directory between the beginning and the end of a backup, by the low-level API. */
async function copyBase(cluster: Cluster): Promise<ManifestHeader> {
  const { workspace, major, dataDirectory } = cluster;
  await using session = await cluster.connect();
  const before = major === 14;
  await session.sql(
    before ? "select pg_start_backup('test', true, false)" : "select pg_backup_start('test', true)",
  );
  const base = workspace.path("base");
  expectSuccess(await workspace.runProgram("cp", ["-a", dataDirectory, base]));
  const [stop] = await session.sql(
    `select * from ${before ? "pg_stop_backup(false, true)" : "pg_backup_stop(true)"}`,
  );
  const label = String(stop?.["labelfile"]);
  await workspace.write("base/backup_label", label);
  const removed = ["postmaster.pid", "postmaster.opts", "pg_wal"].map((name) => `${base}/${name}`);
  expectSuccess(await workspace.runProgram("rm", ["-r", ...removed]));
  await workspace.makeDirectory("base/pg_wal");
  const [, begin = ""] = /^START WAL LOCATION: (\S+)/.exec(label) ?? [];
  const header = backupAt(parseLsn(begin), parseLsn(String(stop?.["lsn"])), [0, 0]);
  const stopTime = parseInstant(String(await session.value("select clock_timestamp()")));
  return { ...header, majorVersion: major, stopTime };
}

/** What was archived, in a repository of our own. */
async function loadArchive(cluster: Cluster): Promise<WalArchive> {
  const directory = cluster.workspace.path("archive");
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const identifier = await cluster.value("select system_identifier from pg_control_system()");
  const files = await Promise.all(
    names
      .toSorted()
      .map(async (name) => [name, await readFile(`${directory}/${name}`)] as [string, Buffer]),
  );
  return await archiveIn(createMemoryStore(), files, {
    systemIdentifier: systemIdentifier(String(identifier)),
    majorVersion: cluster.major,
  });
}

interface Recovery {
  readonly name: string;
  readonly settings: PostgresSettings;
}

/** A copy of the base, recovering; started as far as it gets. */
async function recover(source: Cluster, { name, settings }: Recovery): Promise<Cluster> {
  const { workspace, major } = source;
  const dataDirectory = workspace.path(name);
  expectSuccess(await workspace.runProgram("cp", ["-a", workspace.path("base"), dataDirectory]));
  await workspace.write(`${name}/recovery.signal`, "");
  const copy = await openCluster({ workspace, major, dataDirectory, name });
  await workspace.write(
    `${name}/postgresql.auto.conf`,
    formatSettings({
      restore_command: `cp "${workspace.path("archive")}/%f" "%p"`,
      recovery_target_action: "pause",
      recovery_target_timeline: "1",
      archive_mode: "off",
      ...settings,
    }),
  );
  return copy;
}

/** Starts it, waits until replay stands still, and says where. */
async function pausedAt(copy: Cluster): Promise<Lsn> {
  await copy.start();
  await waitUntil(
    "recovery to pause",
    async () => (await copy.value("select pg_get_wal_replay_pause_state()")) === "paused",
  );
  return parseLsn(String(await copy.value("select pg_last_wal_replay_lsn()")));
}

/** The end of the record that begins at a position, and the end of the one before it. */
async function recordsAround(
  archive: WalArchive,
  begin: Lsn,
  stop: Lsn,
): Promise<{ readonly previousEnd: Lsn | undefined; readonly end: Lsn | undefined }> {
  const { majorVersion } = archive.record;
  const reader = new WalReader({
    begin,
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion, blockSizeBytes: 8192 },
  });
  let previousEnd: Lsn | undefined;
  let end: Lsn | undefined;
  while (end === undefined) {
    const number = reader.segmentNumber.toString(16).toUpperCase().padStart(16, "0");
    const segment = await getWalFile(archive, `00000001${number}`, CONTEXT);
    if (!segment) break;
    reader.read(segment, (record) => {
      if (recordLsn(record) < stop) previousEnd = recordEndLsn(record);
      else end ??= recordEndLsn(record);
    });
  }
  return { previousEnd, end };
}

/** The settings that tell PostgreSQL the same target. */
function targetSettings(target: RecoveryTarget): PostgresSettings {
  const inclusive = !("exclusive" in target && target.exclusive);
  switch (target.kind) {
    case "time":
      return {
        recovery_target_time: formatInZone(target.time.instant, "UTC"),
        recovery_target_inclusive: inclusive,
      };
    case "xid":
      return { recovery_target_xid: String(target.xid), recovery_target_inclusive: inclusive };
    case "lsn":
      return { recovery_target_lsn: formatLsn(target.lsn), recovery_target_inclusive: inclusive };
    case "name":
      return { recovery_target_name: target.name };
    default:
      return { recovery_target: "immediate" };
  }
}

const timeTarget = (text: string, exclusive = false): RecoveryTarget => ({
  kind: "time",
  time: { instant: parseInstant(text), zone: "UTC" },
  exclusive,
});

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("stops where the resolver says, for every kind of target", async () => {
    await using workspace = await createWorkspace();
    const cluster = await startArchiving(workspace, major);
    await cluster.sql("create table kept (id int)");
    const backup = await copyBase(cluster);
    const first = await transaction(cluster, "insert into kept values (1)");
    await cluster.sql("select pg_create_restore_point('point')");
    await cluster.sql(
      "begin; insert into kept values (2); savepoint s; insert into kept values (99); rollback to s; commit",
    );
    const afterSub = String(await cluster.value("select clock_timestamp()"));
    await cluster.sql("begin; insert into kept values (3); prepare transaction 'gid'");
    await cluster.sql("select pg_create_restore_point('point')");
    await cluster.sql("commit prepared 'gid'");
    const second = await transaction(cluster, "insert into kept values (4)");
    const last = await transaction(cluster, "insert into kept values (5)");
    await waitForArchived(cluster);
    const archive = await loadArchive(cluster);
    const question = { archive, history: HISTORY, candidates: [backup] };
    const targets: readonly (readonly [string, RecoveryTarget, number])[] = [
      ["name", { kind: "name", name: "point" }, 1],
      ["time", timeTarget(afterSub), 2],
      ["own-time", timeTarget(String(second.commitTime)), 4],
      ["before", timeTarget(String(second.commitTime), true), 3],
      ["xid", { kind: "xid", xid: BigInt(second.xid), exclusive: false }, 4],
      ["no-xid", { kind: "xid", xid: BigInt(first.xid), exclusive: true }, 0],
      ["lsn", { kind: "lsn", lsn: parseLsn(second.beginLsn), exclusive: false }, 3],
      ["no-lsn", { kind: "lsn", lsn: parseLsn(last.beginLsn), exclusive: true }, 4],
    ];
    for (const [name, target, rowCount] of targets) {
      const resolved = await resolveTarget({ ...question, target }, CONTEXT);
      const { previousEnd, end } = await recordsAround(archive, backup.startLsn, resolved.stopLsn);
      await using copy = await recover(cluster, { name, settings: targetSettings(target) });
      const place = formatLsn(await pausedAt(copy));
      expect(`${name} ${place}`).toBe(
        `${name} ${formatLsn((resolved.isApplied ? end : previousEnd) ?? parseLsn("0/0"))}`,
      );
      expect(await copy.count("kept")).toBe(rowCount);
      expect(resolved.pauseWouldPromote).toBe(false);
      // A preparation is not compared with the time, so only its commit is left out there.
      expect(resolved.prepared).toEqual(name === "time" ? ["gid"] : []);
    }
  });

  test("refuses what PostgreSQL cannot reach, and foretells what stays prepared", async () => {
    await using workspace = await createWorkspace();
    const cluster = await startArchiving(workspace, major);
    await cluster.sql("create table kept (id int)");
    const backup = await copyBase(cluster);
    await cluster.sql("begin; insert into kept values (3); prepare transaction 'gid'");
    await cluster.sql("select pg_create_restore_point('while prepared')");
    await cluster.sql("commit prepared 'gid'");
    const last = await transaction(cluster, "insert into kept values (4)");
    await waitForArchived(cluster);
    const question = {
      archive: await loadArchive(cluster),
      history: HISTORY,
      candidates: [backup],
    };
    const prepared = await resolveTarget(
      { ...question, target: { kind: "name", name: "while prepared" } },
      CONTEXT,
    );
    expect(prepared).toMatchObject<Partial<ResolvedTarget>>({ prepared: ["gid"] });
    const late = timeTarget(String(last.commitTime));
    await expect(resolveTarget({ ...question, target: late }, CONTEXT)).rejects.toMatchObject({
      code: "TARGET_UNREACHABLE",
    });
    const copy = await recover(cluster, { name: "late", settings: targetSettings(late) });
    await copy.tryStart();
    // It may have taken connections before, when the backup was consistent.
    await waitUntil("PostgreSQL to refuse", async () =>
      (await copy.log()).includes("recovery ended before configured recovery target was reached"),
    );
  });

  test("foretells the pause that promotes, while a transaction has too many subtransactions", async () => {
    await using workspace = await createWorkspace();
    const cluster = await startArchiving(workspace, major);
    await cluster.sql("create table kept (id int)");
    await using open = await cluster.connect();
    await open.sql("begin");
    for (let count = 0; count < 100; count += 1) {
      await open.sql(`savepoint s${count}; insert into kept values (${count})`);
    }
    const backup = await copyBase(cluster);
    await cluster.sql("select pg_create_restore_point('while open')");
    await open.sql("commit");
    await waitForArchived(cluster);
    const archive = await loadArchive(cluster);
    const target: RecoveryTarget = { kind: "name", name: "while open" };
    const question = { archive, history: HISTORY, candidates: [backup], target };
    expect(await resolveTarget(question, CONTEXT)).toMatchObject({ pauseWouldPromote: true });
    await using copy = await recover(cluster, { name: "copy", settings: targetSettings(target) });
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("kept")).toBe(0);
  });
});
