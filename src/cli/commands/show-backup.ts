// `hindsight show-backup LABEL|latest`: everything about one backup, under Barman's headings.
import { formatSize } from "../../base/size.ts";
import { showPath } from "../../model/byte-path.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { describeInstant } from "../../model/timestamp.ts";
import { type ManifestHeader, readManifestHeader } from "../../repository/manifest.ts";
import { backupJson, references, resolveLabel, setSizeBytes } from "../catalogue.ts";
import type { Invocation } from "../invocation.ts";
import type { JsonValue } from "../render/json.ts";
import { formatDuration } from "../render/units.ts";
import { firstRepository, openArchive } from "../repositories.ts";

/** @throws {HindsightError} `BACKUP_UNKNOWN`, `BACKUP_LABEL_INVALID` */
export async function run({ settings, words, context, output }: Invocation): Promise<number> {
  const [text] = words;
  if (text === undefined) throw failure("COMMAND_ARGUMENT_INVALID", "show-backup needs a label");
  const archive = await openArchive(settings, firstRepository(settings), context);
  const label = await resolveLabel(text, archive, context);
  const header = await readManifestHeader(archive.repository, archive.stanza, label, context);
  output.result(describe(header, archive.stanza), detailsJson(header, archive.stanza));
  return EXIT.done;
}

function describe(header: ManifestHeader, stanza: string): string {
  const zone = header.settings["TimeZone"] ?? "UTC";
  const reference = references(header);
  const seconds = (header.stopTime.epochMilliseconds - header.startTime.epochMilliseconds) / 1000;
  const sections: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
    [
      `Backup ${header.label}:`,
      [
        ["Stanza", stanza],
        ["Type", header.type],
        ...(header.prior === undefined ? [] : [["Builds on", header.prior] as const]),
        ["Status", header.pageErrors.length === 0 ? "DONE" : "DONE, with damaged pages"],
        ["PostgreSQL version", String(header.majorVersion)],
        ["System identifier", String(header.systemIdentifier)],
        ["Data directory", `${header.dataDirectory} on ${header.host}`],
        ["Data checksums", header.dataChecksums ? "on" : "off"],
        ["Made by", `hindsight ${header.hindsightVersion}`],
      ],
    ],
    [
      "Base backup:",
      [
        ["Size", `${formatSize(header.sizeBytes)} in ${header.fileCount} files`],
        ["Stored now", formatSize(header.deltaSizeBytes)],
        [
          "In repository",
          `${formatSize(header.repositorySizeBytes)}, with all it needs ${formatSize(setSizeBytes(header))}`,
        ],
        ...(reference.length === 0 ? [] : [["Needs packs of", reference.join(", ")] as const]),
        ...(header.contentScan === undefined
          ? []
          : [["Compared by content", header.contentScan] as const]),
        ["Timeline", String(header.timeline)],
        ["Begin WAL", header.firstSegment],
        ["End WAL", header.lastSegment],
        ["Begin time", describeInstant(header.startTime, zone)],
        ["End time", describeInstant(header.stopTime, zone)],
        ["Duration", formatDuration(seconds)],
        ["Begin LSN", formatLsn(header.startLsn)],
        ["End LSN", formatLsn(header.stopLsn)],
      ],
    ],
    ["Databases:", header.databases.map(({ name, oid }) => [name, `OID ${oid}`])],
    [
      "Tablespaces:",
      header.tablespaces.filter(isElsewhere).map((each) => [each.name, each.location]),
    ],
    ["Annotations:", Object.entries(header.annotations)],
    [
      "Damaged pages:",
      header.pageErrors.map(({ path, blocks }) => [showPath(path), `blocks ${blocks.join(", ")}`]),
    ],
  ];
  return sections
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) =>
      [title, ...rows.map(([name, value]) => `  ${name.padEnd(20)} : ${value}`)].join("\n"),
    )
    .join("\n\n");
}

function isElsewhere({ location }: { readonly location: string }): boolean {
  return location !== "";
}

function detailsJson(header: ManifestHeader, stanza: string): Record<string, JsonValue> {
  return {
    ...backupJson(header),
    stanza,
    reference: references(header),
    timeline: header.timeline,
    systemIdentifier: header.systemIdentifier,
    postgresVersion: header.majorVersion,
    firstSegment: header.firstSegment,
    lastSegment: header.lastSegment,
    fileCount: header.fileCount,
    host: header.host,
    dataDirectory: header.dataDirectory,
    dataChecksums: header.dataChecksums,
    hindsightVersion: header.hindsightVersion,
    databases: header.databases.map(({ oid, name }) => ({ oid, name })),
    tablespaces: header.tablespaces.map(({ oid, name, location }) => ({ oid, name, location })),
    annotations: { ...header.annotations },
    pageErrors: header.pageErrors.map(({ path, blocks }) => ({ file: showPath(path), blocks })),
  };
}
