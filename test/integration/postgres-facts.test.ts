// What running servers of every major answer: facts, session settings, backup mode, and how a lost session is noticed.
import { describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { formatLsn } from "../../src/model/lsn.ts";
import { readArchiverStatus } from "../../src/postgres/archiver-status.ts";
import {
  createRestorePoint,
  readRecoveryState,
  startBackupMode,
  stopBackupMode,
  switchWal,
} from "../../src/postgres/backup-mode.ts";
import { readClusterFacts } from "../../src/postgres/cluster-facts.ts";
import { connect, type ConnectionSettings, type Session } from "../../src/postgres/connection.ts";
import { socketFromPidFile } from "../../src/postgres/socket-location.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import { createWorkspace } from "../harness/workspace.ts";

const context = createContext();

async function openSession(
  cluster: Cluster,
  settings: Partial<ConnectionSettings> = {},
): Promise<Session> {
  const place = await socketFromPidFile(cluster.dataDirectory);
  expect(place).toEqual({ socketDirectory: cluster.socketDirectory, port: cluster.port });
  const usual = { socketDirectory: undefined, port: 0, user: "postgres", database: "postgres" };
  return await connect({ ...usual, ...place, ...settings }, context);
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("tells what it is, and sessions keep their settings whatever role and database say", async () => {
    await using workspace = await createWorkspace();
    const location = await workspace.makeDirectory("ts");
    const cluster = await startCluster({
      major,
      workspace,
      walSegmentSizeMb: 16,
      settings: { statement_timeout: "1h", timezone: "Europe/Paris" },
    });
    await cluster.sql(`create tablespace fast location '${location}'`);
    await cluster.sql("create database shop tablespace fast");
    await cluster.sql("create schema evil");
    await cluster.sql(
      "create function evil.pg_is_in_recovery() returns bool language sql as 'select true'",
    );
    await cluster.sql("alter database postgres set search_path = evil, pg_catalog");
    await cluster.sql("alter role postgres set lock_timeout = '1s'");
    await cluster.sql("alter role postgres set datestyle = 'German'");

    await using session = await openSession(cluster);
    const facts = await readClusterFacts(session, context);
    expect(facts).toMatchObject({
      majorVersion: major,
      inRecovery: false,
      timeline: 1,
      dataDirectory: cluster.dataDirectory,
      segmentSizeBytes: 16 * 1024 * 1024,
      blockSizeBytes: 8192,
      relationSegmentBlocks: 131_072,
      dataChecksums: true,
    });
    expect(String(facts.versionNumber)).toBe(await cluster.value("show server_version_num"));
    expect(String(facts.systemIdentifier)).toBe(
      await cluster.value("select system_identifier from pg_control_system()"),
    );
    expect(facts.settings).toMatchObject({
      wal_level: "replica",
      archive_mode: "off",
      max_connections: "20",
      TimeZone: "Europe/Paris",
      config_file: `${cluster.dataDirectory}/postgresql.conf`,
      wal_segment_size: "16MB",
    });
    expect(facts.settings["archive_library"]).toBe(major >= 15 ? "" : undefined);
    const [fast] = facts.tablespaces;
    expect(facts.tablespaces).toEqual([{ oid: fast?.oid, name: "fast", location }]);
    expect(facts.databases.map((database) => database.name).toSorted()).toEqual([
      "postgres",
      "shop",
      "template0",
      "template1",
    ]);
    expect(facts.databases.find((database) => database.name === "shop")?.tablespace).toBe(
      fast?.oid,
    );
    expect(facts.databases.find((database) => database.name === "template0")).toMatchObject({
      isTemplate: true,
      allowConnections: false,
    });
    expect(await readRecoveryState(session, context)).toEqual({
      inRecovery: facts.inRecovery,
      postmasterStartTime: facts.postmasterStartTime,
      systemIdentifier: facts.systemIdentifier,
      timeline: facts.timeline,
    });

    const zero = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"];
    const timeouts = [
      ...zero,
      "idle_session_timeout",
      ...(major >= 17 ? ["transaction_timeout"] : []),
    ];
    for (const name of timeouts) expect(await session.value(`show ${name}`), name).toBe("0");
    expect(await session.value("show datestyle")).toBe("ISO, YMD");
    expect(await session.value("show application_name")).toBe("hindsight");
    expect(await session.value("show client_connection_check_interval")).toBe("2s");
    expect(await session.row("select 9007199254740993 as big, true as yes, null as none")).toEqual({
      big: "9007199254740993",
      yes: "t",
      none: null,
    });
  });

  test("goes into backup mode and out of it, with label and map byte for byte", async () => {
    await using workspace = await createWorkspace();
    const location = await workspace.makeDirectory("ts\u00e9 1");
    const archive = await workspace.makeDirectory("archive");
    const archiveCommand = `cp %p ${archive}/%f`;
    const cluster = await startCluster({ major, workspace, archiveCommand });
    await cluster.sql(`create tablespace fast location '${location}'`);
    await using session = await openSession(cluster);
    const facts = await readClusterFacts(session, context);

    const before = await serverClock(session);
    const started = await startBackupMode(
      session,
      facts,
      { label: "it's ours", fast: true },
      context,
    );
    await cluster.sql("create table t as select generate_series(1, 1000)");
    const stopped = await stopBackupMode(session, facts, context);
    const label = stopped.backupLabelFile;
    expect(label).toMatch(
      new RegExp(
        `^START WAL LOCATION: ${formatLsn(started.startLsn)} \\(file ${started.startSegment}\\)\n`,
      ),
    );
    expect(label).toContain("\nLABEL: it's ours\n");
    expect(label.endsWith("START TIMELINE: 1\n")).toBe(true);
    const oid = facts.tablespaces[0]?.oid;
    expect(stopped.tablespaceMapFile).toBe(`${oid} ${location}\n`);
    expect(stopped.stopLsn).toBeGreaterThan(started.startLsn);
    expect(started.startTime.epochNanoseconds).toBeGreaterThanOrEqual(before.epochNanoseconds);
    expect(stopped.stopTime.epochNanoseconds).toBeGreaterThan(started.startTime.epochNanoseconds);
    expect(stopped.stopTime.until(await serverClock(session)).total("seconds")).toBeLessThan(10);

    const point = await createRestorePoint(session, "good state", context);
    const end = await switchWal(session, context);
    expect(end).toBeGreaterThanOrEqual(point);
    const segment = await session.value("select pg_walfile_name($1::pg_lsn - 1)", [formatLsn(end)]);
    await waitUntil("the archive", async () => {
      const status = await readArchiverStatus(session, context);
      return status.lastArchivedWal === segment;
    });
    const status = await readArchiverStatus(session, context);
    expect(status.archivedCount).toBeGreaterThan(0n);
    expect(status).toMatchObject({
      failedCount: 0n,
      lastFailedWal: undefined,
      lastFailedTime: undefined,
    });
    expect(Math.abs(Number(status.lastArchivedTime?.epochMilliseconds) - Date.now())).toBeLessThan(
      60_000,
    );
  });

  test("refuses what a role may not do, with the way out, and a session survives that", async () => {
    await using cluster = await startCluster({ major });
    await cluster.sql("create role backup login");
    await using session = await openSession(cluster, { user: "backup" });
    await expect(readClusterFacts(session, context)).rejects.toMatchObject({
      code: "POSTGRES_SETTING_WRONG",
      hint: expect.stringContaining("pg_read_all_settings") as string,
    });
    await cluster.sql("grant pg_read_all_settings to backup");
    const facts = await readClusterFacts(session, context);
    const start = { label: "x", fast: true };
    await expect(startBackupMode(session, facts, start, context)).rejects.toMatchObject({
      code: "POSTGRES_QUERY_FAILED",
      hint: expect.stringContaining("EXECUTE on pg_backup_start") as string,
    });
    const functions =
      major >= 15
        ? "pg_backup_start(text, boolean), pg_backup_stop(boolean)"
        : "pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)";
    await cluster.sql(`grant execute on function ${functions} to backup`);
    await startBackupMode(session, facts, start, context);
    expect((await stopBackupMode(session, facts, context)).tablespaceMapFile).toBeUndefined();
  });

  test("a session notices at once that its server was stopped, and a new one that it was restarted", async () => {
    await using cluster = await startCluster({ major });
    await using session = await openSession(cluster);
    const facts = await readClusterFacts(session, context);
    const lost = new Promise((resolve) => session.lost.addEventListener("abort", resolve));
    await cluster.restart("fast");
    await lost;
    expect(session.lost.reason).toMatchObject({ code: "POSTGRES_CONNECTION_LOST" });
    await using other = await openSession(cluster);
    const state = await readRecoveryState(other, context);
    expect(state.systemIdentifier).toBe(facts.systemIdentifier);
    expect(state.postmasterStartTime).not.toBe(facts.postmasterStartTime);
  });

  test("an interrupted wait for a checkpoint takes the server out of backup mode", async () => {
    await using cluster = await startCluster({
      major,
      settings: { checkpoint_timeout: "1h", checkpoint_completion_target: 0.9 },
    });
    // Enough dirty pages to spread over the hour.
    await cluster.sql("create table t as select generate_series(1, 100000) as id");
    const controller = new AbortController();
    const place = { socketDirectory: cluster.socketDirectory, port: cluster.port };
    await using session = await connect(
      { ...place, user: "postgres", database: "postgres" },
      createContext({ signal: controller.signal }),
    );
    const facts = await readClusterFacts(session, context);
    const waiting = startBackupMode(session, facts, { label: "x", fast: false }, context);
    const backends =
      "select count(*) from pg_stat_activity where application_name = 'hindsight' and wait_event is not null";
    await waitUntil(
      "the wait for a checkpoint",
      async () => (await cluster.value(backends)) === "1",
    );
    const reason = new Error("interrupted");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    const any = "select count(*) from pg_stat_activity where application_name = 'hindsight'";
    await waitUntil("the end of the session", async () => (await cluster.value(any)) === "0");
  });
});

async function serverClock(session: Session): Promise<Temporal.Instant> {
  const text = await session.value(
    "select (extract(epoch from clock_timestamp()) * 1000000)::bigint",
  );
  return Temporal.Instant.fromEpochNanoseconds(BigInt(String(text)) * 1000n);
}
