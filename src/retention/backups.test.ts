// Which backups expire.
import { describe, expect, test } from "vitest";
import { createHold } from "../repository/hold.ts";
import { STANZA } from "../repository/repository.fixture.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import {
  addBackup,
  addWal,
  beginBackup,
  commitSiteBackup,
  createSite,
  DAY_MS,
  expire,
  listed,
  packs,
  type RetentionSite,
} from "./retention.fixture.ts";

const F1 = "20261101-020000F";
const D1 = `${F1}_20261102-020000D`;
const I1 = `${F1}_20261102-060000I`;
const D2 = `${F1}_20261103-020000D`;
const I2 = `${F1}_20261103-060000I`;
const F2 = "20261108-020000F";
const D3 = `${F2}_20261109-020000D`;
const F3 = "20261115-020000F";

/** Three weeks: F1 D1 I1 D2 I2 F2 D3 F3, two segments each, WAL 1 to 40. */
async function threeWeeks(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 40]);
  await addBackup(site, F1, { wal: [2, 3] });
  await addBackup(site, D1, { wal: [5, 6], prior: F1, packs: [`${F1}/0`, `${D1}/0`] });
  await addBackup(site, I1, { wal: [7, 8], prior: D1, packs: [`${F1}/0`, `${D1}/0`, `${I1}/0`] });
  await addBackup(site, D2, { wal: [9, 10], prior: F1, packs: [`${F1}/0`, `${D2}/0`] });
  await addBackup(site, I2, { wal: [11, 12], prior: D2, packs: [`${F1}/0`, `${D2}/0`, `${I2}/0`] });
  await addBackup(site, F2, { wal: [20, 21] });
  await addBackup(site, D3, { wal: [23, 24], prior: F2, packs: [`${F2}/0`, `${D3}/0`] });
  await addBackup(site, F3, { wal: [30, 31] });
  site.setNow("2026-11-15T12:00:00Z");
  return site;
}

async function left(rules: Parameters<typeof expire>[1]): Promise<readonly string[]> {
  const site = await threeWeeks();
  await expire(site, rules);
  return listed(site.store);
}

describe("by rules", () => {
  test("without rules nothing expires", async () => {
    expect(await left({})).toEqual([F1, D1, I1, D2, I2, F2, D3, F3]);
  });

  test("a full backup beyond the count expires with everything that builds on it", async () => {
    expect(await left({ full: 3 })).toEqual([F1, D1, I1, D2, I2, F2, D3, F3]);
    expect(await left({ full: 2 })).toEqual([F2, D3, F3]);
    expect(await left({ full: 1 })).toEqual([F3]);
  });

  test("differential backups are counted together with full ones, and take their incrementals along", async () => {
    // Newest first: F3 D3 F2 D2 | D1 F1.
    expect(await left({ diff: 4 })).toEqual([F1, D2, I2, F2, D3, F3]);
    expect(await left({ diff: 3 })).toEqual([F1, F2, D3, F3]);
    expect(await left({ full: 2, diff: 1 })).toEqual([F2, F3]);
  });

  test("by time, the newest full backup before the beginning of the time stays, with all that follows", async () => {
    // Three days before is 12 November: F2 is the newest full backup before.
    expect(await left({ full: 3, fullType: "time" })).toEqual([F2, D3, F3]);
    // Eleven days before is 4 November: F1 is the newest full backup before.
    expect(await left({ full: 11, fullType: "time" })).toEqual([F1, D1, I1, D2, I2, F2, D3, F3]);
    expect(await left({ full: 30, fullType: "time" })).toEqual([F1, D1, I1, D2, I2, F2, D3, F3]);
  });
});

describe("what no rule takes away", () => {
  test("the last backup without damaged pages stays, and is named", async () => {
    const site = await createSite();
    await addWal(site, [1, 20]);
    await addBackup(site, F1, { wal: [2, 3] });
    await addBackup(site, F2, { wal: [8, 9], hasPageErrors: true });
    await addBackup(site, F3, { wal: [14, 15], hasPageErrors: true });
    const { hidden, spared } = await expire(site, { full: 1 });
    expect(hidden.map(({ label }) => label)).toEqual([F2]);
    expect(spared).toEqual([{ label: F1, reason: "it is the last backup that can be restored" }]);
  });

  test("the last backup whose packs and WAL are all there stays", async () => {
    const site = await threeWeeks();
    site.store.tamper(`stanza/main/pack/${F3}/00000000`, () => undefined);
    await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([F2, D3, F3]);
  });

  test("a held backup stays with what it was built on, until it is released", async () => {
    const site = await threeWeeks();
    const facts = { reason: "audit", by: "ann@db1", createdAt: site.context.clock.now() };
    await createHold(site.repository, STANZA, parseBackupLabel(I1), {
      facts,
      context: site.context,
    });
    const { spared } = await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([F1, D1, I1, F3]);
    expect(spared).toContainEqual({ label: I1, reason: 'it is held: "audit" (ann@db1)' });
    expect(packs(site.store)).toEqual([`${F1}/0`, `${D1}/0`, `${I1}/0`, `${F3}/0`]);
    await expect(expire(site, {}, { named: [F1] })).rejects.toMatchObject({
      code: "BACKUP_HELD",
      exitCode: 27,
      message: `backup ${I1} cannot expire: it is held: "audit" (ann@db1)`,
    });
    site.store.tamper(`stanza/main/hold/${I1}/1`, () => undefined);
    await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([F3]);
  });

  test("what an unfinished backup builds on stays, with all its packs", async () => {
    const site = await threeWeeks();
    const growing = `${F1}_20261115-130000I`;
    const label = await beginBackup(site, growing, { prior: I2 });
    await expire(site, { full: 1, graceMs: DAY_MS });
    expect(listed(site.store)).toEqual([F1, D2, I2, F3]);
    await expect(expire(site, {}, { named: [I2] })).rejects.toMatchObject({ code: "LOCK_HELD" });
    await commitSiteBackup(site, label, {
      wal: [35, 36],
      prior: I2,
      packs: [`${F1}/0`, `${I2}/0`],
    });
    await expire(site, { full: 1, graceMs: 0 });
    // Its full backup is beyond the count now, and it goes with it.
    expect(listed(site.store)).toEqual([F3]);
  });
});

describe("by name", () => {
  test("a backup goes with what builds on it, and no rule is applied to the others", async () => {
    const site = await threeWeeks();
    const { hidden } = await expire(site, { full: 1 }, { named: [D2] });
    expect(hidden).toEqual([
      { label: D2, reason: "it was named" },
      { label: I2, reason: `it builds on ${D2}, which was named` },
    ]);
    expect(listed(site.store)).toEqual([F1, D1, I1, F2, D3, F3]);
  });

  test("the last one that can be restored goes only by force", async () => {
    const site = await createSite();
    await addWal(site, [1, 9]);
    await addBackup(site, F1, { wal: [2, 3] });
    await expect(expire(site, {}, { named: [F1] })).rejects.toMatchObject({ code: "BACKUP_LAST" });
    expect(listed(site.store)).toEqual([F1]);
    await expire(site, {}, { named: [F1], force: true });
    expect(listed(site.store)).toEqual([]);
    expect(packs(site.store)).toEqual([]);
  });

  test("an unknown backup is refused", async () => {
    const site = await threeWeeks();
    await expect(expire(site, {}, { named: ["20261031-000000F"] })).rejects.toMatchObject({
      code: "BACKUP_UNKNOWN",
    });
  });
});
