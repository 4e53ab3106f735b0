// Where the changed blocks come from: WAL that is in pg_wal only, WAL whose index is missing, wrong or gone with its
// segment, and WAL of a branch that was left before the backup on it was over.
import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { walIndexKey, archivePrefix } from "../../src/repository/keys.ts";
import { archiveId } from "../../src/repository/stanza.ts";
import { getWalIndex, putWalIndex } from "../../src/repository/wal-index.ts";
import type { Cluster } from "../harness/cluster.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import { switchWal, waitForArchived } from "../harness/wal.ts";
import {
  expectRestoredAsPrimary,
  openSiteArchive,
  removeArchived,
  takeBackup,
} from "./incremental-ground.ts";

const UPDATE = "update t set n = n + 1 where id % 7 = 0";

/** A table of several MiB, and a full backup of it. */
async function laySite(major: number): Promise<ProtectedSite> {
  const site = await protectCluster({ major, settings: { autovacuum: false } });
  await site.production.sql(`
    create table t (id int primary key, n int, body text);
    insert into t select i, 0, repeat('x', 100) from generate_series(1, 30000) i`);
  await waitForArchived(site.production);
  await takeBackup(site, "full");
  return site;
}

/** Changes the table in a segment of its own, which is archived, and returns the segment's name. */
async function changeInOneSegment(production: Cluster): Promise<string> {
  await switchWal(production);
  await production.sql("update t set n = n + 1 where id between 100 and 200");
  return await waitForArchived(production);
}

/** Makes the stored index of a segment say that no block was changed. */
async function forgetBlocks(site: ProtectedSite, name: string): Promise<void> {
  const context = createContext();
  const archive = await openSiteArchive(site);
  const index = await getWalIndex(archive, name, context);
  if (!index) throw new Error(`${name} has no index`);
  const prefix = archivePrefix(archive.stanza, archiveId(archive.record));
  const key = walIndexKey(prefix, name, index.builderVersion);
  await archive.repository.store.remove(key, {});
  await putWalIndex(archive, { name, index: { ...index, blocks: [] } }, context);
  await site.workspace.give(`${site.workspace.repositoryDirectory}/${key}`);
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("WAL that is in pg_wal only, under load, is read from there; two backups at a time do not disturb each other", async () => {
    await using site = await laySite(major);
    const { production, workspace } = site;
    const hold = await workspace.write("hold", "");
    await production.sql(
      `alter system set archive_command = 'test ! -e ${hold} && ${workspace.archiveCommand}'`,
    );
    await production.reload();
    for (let turn = 0; turn < 4; turn += 1) await production.sql(UPDATE);
    const running = Promise.all([takeBackup(site, "incr"), takeBackup(site, "diff")]);
    const begun = waitUntil("both backups to decode WAL", async () => {
      const count = await production.value(
        "select count(*) from pg_stat_activity where query ~ 'pg_(start_backup|backup_start|is_in_recovery)'",
      );
      return Number(count) >= 2;
    });
    try {
      await begun;
    } finally {
      await rm(hold);
    }
    const backups = await running;
    expect(new Set(backups.map(({ label }) => label)).size).toBe(2);
    for (const { contentScan, log, prior } of backups) {
      expect([contentScan, prior?.endsWith("F")]).toEqual([null, true]);
      expect(log.match(/decoded a WAL segment that has no index/g)?.length).toBeGreaterThan(3);
    }
    await expectRestoredAsPrimary(site, "copy");
  });

  test("a prior backup that ended on a branch which was left before is passed over", async () => {
    await using site = await laySite(major);
    const { production } = site;
    await production.sql(UPDATE);
    await production.sql("select pg_create_restore_point('fork')");
    await production.sql("insert into t values (-1, 0, 'abandoned')");
    const abandoned = await takeBackup(site, "incr");
    await waitForArchived(production);
    await using clone = await site.restore("clone", [
      "--type=name",
      "--target=fork",
      "--target-action=promote",
      "--archive-mode=preserve",
      `--set=${abandoned.prior}`,
    ]);
    await production.stop();
    await clone.start();
    await clone.waitForPromotion();
    await clone.sql(
      "insert into t values (-2, 0, 'kept'); delete from t where id between 1 and 50",
    );
    await site.workspace.configure(clone);
    const branch = { ...site, production: clone };
    const backup = await takeBackup(branch, "incr");
    expect(backup).toMatchObject({ type: "incr", prior: abandoned.prior, contentScan: null });
    expect(backup.log).toContain("which this server left before");
    await expectRestoredAsPrimary(branch, "copy");
  });
});

describe(`PostgreSQL ${NEWEST_MAJOR}`, () => {
  test("a missing index is made again in memory, a missing segment or a wrong index has everything compared", async () => {
    await using site = await laySite(NEWEST_MAJOR);
    const { production } = site;
    await removeArchived(site, `${await changeInOneSegment(production)}.index-1`);
    const decoded = await takeBackup(site, "incr");
    expect(decoded).toMatchObject({ type: "incr", contentScan: null });
    expect(decoded.log).toContain("decoded a WAL segment that has no index");

    await forgetBlocks(site, await changeInOneSegment(production));
    const distrusted = await takeBackup(site, "incr");
    expect(distrusted.contentScan).toMatch(/^[1-9][0-9]* pages were changed that the WAL indexes/);
    expect(distrusted.log).toContain("a page was changed, but the WAL indexes do not name it");
    expect(distrusted.delta).toBeLessThan(distrusted.size / 4);
    await expectRestoredAsPrimary(site, "distrusted");

    const lost = await changeInOneSegment(production);
    await removeArchived(site, lost);
    await removeArchived(site, `${lost}.index-1`);
    await production.sql("checkpoint");
    await waitUntil(`${lost} to be recycled`, async () => {
      await production.sql(UPDATE);
      await production.sql("checkpoint");
      const found = await production.value("select count(*) from pg_ls_waldir() where name = $1", [
        lost,
      ]);
      return found === "0";
    });
    const scanned = await takeBackup(site, "diff");
    expect(scanned.contentScan).toContain(`${lost} is neither in pg_wal nor whole in the archive`);
    expect(scanned.log).toContain("all files are compared by content");
    expect(scanned.delta).toBeLessThan(scanned.size / 2);
    await expectRestoredAsPrimary(site, "scanned");
  });
});
