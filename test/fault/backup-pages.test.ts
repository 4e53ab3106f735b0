// Row 44 of the fault matrix: pages that the server writes while they are read are no damage; a page that is damaged is,
// ends the backup with 32, and is named everywhere; and the backup can be restored all the same.
import { open } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import { parseJson } from "../harness/workspace.ts";
import { waitForArchived } from "../harness/wal.ts";
import { backUpDuring, expectRestorable, layBusySite, listedBackups } from "./backup-ground.ts";

const PAGE = 8192;
const DAMAGED_BLOCKS = [3, 700];

/** Overwrites bytes in the middle of blocks of a table that nobody else writes, in its file. */
async function damage(cluster: Cluster, table: string, blocks: readonly number[]): Promise<string> {
  await cluster.sql("checkpoint");
  const path = String(await cluster.value(`select pg_relation_filepath('${table}')`));
  await using file = await open(join(cluster.dataDirectory, path), "r+");
  for (const block of blocks) {
    await file.write(Buffer.from("damaged on purpose"), 0, 18, block * PAGE + 4000);
  }
  return path;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("pages written while they are read raise no alarm", async () => {
    // So few buffers that the server writes pages all the time, each many times during one backup.
    const settings = { shared_buffers: "1MB", wal_compression: true };
    await using site = await layBusySite({ major, walSegmentSizeMb: 16, settings });
    const { production } = site;
    await production.sql(
      "create table hot as select i as id, 0 as n, repeat('h', 400) as t from generate_series(1, 40000) i",
    );
    let updates = 0;
    await backUpDuring(site, async (isOver) => {
      await using session = await production.connect();
      for (let from = 0; !isOver(); from = (from + 4000) % 40_000) {
        const range = `id between ${from + 1} and ${from + 4000}`;
        await session.sql(`update hot set n = n + 1 where ${range}; checkpoint`);
        updates += 1;
      }
    });
    expect(updates).toBeGreaterThan(10);
    const [label = ""] = await listedBackups(site);
    const shown = await site.workspace.json<{ pageErrors: unknown }>(["show-backup", label]);
    expect(shown.pageErrors).toEqual([]);
    await expectRestorable(site, "copy");
  });

  test("damaged pages are 32, named by file and block, and the rest can be restored", async () => {
    await using site = await layBusySite({ major });
    const { production, workspace } = site;
    await production.sql("create table cold as select * from ballast");
    const good = await site.backUp();
    const path = await damage(production, "cold", DAMAGED_BLOCKS);

    const text = await workspace.run(["--type=full", "backup"]);
    expect(text.exitCode).toBe(32);
    expect(text.stdout).toMatch(/DAMAGED PAGES: 2\b/);
    expect(text.stderr).toMatch(`WARN: invalid pages, file = ${path}, blocks = 3, 700`);

    const json = await workspace.run(["--type=full", "--output=json", "backup"]);
    expect(json.exitCode).toBe(32);
    const { label } = parseJson<{ label: string }>(json);
    const shown = await workspace.json<{ pageErrors: unknown }>(["show-backup", label]);
    expect(shown.pageErrors).toEqual([{ file: path, blocks: DAMAGED_BLOCKS }]);
    const page = await workspace.succeed(["show-backup", label]);
    expect(page.stdout).toMatch(/DONE, with damaged pages/);
    expect(page.stdout).toMatch(RegExp(`${path} +: blocks 3, 700`));
    const info = await workspace.json<readonly { backup: readonly unknown[] }[]>(["info"]);
    expect(info[0]?.backup).toEqual([
      expect.objectContaining({ label: good, error: false }),
      expect.objectContaining({ error: true }),
      expect.objectContaining({ label, error: true }),
    ]);

    // What is whole is whole; what is damaged is not hidden.
    await waitForArchived(production);
    await using copy = await site.restore("copy", [`--set=${label}`]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await contentHash(copy, "ballast")).toBe(await contentHash(production, "ballast"));
    await expect(copy.sql("select count(*) from cold")).rejects.toThrow(/invalid page in block 3/);
    // The backup before the damage has it whole.
    await using earlier = await site.restore("earlier", [`--set=${good}`]);
    await earlier.start();
    await earlier.waitForPromotion();
    expect(await contentHash(earlier, "cold")).toBe(await contentHash(earlier, "ballast"));
    expect(await listedBackups(site)).toHaveLength(3);
  });
});
