// Proves the ground that the other tests stand on: clusters of every major, the data of the documents, crashes, and that
// nothing survives a test, however it ends.
import { existsSync } from "node:fs";
import { mkdir, readFile, stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openCluster, startCluster } from "../harness/cluster.ts";
import { MAJORS, NEWEST_MAJOR, SKIPPED_MAJORS } from "../harness/majors.ts";
import {
  contentHash,
  createCriticalOrders,
  createOrders,
  insertNewOrders,
  insertNormalOrders,
} from "../harness/orders.ts";
import { isRunning, processesIn } from "../harness/processes.ts";
import { waitUntil } from "../harness/wait.ts";
import { switchWal, transaction, waitForArchived } from "../harness/wal.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

test("every major is here that is packaged for this machine", () => {
  const unpackaged = process.arch === "arm64" ? [14] : [];
  expect(SKIPPED_MAJORS.map((skipped) => skipped.major)).toEqual(unpackaged);
});

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("starts, runs as somebody who is not root, and holds the documents' tables", async () => {
    await using cluster = await startCluster({ major });
    expect(await cluster.value("show server_version_num")).toMatch(new RegExp(`^${major}`));
    expect((await stat(`/proc/${await cluster.postmasterPid()}`)).uid).not.toBe(0);
    await createOrders(cluster);
    await createCriticalOrders(cluster);
    expect(await cluster.count("users")).toBe(1000);
    expect(await cluster.count("orders")).toBe(60_004);
    expect(await cluster.count("critical_orders")).toBe(10_000);
    expect(await cluster.count("critical_orders", "status = 'completed'")).toBe(7000);
    await insertNormalOrders(cluster);
    await insertNewOrders(cluster);
    expect(await cluster.count("orders")).toBe(60_104);
    expect(await cluster.count("critical_orders")).toBe(10_500);
  });

  test.each([true, false])("data checksums %s and segments of 1 and 16 MiB", async (checksums) => {
    const walSegmentSizeMb = checksums ? 1 : 16;
    await using cluster = await startCluster({ major, checksums, walSegmentSizeMb });
    expect(await cluster.value("show data_checksums")).toBe(checksums ? "on" : "off");
    expect(await cluster.value("show wal_segment_size")).toBe(`${walSegmentSizeMb}MB`);
  });

  test("archives, and recovers a copied directory by hand to a transaction", async () => {
    await using workspace = await createWorkspace();
    const archive = await workspace.makeDirectory("archive");
    const cluster = await startCluster({
      major,
      workspace,
      archiveCommand: `test ! -f ${archive}/%f && cp %p ${archive}/%f`,
      settings: { track_commit_timestamp: true },
    });
    await createCriticalOrders(cluster);
    await cluster.stop();
    await workspace.runProgram("cp", ["-a", cluster.dataDirectory, workspace.path("copy")]);
    await cluster.start();
    const before = await contentHash(cluster, "critical_orders");
    const kept = await transaction(cluster, "create table kept as select 1 as id");
    const lost = await transaction(cluster, "delete from critical_orders");
    expect(BigInt(lost.xid)).toBeGreaterThan(BigInt(kept.xid));
    expect(Date.parse(String(kept.commitTime))).toBeLessThanOrEqual(Date.parse(kept.endTime));
    const segment = await waitForArchived(cluster);
    expect(existsSync(`${archive}/${segment}`)).toBe(true);

    const dataDirectory = workspace.path("copy");
    const copy = await openCluster({ workspace, major, dataDirectory, name: "copy" });
    await copy.set({
      restore_command: `cp ${archive}/%f %p`,
      recovery_target_xid: kept.xid,
      recovery_target_action: "promote",
      archive_mode: false,
    });
    await workspace.write("copy/recovery.signal", "");
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("kept")).toBe(1);
    expect(await contentHash(copy, "critical_orders")).toBe(before);
    expect(await cluster.count("critical_orders")).toBe(0);
    expect(await copy.log()).toContain(`recovery stopping after commit of transaction ${kept.xid}`);
  });

  test("survives a crash and leaves nothing behind", async () => {
    let workspace: Workspace;
    {
      await using cluster = await startCluster({ major });
      ({ workspace } = cluster);
      await cluster.sql("create table t as select generate_series(1, 1000) as id");
      const begin = await cluster.currentLsn();
      await cluster.crash();
      expect(await cluster.isRunning()).toBe(false);
      await cluster.start();
      expect(await cluster.log()).toContain("database system was not properly shut down");
      expect(await cluster.count("t")).toBe(1000);
      expect(await cluster.currentLsn()).not.toBe(begin);
      await cluster.crash();
    }
    expect(existsSync(workspace.directory)).toBe(false);
    expect(await processesIn(workspace.directory)).toEqual([]);
  });
});

describe("a workspace", () => {
  test("takes everything with it when the body of a test fails", async () => {
    let directory = "";
    let pid = 0;
    const body = async (): Promise<void> => {
      await using workspace = await createWorkspace();
      ({ directory } = workspace);
      const cluster = await startCluster({ major: NEWEST_MAJOR, workspace });
      pid = await cluster.postmasterPid();
      // In a session of its own, as a server that a command started and left running.
      await workspace.runProgram("sh", ["-c", "setsid sleep 600 >/dev/null 2>&1 &"]);
      await waitUntil("the sleeper to sleep", async () =>
        (await processesIn(directory)).some((entry) => entry.program === "sleep"),
      );
      throw new Error("the body failed");
    };
    await expect(body()).rejects.toThrow("the body failed");
    expect(existsSync(directory)).toBe(false);
    expect(await processesIn(directory)).toEqual([]);
    expect(await isRunning(pid)).toBe(false);
  });

  test("is removed although somebody took its permissions away", async () => {
    let directory = "";
    {
      await using workspace = await createWorkspace();
      ({ directory } = workspace);
      const locked = await workspace.makeDirectory("locked");
      await mkdir(`${locked}/inner`, { mode: 0o000 });
      await workspace.runProgram("chmod", ["000", locked]);
    }
    expect(existsSync(directory)).toBe(false);
  });

  test("says what a program wrote, how it ended, and when it took too long", async () => {
    await using workspace = await createWorkspace();
    const ended = await workspace.runProgram("sh", ["-c", "echo out; echo err >&2; exit 3"]);
    expect(ended).toMatchObject({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
    const killed = await workspace.runProgram("sh", ["-c", "kill -TERM $$"]);
    expect(killed).toMatchObject({ exitCode: undefined, signal: "SIGTERM" });
    const slow = workspace.runProgram("sleep", ["600"], { timeoutMs: 50 });
    await expect(slow).rejects.toThrow("no end after 50 ms");
  });

  test("writes configuration that belongs to the account that reads it", async () => {
    await using cluster = await startCluster({ major: NEWEST_MAJOR });
    const { workspace } = cluster;
    await workspace.configure(cluster, { global: { "process-max": 2, delta: false } });
    const owner = (await stat(cluster.dataDirectory)).uid;
    expect((await stat(workspace.configFile)).uid).toBe(owner);
    const text = await readFile(workspace.configFile, "utf8");
    expect(text).toContain(`[global]\nrepo1-path=${workspace.repositoryDirectory}\n`);
    expect(text).toContain("delta=n\n");
    expect(text).toContain(`[main]\npg1-path=${cluster.dataDirectory}\n`);
  });

  test("switches to a new segment even when nothing was written", async () => {
    await using cluster = await startCluster({ major: NEWEST_MAJOR });
    const first = await switchWal(cluster);
    const second = await switchWal(cluster);
    expect(second > first).toBe(true);
  });
});
