// The promotion trap: PostgreSQL takes a restore_command that fails with 1 to 125 for the end of WAL, and promotes with
// rows missing. Whatever happens to the archive in the middle of a recovery, by hand or with --start, PostgreSQL must
// refuse instead, keep recovery.signal, and reach its target exactly once the cause is repaired.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";
import { errorCode } from "./archive-ground.ts";
import { lookAtEnd, recover } from "./promotion-ground.ts";
import {
  arm,
  type ArchiveFault,
  disarm,
  discardCopy,
  HISTORY_FAULTS,
  layTrap,
  restoreCopy,
  SEGMENT_FAULTS,
  startedServer,
  TRAP_ROWS,
  type TrapSite,
} from "./promotion-site.ts";

/** What is restored, and how a recovery of it must end in the end. */
interface Goal {
  readonly title: string;
  readonly parameters: readonly string[];
  readonly end: { readonly state: "paused" | "promoted"; readonly timeline: number };
  readonly rows: number;
}

const PAUSE: Goal = {
  title: "to a restore point, to pause",
  parameters: ["--type=name", "--target=goal", "--target-timeline=1"],
  end: { state: "paused", timeline: 1 },
  rows: TRAP_ROWS.goal,
};
const END: Goal = {
  title: "to the end of the archive, to promote",
  parameters: ["--target-timeline=1"],
  end: { state: "promoted", timeline: 3 },
  rows: TRAP_ROWS.end,
};
const CHILD_PAUSE: Goal = {
  title: "to a restore point of timeline 2, to pause",
  parameters: ["--type=name", "--target=child_goal", "--target-timeline=2"],
  end: { state: "paused", timeline: 1 },
  rows: TRAP_ROWS.childGoal,
};
const CHILD_END: Goal = {
  title: "to the end of timeline 2, to promote",
  parameters: ["--target-timeline=2"],
  end: { state: "promoted", timeline: 3 },
  rows: TRAP_ROWS.childEnd,
};

const CASES: readonly (readonly [string, string, ArchiveFault, Goal])[] = [
  ...SEGMENT_FAULTS.flatMap((fault) =>
    [PAUSE, END].map((goal) => [fault.title, goal.title, fault, goal] as const),
  ),
  ...HISTORY_FAULTS.flatMap((fault) =>
    [CHILD_PAUSE, CHILD_END].map((goal) => [fault.title, goal.title, fault, goal] as const),
  ),
];

describe.each(MAJORS)("PostgreSQL %i, rows 18, 20 and 26 to 29", (major) => {
  let trap: TrapSite;
  let count = 0;

  beforeAll(async () => {
    trap = await layTrap(major);
  });

  afterAll(() => trap[Symbol.asyncDispose]());

  /** After the repair the same directory, restarted, reaches the target exactly. */
  async function expectGoal(copy: Cluster, { end, rows }: Goal): Promise<void> {
    expect(await recover(copy)).toEqual(end);
    expect(await copy.count("t")).toBe(rows);
    await discardCopy(copy);
  }

  test.each(CASES)("%s %s, started by hand: refused, then exact", async (_, __, fault, goal) => {
    const name = `copy${(count += 1)}`;
    const { parameters } = goal;
    const { copy, result } = await restoreCopy(trap, { name, parameters, start: false });
    expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
    await arm(trap, fault);
    try {
      // A second start against the same fault changes nothing either.
      expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
      expect(await recover(copy)).toEqual({ state: "refused", timeline: 1 });
      expect(await copy.log()).toContain(`[${fault.code}]`);
    } finally {
      await disarm(trap, fault);
    }
    await expectGoal(copy, goal);
  });

  test.each(CASES)("%s %s, with --start: refused, then exact", async (_, __, fault, goal) => {
    const name = `copy${(count += 1)}`;
    const { parameters } = goal;
    await arm(trap, fault);
    let copy: Cluster;
    try {
      const restored = await restoreCopy(trap, { name, parameters, start: true });
      copy = restored.copy;
      expect(restored.result.exitCode).toBeGreaterThan(1);
      expect(restored.result.stderr).toContain(fault.code);
      expect(await lookAtEnd(copy)).toEqual({ state: "refused", timeline: 1 });
    } finally {
      await disarm(trap, fault);
    }
    await expectGoal(copy, goal);
  });

  test.each([PAUSE, END, CHILD_PAUSE, CHILD_END])(
    "without a fault --start recovers $title, exactly",
    async ({ parameters, end, rows }) => {
      const name = `copy${(count += 1)}`;
      const { copy, result } = await restoreCopy(trap, { name, parameters, start: true });
      expect([result.exitCode, errorCode(result)]).toEqual([0, undefined]);
      expect(JSON.parse(result.stdout)).toMatchObject({ recovery: { state: end.state } });
      const server = startedServer(copy, result);
      expect(await lookAtEnd(server)).toEqual(end);
      expect(await server.count("t")).toBe(rows);
      await discardCopy(server);
    },
  );
});
