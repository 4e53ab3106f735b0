// The text of `hindsight expire`: what went, what stays and why, and what cannot be reached any more, in wall-clock time.
import { formatSize } from "../../base/size.ts";
import type { StanzaName } from "../../model/stanza.ts";
import { formatInZone } from "../../model/timestamp.ts";
import type { RecoveryWindows } from "../../recovery/window.ts";
import type { DeletedObjects, ExpireResult } from "../../retention/perform.ts";
import type { InRepository } from "../each-repository.ts";
import type { RepositoryExpiry, WindowChange } from "../expire-run.ts";
import { formatDuration } from "./units.ts";

/** What an expire came to. */
export interface ExpiryReport {
  readonly stanza: StanzaName;
  readonly isDryRun: boolean;
  readonly graceMs: number;
  readonly repositories: readonly InRepository<RepositoryExpiry>[];
}

/** One block for each repository. */
export function expiryText(report: ExpiryReport): string {
  return report.repositories.map((each) => repositoryText(each, report)).join("\n\n");
}

function repositoryText(
  { number, path, result: { result, later, windows } }: InRepository<RepositoryExpiry>,
  { stanza, isDryRun, graceMs }: ExpiryReport,
): string {
  const would = isDryRun ? "would be " : "";
  const grace = graceMs === 0 ? "at once" : `${formatDuration(graceMs / 1000)} later`;
  const lines = [
    `stanza ${stanza}, repository ${number} (${path})${isDryRun ? ": nothing is changed" : ""}`,
    ...reasons(`${would}expired, to be deleted ${grace}`, result.hidden),
    ...reasons("kept beyond its retention", result.spared),
    ...reasons(`${would}listed again`, result.shown),
    ...reasons(`unfinished, ${would}given up`, result.revoked),
    ...deletedLines(isDryRun ? "would be deleted now" : "deleted", result.deleted),
    ...(later && graceMs > 0 ? deletedLines("and by later runs in all", later.deleted) : []),
    ...(windows ? windowLines(windows) : []),
  ];
  if (isNothing(result)) lines.push("  nothing to expire");
  return lines.join("\n");
}

function isNothing({ hidden, shown, revoked, deleted }: ExpireResult): boolean {
  const lists = [hidden, shown, revoked, deleted.backups];
  return lists.every(({ length }) => length === 0) && describeDeleted(deleted).length === 0;
}

function reasons(title: string, labels: ExpireResult["hidden"]): readonly string[] {
  if (labels.length === 0) return [];
  return [`  ${title}:`, ...labels.map(({ label, reason }) => `    ${label}: ${reason}`)];
}

function deletedLines(title: string, deleted: DeletedObjects): readonly string[] {
  const parts = describeDeleted(deleted);
  return parts.length === 0 ? [] : [`  ${title}:`, ...parts.map((part) => `    ${part}`)];
}

function describeDeleted(deleted: DeletedObjects): readonly string[] {
  const { backups, packCount, packBytes, catalogueCount } = deleted;
  const wal = [...deleted.wal].flatMap(([id, { runs, objectCount, segmentCount, sizeBytes }]) =>
    objectCount === 0
      ? []
      : [
          `${segmentCount} WAL segments of ${id}, ${formatSize(sizeBytes)} with all that belongs to them`,
          ...runs.map(({ first, last, count }) => `  ${first} to ${last} (${count})`),
        ],
  );
  return [
    ...(backups.length === 0 ? [] : [`backups ${backups.join(", ")}`]),
    ...(packCount === 0 ? [] : [`${packCount} packs, ${formatSize(packBytes)}`]),
    ...wal,
    ...(catalogueCount === 0 ? [] : [`${catalogueCount} catalogues`]),
  ];
}

function windowLines({ before, after, timeZone }: WindowChange): readonly string[] {
  const show = (windows: RecoveryWindows): readonly string[] =>
    windows.timelines.flatMap((each) =>
      each.windows.map(
        ({ timeline, earliest, latest, backups }) =>
          `    timeline ${timeline}: ${formatInZone(earliest.time, timeZone)} to ${formatInZone(latest.time, timeZone)}, from ${backups[0]}`,
      ),
    );
  const [now, then] = [show(before), show(after)];
  if (now.join("\n") === then.join("\n"))
    return ["  what can be recovered stays as it is:", ...now];
  return [
    "  what can be recovered now:",
    ...(now.length === 0 ? ["    nothing"] : now),
    "  what could be recovered then:",
    ...(then.length === 0 ? ["    nothing"] : then),
    ...after.strandedBackups.map((label) => `    backup ${label} would lack WAL`),
  ];
}
