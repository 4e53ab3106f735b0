// Lessons learned, drawn from the facts by rules that are written down here: each says what must have been measured for
// it to be said. Action items are proposals, open until somebody ticks them off.
import { measureRto, type RtoMeasure } from "../metrics.ts";
import type { Block, Task } from "./document.ts";
import type { ReportFacts } from "./facts.ts";
import { rpoOf } from "./recovery-metrics.ts";
import { formatCount, formatSeconds, formatShare } from "./units.ts";

/** Rows changed by one transaction from which on the documents want an alert. */
const ALERT_ROWS = 100;
/** From this share of the total on, a phase is worth shortening. */
const LONG_SHARE = 0.3;

/** What worked, what did not, and what to do. */
export function lessonBlocks(facts: ReportFacts): readonly Block[] {
  const rto = measureRto(facts.instants, facts.objectiveSeconds);
  const worked = whatWorked(facts, rto);
  const improve = whatToImprove(facts, rto);
  return [
    { kind: "heading", text: "Lessons learned" },
    ...listOf("What worked", worked),
    ...listOf("What can be improved", improve),
    { kind: "subheading", text: "Proposed action items" },
    { kind: "tasks", items: actionItems(facts) },
  ];
}

function listOf(title: string, items: readonly string[]): readonly Block[] {
  if (items.length === 0) return [];
  return [
    { kind: "subheading", text: title },
    { kind: "list", items },
  ];
}

function whatWorked(facts: ReportFacts, rto: RtoMeasure): readonly string[] {
  const rpo = rpoOf(facts);
  const chosen = facts.attempts.find((attempt) => attempt.number === facts.chosen);
  const lines: string[] = [];
  if (chosen) {
    lines.push(`Backup ${chosen.backup} and all WAL up to the target were there and undamaged.`);
  }
  if (rpo.seconds === 0 && !rpo.isUpperBound) {
    lines.push("Every commit before the accident was kept (RPO 0 s).");
  }
  if (rpo.missingRows === 0) {
    lines.push(
      `All rows that were counted came back (${formatShare(rpo.recoveredShare)}), ${formatCount(rpo.unwantedRows)} unwanted.`,
    );
  }
  if (rto.isMet) {
    lines.push(
      `The whole recovery took ${formatSeconds(rto.totalSeconds)} of ${formatSeconds(rto.objectiveSeconds)}.`,
    );
  }
  if (facts.attempts.length > 1 && chosen) {
    lines.push(
      `The base backup stayed untouched, so ${facts.attempts.length} attempts could be made from it.`,
    );
  }
  return lines;
}

function whatToImprove(facts: ReportFacts, rto: RtoMeasure): readonly string[] {
  const lines: string[] = [];
  if (rto.isMet === false) {
    lines.push(
      `The objective of ${formatSeconds(rto.objectiveSeconds)} was missed: the recovery took ${formatSeconds(rto.totalSeconds)}.`,
    );
  }
  const long = rto.phases.filter(
    ({ seconds }) =>
      seconds !== undefined &&
      rto.totalSeconds !== undefined &&
      seconds > rto.totalSeconds * LONG_SHARE,
  );
  for (const { name, seconds } of long) {
    const share = formatShare((seconds ?? 0) / (rto.totalSeconds ?? 1));
    lines.push(`${PHASE_ADVICE[name]} (${formatSeconds(seconds)}, ${share} of the time).`);
  }
  for (const attempt of facts.attempts) {
    if (attempt.state !== "rejected" && attempt.state !== "failed") continue;
    const why = attempt.verdict === "" ? "" : `: ${attempt.verdict}`;
    lines.push(`Attempt ${attempt.number} to ${attempt.target} was ${attempt.state}${why}`);
  }
  const unknown = rto.phases.filter(({ seconds }) => seconds === undefined);
  if (unknown.length > 0) {
    lines.push(`Not measured: ${unknown.map(({ name }) => name).join(", ")}.`);
  }
  return lines;
}

const PHASE_ADVICE = {
  detect: "Detection took long: an alert on mass changes would shorten it",
  decide: "The decision took long: a runbook that names who decides would shorten it",
  retry: "Earlier attempts took long: compile the target from WAL before the first restore",
  restore: "The restore took long: more parallel work, or a base kept ready, would shorten it",
  replay: "Replay took long: a more recent backup would shorten it",
  verify: "Verification took long: checks that are written down would shorten it",
} as const;

function actionItems(facts: ReportFacts): readonly Task[] {
  const day = facts.generatedAt.toZonedDateTimeISO(facts.timeZone).toPlainDate();
  const open = (text: string, note = ""): Task => ({ text, isDone: false, note });
  const mass = facts.accident.impact.filter(({ rows }) => (rows ?? 0) > ALERT_ROWS);
  return [
    ...(mass.length === 0
      ? []
      : [
          open(
            `Alert when one transaction deletes more than ${ALERT_ROWS} rows of ${mass.map(({ relation }) => relation).join(", ")}`,
          ),
          open("Require a second person, or a WHERE clause, for mass deletions"),
        ]),
    open("Create a restore point before every migration and batch job"),
    open("Write the switchover into the runbook"),
    open(
      "Test a recovery to a point in time",
      `due ${day.add({ months: 1 }).toString()}, then monthly`,
    ),
    open("Hold a full recovery drill", `due ${day.add({ months: 3 }).toString()}, then quarterly`),
  ];
}
