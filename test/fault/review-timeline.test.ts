// A timeline of which nothing but the history file is archived: production was recovered to before an accident, promoted,
// and lost before its first segment was full. The older timeline's archive still has the accident, and goes on past the
// point where it was left; no recovery along the new timeline may bring it back.
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";
import { archivedNames } from "./archive-ground.ts";
import { recover } from "./promotion-ground.ts";

/** Timeline 2 begins just before the deletion, in the middle of a segment that timeline 1 archived whole. */
async function leaveBeforeDeletion(site: ProtectedSite): Promise<void> {
  const { production } = site;
  await production.sql("create table t (id int)");
  await site.backUp();
  await production.sql("insert into t values (1), (2)");
  const { xid } = await transaction(production, "delete from t");
  await waitForArchived(production);
  await using rescued = await site.restore("rescued", [
    "--type=xid",
    `--target=${xid}`,
    "--target-exclusive",
    "--target-action=promote",
    "--archive-mode=preserve",
  ]);
  expect(await recover(rescued)).toMatchObject({ state: "promoted", timeline: 2 });
  await waitForArchived(rescued, "00000002.history");
  await rescued.crash();
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("the end of a timeline without a segment is where it left its parent, not where the parent ended", async () => {
    await using site = await protectCluster({ major });
    await leaveBeforeDeletion(site);
    const names = await archivedNames(site.production);
    expect(names).toContain("00000002.history");
    expect(names.filter((name) => /^00000002[0-9A-F]{16}$/.test(name))).toEqual([]);

    for (const parameters of [[], ["--target-action=pause"], ["--target-timeline=2"]]) {
      await using copy = await site.restore(`copy-${parameters.join("")}`, parameters);
      await recover(copy);
      expect([parameters, await copy.count("t")]).toEqual([parameters, 2]);
    }
    await using abandoned = await site.restore("abandoned", ["--target-timeline=1"]);
    await recover(abandoned);
    expect(await abandoned.count("t")).toBe(0);
  });
});
