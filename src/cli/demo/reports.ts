// The reports of the demonstration: what its story measured, told by the same reports that an incident gets, in Markdown
// and HTML.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseLsn } from "../../model/lsn.ts";
import { formatInZone, parseInstant } from "../../model/timestamp.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import { recognise, type RecoveryEvent } from "../../postgres/recovery-log.ts";
import {
  measureRto,
  type RowCount,
  RTO_OBJECTIVE_SECONDS,
  type RtoMeasure,
} from "../../recovery/metrics.ts";
import {
  type AttemptFacts,
  readDecisiveLines,
  type RecoveryFacts,
  renderReports,
  type ReportFacts,
  rpoOf,
} from "../../recovery/reports.ts";
import { formatDuration } from "../render/units.ts";
import { thousands } from "./counts.ts";
import type { DemoAttempt, StoryFacts } from "./story.ts";
import { BEFORE_ACCIDENT } from "./tables.ts";

/** What was written, and the two numbers that everybody asks for. */
export interface DemoReports {
  readonly paths: readonly string[];
  readonly rto: RtoMeasure;
  /** Good work that was lost, in seconds; undefined when it could not be measured. */
  readonly rpoSeconds: number | undefined;
}

/**
 * Writes the recovery metrics and the incident report.
 *
 * @param directory created; files of the same names are replaced.
 */
export async function writeReports(story: StoryFacts, directory: string): Promise<DemoReports> {
  const facts = await reportFacts(story);
  await mkdir(directory, { recursive: true });
  const paths: string[] = [];
  for (const { name, text } of renderReports(facts)) {
    paths.push(join(directory, name));
    await writeFile(join(directory, name), text);
  }
  const rto = measureRto(facts.instants, facts.objectiveSeconds);
  return { paths, rto, rpoSeconds: rpoOf(facts).seconds };
}

async function reportFacts(story: StoryFacts): Promise<ReportFacts> {
  const [first, last] = [story.attempts[0], story.attempts.at(-1)];
  if (!first || !last) throw new Error("a story without attempts has no report");
  const logLines = await readDecisiveLines(last.report.recovery.logFile);
  return {
    id: "",
    title: "Accidental mass deletion of orders",
    stanza: "main",
    majorVersion: 18,
    timeZone: "UTC",
    generatedAt: story.verifiedAt,
    hindsightVersion: HINDSIGHT_VERSION,
    state: "recovered beside production",
    goodState: { at: story.goodAt, what: "restore point before_disaster" },
    accident: { xid: story.accident.xid, lsn: story.accident.lsn, impact: impactOf(story) },
    givenUp: story.accident.givenUp,
    instants: {
      incidentAt: story.accident.at,
      detectedAt: story.detectedAt,
      firstAttemptAt: first.startedAt,
      restoreBeganAt: last.startedAt,
      restoredAt: last.startedAt.add({ milliseconds: Math.round(last.report.seconds * 1000) }),
      recoveryStartedAt: timeOf(logLines, "recoveryStarted"),
      readyAt: latest(timeOf(logLines, "readyReadOnly"), timeOf(logLines, "stopping")),
      verifiedAt: story.verifiedAt,
    },
    objectiveSeconds: RTO_OBJECTIVE_SECONDS,
    attempts: story.attempts.map(attemptFacts),
    chosen: story.attempts.length,
    recovery: recoveryFacts(last, story, logLines),
    counts: countsOf(last, story),
    people: NOBODY,
    switchover: {},
  };
}

/** The demonstration has no people who could have written something down. */
const NOBODY: ReportFacts["people"] = {
  openedBy: "",
  description:
    "Two DELETE statements of one transaction, without the WHERE clause they should have had.",
  rootCause: "",
  prevention: "",
  documentation: "",
  keyLearning: "",
};

function impactOf({ accident }: StoryFacts): ReportFacts["accident"]["impact"] {
  return accident.deleted.map(({ relation, rows }) => ({
    relation,
    rows,
    change: `${thousands(rows)} rows deleted`,
  }));
}

function countsOf({ counts }: DemoAttempt, { production }: StoryFacts): readonly RowCount[] {
  const names = [
    ["public.orders", "orders"],
    ["public.critical_orders", "criticalOrders"],
    ["public.users", "users"],
  ] as const;
  return names.map(([relation, key]) => ({
    relation,
    recovered: counts[key],
    shouldExist: BEFORE_ACCIDENT[key],
    shouldNotExist: Math.max(0, counts[key] - BEFORE_ACCIDENT[key]),
    production: production[key],
  }));
}

function attemptFacts(attempt: DemoAttempt, index: number): AttemptFacts {
  const { counts, isGood, report, startedAt, endedAt, target } = attempt;
  const expected = `expected ${thousands(BEFORE_ACCIDENT.orders)}`;
  return {
    number: index + 1,
    target,
    backup: report.backup,
    timeline: report.recovery.timeline,
    state: isGood ? "paused" : "rejected",
    startedAt,
    seconds: endedAt.since(startedAt).total("seconds"),
    checks: [
      {
        name: "orders present",
        passed: isGood,
        detail: `${thousands(counts.orders)} rows, ${expected}`,
      },
    ],
    verdict: isGood
      ? "everything is there"
      : "the target lies after the deletion; discarded, the sources untouched",
    by: "",
  };
}

function recoveryFacts(
  { report, target }: DemoAttempt,
  story: StoryFacts,
  logLines: readonly string[],
): RecoveryFacts {
  const { lastReplayed, socketDirectory, port } = report.recovery;
  return {
    method: `point-in-time recovery to ${target}, paused there`,
    restoredBytes: report.bytes,
    restoredFiles: report.filesRestored,
    walSegments: undefined,
    lastKept: {
      xid: lastReplayed.xid === null ? undefined : BigInt(lastReplayed.xid),
      replayedLsn:
        lastReplayed.replayedLsn === null ? undefined : parseLsn(lastReplayed.replayedLsn),
      time: lastReplayed.time === null ? undefined : parseInstant(lastReplayed.time),
    },
    lastGoodAt: story.accident.lastGoodAt,
    connection: story.isKept ? `psql -h ${socketDirectory} -p ${port} -U postgres` : "",
    raised: {},
    logLines,
  };
}

function timeOf(
  lines: readonly string[],
  kind: RecoveryEvent["kind"],
): Temporal.Instant | undefined {
  return lines.map(recognise).find((entry) => entry?.event.kind === kind)?.at;
}

function latest(
  left: Temporal.Instant | undefined,
  right: Temporal.Instant | undefined,
): Temporal.Instant | undefined {
  if (!left || !right) return left ?? right;
  return Temporal.Instant.compare(left, right) < 0 ? right : left;
}

/** The rows that are shown at the end: each measure against its objective. */
export function measureTable(
  { rto, rpoSeconds }: DemoReports,
  story: StoryFacts,
): readonly (readonly string[])[] {
  const verdict = rto.isMet ? "met" : "MISSED";
  return [
    ["", "measured", "objective"],
    [
      "RTO, accident to verified recovery",
      duration(rto.totalSeconds),
      `${duration(rto.objectiveSeconds)}, ${verdict}`,
    ],
    ["of it PostgreSQL's recovery, by its log", duration(rto.logSeconds), ""],
    ["RPO, lost of what came before it", duration(rpoSeconds), "0 s"],
    ["given up of what came after it", transactions(story.accident.givenUp.length), ""],
    ["last commit that was kept", formatInZone(story.accident.lastGoodAt, "UTC"), ""],
  ];
}

function transactions(count: number): string {
  return `${count} transaction${count === 1 ? "" : "s"}`;
}

function duration(seconds: number | undefined): string {
  return seconds === undefined ? "not measured" : formatDuration(seconds);
}
