// What a backup says about itself: the header of its manifest, and its entries in order.
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { ContentDigest } from "../codec/content-digest.ts";
import { comparePath, textPath } from "../model/byte-path.ts";
import { HINDSIGHT_VERSION } from "../model/version.ts";
import type { Lsn } from "../model/lsn.ts";
import { programDirectory } from "../postgres/binaries.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import { runningServer } from "../postgres/server.ts";
import type { ManifestEntry, ManifestHeader } from "../repository/manifest.ts";
import type { CopyResult } from "./copy.ts";
import type { ReservedLabel } from "./label.ts";

/** Everything that a backup came to know. */
export interface BackupFacts {
  readonly reserved: ReservedLabel;
  /** Read between start and stop, after the files: what they hold was created by then. */
  readonly facts: ClusterFacts;
  readonly startLsn: Lsn;
  readonly startTime: Temporal.Instant;
  readonly stopped: Pick<
    ManifestHeader,
    "stopLsn" | "stopTime" | "backupLabelFile" | "tablespaceMapFile"
  >;
  readonly entries: readonly ManifestEntry[];
  readonly copy: CopyResult;
  readonly contentScan: string | undefined;
  /** Names of the WAL segments from start to stop. */
  readonly segments: readonly string[];
}

/** What was configured, as far as it is recorded. */
export interface RecordedRequest {
  readonly dataDirectory: string;
  /** Undefined: where the server runs from. */
  readonly binDirectory: string | undefined;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Puts the header together. */
export async function describeBackup(
  request: RecordedRequest,
  { reserved, facts, startLsn, startTime, stopped, entries, copy, ...rest }: BackupFacts,
): Promise<ManifestHeader> {
  const files = entries.filter((entry) => entry.kind === "file");
  const { label, type, prior } = reserved;
  const [first, last] = [rest.segments[0], rest.segments.at(-1)];
  assert(first !== undefined && last !== undefined, "a backup always spans WAL");
  const own = copy.packs.filter((pack) => pack.label === label);
  return {
    label,
    type,
    prior: prior?.label,
    startLsn,
    startTime,
    ...stopped,
    timeline: facts.timeline,
    systemIdentifier: facts.systemIdentifier,
    majorVersion: facts.majorVersion,
    catalogVersion: facts.catalogVersion,
    controlVersion: facts.controlVersion,
    segmentSizeBytes: facts.segmentSizeBytes,
    blockSizeBytes: facts.blockSizeBytes,
    relationSegmentBlocks: facts.relationSegmentBlocks,
    dataChecksums: facts.dataChecksums,
    firstSegment: first,
    lastSegment: last,
    settings: facts.settings,
    tablespaces: facts.tablespaces,
    databases: facts.databases,
    packs: copy.packs,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    deltaSizeBytes: copy.storedBytes,
    fileCount: files.length,
    repositorySizeBytes: own.reduce((sum, pack) => sum + pack.sizeBytes, 0),
    pageErrors: copy.pageErrors,
    annotations: request.annotations,
    host: hostname(),
    dataDirectory: request.dataDirectory,
    binDirectory: request.binDirectory ?? (await serverPrograms(request.dataDirectory)),
    hindsightVersion: HINDSIGHT_VERSION,
    fromStandby: false,
    contentScan: rest.contentScan,
  };
}

/** Where the server was started from, so that a restore finds the same programs. */
async function serverPrograms(dataDirectory: string): Promise<string | undefined> {
  const server = await runningServer(dataDirectory);
  return server && (await programDirectory(server.pid));
}

const EMPTY_DIGEST = new ContentDigest().finish();

/** The manifest's entries, sorted: what was read, and what has nothing to read. */
export function manifestEntries(
  bare: readonly DataEntry[],
  { files }: CopyResult,
): readonly ManifestEntry[] {
  const entries = [...bare.map(bareEntry), ...files];
  return entries.toSorted((left, right) => comparePath(left.path, right.path));
}

function bareEntry(entry: DataEntry): ManifestEntry {
  const { path, mode, modifiedAt } = entry;
  if (entry.kind === "directory") return { kind: "directory", path, mode };
  if (entry.kind === "link") return { kind: "link", path, target: entry.target ?? textPath("") };
  return { kind: "file", path, mode, modifiedAt, sizeBytes: 0, sha256: EMPTY_DIGEST, extents: [] };
}
