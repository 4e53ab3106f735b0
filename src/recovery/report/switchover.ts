// The switchover plan: what is between a recovered server beside production and production running on it. Which tasks are
// done comes from the facts; the plan itself is the same for everybody and is meant to be ticked off.
import type { Block } from "./document.ts";
import type { ReportFacts, SwitchoverState, SwitchoverTask } from "./facts.ts";
import { formatTime } from "./units.ts";

interface Step {
  readonly title: string;
  readonly tasks: readonly (readonly [id: SwitchoverTask, text: string])[];
}

const STEPS: readonly Step[] = [
  {
    title: "Stop the damaged primary",
    tasks: [
      ["connections-blocked", "Keep applications out: end their sessions and block new ones"],
      [
        "primary-stopped",
        "Shut PostgreSQL down, so that nothing writes to the damaged state any more",
      ],
    ],
  },
  {
    title: "Promote the recovered instance",
    tasks: [
      ["instance-promoted", "Accept the attempt, which promotes it on a new timeline"],
      ["writes-checked", "See that it takes writes, and that its WAL is archived"],
    ],
  },
  {
    title: "Update connection strings",
    tasks: [
      ["applications-pointed", "Point applications to the recovered instance"],
      ["address-moved", "Or move the DNS name or the virtual address"],
    ],
  },
  {
    title: "Restart applications",
    tasks: [
      ["applications-started", "Bring application servers back online"],
      ["connectivity-tested", "Test that they connect"],
    ],
  },
  {
    title: "Verify operations",
    tasks: [
      ["health-checked", "Run health checks"],
      ["transactions-verified", "Verify critical transactions"],
      ["logs-watched", "Watch the logs"],
    ],
  },
  {
    title: "Decommission the old primary",
    tasks: [
      ["primary-kept", "Keep its directory for forensics until the cause is understood"],
      ["standby-rebuilt", "Or rebuild it as a standby of the new timeline"],
      ["backup-taken", "Take a full backup on the new timeline"],
    ],
  },
  {
    title: "Communicate",
    tasks: [
      ["stakeholders-told", "Tell stakeholders that the system is restored"],
      ["report-sent", "Send the incident report"],
      ["actions-assigned", "Assign the action items, so that it does not happen again"],
    ],
  },
];

/** The plan with its state, and how far it is. */
export function switchoverBlocks({ switchover, timeZone }: ReportFacts): readonly Block[] {
  const done = Object.keys(switchover).length;
  const all = STEPS.reduce((count, step) => count + step.tasks.length, 0);
  return [
    { kind: "heading", text: "Switchover plan" },
    { kind: "paragraph", text: `${done} of ${all} tasks are marked as done.` },
    ...STEPS.flatMap((step, at): readonly Block[] => [
      { kind: "subheading", text: `Step ${at + 1}: ${step.title}` },
      { kind: "tasks", items: step.tasks.map((task) => taskOf(task, switchover, timeZone)) },
    ]),
  ];
}

function taskOf(
  [id, text]: Step["tasks"][number],
  switchover: SwitchoverState,
  timeZone: string,
): { text: string; isDone: boolean; note: string } {
  const doneAt = switchover[id];
  return {
    text,
    isDone: doneAt !== undefined,
    note: doneAt === undefined ? "" : formatTime(doneAt, timeZone),
  };
}
