// Expire that fails or dies at any of its calls: nothing that is to be kept is gone, and running it again finishes.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { createHold } from "../repository/hold.ts";
import { STANZA } from "../repository/repository.fixture.ts";
import { readManifestHeader } from "../repository/manifest.ts";
import { faulty, type FaultRule } from "../storage/faulty.ts";
import { performExpire } from "./perform.ts";
import {
  addBackup,
  addWal,
  beginBackup,
  copySite,
  createSite,
  DAY_MS,
  listed,
  packs,
  requestOf,
  type RetentionSite,
  wal,
} from "./retention.fixture.ts";

const HELD = "20261101-020000F";
const OLD = "20261102-020000F";
const INCR = `${OLD}_20261103-020000I`;
const HIDDEN = "20261104-020000F";
const DEAD = "20261105-020000F";
const KEPT = "20261110-020000F";
const DIFF = `${KEPT}_20261111-020000D`;
const NEWEST = "20261114-020000F";
const REQUEST = requestOf({ full: 2, graceMs: DAY_MS });
const KEEP: readonly string[] = [HELD, KEPT, DIFF, NEWEST];

/** Every kind of work for one run: a hold, backups to hide, one to delete, a dead one, WAL to go. */
async function createWork(): Promise<RetentionSite> {
  const site = await createSite();
  const { context } = site;
  await addWal(site, [14, 32]);
  await addBackup(site, HELD, { wal: [14, 15] });
  const facts = { reason: "audit", by: "ann@db1", createdAt: context.clock.now() };
  await createHold(site.repository, STANZA, parseBackupLabel(HELD), { facts, context });
  await addBackup(site, OLD, { wal: [16, 16], packs: [`${OLD}/0`, `${OLD}/1`] });
  await addBackup(site, INCR, { wal: [17, 17], prior: OLD, packs: [`${OLD}/1`, `${INCR}/0`] });
  await addBackup(site, HIDDEN, { wal: [18, 18], packs: [`${HIDDEN}/0`, `${HIDDEN}/1`] });
  await addBackup(site, KEPT, { wal: [20, 21], packs: [`${KEPT}/0`, `${HIDDEN}/1`] });
  await addBackup(site, DIFF, { wal: [24, 25], prior: KEPT, packs: [`${KEPT}/0`, `${DIFF}/0`] });
  await beginBackup(site, DEAD);
  await addBackup(site, NEWEST, { wal: [30, 31] });
  site.setNow("2026-11-14T12:00:00Z");
  await performExpire(
    site.through(site.store),
    requestOf({ graceMs: DAY_MS }, { named: [HIDDEN] }),
    context,
  );
  site.setNow("2026-11-16T12:00:00Z");
  return site;
}

/** What must hold after every call of every run. */
async function requireKept(site: RetentionSite): Promise<void> {
  expect(listed(site.store)).toEqual(expect.arrayContaining([...KEEP]));
  for (const label of KEEP) {
    const header = await readManifestHeader(
      site.repository,
      STANZA,
      parseBackupLabel(label),
      site.context,
    );
    const names = header.packs.map((pack) => `${pack.label}/${pack.number}`);
    expect(packs(site.store)).toEqual(expect.arrayContaining(names));
  }
  const numbers = Array.from({ length: 13 }, (_, step) => 20 + step);
  expect(wal(site.store)).toEqual(expect.arrayContaining(numbers));
}

/** Runs to the end: today's work, and what its grace leaves for the day after tomorrow. */
async function finish(site: RetentionSite): Promise<readonly string[]> {
  for (const now of ["2026-11-16T13:00:00Z", "2026-11-18T12:00:00Z"]) {
    site.setNow(now);
    await performExpire(site.through(site.store), REQUEST, site.context);
    await requireKept(site);
  }
  return site.store.keys();
}

/** @returns how many calls the rule is for. */
async function interrupt(site: RetentionSite, rule: FaultRule): Promise<number> {
  const store = faulty(site.store, [rule], site.context);
  await performExpire(site.through(store), REQUEST, site.context).catch(() => undefined);
  await requireKept(site);
  const methods = rule.method === undefined ? undefined : [rule.method].flat();
  return store.calls.filter(({ method }) => methods?.includes(method) ?? true).length;
}

/** What happens, and to how many calls from the chosen one on. */
const FAULTS: readonly (readonly [string, FaultRule])[] = [
  ["fails", { fault: { kind: "fail" } }],
  ["fails for ever", { fault: { kind: "fail" }, times: Infinity }],
  ["is done, but its answer is lost", { fault: { kind: "fail", when: "after" } }],
  [
    "is done, and nothing is answered from there on",
    { fault: { kind: "fail", when: "after" }, times: Infinity },
  ],
  [
    "answers absence or an empty list",
    { fault: { kind: "absent" }, method: ["get", "stat", "list"] },
  ],
  ["gives half of a listing", { fault: { kind: "shortList" }, method: "list" }],
  ["answers a flipped bit", { fault: { kind: "flipBit" }, method: "get" }],
];

describe("a call of the store", () => {
  test.each(FAULTS)("%s: each one in turn", { timeout: 60_000 }, async (_, rule) => {
    const work = await createWork();
    const whole = await copySite(work);
    const callCount = await interrupt(whole, { ...rule, nth: 1_000_000 });
    const expected = await finish(whole);
    expect(callCount).toBeGreaterThan(5);
    for (let nth = 1; nth <= callCount; nth += 1) {
      const site = await copySite(work);
      await interrupt(site, { ...rule, nth });
      expect(await finish(site)).toEqual(expected);
    }
  });
});

test(
  "killed again and again at random moments, it finishes in the end",
  { timeout: 60_000 },
  async () => {
    const seed = process.env["HINDSIGHT_TEST_SEED"] ?? String(Math.floor(Math.random() * 2 ** 31));
    const random = seededRandom(Number(seed));
    const expected = await finish(await createWork());
    for (let round = 0; round < 12; round += 1) {
      const site = await createWork();
      for (let death = 0; death < 5; death += 1) {
        const when = random.integer(0, 2) === 0 ? "before" : "after";
        const nth = random.integer(1, 120);
        await interrupt(site, { nth, times: Infinity, fault: { kind: "fail", when } });
      }
      expect(await finish(site), `HINDSIGHT_TEST_SEED=${seed}, round ${round}`).toEqual(expected);
    }
  },
);
