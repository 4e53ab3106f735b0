// The other half of the promotion trap: a pause that PostgreSQL would turn into a promotion, because a transaction with
// many savepoints was open when the backup began (rules.md D-II), and a pause that somebody ends by a stray
// pg_wal_replay_resume(). Neither may promote; docs/decisions/0002-promotion-interlock.md. On every major.
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { errorCode } from "./archive-ground.ts";
import { installCopy, type Installation } from "./broken-install.ts";
import {
  changeRestoreCommand,
  changeSettings,
  lookAtEnd,
  recover,
  resumed,
} from "./promotion-ground.ts";
import { discardCopy, restoreCopy, startedServer } from "./promotion-site.ts";

/** More than the 64 that PostgreSQL keeps of each transaction; the rest it does not know in a standby. */
const SAVEPOINTS = 100;
/** Rows of `t` at the restore point inside the long transaction, and after it. */
const ROWS = { busy: 10, quiet: 130 } as const;

/** Production with a backup that was taken while a transaction with many savepoints was open. */
async function layPause(major: number): Promise<ProtectedSite> {
  const site = await protectCluster({ major });
  const { production } = site;
  await production.sql("create table t (id int)");
  await using session = await production.connect();
  await session.sql("begin");
  for (let count = 0; count < SAVEPOINTS; count += 1) {
    await session.sql(`savepoint s${count}; insert into t values (${count})`);
  }
  await site.backUp();
  await production.sql("insert into t select i from generate_series(1, 10) i");
  await production.sql("select pg_create_restore_point('busy')");
  await waitForArchived(production);
  await session.sql("commit");
  await production.sql("insert into t select i from generate_series(1, 20) i");
  // Recovery notes the running transactions anew here, and from here on a snapshot is possible.
  await production.sql("checkpoint");
  await production.sql("select pg_create_restore_point('quiet')");
  await production.sql("insert into t select i from generate_series(1, 30) i");
  await waitForArchived(production);
  return site;
}

const BUSY = ["--type=name", "--target=busy", "--target-action=pause"];
const QUIET = ["--type=name", "--target=quiet", "--target-action=pause"];

describe.each(MAJORS)("PostgreSQL %i, rules D-II and D3", (major) => {
  let site: ProtectedSite;
  let installation: Installation;

  beforeAll(async () => {
    site = await layPause(major);
    installation = await installCopy(site.workspace, "install");
  });

  afterAll(() => site[Symbol.asyncDispose]());

  /** The repair: another target, after the transaction; the directory restarts and pauses there. */
  async function expectLaterPause(copy: Cluster): Promise<void> {
    await changeSettings(copy, { recovery_target_name: "quiet", recovery_target_action: "pause" });
    // The bound of the old target must go with it; with it the new one is missed, which never promotes either.
    expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
    await changeRestoreCommand(copy, (own) => own.replace(/ --last=\S+ --nothing-after-last/, ""));
    expect(await recover(copy)).toEqual({ state: "paused", timeline: 1 });
    expect(await copy.count("t")).toBe(ROWS.quiet);
    await discardCopy(copy);
  }

  test("D-II by hand: the pause that would promote is planned as a shutdown, and said", async () => {
    const { copy, result } = await restoreCopy(
      { site, installation },
      { name: "planned", parameters: BUSY, start: false },
    );
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    expect(result.stderr).toContain("would promote instead of pausing");
    expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
    expect(await copy.log()).toContain("shutdown at recovery target");
    await expectLaterPause(copy);
  });

  test("D-II with --start: the server is shut down at the target, and can go on from there", async () => {
    const { copy, result } = await restoreCopy(
      { site, installation },
      { name: "driven", parameters: BUSY, start: true },
    );
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    expect(result.stderr).toContain("would promote instead of pausing");
    expect(JSON.parse(result.stdout)).toMatchObject({ recovery: { state: "shutdown" } });
    expect(await lookAtEnd(copy)).toEqual({ state: "refused", timeline: 1 });
    await expectLaterPause(copy);
  });

  test.each([
    ["by hand", false],
    ["with --start", true],
  ])(
    "D-II %s: were it not foreseen, the pinned timeline would stop the promotion",
    async (_, start) => {
      const { copy } = await restoreCopy(
        { site, installation },
        { name: `forced-${start}`, parameters: BUSY, start },
      );
      await changeSettings(copy, { recovery_target_action: "pause" });
      expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
      expect(await copy.log()).toContain("[RECOVERY_PROMOTION_REFUSED]");
      expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
      await expectLaterPause(copy);
    },
  );

  test("D-II without the pin promotes with fewer rows: the trap is real", async () => {
    const { copy } = await restoreCopy(
      { site, installation },
      { name: "unpinned", parameters: BUSY, start: false },
    );
    await changeSettings(copy, {
      recovery_target_action: "pause",
      restore_command: site.workspace.restoreCommand,
    });
    expect(await recover(copy)).toEqual({ state: "promoted", timeline: 2 });
    expect(await copy.count("t")).toBe(ROWS.busy);
    await discardCopy(copy);
  });

  test("a stray pg_wal_replay_resume() on a --start pause stops the server, unless promotion was allowed", async () => {
    const { copy, result } = await restoreCopy(
      { site, installation },
      { name: "paused", parameters: QUIET, start: true },
    );
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    const started = startedServer(copy, result);
    expect(await lookAtEnd(started)).toEqual({ state: "paused", timeline: 1 });
    expect(await started.count("t")).toBe(ROWS.quiet);
    await started.sql("select pg_wal_replay_resume()");
    expect(await resumed(started)).toEqual({ state: "refused", timeline: 1 });
    const { logFile } = (JSON.parse(result.stdout) as { recovery: { logFile: string } }).recovery;
    expect(await readFile(logFile, "utf8")).toContain("[RECOVERY_PROMOTION_REFUSED]");

    // The directory is as good as before: it pauses at the same place again.
    expect(await recover(copy)).toEqual({ state: "paused", timeline: 1 });
    expect(await copy.count("t")).toBe(ROWS.quiet);
    const permission = join(copy.dataDirectory, "hindsight.allow-promotion");
    expect(existsSync(permission)).toBe(false);
    await site.workspace.write("paused/hindsight.allow-promotion", "");
    await copy.sql("select pg_wal_replay_resume()");
    expect(await resumed(copy)).toEqual({ state: "promoted", timeline: 2 });
    expect(await copy.count("t")).toBe(ROWS.quiet);
    await rm(permission);
    await discardCopy(copy);
  });

  test("the pause of a directory that is driven by hand ends by pg_wal_replay_resume(), as in any runbook", async () => {
    const { copy } = await restoreCopy(
      { site, installation },
      { name: "runbook", parameters: QUIET, start: false },
    );
    expect(await recover(copy)).toEqual({ state: "paused", timeline: 1 });
    await copy.sql("select pg_wal_replay_resume()");
    expect(await resumed(copy)).toEqual({ state: "promoted", timeline: 2 });
    expect(await copy.count("t")).toBe(ROWS.quiet);
    await discardCopy(copy);
  });
});
