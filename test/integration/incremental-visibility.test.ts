// What block references do not tell: the visibility map changes without them, and a cut table leaves stale bits in it.
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { contentsOf, expectSound, expectVisible } from "../harness/contents.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { takeBackup } from "./incremental-ground.ts";

/** Two tables with a visibility map, as a full backup then has them. */
async function createMapped(production: Cluster): Promise<void> {
  await production.sql(`
    create table t (id int primary key, body text) with (autovacuum_enabled = off);
    insert into t select i, repeat('x', 60) from generate_series(1, 50000) i;
    create table cut (id int primary key, body text) with (autovacuum_enabled = off);
    insert into cut select i, repeat('x', 60) from generate_series(1, 50000) i`);
  await production.sql("vacuum (freeze)");
}

async function changeMapped(production: Cluster): Promise<void> {
  await production.sql("delete from t where id % 10 = 0");
  await production.sql("delete from cut where id > 20000");
  await production.sql("vacuum (truncate) cut");
}

/** Restores a backup to its own end and expects the state of the primary, which has not changed since. */
async function expectAtStop(site: ProtectedSite, label: string): Promise<void> {
  await waitForArchived(site.production);
  const target = ["--type=immediate", "--target-action=promote"];
  await using copy = await site.restore(`of-${label.slice(-3)}`, [`--set=${label}`, ...target]);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentsOf(copy)).toEqual(await contentsOf(site.production));
  await expectVisible(copy);
  // A cut table that grows again must not find old bits in its map.
  await copy.sql("insert into cut select i, 'again' from generate_series(20001, 50000) i");
  await copy.sql("delete from cut where id > 30000");
  await expectVisible(copy);
  await expectSound(copy);
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  // Without checksums more changes of the map leave no trace; the newest major is tried with them as well.
  test.each(major === NEWEST_MAJOR ? [[true], [false]] : [[false]])(
    "a visibility map that changed without a block reference is restored as it is (checksums: %s)",
    async (checksums) => {
      await using site = await protectCluster({ major, checksums, walSegmentSizeMb: 16 });
      const { production } = site;
      await createMapped(production);
      await takeBackup(site, "full");
      await changeMapped(production);
      const backup = await takeBackup(site, "incr");
      expect(backup).toMatchObject({ type: "incr", contentScan: null });
      await expectAtStop(site, backup.label);
    },
  );
});
