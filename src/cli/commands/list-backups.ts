// `hindsight list-backups`: the complete backups of a stanza, newest first, one a line, in Barman's order of columns.
import { formatSize } from "../../base/size.ts";
import { EXIT } from "../../model/failure.ts";
import { formatInZone } from "../../model/timestamp.ts";
import { listBackupHeaders } from "../../repository/backup-headers.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import { backupJson } from "../catalogue.ts";
import type { Invocation } from "../invocation.ts";
import { formatTable } from "../render/table.ts";
import { firstRepository, openArchive } from "../repositories.ts";

/** Prints the list; an empty one is no failure. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const { repository, stanza } = await openArchive(settings, firstRepository(settings), context);
  const headers = (await listBackupHeaders(repository, stanza, context)).toReversed();
  const rows = headers.map((header) => [
    stanza,
    header.label,
    `- ${stopText(header)}`,
    sizes(header),
  ]);
  output.result(
    rows.length === 0 ? `stanza ${stanza} has no complete backup` : formatTable(rows),
    headers.map((header) => backupJson(header)),
  );
  return EXIT.done;
}

function stopText({ stopTime, settings }: ManifestHeader): string {
  return formatInZone(stopTime, settings["TimeZone"] ?? "UTC");
}

function sizes({ sizeBytes, repositorySizeBytes }: ManifestHeader): string {
  return `- Size: ${formatSize(sizeBytes)} - In repository: ${formatSize(repositorySizeBytes)}`;
}
