// The names of all objects: the one place that builds and takes apart keys. What the objects hold:
// docs/repository-format.md.
import { type BackupLabel, isBackupLabel } from "../model/backup-label.ts";
import type { CataloguePlace } from "../model/catalogue.ts";
import { lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import { formatTimeline, timeline } from "../model/timeline.ts";
import { parseArchiveFileName } from "../model/wal-segment.ts";
import type { ObjectKey } from "../storage/object-store.ts";

/** The record that makes a place a repository. */
export const REPOSITORY_KEY: ObjectKey = "repository.json";

/** Objects of the trial that a store undergoes; whatever is left of one means nothing. */
export const PROBE_PREFIX = "probe/";

/** Where the key slots of an encrypted repository are. */
export const KEYS_PREFIX = "key/";

/** Whether a key slot may have that name. */
export function isSlotName(name: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,39}$/.test(name);
}

/** The key of a key slot. */
export function keySlotKey(name: string): ObjectKey {
  return KEYS_PREFIX + name;
}

/** Everything of every stanza. */
export const STANZAS_PREFIX = "stanza/";

/** The facts that may lie beside a backup's data. */
const BACKUP_PARTS = ["intent", "manifest", "outcome", "tombstone"] as const;
export type BackupPart = (typeof BACKUP_PARTS)[number];

/** Where the records of one stanza's clusters are. */
export function stanzaRecordPrefix(stanza: StanzaName): string {
  return `${STANZAS_PREFIX}${stanza}/stanza/`;
}

/** The record of one cluster; `number` counts from 1. */
export function stanzaRecordKey(stanza: StanzaName, number: number): ObjectKey {
  return stanzaRecordPrefix(stanza) + String(number);
}

/**
 * Where the WAL of one cluster is.
 *
 * @param archive such as `18-1`.
 */
export function archivePrefix(stanza: StanzaName, archive: string): string {
  return `${STANZAS_PREFIX}${stanza}/archive/${archive}/`;
}

/**
 * The key of a file of the WAL archive.
 *
 * @param prefix of {@link archivePrefix}.
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID`
 */
export function walFileKey(prefix: string, name: string): ObjectKey {
  const file = parseArchiveFileName(name);
  const folder = file.kind === "history" ? "history" : name.slice(0, 16);
  return `${prefix}${folder}/${name}`;
}

/**
 * The key of a segment's WAL index.
 *
 * @param prefix of {@link archivePrefix}.
 * @param builderVersion decimal in the name, so that a better builder's index finds its place beside an older one.
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID`
 */
export function walIndexKey(prefix: string, segment: string, builderVersion: number): ObjectKey {
  return `${walFileKey(prefix, segment)}.index-${builderVersion}`;
}

/** Where the facts of all backups of a stanza are. */
export function backupsPrefix(stanza: StanzaName): string {
  return `${STANZAS_PREFIX}${stanza}/backup/`;
}

/** One fact of one backup. */
export function backupKey(stanza: StanzaName, label: BackupLabel, part: BackupPart): ObjectKey {
  return `${backupsPrefix(stanza)}${label}/${part}`;
}

/** The label and part of a key below {@link backupsPrefix}; undefined for one that this release does not know. */
export function parseBackupKey(
  stanza: StanzaName,
  key: ObjectKey,
): { readonly label: BackupLabel; readonly part: BackupPart } | undefined {
  const [label, part, ...rest] = key.slice(backupsPrefix(stanza).length).split("/");
  const known = BACKUP_PARTS.find((candidate) => candidate === part);
  if (label === undefined || !known || rest.length > 0 || !isBackupLabel(label)) return undefined;
  return { label, part: known };
}

/**
 * The key of a pack.
 *
 * @param number within the label, below 10^8, so that keys sort as numbers.
 */
export function packKey(stanza: StanzaName, label: BackupLabel, number: number): ObjectKey {
  return `${STANZAS_PREFIX}${stanza}/pack/${label}/${String(number).padStart(8, "0")}`;
}

/** Where the catalogue snapshots of a stanza are. */
export function cataloguesPrefix(stanza: StanzaName): string {
  return `${STANZAS_PREFIX}${stanza}/catalogue/`;
}

/** Says that a catalogue snapshot could not be taken and is wanted. */
export function catalogueWantedKey(stanza: StanzaName): ObjectKey {
  return `${STANZAS_PREFIX}${stanza}/catalogue-wanted`;
}

/** The key of the catalogue snapshot that was taken at a position. Keys sort by timeline and position. */
export function catalogueKey(stanza: StanzaName, place: CataloguePlace): ObjectKey {
  const position = place.lsn.toString(16).toUpperCase().padStart(16, "0");
  return `${cataloguesPrefix(stanza)}${formatTimeline(place.timeline)}-${position}`;
}

/** What follows {@link cataloguesPrefix} in a key; undefined for a name that this release does not know. */
export function parseCatalogueName(name: string): CataloguePlace | undefined {
  const [, id, position] = /^([0-9A-F]{8})-([0-9A-F]{16})$/.exec(name) ?? [];
  if (id === undefined || id === "00000000") return undefined;
  return { timeline: timeline(Number.parseInt(id, 16)), lsn: lsn(BigInt(`0x${position}`)) };
}
