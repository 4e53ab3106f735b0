// The text of `hindsight info`, line for line as pgBackRest prints it, so that eyes and scripts find their way.
import { REBUILD_COMMAND } from "../../archive/unindexed-spans.ts";
import { formatSize } from "../../base/size.ts";
import { formatLsn } from "../../model/lsn.ts";
import type { ArchiverStatus } from "../../postgres/archiver-status.ts";
import type { RecoveryWindow } from "../../recovery/window-survey.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import { references, setSizeBytes } from "../catalogue.ts";
import { overallStatus, type StanzaInRepository, type StanzaStatus } from "../stanza-status.ts";
import { unindexedText } from "./unindexed.ts";
import { formatSpan } from "./window-text.ts";

/**
 * @param label show this backup only.
 * @source pgBackRest src/command/info/info.c, formatTextDb and formatTextBackup
 */
export function infoText(statuses: readonly StanzaStatus[], label?: string): string {
  if (statuses.length === 0) return "No stanzas exist in the repository.";
  return statuses.map((status) => stanzaText(status, label)).join("\n\n");
}

function stanzaText({ name, repositories, archiver }: StanzaStatus, label?: string): string {
  const status = overallStatus(repositories);
  const ciphers = [...new Set(repositories.map((each) => each.cipher))];
  const lines = [
    `stanza: ${name}`,
    `    status: ${statusText(status, repositories)}`,
    ...(repositories.length > 1 ? repositories.map(repositoryText) : []),
    `    cipher: ${ciphers.length === 1 ? ciphers[0] : "mixed"}`,
  ];
  const readable = repositories.filter((each) => each.record !== undefined);
  if (readable.length > 0) lines.push("", "    db (current)", ...readable.flatMap(archiveLines));
  lines.push(...readable.flatMap((each) => backupBlocks(each, label)));
  if (archiver) lines.push("", ...archiverLines(archiver));
  return lines.join("\n");
}

function statusText(status: string, [first]: readonly StanzaInRepository[]): string {
  if (status === "ok") return "ok";
  if (status === "different across repos") return "mixed";
  return `error (${status === "other" ? (first?.problem ?? status) : status})`;
}

function repositoryText(repository: StanzaInRepository): string {
  return `        repo${repository.number}: ${statusText(repository.status, [repository])}`;
}

function archiveLines(repository: StanzaInRepository): readonly string[] {
  const { number, record, extremes, unindexed } = repository;
  const range = extremes ? `${extremes.min}/${extremes.max}` : "none present";
  const where = number === 1 ? "" : `repo${number} `;
  return [
    `        ${where}wal archive min/max (${record?.majorVersion}): ${range}`,
    ...recoveryLines(repository).map((line) => `        ${where}${line}`),
    ...unindexed.map((span) => {
      const next = span.beginsArchive ? "" : `; ${REBUILD_COMMAND} makes it`;
      return `        ${where}wal without index: ${unindexedText(span)}${next}`;
    }),
  ];
}

/** Newest timeline first; what to do about a gap: `hindsight window`. */
function recoveryLines({ recovery, backups }: StanzaInRepository): readonly string[] {
  if (!recovery) return [];
  if ("problem" in recovery) return [`recovery window: not known: ${recovery.problem}`];
  const zone = backups.at(-1)?.settings["TimeZone"] ?? "UTC";
  const { timelines, gaps, strandedBackups } = recovery;
  return [
    ...timelines
      .toReversed()
      .flatMap(({ windows }) => windows.map((window) => windowLine(window, zone))),
    ...gaps.map(
      (gap) =>
        `wal archive gap: timeline ${gap.timeline}, ${formatLsn(gap.begin)} to ${formatLsn(gap.end)}: ${gap.reason}`,
    ),
    ...strandedBackups.map((label) => `backup without all of its wal: ${label}`),
  ];
}

function windowLine({ timeline, earliest, latest, backups }: RecoveryWindow, zone: string): string {
  const span = formatSpan(earliest.time, latest.time);
  return `recovery window: timeline ${timeline}, ${stamp(earliest.time, zone)} to ${stamp(latest.time, zone)} (${span}), from ${backups[0]}`;
}

function backupBlocks(repository: StanzaInRepository, label?: string): readonly string[] {
  return repository.backups
    .filter((header) => label === undefined || header.label === label)
    .flatMap((header) => ["", ...backupBlock(header, repository.number)]);
}

function backupBlock(header: ManifestHeader, number: number): readonly string[] {
  const { sizeBytes, deltaSizeBytes, repositorySizeBytes, pageErrors } = header;
  const zone = header.settings["TimeZone"] ?? "UTC";
  const size = formatSize(sizeBytes);
  const stored = formatSize(repositorySizeBytes);
  const reference = references(header);
  const annotations = Object.entries(header.annotations).map(([key, value]) => `${key}: ${value}`);
  return [
    `        ${header.type} backup: ${header.label}`,
    `            timestamp start/stop: ${stamp(header.startTime, zone)} / ${stamp(header.stopTime, zone)}`,
    `            wal start/stop: ${header.firstSegment} / ${header.lastSegment}`,
    `            database size: ${size}, database backup size: ${formatSize(deltaSizeBytes)}`,
    `            repo${number}: backup set size: ${formatSize(setSizeBytes(header))}, backup size: ${stored}`,
    ...(reference.length === 0
      ? []
      : [`            backup reference list: ${reference.join(", ")}`]),
    ...(annotations.length === 0 ? [] : [`            annotation(s): ${annotations.join(", ")}`]),
    ...(pageErrors.length === 0 ? [] : ["            error(s) detected during backup"]),
  ];
}

/** To the second, in the cluster's time zone, with offset. */
function stamp(instant: Temporal.Instant, zone: string): string {
  const zoned = instant.toZonedDateTimeISO(zone);
  const time = zoned.toPlainTime().toString({ smallestUnit: "second" });
  return `${zoned.toPlainDate().toString()} ${time}${zoned.offset.replace(/:00$/, "")}`;
}

/** The view of mission row 001-17. */
function archiverLines(status: ArchiverStatus): readonly string[] {
  const time = (instant: Temporal.Instant | undefined): string =>
    instant === undefined ? "" : ` at ${instant.toString({ smallestUnit: "second" })}`;
  return [
    "    archiver (pg_stat_archiver)",
    `        archived: ${status.archivedCount}, last ${status.lastArchivedWal ?? "none"}${time(status.lastArchivedTime)}`,
    `        failed: ${status.failedCount}, last ${status.lastFailedWal ?? "none"}${time(status.lastFailedTime)}`,
  ];
}
