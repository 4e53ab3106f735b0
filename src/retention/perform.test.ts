// The protocol: hide, look again, revoke, read anew, delete; and who may come between.
import { describe, expect, test } from "vitest";
import { isFailure } from "../model/failure.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { commitBackup, readBackupSet } from "../repository/backup-set.ts";
import { createHold } from "../repository/hold.ts";
import { HASH } from "../repository/manifest.fixture.ts";
import { STANZA } from "../repository/repository.fixture.ts";
import { faulty } from "../storage/faulty.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { performExpire } from "./perform.ts";
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
  requestOf,
  type RetentionSite,
} from "./retention.fixture.ts";

const F1 = "20261101-020000F";
const I1 = `${F1}_20261101-060000I`;
const F2 = "20261108-020000F";
const F3 = "20261115-020000F";
const TOMBSTONE = /\/tombstone$/;

async function createLine(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 40]);
  await addBackup(site, F1, { wal: [2, 3], packs: [`${F1}/0`, `${F1}/1`] });
  await addBackup(site, I1, { wal: [5, 6], prior: F1, packs: [`${F1}/0`, `${I1}/0`] });
  await addBackup(site, F2, { wal: [20, 21] });
  await addBackup(site, F3, { wal: [30, 31] });
  site.setNow("2026-11-15T12:00:00Z");
  return site;
}

/** Runs `act` once, just after a tombstone of this label was created. */
function afterTombstone(store: ObjectStore, label: string, act: () => Promise<void>): ObjectStore {
  let isDone = false;
  return {
    ...store,
    put: async (key, content, options) => {
      const outcome = await store.put(key, content, options);
      if (!isDone && key.endsWith(`/${label}/tombstone`)) {
        isDone = true;
        await act();
      }
      return outcome;
    },
  };
}

describe("hide, then delete", () => {
  test("what expires is hidden at once and deleted when the grace is over", async () => {
    const site = await createLine();
    const first = await expire(site, { full: 2, graceMs: DAY_MS });
    expect(first.hidden.map(({ label }) => label)).toEqual([F1, I1]);
    expect(listed(site.store)).toEqual([F2, F3]);
    expect(packs(site.store)).toContain(`${F1}/0`);
    expect(first.deleted).toMatchObject({ backups: [], packCount: 0 });
    site.setNow("2026-11-16T11:59:59Z");
    await expire(site, { full: 2, graceMs: DAY_MS });
    expect(packs(site.store)).toHaveLength(5);
    site.setNow("2026-11-16T12:00:00Z");
    const last = await expire(site, { full: 2, graceMs: DAY_MS });
    expect(last.deleted).toMatchObject({ backups: [F1, I1], packCount: 3, packBytes: 18 });
    expect(packs(site.store)).toEqual([`${F2}/0`, `${F3}/0`]);
    expect(site.store.keys().filter((key) => key.includes(F1))).toEqual([]);
  });

  test("packs that a kept backup names stay when their own backup is gone", async () => {
    const site = await createLine();
    await addBackup(site, "20261116-020000F", {
      wal: [33, 34],
      packs: [`${F1}/1`, "20261116-020000F/0"],
    });
    await expire(site, { full: 1 });
    expect(packs(site.store)).toEqual([`${F1}/1`, "20261116-020000F/0"]);
    await expire(site, { full: 1 });
    expect(packs(site.store)).toEqual([`${F1}/1`, "20261116-020000F/0"]);
  });

  test("doing it again changes nothing", async () => {
    const site = await createLine();
    await expire(site, { full: 1 });
    const keys = site.store.keys();
    const again = await expire(site, { full: 1 });
    expect(site.store.keys()).toEqual(keys);
    expect(again).toMatchObject({
      hidden: [],
      revoked: [],
      deleted: { backups: [], packCount: 0 },
    });
  });
});

describe("dead backups", () => {
  const DEAD = "20261112-020000F";

  test("one that began longer ago than the grace, before a complete one, is revoked and cleared", async () => {
    const site = await createLine();
    const label = await beginBackup(site, DEAD);
    site.setNow("2026-11-15T12:00:00Z");
    const { revoked } = await expire(site, { graceMs: DAY_MS });
    expect(revoked).toMatchObject([{ label: DEAD }]);
    expect(packs(site.store)).toContain(`${DEAD}/0`);
    site.setNow("2026-11-16T12:00:00Z");
    await expire(site, { graceMs: DAY_MS });
    expect(packs(site.store)).not.toContain(`${DEAD}/0`);
    // A process that slept through all of this writes on, and still cannot commit.
    await site.store.put(`stanza/main/pack/${DEAD}/00000001`, Buffer.from("late"));
    await site.store.put(`stanza/main/backup/${DEAD}/manifest`, Buffer.from("late"));
    await expect(
      commitBackup(site.repository, STANZA, label, HASH, site.context),
    ).rejects.toMatchObject({ code: "BACKUP_REVOKED", exitCode: 27 });
    await expire(site, { graceMs: DAY_MS });
    expect(site.store.keys().filter((key) => key.includes(DEAD))).toEqual([
      `stanza/main/backup/${DEAD}/outcome`,
    ]);
  });

  test("one that is younger than the grace, or has no later one, goes on", async () => {
    const site = await createLine();
    await beginBackup(site, "20261115-110000F");
    site.setNow("2026-11-18T12:00:00Z");
    expect((await expire(site, { graceMs: DAY_MS })).revoked).toEqual([]);
    const other = await createLine();
    await beginBackup(other, "20261114-130000F");
    other.setNow("2026-11-15T12:00:00Z");
    expect((await expire(other, { graceMs: DAY_MS })).revoked).toEqual([]);
    expect(packs(other.store)).toContain("20261114-130000F/0");
  });
});

describe("who comes between", () => {
  test("an incremental that began before the tombstone of its prior keeps it", async () => {
    const site = await createLine();
    const store = afterTombstone(site.store, F1, async () => {
      await beginBackup(site, `${F1}_20261115-120000I`, { prior: I1 });
    });
    const result = await performExpire(site.through(store), requestOf({ full: 2 }), site.context);
    expect(listed(site.store)).toEqual([F1, I1, F2, F3]);
    expect(result.spared).toEqual([
      { label: F1, reason: `${I1}, which stays, builds on it` },
      { label: I1, reason: `backup ${F1}_20261115-120000I builds on it` },
    ]);
    expect(packs(site.store)).toContain(`${I1}/0`);
  });

  test("an incremental that was complete before anybody looked again keeps its prior", async () => {
    const site = await createLine();
    const label = `${F1}_20261115-120000I`;
    const store = afterTombstone(site.store, F1, async () => {
      const backup = { wal: [38, 39], prior: I1, packs: [`${I1}/0`, `${label}/0`] } as const;
      await commitSiteBackup(site, await beginBackup(site, label, { prior: I1 }), backup);
    });
    await performExpire(site.through(store), requestOf({ full: 2 }), site.context);
    expect(listed(site.store)).toEqual([F1, I1, label, F2, F3]);
  });

  test("a hold that came after the plan keeps its backup", async () => {
    const site = await createLine();
    const facts = { reason: "case 7", by: "ann@db1", createdAt: site.context.clock.now() };
    const store = afterTombstone(site.store, F1, async () => {
      await createHold(site.repository, STANZA, parseBackupLabel(F1), {
        facts,
        context: site.context,
      });
    });
    await performExpire(site.through(store), requestOf({ full: 2 }), site.context);
    expect(listed(site.store)).toEqual([F1, F2, F3]);
  });

  test("a hold that an interrupted run did not look for brings its backup back", async () => {
    const site = await createLine();
    const facts = { reason: "case 7", by: "ann@db1", createdAt: site.context.clock.now() };
    const dying = faulty(
      site.store,
      [{ method: "put", key: TOMBSTONE, nth: 2, fault: { kind: "fail", when: "after" } }],
      site.context,
    );
    const request = requestOf({ full: 2, graceMs: DAY_MS });
    await expect(performExpire(site.through(dying), request, site.context)).rejects.toThrow(
      "injected",
    );
    expect(listed(site.store)).toEqual([F2, F3]);
    await createHold(site.repository, STANZA, parseBackupLabel(I1), {
      facts,
      context: site.context,
    });
    const { shown } = await expire(site, { full: 2, graceMs: DAY_MS });
    expect(shown).toEqual([{ label: I1, reason: "it is held" }]);
    expect(listed(site.store)).toEqual([I1, F2, F3]);
  });

  test("two at once end with what one alone leaves, or say that they met", async () => {
    const alone = await createLine();
    await expire(alone, { full: 1 });
    for (let round = 0; round < 20; round += 1) {
      const site = await createLine();
      const slow = faulty(
        site.store,
        [{ nth: 1 + round * 2, times: Infinity, fault: { kind: "delay", delayMs: 1 } }],
        site.context,
      );
      const request = requestOf({ full: 1 });
      const results = await Promise.allSettled([
        performExpire(site.through(slow), request, site.context),
        expire(site, { full: 1 }),
      ]);
      const reasons = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
      expect(
        reasons.filter((each) => !isFailure(each, "REPOSITORY_UNREACHABLE", "OBJECT_CORRUPT")),
      ).toEqual([]);
      await expire(site, { full: 1 });
      expect(site.store.keys()).toEqual(alone.store.keys());
    }
  });
});

describe("nothing is deleted while something is not known", () => {
  async function refusal(site: RetentionSite, store: ObjectStore = site.store): Promise<unknown> {
    const keys = site.store.keys();
    const request = requestOf({ full: 1 });
    const error: unknown = await performExpire(site.through(store), request, site.context).catch(
      (caught: unknown) => caught,
    );
    const gone = keys.filter((key) => !site.store.keys().includes(key));
    expect(gone).toEqual([]);
    return error;
  }

  test.each(["manifest", "outcome"])("a damaged %s, until its backup is given up", async (part) => {
    const site = await createLine();
    const key = `stanza/main/backup/${F2}/${part}`;
    site.store.tamper(key, (bytes) => bytes.subarray(0, bytes.length - 1));
    expect(await refusal(site)).toMatchObject({
      code: "OBJECT_CORRUPT",
      exitCode: 22,
      hint: `\`hindsight expire --set=${F2}\` gives that backup up; then the others can be expired again.`,
    });
    await expire(site, {}, { named: [F2] });
    await expire(site, { full: 1 });
    expect(listed(site.store)).toEqual([F3]);
  });

  test("a damaged intent of an unfinished backup", async () => {
    const site = await createLine();
    const label = await beginBackup(site, `${F1}_20261115-110000I`, { prior: I1 });
    site.store.tamper(`stanza/main/backup/${label}/intent`, (bytes) => bytes.subarray(1));
    expect(await refusal(site)).toMatchObject({ code: "OBJECT_CORRUPT" });
  });

  test.each(["absent", "shortList"] as const)(
    "a listing of backups that answers %s",
    async (kind) => {
      for (let nth = 1; nth <= 4; nth += 1) {
        const site = await createLine();
        const rule = {
          method: "list",
          key: /^stanza\/main\/backup\//,
          nth,
          fault: { kind },
        } as const;
        const store = faulty(site.store, [rule], site.context);
        const before = listed(site.store);
        const error: unknown = await performExpire(
          site.through(store),
          requestOf({ full: 1 }),
          site.context,
        ).catch((caught: unknown) => caught);
        // Either it was noticed, or the lie came where it cannot hurt; what must stay is there in any case.
        const isNoticed =
          error instanceof Error && isFailure(error, "REPOSITORY_UNREACHABLE", "OBJECT_MISSING");
        expect(isNoticed || !(error instanceof Error)).toBe(true);
        expect(listed(site.store)).toContain(F3);
        expect(packs(site.store)).toContain(`${F3}/0`);
        const set = await readBackupSet(site.repository, STANZA, site.context);
        expect(before).toEqual(expect.arrayContaining([...set.committed]));
      }
    },
  );

  test("packs without any backup", async () => {
    const site = await createLine();
    for (const key of site.store.keys()) {
      if (key.includes("/backup/2")) site.store.tamper(key, () => undefined);
    }
    expect(await refusal(site)).toMatchObject({ code: "OBJECT_MISSING" });
  });

  test("a store whose promises were not kept when the repository was made", async () => {
    const site = await createLine();
    const { repository } = site;
    const record = { ...repository.record, probe: { putIfAbsent: false, listing: true } };
    const place = { repository: { ...repository, record }, stanza: STANZA };
    await expect(performExpire(place, requestOf({ full: 1 }), site.context)).rejects.toMatchObject({
      code: "REPOSITORY_DENIED",
    });
  });
});
