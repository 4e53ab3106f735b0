import { expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { createTombstone } from "../repository/backup-removal.ts";
import { listHolds } from "../repository/hold.ts";
import { STANZA, storedBytes } from "../repository/repository.fixture.ts";
import { faulty } from "../storage/faulty.ts";
import { holdBackup, releaseBackup } from "./hold.ts";
import {
  addBackup,
  addWal,
  beginBackup,
  copySite,
  createSite,
  expire,
  listed,
  type RetentionSite,
} from "./retention.fixture.ts";

const LABEL = parseBackupLabel("20261101-020000F");
const OTHER = parseBackupLabel("20261102-020000F");

async function createLine(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 9]);
  await addBackup(site, LABEL, { wal: [2, 3] });
  await addBackup(site, OTHER, { wal: [5, 6] });
  return site;
}

function requestOf({ context }: RetentionSite, reason: string): Parameters<typeof holdBackup>[2] {
  return { facts: { reason, by: "ann@db1", createdAt: context.clock.now() }, context };
}

test("a backup may be held several times, and is released from all at once", async () => {
  const site = await createLine();
  const place = site.through(site.store);
  expect((await holdBackup(place, LABEL, requestOf(site, "audit"))).number).toBe(1);
  expect((await holdBackup(place, LABEL, requestOf(site, "case 7"))).number).toBe(2);
  await holdBackup(place, OTHER, requestOf(site, "case 8"));
  const reasons = async (): Promise<readonly unknown[]> =>
    (await listHolds(site.repository, STANZA, site.context)).map(({ facts }) => facts?.reason);
  expect(await reasons()).toEqual(["audit", "case 7", "case 8"]);
  expect(await releaseBackup(place, LABEL, site.context)).toHaveLength(2);
  expect(await reasons()).toEqual(["case 8"]);
  await expect(releaseBackup(place, LABEL, site.context)).rejects.toMatchObject({
    code: "BACKUP_UNKNOWN",
  });
});

test("golden bytes of a hold", async () => {
  const site = await createLine();
  await holdBackup(site.through(site.store), LABEL, requestOf(site, "audit"));
  const key = `stanza/main/hold/${LABEL}/1`;
  expect((await storedBytes(site.store, key)).subarray(80 + key.length + 4 + 16).toString()).toBe(
    '{"reason":"audit","by":"ann@db1","createdAt":"2026-11-02T02:00:00Z"}',
  );
});

test("what is not complete or has expired cannot be held, and no hold is left", async () => {
  const site = await createLine();
  const place = site.through(site.store);
  const unfinished = await beginBackup(site, "20261103-020000F");
  const { repository, context } = site;
  await createTombstone(repository, STANZA, LABEL, { reason: "expired", context });
  for (const label of [unfinished, LABEL, parseBackupLabel("20261030-020000F")]) {
    await expect(holdBackup(place, label, requestOf(site, "late"))).rejects.toMatchObject({
      code: "BACKUP_UNKNOWN",
    });
  }
  expect(await listHolds(repository, STANZA, context)).toEqual([]);
});

test("a hold that meets its backup's tombstone backs out", async () => {
  const site = await createLine();
  const { repository, context, store } = site;
  const late = {
    ...store,
    put: async (...[key, content, options]: Parameters<typeof store.put>) => {
      const outcome = await store.put(key, content, options);
      await createTombstone(repository, STANZA, LABEL, { reason: "expired", context });
      return outcome;
    },
  };
  await expect(
    holdBackup(site.through(late), LABEL, requestOf(site, "late")),
  ).rejects.toMatchObject({ message: `backup ${LABEL} is expired already` });
  expect(await listHolds(repository, STANZA, context)).toEqual([]);
});

test("a hold that cannot be read counts all the same", async () => {
  const site = await createLine();
  await holdBackup(site.through(site.store), LABEL, requestOf(site, "audit"));
  site.store.tamper(`stanza/main/hold/${LABEL}/1`, (bytes) => bytes.subarray(4));
  expect(await listHolds(site.repository, STANZA, site.context)).toEqual([
    { label: LABEL, number: 1, facts: undefined },
  ]);
  await expire(site, { full: 1 });
  expect(listed(site.store)).toEqual([LABEL, OTHER]);
});

test("whatever call of the store fails: a hold that was acknowledged keeps its backup, and trying again works", async () => {
  const work = await createLine();
  const attempt = async (site: RetentionSite, nth: number): Promise<boolean> => {
    const rule = { nth, fault: { kind: "fail", when: "after" } } as const;
    const store = faulty(site.store, [rule], site.context);
    const result = await holdBackup(site.through(store), LABEL, requestOf(site, "audit")).catch(
      () => undefined,
    );
    return result !== undefined;
  };
  for (let nth = 1; nth <= 12; nth += 1) {
    const site = await copySite(work);
    if (!(await attempt(site, nth))) await attempt(site, Infinity);
    await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([LABEL, OTHER]);
    await releaseBackup(site.through(site.store), LABEL, site.context);
    await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([OTHER]);
  }
});
