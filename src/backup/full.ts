// A full backup of a running cluster, by PostgreSQL's low-level API, from its local data directory.
//
// State        entered by                      left by
// reserved     the intent is created           backup mode begins
// copying      pg_backup_start answered        all files are in packs
// stopping     every pack is durable           pg_backup_stop answered
// proving      the last WAL position is known  every segment was read back from the archive
// committed    the outcome says so             -
//
// Until the outcome exists the backup does not: any failure, signal or lost session ends in `abandon`, which closes the
// session (PostgreSQL then leaves backup mode by itself) and revokes the label.
import assert from "node:assert/strict";
import { hostname } from "node:os";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { ContentDigest } from "../codec/content-digest.ts";
import { type BackupLabel, nextBackupLabel } from "../model/backup-label.ts";
import { comparePath, textPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import { formatSegmentName, segmentNumberAt, segmentNumberBefore } from "../model/wal-segment.ts";
import { programDirectory } from "../postgres/binaries.ts";
import { startBackupMode, stopBackupMode } from "../postgres/backup-mode.ts";
import { type ClusterFacts, readClusterFacts } from "../postgres/cluster-facts.ts";
import { connect, type ConnectionSettings, type Session } from "../postgres/connection.ts";
import { refusePartialCluster } from "../postgres/data-directory/partial.ts";
import { warnAboutOutsideConfiguration } from "../postgres/data-directory/root.ts";
import { type DataEntry, scanDataDirectory } from "../postgres/data-directory/scan.ts";
import { runningServer } from "../postgres/server.ts";
import { commitBackup, createIntent, newestLabel, revokeBackup } from "../repository/backup-set.ts";
import { type ManifestEntry, type ManifestHeader, writeManifest } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import { HINDSIGHT_VERSION } from "../model/version.ts";
import type { CopyProgress } from "../model/progress.ts";
import { storeCatalogue } from "./catalogue.ts";
import { copyFiles, type CopyResult } from "./copy.ts";
import { planCopy } from "./copy-plan.ts";
import { checkCluster, checkDirectory } from "./preconditions.ts";
import { proveWal } from "./wal-proof.ts";
import { checkUnchanged, whileWatching } from "./watch.ts";

const CONTROL_FILE = textPath("global/pg_control");

/** Labels tried before giving up: each try means that another host reserved the same second. */
const LABEL_ATTEMPT_MAX = 20;

/** What to back up and how: a local data directory, the server on it, and the stanza that it goes to. */
export interface BackupRequest {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly record: StanzaRecord;
  readonly connection: ConnectionSettings;
  /** The data directory on this machine. */
  readonly dataDirectory: string;
  /** Where PostgreSQL's programs are, as configured; recorded with the backup. Undefined: where the server runs from. */
  readonly binDirectory: string | undefined;
  /** Force a checkpoint at once instead of waiting for the next one. */
  readonly startFast: boolean;
  /** Worker threads. */
  readonly processMax: number;
  readonly compression: CompressionChoice;
  readonly annotations: Readonly<Record<string, string>>;
  /** How long no further WAL segment may take to arrive in the archive. */
  readonly archiveTimeoutMs: number;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** A backup that is complete and listed. */
export interface BackupResult {
  readonly header: ManifestHeader;
  readonly seconds: number;
}

/** What is known once backup mode began. */
interface Started {
  readonly label: BackupLabel;
  readonly facts: ClusterFacts;
  readonly startLsn: Lsn;
  readonly startTime: Temporal.Instant;
}

/** What is known once it ended. */
interface Stopped {
  readonly stopLsn: Lsn;
  readonly stopTime: Temporal.Instant;
  readonly backupLabelFile: string;
  readonly tablespaceMapFile: string | undefined;
}

/**
 * Takes a full backup and resolves when it is committed: durable, listed, and restorable with the WAL in the archive.
 *
 * @throws {HindsightError} with nothing listed: the cluster is wrong (23), unreachable (10) or in the wrong state (11),
 *   the repository cannot be reached (20) or written (21), WAL did not arrive (31), the signal was raised.
 */
export async function runFullBackup(
  request: BackupRequest,
  context: Context,
): Promise<BackupResult> {
  const beginMs = context.clock.monotonicMs();
  await using session = await connect(request.connection, context);
  const facts = await readClusterFacts(session, context);
  await refusePartialCluster(facts.dataDirectory);
  checkCluster(facts, request.record);
  for (const warning of warnAboutOutsideConfiguration(facts.settings, request.dataDirectory))
    context.log.warn(warning);
  const label = await reserveLabel(request, context);
  try {
    const header = await backUp(request, { session, label, facts }, context);
    return { header, seconds: (context.clock.monotonicMs() - beginMs) / 1000 };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    await abandon(request, label, context);
    throw error;
  }
}

interface Subject {
  readonly session: Session;
  readonly label: BackupLabel;
  readonly facts: ClusterFacts;
}

async function backUp(
  request: BackupRequest,
  subject: Subject,
  context: Context,
): Promise<ManifestHeader> {
  const { session, label, facts } = subject;
  const { repository, stanza, compression } = request;
  const started = await begin(request, subject, context);
  const copied = await whileWatching(session, facts, {
    context,
    work: async (watched) => {
      const copy = await copyDirectory(request, started, watched);
      await storeCatalogue(request, watched);
      return copy;
    },
  });
  await checkUnchanged(session, facts, context);
  // The facts are read between start and stop, after the files: what they hold was created by then.
  const catalogue = await readClusterFacts(session, context);
  const stopped = await end(session, facts, context);
  const header = await proveAndDescribe(
    request,
    { ...started, facts: catalogue },
    { stopped, ...copied },
    context,
  );
  const { sha256 } = await writeManifest(
    repository,
    stanza,
    header,
    copied.entries,
    { compression },
    context,
  );
  await commitBackup(repository, stanza, label, sha256, context);
  return header;
}

// Scripts look for the lines with "archive =" and "lsn =" as pgBackRest prints them.

async function begin(
  request: BackupRequest,
  { session, label, facts }: Subject,
  context: Context,
): Promise<Started> {
  const fast = request.startFast;
  const checkpoint = fast ? "requested immediate" : "next regular";
  context.log.info(
    `execute backup start: backup begins after the ${checkpoint} checkpoint completes`,
  );
  const mode = await startBackupMode(
    session,
    facts,
    { label: `Hindsight ${label}`, fast },
    context,
  );
  const { startLsn, startTime } = mode;
  const segment = segmentName(facts, segmentNumberAt(startLsn, facts.segmentSizeBytes));
  context.log.info(`backup start archive = ${segment}, lsn = ${formatLsn(startLsn)}`);
  await checkDirectory(request.dataDirectory, { startLsn, facts }, context);
  return { label, facts, startLsn, startTime };
}

async function end(session: Session, facts: ClusterFacts, context: Context): Promise<Stopped> {
  const stopped = await stopBackupMode(session, facts, context);
  const segment = segmentName(facts, segmentNumberBefore(stopped.stopLsn, facts.segmentSizeBytes));
  context.log.info(`backup stop archive = ${segment}, lsn = ${formatLsn(stopped.stopLsn)}`);
  return stopped;
}

async function reserveLabel(request: BackupRequest, context: Context): Promise<BackupLabel> {
  const { repository, stanza } = request;
  const startedAt = context.clock.now();
  for (let attempt = 0; attempt < LABEL_ATTEMPT_MAX; attempt += 1) {
    const label = nextBackupLabel("full", startedAt, {
      newest: await newestLabel(repository, stanza, context),
    });
    const intent = { prior: undefined, host: hostname(), startedAt };
    if (await createIntent(repository, stanza, label, intent, context)) return label;
  }
  throw failure("LOCK_HELD", `no free backup label was found in ${LABEL_ATTEMPT_MAX} tries`, {
    hint: "Another host begins backups of this stanza all the time; stop it, then try again.",
  });
}

async function copyDirectory(
  request: BackupRequest,
  started: Started,
  context: Context,
): Promise<{ entries: readonly ManifestEntry[]; copy: CopyResult }> {
  const { facts } = started;
  const onWarning = (message: string): void => context.log.warn(message);
  const scanned = await scanDataDirectory(
    request.dataDirectory,
    { major: facts.majorVersion, onWarning },
    context,
  );
  const plan = planCopy(scanned, CONTROL_FILE);
  const copy = await copyFiles(
    {
      repository: request.repository,
      stanza: request.stanza,
      label: started.label,
      root: request.dataDirectory,
      plan,
      blockSizeBytes: facts.blockSizeBytes,
      relationSegmentBlocks: facts.relationSegmentBlocks,
      checksums: facts.dataChecksums,
      startLsn: started.startLsn,
      compression: request.compression,
      processMax: request.processMax,
      onProgress: request.onProgress ?? ((): void => undefined),
    },
    context,
  );
  const entries = [...plan.bare.map(bareEntry), ...copy.files];
  return { entries: entries.toSorted((left, right) => comparePath(left.path, right.path)), copy };
}

const EMPTY_DIGEST = new ContentDigest().finish();

function bareEntry(entry: DataEntry): ManifestEntry {
  const { path, mode, modifiedAt } = entry;
  if (entry.kind === "directory") return { kind: "directory", path, mode };
  if (entry.kind === "link") return { kind: "link", path, target: entry.target ?? textPath("") };
  return { kind: "file", path, mode, modifiedAt, sizeBytes: 0, sha256: EMPTY_DIGEST, extents: [] };
}

async function proveAndDescribe(
  request: BackupRequest,
  started: Started,
  {
    stopped,
    entries,
    copy,
  }: { stopped: Stopped; entries: readonly ManifestEntry[]; copy: CopyResult },
  context: Context,
): Promise<ManifestHeader> {
  const { facts, startLsn } = started;
  const archive = {
    repository: request.repository,
    stanza: request.stanza,
    record: request.record,
  };
  const need = { timeline: facts.timeline, begin: startLsn, end: stopped.stopLsn };
  const segments = await proveWal(archive, need, { timeoutMs: request.archiveTimeoutMs, context });
  const [firstSegment, lastSegment] = [segments[0], segments.at(-1)];
  assert(firstSegment !== undefined && lastSegment !== undefined, "a backup always spans WAL");
  const files = entries.filter((entry) => entry.kind === "file");
  return {
    label: started.label,
    type: "full",
    prior: undefined,
    startLsn,
    startTime: started.startTime,
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
    firstSegment,
    lastSegment,
    settings: facts.settings,
    tablespaces: facts.tablespaces,
    databases: facts.databases,
    packs: copy.packs,
    sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    fileCount: files.length,
    repositorySizeBytes: copy.packs.reduce((sum, pack) => sum + pack.sizeBytes, 0),
    pageErrors: copy.pageErrors,
    annotations: request.annotations,
    host: hostname(),
    dataDirectory: request.dataDirectory,
    binDirectory: request.binDirectory ?? (await serverPrograms(request.dataDirectory)),
    hindsightVersion: HINDSIGHT_VERSION,
    fromStandby: false,
  };
}

/** Where the server was started from, so that a restore finds the same programs. */
async function serverPrograms(dataDirectory: string): Promise<string | undefined> {
  const server = await runningServer(dataDirectory);
  return server && (await programDirectory(server.pid));
}

function segmentName({ timeline, segmentSizeBytes }: ClusterFacts, number: bigint): string {
  return formatSegmentName({ timeline, number }, segmentSizeBytes);
}

/** Takes the label out of use. Best effort: without an outcome the backup is not listed anyway. */
async function abandon(
  request: BackupRequest,
  label: BackupLabel,
  context: Context,
): Promise<void> {
  const patient: Context = { ...context, signal: new AbortController().signal };
  try {
    await revokeBackup(request.repository, request.stanza, label, patient);
  } catch (error) {
    context.log.warn("the unfinished backup could not be marked as revoked", {
      label,
      reason: errorMessage(error),
    });
  }
}
