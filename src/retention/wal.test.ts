// Which WAL expires, and what expires with it.
import { describe, expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { lsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import { revokeBackup } from "../repository/backup-set.ts";
import { putCatalogue } from "../repository/catalogue.ts";
import { createHold } from "../repository/hold.ts";
import { CLUSTER, STANZA } from "../repository/repository.fixture.ts";
import { readStanza } from "../repository/stanza.ts";
import { putFact } from "../repository/fact.ts";
import { putWalFile, recordGap, type WalArchive } from "../repository/wal-archive.ts";
import {
  addBackup,
  addWal,
  beginBackup,
  createSite,
  DAY_MS,
  expire,
  listed,
  type RetentionSite,
  segment,
  wal,
} from "./retention.fixture.ts";

const F1 = "20261101-020000F";
const F2 = "20261108-020000F";
const D2 = `${F2}_20261109-020000D`;
const F3 = "20261115-020000F";
const MIB = 2n ** 20n;

/** Three full backups and a differential one, WAL 1 to 40. */
async function createLine(): Promise<RetentionSite> {
  const site = await createSite();
  await addWal(site, [1, 40]);
  await addBackup(site, F1, { wal: [2, 3] });
  await addBackup(site, F2, { wal: [20, 21] });
  await addBackup(site, D2, { wal: [24, 25], prior: F2 });
  await addBackup(site, F3, { wal: [30, 31] });
  site.setNow("2026-11-15T12:00:00Z");
  return site;
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, step) => first + step);
}

async function archiveOf({ repository, context }: RetentionSite): Promise<WalArchive> {
  const record = await readStanza(repository, STANZA, context);
  return { repository, stanza: STANZA, record };
}

/** History files as PostgreSQL writes them: `1` left at the beginning of segment `at`. */
async function addHistory(
  site: RetentionSite,
  id: number,
  lines: readonly string[],
): Promise<void> {
  const name = `${id.toString(16).toUpperCase().padStart(8, "0")}.history`;
  const compression = { kind: "none", level: 0 } as const;
  const text = Buffer.from(lines.map((line) => `${line}\tno reason\n`).join(""));
  await putWalFile(await archiveOf(site), name, text, { compression }, site.context);
}

describe("from which backup on", () => {
  test("by default all WAL since the oldest full backup that is kept stays", async () => {
    const site = await createLine();
    const { deleted } = await expire(site, { full: 2 });
    expect(wal(site.store)).toEqual(range(20, 40));
    expect(deleted.wal.get("18-1")).toMatchObject({
      runs: [{ first: segment(timeline(1), 1), last: segment(timeline(1), 19), count: 19 }],
      segmentCount: 19,
      objectCount: 38,
    });
    expect(site.store.keys().filter((key) => key.includes(".index-"))).toHaveLength(21);
  });

  test("too few backups for the retention keep all WAL", async () => {
    const site = await createLine();
    await expire(site, { full: 4 });
    expect(wal(site.store)).toEqual(range(1, 40));
  });

  test("a smaller archive retention keeps what makes older backups consistent, and nothing between", async () => {
    const site = await createLine();
    await expire(site, { full: 3, archive: 1 });
    expect(wal(site.store)).toEqual([2, 3, 20, 21, 24, 25, ...range(30, 40)]);
  });

  test("archive retention counts the types it is told to", async () => {
    const byDiff = await createLine();
    await expire(byDiff, { full: 3, archive: 2, archiveType: "diff" });
    expect(wal(byDiff.store)).toEqual([2, 3, 20, 21, ...range(24, 40)]);
    const byDiffDefault = await createLine();
    await expire(byDiffDefault, { full: 3, diff: 2, archiveType: "diff" });
    expect(wal(byDiffDefault.store)).toEqual([2, 3, 20, 21, ...range(24, 40)]);
    const byIncr = await createLine();
    await expire(byIncr, { full: 2, archiveType: "incr" });
    expect(wal(byIncr.store)).toEqual(range(1, 40));
  });

  test("by time it begins with the full backup before the beginning of the time", async () => {
    const site = await createLine();
    await expire(site, { full: 3, fullType: "time" });
    expect(wal(site.store)).toEqual(range(20, 40));
  });

  test("a backup moves the floor only when it is older than the grace", async () => {
    const site = await createLine();
    await expire(site, { full: 3, archive: 1, graceMs: DAY_MS });
    expect(wal(site.store)).toEqual([2, 3, ...range(20, 40)]);
    site.setNow("2026-11-16T12:00:00Z");
    await expire(site, { full: 3, archive: 1, graceMs: DAY_MS });
    expect(wal(site.store)).toEqual([2, 3, 20, 21, 24, 25, ...range(30, 40)]);
  });

  test("what is hidden keeps its WAL until grace is over", async () => {
    const site = await createLine();
    await expire(site, { full: 1, archive: 1, graceMs: DAY_MS });
    expect(listed(site.store)).toEqual([F3]);
    expect(wal(site.store)).toEqual(range(1, 40));
    site.setNow("2026-11-16T12:30:00Z");
    await expire(site, { full: 1, graceMs: DAY_MS });
    expect(wal(site.store)).toEqual(range(30, 40));
  });

  test("a held backup keeps all WAL from it on", async () => {
    const site = await createLine();
    const facts = { reason: "case 7", by: "ann@db1", createdAt: site.context.clock.now() };
    await createHold(site.repository, STANZA, parseBackupLabel(F1), {
      facts,
      context: site.context,
    });
    await expire(site, { full: 1 });
    expect(wal(site.store)).toEqual(range(2, 40));
  });

  test("an unfinished backup that began before the floor was complete keeps WAL from the backup before", async () => {
    const site = await createSite();
    await addWal(site, [1, 40]);
    await addBackup(site, F1, { wal: [2, 3] });
    await addBackup(site, F2, { wal: [20, 21] });
    // F3 begins first and is complete a minute later.
    await beginBackup(site, "20261115-020030F");
    await addBackup(site, F3, { wal: [30, 31] });
    site.setNow("2026-11-15T02:30:00Z");
    await expire(site, { full: 3, archive: 1 });
    expect(wal(site.store)).toEqual([2, 3, ...range(20, 40)]);
    await revokeBackup(site.repository, STANZA, parseBackupLabel("20261115-020030F"), site.context);
    await expire(site, { full: 3, archive: 1 });
    expect(wal(site.store)).toEqual([2, 3, 20, 21, ...range(30, 40)]);
  });

  test("WAL before a named segment goes, but for what backups need and holds keep", async () => {
    const site = await createLine();
    const before = segment(timeline(1), 28);
    await expire(site, {}, { archiveBefore: before });
    expect(wal(site.store)).toEqual([2, 3, 20, 21, 24, 25, ...range(28, 40)]);
    const held = await createLine();
    const facts = { reason: "case 7", by: "ann@db1", createdAt: held.context.clock.now() };
    await createHold(held.repository, STANZA, parseBackupLabel(D2), {
      facts,
      context: held.context,
    });
    await expire(held, {}, { archiveBefore: before });
    expect(wal(held.store)).toEqual([2, 3, 20, 21, ...range(24, 40)]);
  });
});

describe("timelines", () => {
  test("WAL is kept along every timeline that a kept backup leads to, and of younger ones that none leads to", async () => {
    const site = await createSite();
    await addWal(site, [1, 40]);
    await addWal(site, [25, 50], { on: 2 });
    await addWal(site, [10, 60], { on: 3 });
    await addHistory(site, 2, ["1\t0/1900000"]);
    await addHistory(site, 3, ["1\t0/A00000"]);
    await addBackup(site, F1, { wal: [2, 3] });
    await addBackup(site, F2, { wal: [20, 21] });
    await addBackup(site, F3, { wal: [30, 31], timeline: 2 });
    await expire(site, { full: 2 });
    // F2 leads to both ends: of timeline 1 itself, and of timeline 2, which left it at segment 25.
    expect(wal(site.store)).toEqual(range(20, 40));
    expect(wal(site.store, { on: 2 })).toEqual(range(25, 50));
    // No backup leads to timeline 3, but it may be the one that the cluster is on.
    expect(wal(site.store, { on: 3 })).toEqual(range(10, 60));
    await expire(site, { full: 1 });
    expect(wal(site.store)).toEqual([]);
    expect(wal(site.store, { on: 2 })).toEqual(range(30, 50));
    expect(wal(site.store, { on: 3 })).toEqual(range(10, 60));
    expect(site.store.keys().filter((key) => key.endsWith(".history"))).toHaveLength(2);
  });

  test("timelines past the tenth are compared as numbers, not as texts", async () => {
    const site = await createSite();
    await addWal(site, [1, 12], { on: 9 });
    await addWal(site, [10, 40], { on: 16 });
    await addHistory(site, 9, ["1\t0/100000"]);
    await addHistory(site, 16, ["1\t0/100000", "9\t0/A00000"]);
    await addBackup(site, F1, { wal: [2, 3], timeline: 9 });
    await addBackup(site, F2, { wal: [20, 21], timeline: 16 });
    await expire(site, { full: 1 });
    expect(wal(site.store, { on: 9 })).toEqual([]);
    expect(wal(site.store, { on: 16 })).toEqual(range(20, 40));
  });

  test("WAL of a timeline whose history is missing stays", async () => {
    const site = await createSite();
    await addWal(site, [1, 40]);
    await addWal(site, [5, 9], { on: 2 });
    await addBackup(site, F1, { wal: [2, 3] });
    await addBackup(site, F2, { wal: [20, 21] });
    await expire(site, { full: 1 });
    expect(wal(site.store)).toEqual(range(20, 40));
    expect(wal(site.store, { on: 2 })).toEqual(range(5, 9));
  });
});

describe("what belongs to WAL", () => {
  test("backup history files, partial segments and gaps go with the segments they are about", async () => {
    const site = await createLine();
    const folder = "stanza/main/archive/18-1/0000000100000000";
    for (const end of [
      `${segment(timeline(1), 2)}.00000028.backup`,
      `${segment(timeline(1), 30)}.00000028.backup`,
    ]) {
      await site.store.put(`${folder}/${end}`, Buffer.from("x"));
    }
    await site.store.put(`${folder}/${segment(timeline(1), 19)}.partial`, Buffer.from("x"));
    const archive = await archiveOf(site);
    const gap = (first: bigint, end: bigint): Promise<void> =>
      recordGap(
        archive,
        { timeline: timeline(1), begin: lsn(first * MIB), end: lsn(end * MIB) },
        { reason: "queue overflow", context: site.context },
      );
    await gap(10n, 12n);
    await gap(28n, 31n);
    await expire(site, { full: 1 });
    expect(site.store.keys().filter((key) => /\.backup$|\.partial$|\/gap\//.test(key))).toEqual([
      `${folder}/${segment(timeline(1), 30)}.00000028.backup`,
      "stanza/main/archive/18-1/gap/00000001-0000000001C00000-0000000001F00000",
    ]);
  });

  test("of the catalogues before the oldest kept WAL the newest stays", async () => {
    const site = await createLine();
    const at = site.context.clock.now();
    for (const number of [2n, 19n, 30n, 33n]) {
      const snapshot = { timeline: timeline(1), lsn: lsn(number * MIB + 40n), at, databases: [] };
      await putCatalogue(site.repository, STANZA, { snapshot, context: site.context });
    }
    await expire(site, { full: 1 });
    expect(site.store.keys().filter((key) => key.includes("/catalogue/"))).toEqual([
      "stanza/main/catalogue/00000001-0000000001300028",
      "stanza/main/catalogue/00000001-0000000001E00028",
      "stanza/main/catalogue/00000001-0000000002100028",
    ]);
  });

  test("the archive of a former cluster goes with the last of its backups, histories included", async () => {
    const site = await createLine();
    await addHistory(site, 2, ["1\t0/2800000"]);
    const newer = { ...CLUSTER, majorVersion: 19, systemIdentifier: systemIdentifier(4711n) };
    const value = {
      databaseId: 2,
      systemIdentifier: "4711",
      majorVersion: 19,
      catalogVersion: 1,
      controlVersion: 1800,
      segmentSizeBytes: 2 ** 20,
      createdAt: site.context.clock.now().toString(),
    };
    await putFact(site.repository, "stanza/main/stanza/2", { value, context: site.context });
    await addWal(site, [1, 20], { archive: "19-2" });
    await addBackup(site, "20261116-020000F", { wal: [2, 3], cluster: newer });
    await expire(site, { full: 2 });
    // The newest backup of the former cluster is kept, so its WAL is, as far as it is counted.
    expect(wal(site.store)).toEqual(range(30, 40));
    expect(wal(site.store, { archive: "19-2" })).toEqual(range(2, 20));
    await addBackup(site, "20261117-020000F", { wal: [12, 13], cluster: newer });
    await expire(site, { full: 2 });
    expect(site.store.keys().filter((key) => key.startsWith("stanza/main/archive/18-1/"))).toEqual(
      [],
    );
    expect(wal(site.store, { archive: "19-2" })).toEqual(range(2, 20));
  });
});
