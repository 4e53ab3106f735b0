import { expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { createHold, removeHold } from "../repository/hold.ts";
import { STANZA } from "../repository/repository.fixture.ts";
import { faulty } from "../storage/faulty.ts";
import { deleteStanza } from "./delete-stanza.ts";
import {
  addBackup,
  addWal,
  beginBackup,
  copySite,
  createSite,
  listed,
  packs,
  type RetentionSite,
} from "./retention.fixture.ts";

const FIRST = "20261101-020000F";
const SECOND = "20261102-020000F";

async function createLine(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 9]);
  await addBackup(site, FIRST, { wal: [2, 3] });
  await addBackup(site, SECOND, { wal: [5, 6] });
  return site;
}

test("nothing of the stanza is left, and the repository stays", async () => {
  const site = await createLine();
  await site.store.put("stanza/other/stanza/1", Buffer.from("another stanza"));
  const { backups } = await deleteStanza(site.through(site.store), { force: false }, site.context);
  expect(backups).toEqual([FIRST, SECOND]);
  expect(site.store.keys()).toEqual(["repository.json", "stanza/other/stanza/1"]);
});

test("it is refused while a backup is held, or unfinished without force", async () => {
  const site = await createLine();
  const { context, repository } = site;
  const place = site.through(site.store);
  await beginBackup(site, "20261103-020000F");
  const keys = site.store.keys();
  await expect(deleteStanza(place, { force: false }, context)).rejects.toMatchObject({
    code: "LOCK_HELD",
  });
  const facts = { reason: "case 7", by: "ann@db1", createdAt: context.clock.now() };
  const label = parseBackupLabel(FIRST);
  await createHold(repository, STANZA, label, { facts, context });
  await expect(deleteStanza(place, { force: true }, context)).rejects.toMatchObject({
    code: "BACKUP_HELD",
  });
  await removeHold(repository, STANZA, { label, number: 1 }, context);
  expect(site.store.keys()).toEqual(keys);
  await deleteStanza(place, { force: true }, context);
  expect(site.store.keys()).toEqual(["repository.json"]);
});

test("a hold that comes while backups are hidden stops it before anything is deleted", async () => {
  const site = await createLine();
  const { context, repository, store } = site;
  const keys = site.store.keys();
  const facts = { reason: "case 7", by: "ann@db1", createdAt: context.clock.now() };
  const label = parseBackupLabel(FIRST);
  const late = {
    ...store,
    put: async (...[key, content, options]: Parameters<typeof store.put>) => {
      const outcome = await store.put(key, content, options);
      if (key.endsWith(`${SECOND}/tombstone`)) {
        await createHold(repository, STANZA, label, { facts, context });
      }
      return outcome;
    },
  };
  await expect(deleteStanza(site.through(late), { force: false }, context)).rejects.toMatchObject({
    code: "BACKUP_HELD",
  });
  await removeHold(repository, STANZA, { label, number: 1 }, context);
  expect(site.store.keys()).toEqual(keys);
});

test("whatever call of the store fails, what is listed can be restored, and doing it again finishes", async () => {
  const work = await createLine();
  const whole = await copySite(work);
  const counting = faulty(whole.store, [], whole.context);
  await deleteStanza(whole.through(counting), { force: false }, whole.context);
  for (let nth = 1; nth <= counting.calls.length; nth += 1) {
    for (const when of ["before", "after"] as const) {
      const site = await copySite(work);
      const rule = { nth, times: Infinity, fault: { kind: "fail", when } } as const;
      const store = faulty(site.store, [rule], site.context);
      await deleteStanza(site.through(store), { force: false }, site.context).catch(
        () => undefined,
      );
      const names = listed(site.store);
      expect(packs(site.store)).toEqual(expect.arrayContaining(names.map((name) => `${name}/0`)));
      await deleteStanza(site.through(site.store), { force: false }, site.context);
      expect(site.store.keys()).toEqual(["repository.json"]);
    }
  }
});
