// The listing of data directories that servers made, the checksums of every page in them, and the proof of both: a copy
// taken by our own listing and reading, under load, starts and holds exactly what was committed.
import { open as openFile, readdir } from "node:fs/promises";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { showPath } from "../../src/model/byte-path.ts";
import { lsn, type Lsn } from "../../src/model/lsn.ts";
import { parseRelationFile } from "../../src/model/relation.ts";
import { startBackupMode, stopBackupMode } from "../../src/postgres/backup-mode.ts";
import { readClusterFacts } from "../../src/postgres/cluster-facts.ts";
import { connect } from "../../src/postgres/connection.ts";
import { openDataFile, readPagesSync } from "../../src/postgres/data-directory/read-file.ts";
import { type DataEntry, scanDataDirectory } from "../../src/postgres/data-directory/scan.ts";
import { type Cluster, openCluster, startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

const context = createContext();
const EVERY_PAGE = lsn((1n << 64n) - 1n);

async function scan(cluster: Cluster): Promise<readonly DataEntry[]> {
  const onWarning = (message: string): void => {
    throw new Error(`unexpected warning: ${message}`);
  };
  return await scanDataDirectory(
    cluster.dataDirectory,
    { major: cluster.major, onWarning },
    context,
  );
}

/** Reads a file through the backup's reader, page by page where it has pages; undefined when it has vanished. */
function readEntry(
  cluster: Cluster,
  entry: DataEntry,
  startLsn: Lsn,
): { bytes: Buffer; bad: readonly number[] } | undefined {
  using file = openDataFile(cluster.dataDirectory, entry.path);
  if (file === undefined) return undefined;
  const buffer = Buffer.alloc(entry.sizeBytes);
  const paged = isPaged(entry);
  const check = {
    blockSizeBytes: 8192,
    firstBlock: 0,
    checksums: true,
    startLsn: paged ? startLsn : lsn(0n),
  };
  const range = { offsetBytes: 0, lengthBytes: entry.sizeBytes };
  const { lengthBytes, badBlocks } = readPagesSync(file, range, { buffer, check });
  return { bytes: buffer.subarray(0, lengthBytes), bad: badBlocks };
}

function isPaged(entry: DataEntry): boolean {
  return parseRelationFile(entry.path.slice(entry.path.lastIndexOf("/") + 1)) !== undefined;
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("lists every relation file that a backup needs, whose pages all have the right checksum", async () => {
    await using workspace = await createWorkspace();
    const location = await workspace.makeDirectory("ts");
    const cluster = await startCluster({ major, workspace });
    await cluster.sql(`create tablespace fast location '${location}'`);
    await cluster.sql(
      "create table logged as select g as id, repeat('x', 100) as pad from generate_series(1, 20000) g",
    );
    await cluster.sql("create index on logged (id)");
    await cluster.sql("create table elsewhere tablespace fast as select * from logged");
    await cluster.sql("create unlogged table unlogged as select * from logged");
    await cluster.sql("create index on unlogged (id)");
    await using session = await cluster.connect();
    await session.sql("create temporary table temporary as select * from logged");
    await cluster.sql("vacuum");
    await cluster.sql("checkpoint");
    const entries = await scan(cluster);
    const listed = new Set(entries.map((entry) => entry.path as string));
    const relations = await session.sql(`
      select relname, relpersistence, pg_relation_filepath(oid) as path from pg_class
       where pg_relation_filepath(oid) is not null`);
    expect(relations.filter((row) => row["relpersistence"] === "u").length).toBeGreaterThanOrEqual(
      2,
    );
    for (const { relname, relpersistence, path } of relations) {
      expect(listed.has(String(path)), `${relname} ${path}`).toBe(relpersistence === "p");
      expect(listed.has(`${path}_init`), `${relname} ${path}`).toBe(relpersistence === "u");
      expect(listed.has(`${path}_fsm`) && relpersistence !== "p", `${relname} ${path}_fsm`).toBe(
        false,
      );
    }
    for (const name of [
      "global/pg_control",
      "PG_VERSION",
      "postgresql.auto.conf",
      "pg_xact/0000",
      "pg_wal",
    ]) {
      expect(listed.has(name), name).toBe(true);
    }
    for (const name of ["postmaster.pid", "postmaster.opts"])
      expect(listed.has(name), name).toBe(false);
    expect([...listed].filter((path) => /^pg_wal\/0|pg_internal|\/t\d+_/.test(path))).toEqual([]);
    expect(entries.find((entry) => entry.kind === "link")?.target).toBe(location);
    await cluster.stop();
    let pageCount = 0;
    for (const entry of entries.filter(
      (candidate) => candidate.kind === "file" && isPaged(candidate),
    )) {
      expect(readEntry(cluster, entry, EVERY_PAGE)?.bad, showPath(entry.path)).toEqual([]);
      pageCount += entry.sizeBytes / 8192;
    }
    expect(pageCount).toBeGreaterThan(1500);
    await damage(cluster, entries);
  });

  test("a copy taken by listing and reading, under load, starts with all that was committed", async () => {
    await using workspace = await createWorkspace();
    const location = await workspace.makeDirectory("ts");
    const archive = await workspace.makeDirectory("archive");
    const cluster = await startCluster({ major, workspace, archiveCommand: `cp %p ${archive}/%f` });
    await cluster.sql(`create tablespace fast location '${location}'`);
    await cluster.sql(
      "create table kept tablespace fast as select g as id from generate_series(1, 20000) g",
    );
    await cluster.sql("create table truncated as select * from kept");
    await cluster.sql("create table dropped as select * from kept");
    await cluster.sql("create unlogged table fleeting as select * from kept");
    const place = { socketDirectory: cluster.socketDirectory, port: cluster.port };
    await using session = await connect(
      { ...place, user: "postgres", database: "postgres" },
      context,
    );
    const facts = await readClusterFacts(session, context);
    const { startLsn } = await startBackupMode(
      session,
      facts,
      { label: "copy", fast: true },
      context,
    );
    const entries = await scan(cluster);
    await cluster.sql("insert into kept select generate_series(20001, 30000)");
    await cluster.sql("truncate truncated");
    await cluster.sql("drop table dropped");
    await cluster.sql("create table born as select * from kept");
    await cluster.sql("checkpoint");
    const copy = workspace.path("copy");
    const { vanished, bad } = copyEntries(cluster, entries, { copy, startLsn });
    expect(vanished).toBeGreaterThan(0);
    expect(bad).toEqual([]);
    const stopped = await stopBackupMode(session, facts, context);
    writeFileSync(join(copy, "backup_label"), stopped.backupLabelFile);
    writeFileSync(join(copy, "recovery.signal"), "");
    await cluster.stop();
    await workspace.runProgram("sh", [
      "-c",
      `cp -n ${cluster.dataDirectory}/pg_wal/0* ${archive}/`,
    ]);
    for (const { path } of entries.filter((entry) => entry.kind === "link")) {
      await giveTree(workspace, linkTarget(copy, path));
    }
    await giveTree(workspace, copy);

    const restored = await openCluster({ workspace, major, dataDirectory: copy, name: "copy" });
    await restored.set({ restore_command: `cp ${archive}/%f %p`, archive_mode: false });
    await restored.start();
    await restored.waitForPromotion();
    expect(await restored.count("kept")).toBe(30_000);
    expect(await restored.count("born")).toBe(30_000);
    expect(await restored.count("truncated")).toBe(0);
    expect(await restored.count("fleeting")).toBe(0);
    expect(await restored.value("select to_regclass('dropped')")).toBeNull();
    expect(await restored.log()).toContain("consistent recovery state reached");
  });
});

/** Flips one bit in the middle of a table's file and expects the reader to name that block and no other. */
async function damage(cluster: Cluster, entries: readonly DataEntry[]): Promise<void> {
  const largest = entries
    .filter((entry) => entry.kind === "file" && isPaged(entry))
    .toSorted((left, right) => right.sizeBytes - left.sizeBytes)[0];
  if (largest === undefined) throw new Error("no relation file was listed");
  const path = join(cluster.dataDirectory, largest.path);
  const position = 7 * 8192 + 8000;
  const byte = readFileSync(path)[position] ?? 0;
  await using handle = await openFile(path, "r+");
  await handle.write(Buffer.from([byte ^ 4]), 0, 1, position);
  expect(readEntry(cluster, largest, EVERY_PAGE)?.bad).toEqual([7]);
}

/** Writes what the reader gives, pg_control last; tablespaces become directories beside. Says which files had bad pages and how many vanished. */
function copyEntries(
  cluster: Cluster,
  entries: readonly DataEntry[],
  { copy, startLsn }: { readonly copy: string; readonly startLsn: Lsn },
): { readonly vanished: number; readonly bad: readonly string[] } {
  let vanished = 0;
  const bad: string[] = [];
  const isControl = (entry: DataEntry): boolean => entry.path === "global/pg_control";
  for (const entry of [
    ...entries.filter((each) => !isControl(each)),
    ...entries.filter(isControl),
  ]) {
    const target = join(copy, entry.path);
    if (entry.kind === "directory") mkdirSync(target, { recursive: true, mode: entry.mode });
    else if (entry.kind === "link") {
      mkdirSync(linkTarget(copy, entry.path), { mode: 0o700 });
      symlinkSync(linkTarget(copy, entry.path), target);
    } else {
      const read = readEntry(cluster, entry, startLsn);
      if (read === undefined) vanished += 1;
      else {
        if (read.bad.length > 0) bad.push(entry.path);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, read.bytes, { mode: entry.mode });
      }
    }
  }
  return { vanished, bad };
}

/** Where the copy of a tablespace lies: beside the copy. */
function linkTarget(copy: string, path: string): string {
  return `${copy}.${path.replaceAll("/", ".")}`;
}

/** Makes the account that runs servers the owner of everything in a directory. */
async function giveTree(workspace: Workspace, directory: string): Promise<void> {
  await workspace.give(directory);
  for (const name of await readdir(directory, { recursive: true })) {
    await workspace.give(join(directory, name));
  }
}
