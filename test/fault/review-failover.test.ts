// The last question of a promotion. PostgreSQL has chosen its new timeline, removes its signal files, and then asks the
// archive for the history of the timeline that it comes from, of which it has a copy. An error at this moment would end
// the server, and without signal files its next start would make it a primary on the OLD timeline, beside production.
import { rename } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { changeRestoreCommand, lookAtEnd, recover } from "./promotion-ground.ts";

async function moveRepository({ workspace }: ProtectedSite, way: "away" | "back"): Promise<void> {
  const away = workspace.path("repository-away");
  const here = workspace.repositoryDirectory;
  await (way === "away" ? rename(here, away) : rename(away, here));
}

/** Production on timeline 2, which a history file belongs to. */
async function moveToTimeline2(site: ProtectedSite): Promise<Cluster> {
  const { production } = site;
  await production.stop();
  const again = await site.restore("again", [
    "--target-action=promote",
    "--type=immediate",
    "--archive-mode=preserve",
  ]);
  expect(await recover(again)).toMatchObject({ state: "promoted", timeline: 2 });
  await again.sql("create table t (id int)");
  await waitForArchived(again);
  return again;
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test.each([1, 2])(
    "a standby on timeline %i is promoted to the next one although the repository is away",
    async (timeline) => {
      await using site = await protectCluster({ major });
      await site.backUp();
      await waitForArchived(site.production);
      const primary = timeline === 1 ? site.production : await moveToTimeline2(site);
      const { socketDirectory, port } = primary;
      await using standby = await site.restore("standby", [
        "--type=standby",
        `--recovery-option=primary_conninfo=host=${socketDirectory} port=${port} user=postgres`,
      ]);
      await standby.start();
      await primary.sql("create table late (id int)");
      const late = "select count(*) from pg_class where relname = 'late'";
      await expect.poll(() => standby.value(late), { timeout: 20_000 }).toBe("1");
      await moveRepository(site, "away");
      await primary.crash();
      await standby.sql("select pg_promote(false)");
      const end = await lookAtEnd(standby);
      await moveRepository(site, "back");
      expect(end).toEqual({ state: "promoted", timeline: timeline + 1 });
    },
  );

  test("an outage that begins with the last question does not end a recovery that promotes", async () => {
    await using site = await protectCluster({ major });
    await site.backUp();
    await waitForArchived(site.production);
    await using copy = await site.restore("copy", []);
    const { repositoryDirectory } = site.workspace;
    const away = site.workspace.path("repository-away");
    await changeRestoreCommand(
      copy,
      (own) => `[ -e recovery.signal ] || mv "${repositoryDirectory}" "${away}"; ${own}`,
    );
    const end = await recover(copy);
    await moveRepository(site, "back").catch(() => undefined);
    expect(end).toEqual({ state: "promoted", timeline: 2 });
  });
});
