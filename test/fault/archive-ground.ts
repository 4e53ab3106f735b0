// The ground for faults of the archive: production that archives with the real command, some of its WAL files kept aside
// as PostgreSQL wrote them, and archive-push and archive-get called by hand, as PostgreSQL would call them.
import { existsSync } from "node:fs";
import { copyFile, readdir, readFile, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { expect } from "vitest";
import type { Cluster, ClusterOptions } from "../harness/cluster.ts";
import { createDataDirectory } from "../harness/cluster-create.ts";
import type { CommandResult } from "../harness/command.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import type { RunOptions, Workspace } from "../harness/workspace.ts";

/** Production with an archive. Disposing of it removes everything. */
export interface ArchiveGround extends AsyncDisposable {
  readonly site: ProtectedSite;
  readonly workspace: Workspace;
  readonly production: Cluster;
  /** Segments of production that are archived, in order, without a hole between them. */
  readonly segments: readonly [string, string, string, ...string[]];
}

/** What archive-get did: how it ended, what it said, and what lies at the destination. */
export interface GetResult extends CommandResult {
  /** undefined when there is nothing under the name that PostgreSQL would open. */
  readonly delivered: Buffer | undefined;
}

/** Where archive-get is told to put files, as PostgreSQL does: a name in pg_wal that is never the file's own. */
export const DESTINATION = "wal/RECOVERYXLOG";

/** Lays the ground: a protected cluster with three archived segments and more, each also kept in `source`. */
export async function layArchive(
  major: number,
  options: Partial<ClusterOptions> = {},
): Promise<ArchiveGround> {
  const site = await protectCluster({ major, settings: { wal_keep_size: "64MB" }, ...options });
  const { workspace, production } = site;
  try {
    await workspace.makeDirectory("source");
    await workspace.makeDirectory("wal");
    await production.sql("create table t (id int)");
    const segments = await archiveSegments(production, 3);
    for (const name of segments) await keepSource(production, name);
    return {
      site,
      workspace,
      production,
      segments: segments as [string, string, string],
      [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
    };
  } catch (error) {
    await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

/** Fills and archives this many segments, each with a row of `t` more, and returns their names. */
export async function archiveSegments(cluster: Cluster, count: number): Promise<readonly string[]> {
  const names: string[] = [];
  for (let written = 0; written < count; written += 1) {
    await cluster.sql("insert into t select coalesce(max(id), 0) + 1 from t");
    names.push(await waitForArchived(cluster));
  }
  return names;
}

/** Copies a file of pg_wal, as PostgreSQL wrote it, to `source` of the workspace. */
export async function keepSource(cluster: Cluster, name: string): Promise<string> {
  const path = cluster.workspace.path("source", name);
  await copyFile(join(cluster.dataDirectory, "pg_wal", name), path);
  await cluster.workspace.give(path);
  return path;
}

/** Where the objects of production's archive are. */
export function archiveDirectory({ workspace, major }: Cluster): string {
  return join(workspace.repositoryDirectory, "stanza", "main", "archive", `${major}-1`);
}

/** The object of an archived file, by the rule of docs/repository-format.md. */
export function objectPath(cluster: Cluster, name: string): string {
  const folder = name.endsWith(".history") ? "history" : name.slice(0, 16);
  return join(archiveDirectory(cluster), folder, name);
}

/** The names of the archived files of every kind, sorted. */
export async function archivedNames(cluster: Cluster): Promise<readonly string[]> {
  const names = await readdir(archiveDirectory(cluster), { recursive: true });
  return names
    .map((name) => basename(name))
    .filter((name) => /^[0-9A-F]{24}|\.history$/.test(name))
    .toSorted();
}

/** Archives the file of that name from `source`, or from another place. */
export function push(
  { workspace }: ArchiveGround,
  nameOrPath: string,
  options: RunOptions = {},
): Promise<CommandResult> {
  const path = nameOrPath.includes("/") ? nameOrPath : workspace.path("source", nameOrPath);
  return workspace.run(["archive-push", path], options);
}

/** Asks for a file and looks at what came of it; nothing else may lie beside the destination afterwards. */
export async function get(
  { workspace }: ArchiveGround,
  name: string,
  parameters: readonly string[] = [],
): Promise<GetResult> {
  const destination = workspace.path(DESTINATION);
  await rm(destination, { force: true });
  const result = await workspace.run(["archive-get", ...parameters, name, destination]);
  const delivered = existsSync(destination) ? await readFile(destination) : undefined;
  const others = (await readdir(workspace.path("wal"))).filter(
    (entry) => entry !== basename(destination),
  );
  expect(others, result.stderr).toEqual([]);
  return { ...result, delivered };
}

/** How a get ended, in a form to compare: exit status, what was delivered, and the code of the error. */
export function outcomeOf(
  result: GetResult,
): readonly [number | undefined, "delivered" | "nothing", string | undefined] {
  const delivered = result.delivered === undefined ? "nothing" : "delivered";
  return [result.exitCode, delivered, errorCode(result)];
}

/** The code in the error's first line, such as OBJECT_CORRUPT. */
export function errorCode({ stderr }: CommandResult): string | undefined {
  return /^error: .*\[([A-Z_]+)\]$/m.exec(stderr)?.[1];
}

/** Expects the archive to hand out exactly these bytes. Compared by Buffer: vitest takes seconds for a segment. */
export async function expectArchived(
  ground: ArchiveGround,
  name: string,
  bytes: Buffer,
): Promise<void> {
  const result = await get(ground, name);
  expect([name, ...outcomeOf(result)]).toEqual([name, 0, "delivered", undefined]);
  expect([name, result.delivered?.equals(bytes)]).toEqual([name, true]);
}

/** The first segment of a cluster that was only just made, which is another one with every call, and its name. */
export async function foreignSegment(
  workspace: Workspace,
  options: ClusterOptions & { readonly name: string },
): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const directory = join(await createDataDirectory(workspace, options), "pg_wal");
  const names = (await readdir(directory)).filter((entry) => /^[0-9A-F]{24}$/.test(entry));
  const [name] = names.toSorted();
  if (name === undefined) throw new Error(`initdb left no segment in ${directory}`);
  return { name, bytes: await readFile(join(directory, name)) };
}
