// Rows 3, 7 and 64 of the fault matrix as a recovering PostgreSQL sees them: archive-get is killed in the middle of its
// copy, starved, or cannot run. PostgreSQL refuses each time, asks for the same segment again at the next start, and when
// everything is repaired recovers all rows. And the other way round: what the guard is there for happens without it.
import { existsSync } from "node:fs";
import { readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { killAtStep } from "./broken-install.ts";
import { changeRestoreCommand, recover } from "./promotion-ground.ts";
import { discardCopy, layTrap, restoreCopy, TRAP_ROWS, type TrapSite } from "./promotion-site.ts";

/** The steps of a copy are counted in broken-install.ts: half of the segment is written, all of it, it has its name. */
const STEPS = [3, 4, 8] as const;

/** What archive-get is made to do when it is asked for a segment in the middle; sh in the place of Node. */
const CRASHES: readonly (readonly [string, string])[] = [
  ...STEPS.map(
    (step) =>
      [
        `killed at step ${step} of its copy`,
        `exec "$NODE" --require ../kill-${step}.cjs "$@"`,
      ] as const,
  ),
  ["killed with its launcher", "kill -9 $PPID $$"],
  ["without memory", 'exec "$NODE" --max-old-space-size=1 "$@"'],
  ["with a Node that cannot be run", "exec /nonexistent/node"],
];

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  let trap: TrapSite;
  const END = ["--target-timeline=1"];

  beforeAll(async () => {
    trap = await layTrap(major);
    const { workspace } = trap.site;
    for (const step of STEPS) await workspace.write(`kill-${step}.cjs`, killAtStep("pg_wal", step));
  });

  afterAll(() => trap[Symbol.asyncDispose]());

  test("rows 3, 7 and 64: each crash of archive-get is refused, and the recovery is whole in the end", async () => {
    const { installation, middle } = trap;
    const { copy } = await restoreCopy(trap, { name: "crashed", parameters: END, start: false });
    for (const [title, script] of CRASHES) {
      await installation.replaceNode(
        `case " $* " in *" archive-get ${middle} "*) ${script};; esac\nexec "$NODE" "$@"`,
      );
      expect([title, await recover(copy)]).toEqual([title, { state: "refused", timeline: 1 }]);
    }
    await installation.repairNode();
    const modules = join(installation.home, "dist", "program");
    await rename(modules, `${modules}.gone`);
    expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
    await rename(`${modules}.gone`, modules);
    expect(await recover(copy)).toEqual({ state: "promoted", timeline: 3 });
    expect(await copy.count("t")).toBe(TRAP_ROWS.end);
    const left = await readdir(join(copy.dataDirectory, "pg_wal"));
    expect(left.filter((name) => name.startsWith("RECOVERY"))).toEqual([]);
    await discardCopy(copy);
  });

  test("WAL that was fetched ahead is replayed without Node, and what only archive-get may answer is still refused", async () => {
    const { installation } = trap;
    const request = { name: "ahead", parameters: END, start: false, walAhead: true };
    const { copy } = await restoreCopy(trap, request);
    const spool = join(copy.dataDirectory, "pg_wal", "hindsight-spool");
    expect(await readdir(spool)).not.toEqual([]);
    await installation.replaceNode("exit 1");
    expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
    expect(await readdir(spool)).toEqual([]);
    await installation.repairNode();
    expect(await recover(copy)).toEqual({ state: "promoted", timeline: 3 });
    expect(await copy.count("t")).toBe(TRAP_ROWS.end);
    expect(existsSync(spool), "nothing is left of it").toBe(false);
    await discardCopy(copy);
  });

  test("the trap is real: where a failure ends with 1, PostgreSQL promotes with rows missing", async () => {
    const { installation, middle } = trap;
    const { copy } = await restoreCopy(trap, { name: "naive", parameters: END, start: false });
    await changeRestoreCommand(copy, (own) => `${own} || exit 1`);
    await installation.replaceNode(
      `case " $* " in *" archive-get ${middle} "*) exit 20;; esac\nexec "$NODE" "$@"`,
    );
    expect(await recover(copy)).toMatchObject({ state: "promoted" });
    expect(await copy.count("t")).toBeLessThan(TRAP_ROWS.goal);
    await installation.repairNode();
    await discardCopy(copy);
  });
});
