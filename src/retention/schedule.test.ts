// Row 001-30 of the mission: full on Sundays, differential on the other nights, incremental every four hours, and a
// retention of two full and four differential backups, over five weeks, with an expire each night.
import { expect, test } from "vitest";
import {
  addBackup,
  addWal,
  createSite,
  DAY_MS,
  expire,
  listed,
  packs,
  type RetentionSite,
  wal,
} from "./retention.fixture.ts";

interface Schedule {
  readonly site: RetentionSite;
  /** Label and first segment of every backup that was taken. */
  readonly taken: ReadonlyMap<string, number>;
}

function stamp(instant: Temporal.Instant): string {
  return instant.toString().replace(/[-:Z]/g, "").replace("T", "-").slice(0, 15);
}

async function runSchedule(days: number): Promise<Schedule> {
  const site = await createSite();
  const taken = new Map<string, number>();
  let now = Temporal.Instant.from("2026-11-01T02:00:00Z");
  let segment = 2;
  let [full, diff, last] = ["", "", ""];
  for (let step = 0; step < days * 6; step += 1, now = now.add({ hours: 4 })) {
    const isNight = step % 6 === 0;
    const type = isNight ? (step % 42 === 0 ? "F" : "D") : "I";
    const own = stamp(now) + type;
    const label = type === "F" ? own : `${full}_${own}`;
    const prior = type === "F" ? "" : type === "D" ? full : last;
    await addWal(site, [segment - 1, segment]);
    const named = [...new Set([full, type === "I" ? diff : "", type === "I" ? last : ""])];
    await addBackup(site, label, {
      wal: [segment, segment],
      ...(prior === "" ? {} : { prior }),
      packs: [...(type === "F" ? [] : named.filter(Boolean)), label].map((each) => `${each}/0`),
    });
    taken.set(label, segment);
    if (type === "F") [full, diff] = [label, ""];
    if (type === "D") diff = label;
    last = label;
    segment += 2;
    if (isNight) await expire(site, { full: 2, diff: 4, graceMs: DAY_MS });
  }
  return { site, taken };
}

test("the schedule of document 001 keeps two full backups, and the last four nights with their days", async () => {
  const { site, taken } = await runSchedule(33);
  const labels = listed(site.store);
  const full = labels.filter((label) => label.endsWith("F"));
  expect(full).toEqual(["20261122-020000F", "20261129-020000F"]);
  const diff = labels.filter((label) => label.endsWith("D")).map((label) => label.slice(17, 25));
  // The last day is Thursday, 3 December: with Sunday's full one they are the newest five, of which four are counted.
  expect(diff).toEqual(["20261130", "20261201", "20261202", "20261203"]);
  // Incremental ones stay with what they were built on: the days of the full backups, and of the kept nights.
  const days = new Set(
    labels.filter((label) => label.endsWith("I")).map((label) => label.slice(17, 25)),
  );
  expect([...days]).toEqual([
    "20261122",
    "20261129",
    "20261130",
    "20261201",
    "20261202",
    "20261203",
  ]);
  // WAL reaches back to the oldest full backup that is kept, without a hole.
  const numbers = wal(site.store);
  expect(numbers[0]).toBe(taken.get("20261122-020000F"));
  expect(numbers.at(-1)).toBe(Math.max(...taken.values()));
  expect(numbers).toHaveLength((numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1);
  // What is hidden since less than a day is all that is stored beyond what is listed.
  const owners = new Set(packs(site.store).map((name) => name.split("/")[0]));
  expect(owners.size).toBeLessThanOrEqual(labels.length + 12);
  for (const label of labels) expect(owners).toContain(label);
}, 60_000);
