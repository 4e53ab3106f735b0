// Everything a report is made of. The incident's journal, attempts and checks fill it in; what nobody measured is
// undefined and stays so. All instants are printed in UTC and in the cluster's own time zone.
import type { Lsn } from "../../model/lsn.ts";
import type { RecoveryInstants, RowCount } from "../metrics.ts";

/** What happened to one table in the accident, by the WAL index. */
export interface Impact {
  /** Such as `public.orders`. */
  readonly relation: string;
  /** In words: `60,104 rows deleted`, `table dropped`. */
  readonly change: string;
  readonly rows: number | undefined;
}

/** The transaction that did the damage, as far as it is known. */
export interface AccidentFacts {
  readonly xid: bigint | undefined;
  readonly lsn: Lsn | undefined;
  readonly impact: readonly Impact[];
}

/** A transaction behind the target: it is not in the recovered cluster. */
export interface GivenUpFacts {
  readonly xid: bigint;
  readonly at: Temporal.Instant;
  /** In words: `public.users: 1 inserted`. */
  readonly what: string;
}

/** A result of looking at a recovered server. */
export interface CheckFacts {
  readonly name: string;
  readonly passed: boolean;
  /** What was found, with both numbers where there are two. */
  readonly detail: string;
}

/** One attempt of the journal. */
export interface AttemptFacts {
  readonly number: number;
  /** The target as it was compiled, in words. */
  readonly target: string;
  readonly backup: string;
  readonly timeline: number | undefined;
  readonly state:
    | "running"
    | "paused"
    | "failed"
    | "rejected"
    | "accepted"
    | "promoted"
    | "shutdown";
  readonly startedAt: Temporal.Instant;
  /** Of the whole attempt. */
  readonly seconds: number | undefined;
  readonly checks: readonly CheckFacts[];
  /** Why it was accepted or rejected, or how it failed; "" for nothing. */
  readonly verdict: string;
  /** Who decided; "" for nobody yet. */
  readonly by: string;
}

/** Restore and replay of the attempt that counts, by its logs. */
export interface RecoveryFacts {
  readonly method: string;
  readonly restoredBytes: number | undefined;
  readonly restoredFiles: number | undefined;
  readonly walSegments: number | undefined;
  /** The transaction that was applied last. */
  readonly lastKept: {
    readonly xid: bigint | undefined;
    /** WAL before this position is applied. */
    readonly replayedLsn: Lsn | undefined;
    readonly time: Temporal.Instant | undefined;
  };
  /** The last commit before the accident, by the WAL index. */
  readonly lastGoodAt: Temporal.Instant | undefined;
  /** How to connect to the recovered server; "" when it is gone. */
  readonly connection: string;
  /** Settings that had to be raised. */
  readonly raised: Readonly<Record<string, number>>;
  /** The server's own lines that the durations were read from. */
  readonly logLines: readonly string[];
}

/** A step of the switchover plan. */
export interface PlanStep {
  readonly title: string;
  readonly tasks: readonly {
    readonly text: string;
    readonly isDone: boolean;
    readonly doneAt?: Temporal.Instant | undefined;
  }[];
}

/** What people wrote down; each may be empty. */
export interface PeopleFacts {
  readonly openedBy: string;
  readonly description: string;
  readonly rootCause: string;
  readonly prevention: string;
  readonly documentation: string;
  readonly keyLearning: string;
}

/** All that a report can say; each report takes what it needs. */
export interface ReportFacts {
  /** The incident's id, or "" for a drill or a single restore. */
  readonly id: string;
  readonly title: string;
  readonly stanza: string;
  readonly majorVersion: number;
  readonly timeZone: string;
  readonly generatedAt: Temporal.Instant;
  readonly hindsightVersion: string;
  readonly state: string;
  /** The last moment known to be good, such as a restore point, and what it is. */
  readonly goodState: { readonly at: Temporal.Instant; readonly what: string } | undefined;
  readonly accident: AccidentFacts;
  /** What was committed after the target, the accident itself left out; undefined when nobody looked. */
  readonly givenUp?: readonly GivenUpFacts[] | undefined;
  readonly instants: RecoveryInstants;
  readonly objectiveSeconds: number;
  readonly attempts: readonly AttemptFacts[];
  /** The number of the attempt that counts. */
  readonly chosen: number | undefined;
  readonly recovery: RecoveryFacts | undefined;
  readonly counts: readonly RowCount[];
  readonly people: PeopleFacts;
  /** What is done of the switchover; see {@link switchoverPlan}. */
  readonly switchover: SwitchoverState;
}

/** The tasks of the switchover that are done, by their ids, with the time. */
export type SwitchoverState = Readonly<Partial<Record<SwitchoverTask, Temporal.Instant>>>;

/** The ids of the switchover's tasks, in order; their texts are in switchover.ts. */
const SWITCHOVER_TASKS = [
  "primary-stopped",
  "connections-blocked",
  "instance-promoted",
  "writes-checked",
  "applications-pointed",
  "address-moved",
  "applications-started",
  "connectivity-tested",
  "health-checked",
  "transactions-verified",
  "logs-watched",
  "primary-kept",
  "standby-rebuilt",
  "backup-taken",
  "stakeholders-told",
  "report-sent",
  "actions-assigned",
] as const;
export type SwitchoverTask = (typeof SWITCHOVER_TASKS)[number];

/** The attempt that counts. */
export function chosenAttempt(facts: ReportFacts): AttemptFacts | undefined {
  return facts.attempts.find((attempt) => attempt.number === facts.chosen);
}
