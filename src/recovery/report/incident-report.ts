// The incident report: what happened, what it did, the attempts, the metrics, the switchover plan, the lessons, and what
// people wrote down. Built from facts; a chapter without facts says that nothing was noted.
import type { Block, ReportDocument, Tone } from "./document.ts";
import type { AttemptFacts, PeopleFacts, ReportFacts } from "./facts.ts";
import { lessonBlocks } from "./lessons.ts";
import { footerOf, measureBlocks, subtitleOf, verdictBlocks } from "./recovery-metrics.ts";
import { switchoverBlocks } from "./switchover.ts";
import { formatCount, formatSeconds, formatTime } from "./units.ts";

/** Builds the report. */
export function incidentReport(facts: ReportFacts): ReportDocument {
  return {
    title: "Incident report",
    subtitle: subtitleOf(facts),
    blocks: [
      summary(facts),
      ...verdictBlocks(facts),
      { kind: "heading", text: "Incident" },
      { kind: "facts", rows: incidentRows(facts) },
      ...impactBlocks(facts),
      ...givenUpBlocks(facts),
      { kind: "heading", text: "Timeline" },
      { kind: "table", columns: TIMELINE_COLUMNS, rows: timelineRows(facts) },
      ...attemptBlocks(facts),
      ...measureBlocks(facts),
      ...switchoverBlocks(facts),
      ...lessonBlocks(facts),
      ...peopleBlocks(facts.people),
    ],
    footer: footerOf(facts),
  };
}

const STATE_TONES: Readonly<Record<string, Tone>> = { closed: "good", accepted: "good" };

function summary(facts: ReportFacts): Block {
  const attempt = facts.attempts.find(({ number }) => number === facts.chosen);
  return {
    kind: "verdict",
    tone: STATE_TONES[facts.state] ?? "open",
    text: `${facts.title}: ${facts.state}`,
    detail: attempt
      ? `Attempt ${attempt.number}, from backup ${attempt.backup} to ${attempt.target}: ${attempt.verdict === "" ? attempt.state : attempt.verdict}.`
      : "No attempt was accepted yet; the backups and the WAL are held.",
  };
}

function incidentRows(facts: ReportFacts): readonly (readonly [string, string])[] {
  const { instants, timeZone, people, goodState, accident } = facts;
  const target = facts.attempts.find(({ number }) => number === facts.chosen)?.target;
  return [
    ["Incident", facts.title],
    ...(people.description === "" ? [] : [["Description", people.description] as const]),
    ["Discovered", formatTime(instants.detectedAt, timeZone)],
    ["Reported by", people.openedBy === "" ? "not noted" : people.openedBy],
    [
      "Last good state",
      goodState ? `${formatTime(goodState.at, timeZone)}, ${goodState.what}` : "not noted",
    ],
    ["Disaster", formatTime(instants.incidentAt, timeZone)],
    ["Transaction", accident.xid === undefined ? "not known" : String(accident.xid)],
    ["Strategy", target === undefined ? "not decided" : `point-in-time recovery to ${target}`],
  ];
}

function impactBlocks({ accident }: ReportFacts): readonly Block[] {
  if (accident.impact.length === 0) return [];
  return [
    { kind: "heading", text: "Impact" },
    {
      kind: "table",
      columns: [
        { text: "Table", align: "left" },
        { text: "What happened", align: "left" },
        { text: "Rows", align: "right" },
      ],
      rows: accident.impact.map(({ relation, change, rows }) => [
        relation,
        change,
        rows === undefined ? "not known" : formatCount(rows),
      ]),
    },
  ];
}

/** What the recovered cluster lacks because it was committed after the target. */
function givenUpBlocks({ givenUp, timeZone }: ReportFacts): readonly Block[] {
  if (givenUp === undefined) return [];
  const heading: Block = { kind: "heading", text: "Given up by the recovery" };
  if (givenUp.length === 0) {
    return [heading, { kind: "paragraph", text: "Nothing was committed after the accident." }];
  }
  return [
    heading,
    {
      kind: "table",
      columns: [
        { text: "Committed", align: "left" },
        { text: "Transaction", align: "right" },
        { text: "What it did", align: "left" },
      ],
      rows: givenUp.map(({ at, xid, what }) => [formatTime(at, timeZone), String(xid), what]),
    },
  ];
}

const TIMELINE_COLUMNS = [
  { text: "When", align: "left" },
  { text: "What", align: "left" },
] as const;

/** Everything that has a time, in order. */
function timelineRows(facts: ReportFacts): readonly (readonly string[])[] {
  const { instants, goodState, attempts, recovery, timeZone } = facts;
  const events: readonly (readonly [Temporal.Instant | undefined, string])[] = [
    [goodState?.at, `Good state: ${goodState?.what ?? ""}`],
    [recovery?.lastGoodAt, "Last commit before the accident"],
    [instants.incidentAt, "Disaster: the transaction is committed"],
    [instants.detectedAt, "Discovered"],
    ...attempts.map(
      (attempt) =>
        [attempt.startedAt, `Attempt ${attempt.number} begins, to ${attempt.target}`] as const,
    ),
    [instants.restoredAt, "Files of the backup are written"],
    [instants.recoveryStartedAt, "PostgreSQL begins to replay WAL"],
    [instants.readyAt, "The recovered server takes queries at the target"],
    [instants.verifiedAt, "The recovered data is verified"],
  ];
  return events
    .filter((event): event is readonly [Temporal.Instant, string] => event[0] !== undefined)
    .toSorted(([left], [right]) => Temporal.Instant.compare(left, right))
    .map(([at, text]) => [formatTime(at, timeZone), text]);
}

function attemptBlocks({ attempts, timeZone }: ReportFacts): readonly Block[] {
  if (attempts.length === 0) return [];
  return [
    { kind: "heading", text: "Attempts" },
    ...attempts.flatMap((attempt): readonly Block[] => [
      { kind: "subheading", text: `Attempt ${attempt.number}: ${attempt.state}` },
      { kind: "facts", rows: attemptRows(attempt, timeZone) },
      ...checkBlocks(attempt),
    ]),
  ];
}

function attemptRows(
  attempt: AttemptFacts,
  timeZone: string,
): readonly (readonly [string, string])[] {
  return [
    ["Target", attempt.target],
    ["Backup", attempt.backup],
    ["Timeline", attempt.timeline === undefined ? "not known" : String(attempt.timeline)],
    ["Began", formatTime(attempt.startedAt, timeZone)],
    ["Took", formatSeconds(attempt.seconds)],
    ...(attempt.verdict === "" ? [] : [["Verdict", attempt.verdict] as const]),
    ...(attempt.by === "" ? [] : [["Decided by", attempt.by] as const]),
  ];
}

function checkBlocks({ checks }: AttemptFacts): readonly Block[] {
  if (checks.length === 0) return [];
  return [
    {
      kind: "table",
      columns: [
        { text: "Check", align: "left" },
        { text: "Result", align: "left" },
        { text: "Finding", align: "left" },
      ],
      rows: checks.map(({ name, passed, detail }) => [name, passed ? "passed" : "FAILED", detail]),
    },
  ];
}

function peopleBlocks(people: PeopleFacts): readonly Block[] {
  const rows = [
    ["Root cause", people.rootCause],
    ["Prevention", people.prevention],
    ["Documentation", people.documentation],
    ["Key learning", people.keyLearning],
  ] as const;
  return [
    { kind: "heading", text: "Post-mortem" },
    {
      kind: "facts",
      rows: rows.map(([label, text]) => [label, text === "" ? "not noted yet" : text]),
    },
  ];
}
