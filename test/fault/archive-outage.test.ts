// Row 30 of the fault matrix: the repository is away for a while. Production goes on and keeps its WAL, the failures are
// counted where a DBA looks for them, the archive catches up in order, and a restore into the time of the outage is exact.
import { existsSync } from "node:fs";
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitUntil } from "../harness/wait.ts";
import {
  type CommittedTransaction,
  switchWal,
  transaction,
  waitForArchived,
} from "../harness/wal.ts";
import { objectPath } from "./archive-ground.ts";

/** What happened during the outage: segments that could not be archived, and the table after each. */
interface Outage {
  readonly segments: readonly string[];
  readonly steps: readonly { readonly commit: CommittedTransaction; readonly content: string }[];
}

async function workWithoutArchive(production: Cluster): Promise<Outage> {
  const segments: string[] = [];
  const steps: { commit: CommittedTransaction; content: string }[] = [];
  for (let round = 1; round <= 5; round += 1) {
    const insert = `insert into t select i from generate_series(1, 100 * ${round}) i`;
    const commit = await transaction(production, insert);
    steps.push({ commit, content: await contentHash(production, "t") });
    segments.push(await switchWal(production));
  }
  return { segments, steps };
}

async function failedCount(production: Cluster): Promise<number> {
  return Number(await production.value("select failed_count from pg_stat_archiver"));
}

describe.each(OUTER_MAJORS)("PostgreSQL %i, row 30", (major) => {
  test("an outage is counted, costs no WAL, and is caught up in order", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await production.sql("create table t (id int)");
    await site.backUp();
    await waitForArchived(production);
    const before = await failedCount(production);

    await rename(workspace.repositoryDirectory, workspace.path("away"));
    const { segments, steps } = await workWithoutArchive(production);
    await waitUntil("three failures", async () => (await failedCount(production)) >= before + 3);
    await production.sql("checkpoint");
    const [status] = await production.sql("select * from pg_stat_archiver");
    expect(status).toMatchObject({ last_failed_wal: segments[0] });
    for (const name of segments) {
      expect(existsSync(join(production.dataDirectory, "pg_wal", name))).toBe(true);
    }
    expect(await production.log()).toContain("REPOSITORY_UNREACHABLE");
    expect((await workspace.run(["info"])).exitCode).toBe(20);
    expect(existsSync(workspace.repositoryDirectory)).toBe(false);

    await rename(workspace.path("away"), workspace.repositoryDirectory);
    const last = await waitForArchived(production);
    const info = await workspace.succeed(["info"]);
    expect(info.stdout).toMatch(/failed: [1-9]/);
    const times = await Promise.all(
      [...segments, last].map(
        async (name) => (await stat(objectPath(production, name), { bigint: true })).mtimeNs,
      ),
    );
    expect(times).toEqual(times.toSorted((left, right) => Number(left - right)));

    for (const [index, { commit, content }] of steps.entries()) {
      if (index % 2 === 1) continue;
      const target = ["--type=xid", `--target=${commit.xid}`, "--target-action=promote"];
      await using copy = await site.restore(`copy${index}`, target);
      await copy.start();
      await copy.waitForPromotion();
      expect([index, await contentHash(copy, "t")]).toEqual([index, content]);
    }
  });
});
