// Row 45 of the fault matrix, in its simple form: a cluster with a tablespace elsewhere. A clone never writes where
// production's tablespace is: it is refused until the tablespace is mapped. In place, it goes back to where it was.
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { waitForArchived } from "../harness/wal.ts";
import { expectRefused, expectUnchanged } from "./input-ground.ts";

interface Ground {
  readonly site: ProtectedSite;
  /** Directories of the tablespaces `fast` and `wide space`. */
  readonly fast: string;
  readonly wide: string;
}

async function layTablespaces(major: number): Promise<Ground> {
  const site = await protectCluster({ major, settings: { autovacuum: false } });
  const { production, workspace } = site;
  const fast = await workspace.makeDirectory("fast");
  const wide = await workspace.makeDirectory("wide and % odd");
  await production.sql(`create tablespace fast location '${fast}'`);
  await production.sql(`create tablespace "wide space" location '${wide}'`);
  await production.sql(`
    create table fast_one tablespace fast as select i, md5(i::text) from generate_series(1, 5000) i;
    create table wide_one tablespace "wide space" as select i, md5(i::text) from generate_series(1, 5000) i;
    create index on fast_one (i) tablespace "wide space"`);
  await site.backUp();
  await production.sql(
    "delete from fast_one where i % 2 = 0; delete from wide_one where i % 3 = 0",
  );
  await waitForArchived(production);
  await production.sql("checkpoint");
  return { site, fast, wide };
}

async function expectSameRows(copy: Cluster, production: Cluster): Promise<void> {
  for (const table of ["fast_one", "wide_one"]) {
    expect([table, await contentHash(copy, table)]).toEqual([
      table,
      await contentHash(production, table),
    ]);
  }
}

/** Where the links of a data directory lead, by name of the tablespace. */
async function locationsOf(cluster: Cluster): Promise<Readonly<Record<string, string>>> {
  const rows = await cluster.sql("select oid, spcname from pg_tablespace where oid > 16383");
  const links = rows.map(async ({ oid, spcname }): Promise<[string, string]> => {
    const link = join(cluster.dataDirectory, "pg_tblspc", String(oid));
    return [String(spcname), await readlink(link)];
  });
  return Object.fromEntries(await Promise.all(links));
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a clone without mapping, or with half of one, is refused, and production's files stay as they are", async () => {
    const { site, fast, wide } = await layTablespaces(major);
    await using _ = site;
    const { workspace } = site;
    const copy = `--pg1-path=${workspace.path("copy")}`;
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /"fast"|"wide space"/],
      [["--force"], /"fast"|"wide space"/],
      [[`--tablespace-map=fast=${workspace.path("other")}`], /"wide space"/],
      [[`--tablespace-map=fast=${fast}`, `--tablespace-map=wide space=${wide}`], /"fast"/],
      [
        [
          `--tablespace-map=fast=${workspace.path("both")}`,
          `--tablespace-map=wide space=${workspace.path("both")}`,
        ],
        /share/,
      ],
      [[`--tablespace-map-all=${workspace.path("copy", "inside")}`], /lie in one another/],
    ];
    await expectUnchanged([fast, wide, workspace.repositoryDirectory], async () => {
      for (const [options, message] of cases) {
        await expectRefused(workspace, [copy, ...options, "restore"], {
          exit: 30,
          code: "DESTINATION_UNSAFE",
          message,
          hint: /--tablespace-map/,
        });
      }
      await expectRefused(workspace, [copy, "--tablespace-map=slow=/s", "restore"], {
        exit: 2,
        code: "CONFIG_OPTION_INVALID",
        message: /"slow"/,
        hint: /fast, wide space|wide space, fast/,
      });
    });
  });

  test("a clone with its tablespaces mapped has all rows, and touches nothing of production's", async () => {
    const { site, fast, wide } = await layTablespaces(major);
    await using _ = site;
    const { workspace, production } = site;
    const before = [await snapshotTree(fast), await snapshotTree(wide)];

    const all = await workspace.makeDirectory("spaces");
    await using first = await site.restore("first", [`--tablespace-map-all=${all}`]);
    await first.start();
    await first.waitForPromotion();
    await expectSameRows(first, production);
    expect(await locationsOf(first)).toEqual({
      fast: join(all, "fast"),
      "wide space": join(all, "wide space"),
    });

    const each = [workspace.path("other fast"), workspace.path("other % wide")] as const;
    await using second = await site.restore("second", [
      `--tablespace-map=fast=${each[0]}`,
      `--tablespace-map=wide space=${each[1]}`,
    ]);
    await second.start();
    await second.waitForPromotion();
    await expectSameRows(second, production);
    expect(await locationsOf(second)).toEqual({ fast: each[0], "wide space": each[1] });
    await second.sql("update fast_one set i = 0; checkpoint");

    expect([await snapshotTree(fast), await snapshotTree(wide)]).toEqual(before);
    await expectSameRows(first, production);
  });

  test("in place the tablespaces are rewritten where they were", async () => {
    const { site, fast, wide } = await layTablespaces(major);
    await using _ = site;
    const { workspace, production } = site;
    const hashes = [
      await contentHash(production, "fast_one"),
      await contentHash(production, "wide_one"),
    ];
    const names = [await snapshotTree(fast), await snapshotTree(wide)].map(
      (tree) => tree.length > 0,
    );
    expect(names).toEqual([true, true]);
    await production.stop();
    await expectUnchanged([fast, wide, production.dataDirectory], () =>
      expectRefused(workspace, ["restore"], {
        exit: 30,
        code: "DESTINATION_UNSAFE",
        hint: /--delta/,
      }),
    );
    await workspace.succeed(["--delta", "restore"]);
    await production.start();
    await production.waitForPromotion();
    expect(await locationsOf(production)).toEqual({ fast, "wide space": wide });
    expect([
      await contentHash(production, "fast_one"),
      await contentHash(production, "wide_one"),
    ]).toEqual(hashes);
  });
});
