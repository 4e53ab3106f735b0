import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createContext } from "../base/context.ts";
import { lsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import { controlFileBytes } from "../restore/restore.fixture.ts";
import { checkCluster, checkDirectory } from "./preconditions.ts";
import { CHECKPOINT, FACTS, RECORD } from "./backup.fixture.ts";

const GOOD = { wal_level: "replica", archive_mode: "on", archive_command: "hindsight %p" };

function check(changed: Partial<ClusterFacts>): () => void {
  return () => checkCluster({ ...FACTS, ...changed }, RECORD);
}

describe("checkCluster", () => {
  test.each<[string, Partial<ClusterFacts>, string, string]>([
    [
      "another cluster",
      { systemIdentifier: systemIdentifier(42n) },
      "CLUSTER_MISMATCH",
      "with system identifier 42, the stanza's is",
    ],
    ["another major version", { majorVersion: 17 }, "CLUSTER_MISMATCH", "PostgreSQL 17"],
    ["a standby", { inRecovery: true }, "POSTGRES_STATE_WRONG", "is a standby"],
    [
      "minimal WAL",
      { settings: { ...GOOD, wal_level: "minimal" } },
      "POSTGRES_SETTING_WRONG",
      "wal_level is minimal",
    ],
    [
      "no archiving",
      { settings: { ...GOOD, archive_mode: "off" } },
      "POSTGRES_SETTING_WRONG",
      "archive_mode is off",
    ],
    [
      "no command",
      { settings: { ...GOOD, archive_command: "" } },
      "POSTGRES_SETTING_WRONG",
      "archive_command is empty",
    ],
    [
      "a command that shows as disabled",
      { settings: { ...GOOD, archive_command: "(disabled)", archive_library: "" } },
      "POSTGRES_SETTING_WRONG",
      "archive_command is empty",
    ],
  ])("refuses %s", (_, changed, code, message) => {
    expect(check(changed)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }),
    );
  });

  test("a standby of another cluster is first of all another cluster", () => {
    expect(check({ systemIdentifier: systemIdentifier(42n), inRecovery: true })).toThrow(
      expect.objectContaining({ code: "CLUSTER_MISMATCH" }),
    );
  });

  test.each<[string, Readonly<Record<string, string>>]>([
    ["replica", GOOD],
    ["logical", { ...GOOD, wal_level: "logical" }],
    ["archiving always", { ...GOOD, archive_mode: "always" }],
    ["a library instead of a command", { ...GOOD, archive_command: "", archive_library: "basic" }],
  ])("accepts %s", (_, settings) => {
    expect(check({ settings })).not.toThrow();
  });
});

describe("checkDirectory", () => {
  async function checkAt(
    changed: Partial<ClusterFacts> & { readonly startLsn?: bigint },
    bytes = controlFileBytes(),
  ): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), "backup-directory-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    await mkdir(join(directory, "global"));
    await writeFile(join(directory, "global", "pg_control"), bytes);
    const { startLsn = CHECKPOINT, ...facts } = changed;
    await checkDirectory(
      directory,
      { startLsn: lsn(startLsn), facts: { ...FACTS, ...facts } },
      createContext(),
    );
  }

  test.each([
    ["the checkpoint that began the backup", {}],
    ["a later one", { startLsn: CHECKPOINT - 1n }],
  ])("accepts the server's own directory with %s", async (_, changed) => {
    await expect(checkAt(changed)).resolves.toBeUndefined();
  });

  test.each([
    ["of another cluster", { systemIdentifier: systemIdentifier(42n) }],
    ["on another timeline", { timeline: timeline(2) }],
    ["whose last checkpoint was before the backup began: a copy", { startLsn: CHECKPOINT + 1n }],
  ])("refuses a directory %s", async (_, changed) => {
    await expect(checkAt(changed)).rejects.toMatchObject({
      code: "CLUSTER_MISMATCH",
      message: expect.stringContaining("is not the directory the server runs on") as string,
      hint: expect.stringContaining(FACTS.dataDirectory) as string,
    });
  });

  test("refuses a directory without control file", async () => {
    await expect(
      checkDirectory("/nonexistent", { startLsn: lsn(CHECKPOINT), facts: FACTS }, createContext()),
    ).rejects.toMatchObject({ code: "DATA_FILE_UNREADABLE" });
  });
});
