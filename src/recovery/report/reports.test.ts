import { expect, test } from "vitest";
import { renderHtml } from "./html.ts";
import { incidentReport } from "./incident-report.ts";
import { renderMarkdown } from "./markdown.ts";
import { recoveryMetrics } from "./recovery-metrics.ts";
import { nothingKnown, ordersDeleted } from "./report.fixture.ts";

const metrics = renderMarkdown(recoveryMetrics(ordersDeleted));
const incident = renderMarkdown(incidentReport(ordersDeleted));

test("the metrics report has every line of the document's", () => {
  for (const line of [
    "> **✔ RTO 5 min 05 s**",
    "The objective of 15 min was met.",
    "> **✔ RPO 0 s**",
    "restore point before_disaster |",
    "| Backup used | 20261119-090000F |",
    "| Detection | 59.9 s |",
    "| Decision to recover | 2 min 10 s |",
    "| Earlier attempts | 1 min 10 s |",
    "| Restore of the backup | 11.5 s |",
    "| Start and replay of WAL | 4.4 s |",
    "| Verification | 29.1 s |",
    "| Total | 5 min 05 s |",
    "| PostgreSQL's own recovery | 3.8 s |",
    "| Rows recovered | 100 % |",
    "| public.orders | 0 | 60,104 | 60,104 | 0 | as it must be |",
    "| Settings raised | max_connections = 200 |",
  ]) {
    expect(metrics).toContain(line);
  }
});

test("the incident report has the timeline in order, each attempt, and why the first failed", () => {
  const timeline = incident.slice(incident.indexOf("## Timeline"), incident.indexOf("## Attempts"));
  const order = [
    "Good state: restore point",
    "Last commit before the accident",
    "Disaster: the transaction is committed",
    "| Discovered |",
    "Attempt 1 begins",
    "Attempt 2 begins",
    "PostgreSQL begins to replay WAL",
    "The recovered data is verified",
  ].map((text) => timeline.indexOf(text));
  expect(order.every((position) => position > 0)).toBe(true);
  expect(order.toSorted((left, right) => left - right)).toEqual(order);
  expect(incident).toContain("### Attempt 1: rejected");
  expect(incident).toContain("| orders present | FAILED | 0 rows, expected 60,104 |");
  expect(incident).toContain("the orders are still missing");
  expect(incident).toContain("### Attempt 2: accepted");
});

test("the switchover plan has seven steps and shows what is done and when", () => {
  expect(incident.match(/^### Step \d: /gm)).toHaveLength(7);
  expect(incident).toContain("2 of 17 tasks are marked as done.");
  expect(incident).toMatch(/- \[x\] Keep applications out: .* — 2026-11-19 11:56:00\+00:00/);
  expect(incident).toContain("- [ ] Tell stakeholders that the system is restored");
});

test("lessons follow from the facts", () => {
  expect(incident).toContain("Every commit before the accident was kept (RPO 0 s).");
  expect(incident).toContain("The decision took long");
  expect(incident).not.toContain("Replay took long");
  expect(incident).toContain(
    "- [ ] Alert when one transaction deletes more than 100 rows of public.orders",
  );
  expect(incident).toContain("due 2026-12-19, then monthly");
  const small = {
    ...ordersDeleted,
    accident: { ...ordersDeleted.accident, impact: [] },
  };
  expect(renderMarkdown(incidentReport(small))).not.toContain("more than 100 rows");
});

test("a missed objective and rows that differ are said first", () => {
  const [count, ...others] = ordersDeleted.counts;
  if (!count) throw new Error("no counts");
  const bad = renderMarkdown(
    recoveryMetrics({
      ...ordersDeleted,
      objectiveSeconds: 60,
      counts: [{ ...count, recovered: 60_000, shouldNotExist: 3 }, ...others],
    }),
  );
  expect(bad).toContain("> **✘ RTO 5 min 05 s**\\\n> The objective of 1 min was missed.");
  expect(bad).toContain("> **✘ RPO 0 s**\\\n> 104 rows missing, 3 unwanted.");
  expect(bad).toContain("| DIFFERS |");
});

test("what nobody measured is said so, and no number is made up", () => {
  const unknown = renderMarkdown(recoveryMetrics(nothingKnown));
  expect(unknown).toContain("> **● RTO not measured**");
  expect(unknown).toContain("> **● RPO not measured**");
  expect(unknown).toContain("| Total | not measured |");
  expect(unknown).not.toContain("✔");
  const report = renderMarkdown(incidentReport(nothingKnown));
  expect(report).toContain("No attempt was accepted yet");
  expect(report).toContain("| Root cause | not noted yet |");
  expect(report).not.toMatch(/NaN|undefined|null/);
  expect(renderHtml(incidentReport(nothingKnown))).not.toMatch(/NaN|undefined|null/);
});
