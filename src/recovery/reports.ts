// The reports of a recovery, for everybody outside this folder: facts in, documents out. What a report says stands in
// report/.
import type { ReportDocument } from "./report/document.ts";
import type { ReportFacts } from "./report/facts.ts";
import { renderHtml } from "./report/html.ts";
import { incidentReport } from "./report/incident-report.ts";
import { renderMarkdown } from "./report/markdown.ts";
import { recoveryMetrics } from "./report/recovery-metrics.ts";

export { readDecisiveLines } from "./report/attempt-facts.ts";
export type { AttemptFacts, RecoveryFacts, ReportFacts } from "./report/facts.ts";
export { rpoOf } from "./report/recovery-metrics.ts";

/** One file of a report. */
export interface ReportFile {
  /** Such as `incident-report.html`. */
  readonly name: string;
  readonly text: string;
}

/** The recovery metrics and the incident report, each as Markdown and as a self-contained HTML page. */
export function renderReports(facts: ReportFacts): readonly ReportFile[] {
  const documents: readonly (readonly [string, ReportDocument])[] = [
    ["recovery-metrics", recoveryMetrics(facts)],
    ["incident-report", incidentReport(facts)],
  ];
  return documents.flatMap(([name, document]) => [
    { name: `${name}.md`, text: renderMarkdown(document) },
    { name: `${name}.html`, text: renderHtml(document) },
  ]);
}
