// WAL indexes of a real server: archive_command makes one for every segment, they follow each other without a missing
// record, and what is lost comes back byte for byte.
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { firstBreak, storedIndex } from "../../src/archive/segment-index.fixture.ts";
import { createContext } from "../../src/base/context.ts";
import { stanzaName } from "../../src/model/stanza.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { readStanza } from "../../src/repository/stanza.ts";
import type { WalArchive } from "../../src/repository/wal-archive.ts";
import { listIndexedSegments } from "../../src/repository/wal-index.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { END_FLAGS, type WalIndex } from "../../src/wal/index-content.ts";
import { archiveDirectory } from "../fault/archive-ground.ts";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { switchWal, waitForArchived } from "../harness/wal.ts";

const context = createContext();
const CATALOGUE_TIMEOUT_MS = 150_000;

interface IndexResult {
  readonly segments: number;
  readonly indexed: number;
  readonly built: number;
  readonly failed: readonly { readonly segment: string; readonly reason: string }[];
  readonly unindexed: readonly { readonly first: string; readonly last: string }[];
}

async function openArchive(path: string): Promise<WalArchive> {
  const repository = await openRepository(openStore({ type: "posix", path }, context), context);
  const stanza = stanzaName("main");
  return { repository, stanza, record: await readStanza(repository, stanza, context) };
}

/** Several segments of rows, page images and a table that is made and dropped. */
async function work(production: Cluster): Promise<void> {
  await production.sql("create table t (id int primary key, word text)");
  await production.sql("insert into t select i, repeat('x', 100) from generate_series(1, 20000) i");
  await production.sql("checkpoint");
  await production.sql("update t set word = 'y' where id % 3 = 0");
  await production.sql("create table gone as select * from t");
  await production.sql("drop table gone");
  await production.sql("delete from t where id <= 1000");
}

/** The stored segments; the first one may begin inside a record that was never archived, all others are indexed. */
async function indexedNames(archive: WalArchive): Promise<readonly string[]> {
  const segments = await Array.fromAsync(listIndexedSegments(archive, {}, context));
  const bare = segments.filter(({ isIndexed }) => !isIndexed).map(({ name }) => name);
  expect([[], [segments[0]?.name]]).toContainEqual(bare);
  return segments.filter(({ isIndexed }) => isIndexed).map(({ name }) => name);
}

/** Rows of committed transactions of one relation, by what was done to them. */
function committedRows(indexes: readonly WalIndex[], relfilenode: number): object {
  const rows = { inserted: 0, updated: 0, deleted: 0 };
  const open = new Map<number, (readonly [WalIndex, number])[]>();
  for (const index of indexes) {
    for (let row = 0; row < index.ends.count; row += 1) {
      const xid = index.ends.xid[row] ?? 0;
      const parts = [...(open.get(xid) ?? []), [index, index.ends.pattern[row] ?? 0] as const];
      open.delete(xid);
      if (((index.ends.flags[row] ?? 0) & END_FLAGS.aborted) !== 0) continue;
      for (const [part, pattern] of parts) {
        for (const each of part.patterns[pattern] ?? []) {
          if (part.relations[each.relation]?.relfilenode !== relfilenode) continue;
          rows.inserted += each.inserted;
          rows.updated += each.updated;
          rows.deleted += each.deleted;
        }
      }
    }
    for (const { xid, pattern } of index.open) {
      open.set(xid, [...(open.get(xid) ?? []), [index, pattern]]);
    }
  }
  return rows;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("every segment is indexed when it is archived, and rebuilding gives the same bytes", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await waitForArchived(production);
    await work(production);
    await waitForArchived(production);
    const archive = await openArchive(workspace.repositoryDirectory);
    const names = await indexedNames(archive);
    expect(names.length).toBeGreaterThan(5);
    expect(await firstBreak(archive, names)).toBeUndefined();
    const indexes = await Promise.all(names.map((name) => storedIndex(archive, name)));
    const relfilenode = Number(await production.value("select pg_relation_filenode('t')"));
    expect(committedRows(indexes, relfilenode)).toEqual({
      inserted: 20_000,
      updated: 6666,
      deleted: 1000,
    });

    const folder = join(archiveDirectory(production), "0000000100000000");
    const before = await Promise.all(
      names.map((name) => readFile(join(folder, `${name}.index-1`))),
    );
    const lost = [names[1], names[2], names[4]].map(String);
    for (const name of lost) await rm(join(folder, `${name}.index-1`));

    const told = await workspace.json<IndexResult>(["index"]);
    expect(told).toMatchObject({ indexed: names.length - 3, built: 0, failed: [] });
    expect(told.unindexed.slice(-2)).toMatchObject([
      { first: lost[0], last: lost[1], segments: 2 },
      { first: lost[2], last: lost[2], segments: 1 },
    ]);
    const info = await workspace.succeed(["info"]);
    expect(info.stdout).toContain(
      `wal without index: ${lost[0]} to ${lost[1]} (2 segments); hindsight index --rebuild makes it`,
    );
    const [stanza] = await workspace.json<{ recovery: object }[]>(["info"]);
    expect(stanza?.recovery).toMatchObject({ unindexed: told.unindexed });
    const check = await workspace.succeed(["check"]);
    expect(check.stdout).toContain(
      `WAL index: WARNING (none for ${lost[0]} to ${lost[1]} (2 segments), ${lost[2]})\n    fix: Run: hindsight index --rebuild`,
    );

    const planned = await workspace.json<IndexResult>(["index", "--rebuild", "--dry-run"]);
    expect(planned).toMatchObject({ dryRun: true, failed: [] });
    expect((await readdir(folder)).filter((name) => lost.includes(name.slice(0, 24)))).toEqual(
      lost,
    );
    const done = await workspace.json<IndexResult>(["index", "--rebuild"]);
    expect(done.built).toBe(3);
    expect(done.segments).toBe(done.indexed + done.built + done.failed.length);
    const after = await Promise.all(names.map((name) => readFile(join(folder, `${name}.index-1`))));
    expect(after.map((bytes, at) => before[at]?.equals(bytes))).toEqual(names.map(() => true));
    expect((await workspace.succeed(["check"])).stdout).toContain("WAL index: OK");
  });

  test("every repository gets the index, and new relations a catalogue", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    const second = workspace.path("second");
    await workspace.configure(production, { global: { "repo2-path": second } });
    await workspace.succeed(["stanza-create"]);
    await production.sql("create table t (id int)");
    await waitForArchived(production);
    const catalogues = async (path: string): Promise<readonly string[]> =>
      await readdir(join(path, "stanza", "main", "catalogue")).catch(() => []);
    let table = 0;
    // A busy machine may not manage it within the 200 ms there are.
    const inBoth = async (): Promise<boolean> => {
      table += 1;
      await production.sql(`create table new_${table} (id int)`);
      await waitForArchived(production, await switchWal(production));
      const both = [workspace.repositoryDirectory, second].map((path) => catalogues(path));
      return (await Promise.all(both)).every((names) => names.length > 0);
    };
    await waitUntil("a catalogue in both repositories", inBoth, CATALOGUE_TIMEOUT_MS);
    const first = await openArchive(workspace.repositoryDirectory);
    const other = await openArchive(second);
    const names = await indexedNames(other);
    for (const name of names.slice(1)) {
      expect(await storedIndex(other, name)).toEqual(await storedIndex(first, name));
    }
  });
});
