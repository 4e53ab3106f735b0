// What `backup --dry-run` prints: which backup would be taken, and what would be read for it.
import { type BackupEstimate, type ReadingTotal } from "../../backup/estimate.ts";
import { READING_REASONS, type ReadingReason } from "../../backup/file-plan.ts";
import { formatSize } from "../../base/size.ts";
import type { JsonValue } from "./json.ts";
import { formatDuration, roundSeconds } from "./units.ts";

/** What was configured, by name. */
export type PlanFacts = Readonly<Record<string, string | number | boolean>>;

const WORDS: Readonly<Record<ReadingReason, string>> = {
  new: "new since then, or in the first backup",
  remade: "made, cut, dropped or rewritten since then",
  size: "of a size that single blocks do not explain",
  changed: "with changed blocks",
  content: "compared by content",
  unchanged: "unchanged",
};

/** The text. */
export function backupPlanText(facts: PlanFacts, estimate: BackupEstimate): string {
  const { type, prior, contentScan, read, reasons, seconds } = estimate;
  const shown = READING_REASONS.filter((reason) => reasons[reason].files > 0);
  return [
    `would take a backup of type ${type}${prior === undefined ? "" : `, building on ${prior}`}`,
    ...Object.entries(facts).map(([name, value]) => `  ${name}: ${String(value)}`),
    ...(contentScan === undefined ? [] : [`  all files by content, because ${contentScan}`]),
    `  to be read: ${formatSize(read.bytes)} in ${read.files} files${
      seconds === undefined
        ? ""
        : `, about ${formatDuration(seconds)} at the rate of the backup before`
    }`,
    ...shown.map((reason) => `    ${totalText(reasons[reason])} ${WORDS[reason]}`),
  ].join("\n");
}

function totalText({ files, bytes }: ReadingTotal): string {
  return `${files} files, ${formatSize(bytes)}:`;
}

/** The same for a script. */
export function backupPlanJson(
  facts: PlanFacts,
  { type, prior, contentScan, read, reasons, seconds }: BackupEstimate,
): Record<string, JsonValue> {
  return {
    dryRun: true,
    ...facts,
    type,
    prior: prior ?? null,
    contentScan: contentScan ?? null,
    read: { ...read },
    reasons: Object.fromEntries(READING_REASONS.map((reason) => [reason, { ...reasons[reason] }])),
    forecastSeconds: seconds === undefined ? null : roundSeconds(seconds),
  };
}
