// The JSON of `hindsight info`: pgBackRest's keys with pgBackRest's meanings, plus `recovery` and `archiver`. The system
// identifier is a string, because no JavaScript number can hold it.
import { formatLsn } from "../../model/lsn.ts";
import { formatInstant } from "../../model/timestamp.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import type { ArchiverStatus } from "../../postgres/archiver-status.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import { archiveId } from "../../repository/stanza.ts";
import { references, setSizeBytes } from "../catalogue.ts";
import {
  overallStatus,
  STATUS_CODES,
  type StanzaInRepository,
  type StanzaStatus,
  type StatusMessage,
} from "../stanza-status.ts";
import type { JsonValue } from "./json.ts";
import { unindexedJson } from "./unindexed.ts";
import { windowsJson } from "./window-json.ts";

/** The form of the JSON that `backrest.format` announces: pgBackRest's repository format 5. */
const PGBACKREST_FORMAT = 5;

/**
 * One element of the array.
 *
 * @param label give this backup only.
 * @source pgBackRest src/command/info/info.c
 */
export function infoJson(status: StanzaStatus, label?: string): JsonValue {
  const { name, repositories, archiver } = status;
  const readable = repositories.filter((each) => each.record !== undefined);
  const ciphers = [...new Set(repositories.map((each) => each.cipher))];
  return {
    archive: readable.map(archiveJson),
    backup: readable.flatMap((each) =>
      each.backups
        .filter((header) => label === undefined || header.label === label)
        .map((header) => backupJson(header, each)),
    ),
    cipher: ciphers.length === 1 ? ciphers[0] : "mixed",
    db: readable.map(databaseJson),
    name,
    repo: repositories.map((each) => ({
      cipher: each.cipher,
      key: each.number,
      status: statusJson(each.status, each.problem),
    })),
    status: {
      ...statusJson(overallStatus(repositories), repositories[0]?.problem),
      lock: { backup: { held: false } },
    },
    recovery: {
      windows: readable.flatMap((each) => recoveryJson(each, "windows")),
      gaps: readable.flatMap((each) => recoveryJson(each, "gaps")),
      problems: readable.flatMap(problemJson),
      unindexed: readable.flatMap(({ number, unindexed }) =>
        unindexed.map((span) => unindexedJson(span, number)),
      ),
    },
    archiver: archiver === undefined ? null : archiverJson(archiver),
  };
}

function statusJson(status: StatusMessage, problem: string | undefined): Record<string, JsonValue> {
  return { code: STATUS_CODES[status], message: status === "other" ? (problem ?? status) : status };
}

function archiveJson({ number, record, extremes }: StanzaInRepository): JsonValue {
  return {
    database: { id: record?.databaseId, "repo-key": number },
    id: record === undefined ? "" : archiveId(record),
    max: extremes?.max ?? null,
    min: extremes?.min ?? null,
  };
}

function databaseJson({ number, record }: StanzaInRepository): JsonValue {
  return {
    id: record?.databaseId,
    "repo-key": number,
    "system-id": record?.systemIdentifier,
    version: String(record?.majorVersion),
  };
}

function backupJson(header: ManifestHeader, { number, record }: StanzaInRepository): JsonValue {
  const { sizeBytes, repositorySizeBytes } = header;
  const reference = references(header);
  return {
    annotation: { ...header.annotations },
    archive: { start: header.firstSegment, stop: header.lastSegment },
    backrest: { format: PGBACKREST_FORMAT, version: header.hindsightVersion || HINDSIGHT_VERSION },
    database: { id: record?.databaseId, "repo-key": number },
    error: header.pageErrors.length > 0,
    info: {
      delta: header.deltaSizeBytes,
      repository: { delta: repositorySizeBytes, size: setSizeBytes(header) },
      size: sizeBytes,
    },
    label: header.label,
    lsn: { start: formatLsn(header.startLsn), stop: formatLsn(header.stopLsn) },
    prior: header.prior ?? null,
    reference: reference.length === 0 ? null : reference,
    timestamp: { start: epochSeconds(header.startTime), stop: epochSeconds(header.stopTime) },
    type: header.type,
  };
}

function epochSeconds(instant: Temporal.Instant): number {
  return Math.floor(instant.epochMilliseconds / 1000);
}

/** As `hindsight window` has them, each with its repository. */
function recoveryJson(
  { number, recovery }: StanzaInRepository,
  key: "windows" | "gaps",
): readonly JsonValue[] {
  if (!recovery || "problem" in recovery) return [];
  return windowsJson(recovery)[key].map((member) => ({ ...member, "repo-key": number }));
}

function problemJson({ number, recovery }: StanzaInRepository): readonly JsonValue[] {
  if (!recovery || !("problem" in recovery)) return [];
  return [{ problem: recovery.problem, "repo-key": number }];
}

/** pg_stat_archiver under camel-case names; also part of check's JSON. */
export function archiverJson(status: ArchiverStatus): Record<string, JsonValue> {
  const time = (instant: Temporal.Instant | undefined): string | null =>
    instant === undefined ? null : formatInstant(instant);
  return {
    archivedCount: Number(status.archivedCount),
    lastArchivedWal: status.lastArchivedWal ?? null,
    lastArchivedTime: time(status.lastArchivedTime),
    failedCount: Number(status.failedCount),
    lastFailedWal: status.lastFailedWal ?? null,
    lastFailedTime: time(status.lastFailedTime),
  };
}
