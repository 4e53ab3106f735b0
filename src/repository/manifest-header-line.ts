// The first line of a manifest, in which the backup describes itself, as strict JSON.
import { BACKUP_TYPES, type BackupType, parseBackupLabel } from "../model/backup-label.ts";
import { formatLsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import type {
  ManifestDatabase,
  ManifestHeader,
  ManifestPageErrors,
  ManifestTablespace,
  PackTableFacts,
} from "./manifest-lines.ts";
import { formatPath, parseEntryPath } from "./manifest-path.ts";
import {
  asInteger,
  type Json,
  JsonFields,
  JsonShapeError,
  parseStrictJson,
} from "./strict-json.ts";

const SEGMENT = /^[0-9A-F]{24}$/;
const OID_MAX = 0xffffffff;

/** The line of the backup itself. */
export function formatHeaderLine(header: ManifestHeader, packTable: PackTableFacts): string {
  return JSON.stringify({
    label: header.label,
    type: header.type,
    prior: header.prior ?? null,
    startLsn: formatLsn(header.startLsn),
    stopLsn: formatLsn(header.stopLsn),
    startTime: header.startTime.toString(),
    stopTime: header.stopTime.toString(),
    timeline: header.timeline,
    systemIdentifier: header.systemIdentifier.toString(),
    majorVersion: header.majorVersion,
    catalogVersion: header.catalogVersion,
    controlVersion: header.controlVersion,
    segmentSizeBytes: header.segmentSizeBytes,
    blockSizeBytes: header.blockSizeBytes,
    relationSegmentBlocks: header.relationSegmentBlocks,
    dataChecksums: header.dataChecksums,
    firstSegment: header.firstSegment,
    lastSegment: header.lastSegment,
    backupLabelFile: header.backupLabelFile,
    tablespaceMapFile: header.tablespaceMapFile ?? null,
    settings: header.settings,
    tablespaces: header.tablespaces.map(({ oid, name, location }) => ({ oid, name, location })),
    databases: header.databases.map(formatDatabase),
    packTable: { count: packTable.count, sha256: packTable.sha256 },
    sizeBytes: header.sizeBytes,
    deltaSizeBytes: header.deltaSizeBytes,
    fileCount: header.fileCount,
    repositorySizeBytes: header.repositorySizeBytes,
    pageErrors: header.pageErrors.map(({ path, blocks }) => ({ path: formatPath(path), blocks })),
    annotations: header.annotations,
    host: header.host,
    dataDirectory: header.dataDirectory,
    binDirectory: header.binDirectory ?? null,
    hindsightVersion: header.hindsightVersion,
    fromStandby: header.fromStandby,
    contentScan: header.contentScan ?? null,
  });
}

function formatDatabase(database: ManifestDatabase): Json {
  const { oid, name, isTemplate, allowConnections, tablespace } = database;
  return { oid, name, isTemplate, allowConnections, tablespace };
}

/** @throws {JsonShapeError} and what parsers of nouns throw. */
export function parseHeaderLine(line: string): {
  readonly header: Omit<ManifestHeader, "packs">;
  readonly packTable: PackTableFacts;
} {
  const fields = new JsonFields(parseStrictJson(line));
  const header: Omit<ManifestHeader, "packs"> = {
    ...parseClusterPart(fields),
    ...parseContentPart(fields),
    ...parseOriginPart(fields),
  };
  const table = fields.fields("packTable");
  const packTable = { count: table.integer("count"), sha256: table.sha256("sha256") };
  table.end();
  fields.end();
  return { header, packTable };
}

type ClusterPart =
  | "label"
  | "type"
  | "prior"
  | "startLsn"
  | "stopLsn"
  | "startTime"
  | "stopTime"
  | "timeline"
  | "systemIdentifier"
  | "majorVersion"
  | "catalogVersion"
  | "controlVersion"
  | "segmentSizeBytes"
  | "blockSizeBytes"
  | "relationSegmentBlocks"
  | "dataChecksums"
  | "firstSegment"
  | "lastSegment";

function parseClusterPart(fields: JsonFields): Pick<ManifestHeader, ClusterPart> {
  return {
    label: parseBackupLabel(fields.text("label")),
    type: parseType(fields),
    prior: fields.optional("prior", (from, key) => parseBackupLabel(from.text(key))),
    startLsn: fields.lsn("startLsn"),
    stopLsn: fields.lsn("stopLsn"),
    startTime: fields.instant("startTime"),
    stopTime: fields.instant("stopTime"),
    timeline: timeline(fields.integer("timeline")),
    systemIdentifier: systemIdentifier(fields.uint64("systemIdentifier")),
    majorVersion: fields.integer("majorVersion"),
    catalogVersion: fields.integer("catalogVersion"),
    controlVersion: fields.integer("controlVersion"),
    segmentSizeBytes: fields.integer("segmentSizeBytes"),
    blockSizeBytes: fields.integer("blockSizeBytes"),
    relationSegmentBlocks: fields.integer("relationSegmentBlocks"),
    dataChecksums: fields.boolean("dataChecksums"),
    firstSegment: fields.textOf("firstSegment", SEGMENT),
    lastSegment: fields.textOf("lastSegment", SEGMENT),
  };
}

type ContentPart =
  | "backupLabelFile"
  | "tablespaceMapFile"
  | "settings"
  | "tablespaces"
  | "databases"
  | "sizeBytes"
  | "deltaSizeBytes"
  | "fileCount"
  | "repositorySizeBytes"
  | "pageErrors";

function parseContentPart(fields: JsonFields): Pick<ManifestHeader, ContentPart> {
  return {
    backupLabelFile: fields.text("backupLabelFile"),
    tablespaceMapFile: fields.optional("tablespaceMapFile", (from, key) => from.text(key)),
    settings: fields.textMap("settings"),
    tablespaces: fields.array("tablespaces").map(parseTablespace),
    databases: fields.array("databases").map(parseDatabase),
    sizeBytes: fields.integer("sizeBytes"),
    deltaSizeBytes: fields.integer("deltaSizeBytes"),
    fileCount: fields.integer("fileCount"),
    repositorySizeBytes: fields.integer("repositorySizeBytes"),
    pageErrors: fields.array("pageErrors").map(parsePageErrors),
  };
}

type OriginPart =
  | "annotations"
  | "host"
  | "dataDirectory"
  | "binDirectory"
  | "hindsightVersion"
  | "fromStandby"
  | "contentScan";

function parseOriginPart(fields: JsonFields): Pick<ManifestHeader, OriginPart> {
  return {
    annotations: fields.textMap("annotations"),
    host: fields.text("host"),
    dataDirectory: fields.text("dataDirectory"),
    binDirectory: fields.optional("binDirectory", (from, key) => from.text(key)),
    hindsightVersion: fields.text("hindsightVersion"),
    fromStandby: fields.boolean("fromStandby"),
    contentScan: fields.optional("contentScan", (from, key) => from.text(key)),
  };
}

function parseTablespace(value: Json): ManifestTablespace {
  const fields = new JsonFields(value);
  const tablespace = {
    oid: fields.integer("oid", OID_MAX),
    name: fields.text("name"),
    location: fields.text("location"),
  };
  fields.end();
  return tablespace;
}

function parseDatabase(value: Json): ManifestDatabase {
  const fields = new JsonFields(value);
  const database = {
    oid: fields.integer("oid", OID_MAX),
    name: fields.text("name"),
    isTemplate: fields.boolean("isTemplate"),
    allowConnections: fields.boolean("allowConnections"),
    tablespace: fields.integer("tablespace", OID_MAX),
  };
  fields.end();
  return database;
}

function parsePageErrors(value: Json): ManifestPageErrors {
  const fields = new JsonFields(value);
  const path = parseEntryPath(fields.any("path"));
  const blocks = fields.array("blocks").map((block) => asInteger(block, "blocks", 0xffffffff));
  fields.end();
  return { path, blocks };
}

function parseType(fields: JsonFields): BackupType {
  const text = fields.text("type");
  const type = BACKUP_TYPES.find((candidate) => candidate === text);
  if (!type) throw new JsonShapeError(`"${text}" is not a type of backup`);
  return type;
}
