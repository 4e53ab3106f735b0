// A backup of a running cluster, by PostgreSQL's low-level API, from its local data directory: full, differential or
// incremental. What the latter two have to read is found out in changes.ts, after backup mode began.
//
// State        entered by                      left by
// reserved     the intent is created           backup mode begins
// copying      pg_backup_start answered        all files are in packs
// stopping     every pack is durable           pg_backup_stop answered
// proving      the last WAL position is known  every segment was read back from the archive
// committed    the outcome says so             -
//
// Until the outcome exists the backup does not: any failure, signal or lost session ends in `abandonLabel`, and the session
// is closed (PostgreSQL then leaves backup mode by itself).
import assert from "node:assert/strict";
import type { Context } from "../base/context.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { BackupType } from "../model/backup-label.ts";
import { type BytePath, textPath } from "../model/byte-path.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { CopyProgress } from "../model/progress.ts";
import { formatSegmentName, segmentNumberAt, segmentNumberBefore } from "../model/wal-segment.ts";
import { type BackupStop, startBackupMode, stopBackupMode } from "../postgres/backup-mode.ts";
import { type ClusterFacts, readClusterFacts } from "../postgres/cluster-facts.ts";
import { connect, type ConnectionSettings, type Session } from "../postgres/connection.ts";
import { refusePartialCluster } from "../postgres/data-directory/partial.ts";
import { warnAboutOutsideConfiguration } from "../postgres/data-directory/root.ts";
import { scanDataDirectory } from "../postgres/data-directory/scan.ts";
import { commitBackup } from "../repository/backup-set.ts";
import { type ManifestEntry, type ManifestHeader, writeManifest } from "../repository/manifest.ts";
import { PackShelf } from "../repository/pack-shelf.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { storeCatalogue } from "./catalogue.ts";
import { findChanges, type PlannedChanges, planProven } from "./changes.ts";
import type { ChunkPool } from "./chunk-pool.ts";
import { copyFiles, type CopyResult, openChunkPool } from "./copy.ts";
import { planCopy, readWhole } from "./copy-plan.ts";
import { describeBackup, manifestEntries } from "./describe.ts";
import { serverHistory } from "./history.ts";
import { abandonLabel, type ReservedLabel, reserveLabel } from "./label.ts";
import { checkCluster, checkDirectory } from "./preconditions.ts";
import type { PriorGround } from "./prior.ts";
import { proveWal, segmentsOf, type WalNeed } from "./wal-proof.ts";
import { checkUnchanged, whileWatching } from "./watch.ts";

/** The file that is copied last. */
export const CONTROL_FILE: BytePath = textPath("global/pg_control");

/** What to back up and how: a local data directory, the server on it, and the stanza that it goes to. */
export interface BackupRequest extends WalArchive {
  /** A differential or incremental one becomes full when there is nothing to build on. */
  readonly type: BackupType;
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
  /** Resource managers of extensions that are known to register every block they change. */
  readonly trustedResourceManagers: ReadonlySet<number>;
  /** How long no further WAL segment may take to arrive in the archive. */
  readonly archiveTimeoutMs: number;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** A backup that is complete and listed. */
export interface BackupResult {
  readonly header: ManifestHeader;
  readonly seconds: number;
}

/** What is the same from beginning to end. */
interface Work {
  readonly request: BackupRequest;
  readonly session: Session;
  readonly ground: PriorGround;
  readonly reserved: ReservedLabel;
  readonly pool: ChunkPool;
}

/** What is known once backup mode began. */
interface Started {
  readonly startLsn: Lsn;
  readonly startTime: Temporal.Instant;
}

/** What was copied. */
interface Copied {
  readonly entries: readonly ManifestEntry[];
  readonly copy: CopyResult;
  readonly contentScan: string | undefined;
}

/**
 * Takes a backup and resolves when it is committed: durable, listed, and restorable with the WAL in the archive.
 *
 * @throws {HindsightError} with nothing listed: the cluster is wrong (23), unreachable (10) or in the wrong state (11),
 *   the repository cannot be reached (20) or written (21), WAL did not arrive (31), the signal was raised.
 */
export async function runBackup(request: BackupRequest, context: Context): Promise<BackupResult> {
  const beginMs = context.clock.monotonicMs();
  await using pool = openChunkPool(request.processMax);
  await using session = await connect(request.connection, context);
  const ground = await readGround(request, session, context);
  const reserved = await reserveLabel(request.type, ground, context);
  try {
    const header = await backUp({ request, session, ground, reserved, pool }, context);
    return { header, seconds: (context.clock.monotonicMs() - beginMs) / 1000 };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    await abandonLabel(request, reserved.label, context);
    throw error;
  }
}

/** Looks at the server, and refuses one that cannot be backed up into that stanza. */
export async function readGround(
  request: Pick<BackupRequest, keyof WalArchive | "dataDirectory">,
  session: Session,
  context: Context,
): Promise<PriorGround> {
  const { repository, stanza, record, dataDirectory } = request;
  const facts = await readClusterFacts(session, context);
  await refusePartialCluster(facts.dataDirectory);
  checkCluster(facts, record);
  for (const warning of warnAboutOutsideConfiguration(facts.settings, dataDirectory))
    context.log.warn(warning);
  const archive = { repository, stanza, record };
  const server = { timeline: facts.timeline, dataDirectory };
  return { archive, facts, history: await serverHistory(archive, server, context) };
}

async function backUp(work: Work, context: Context): Promise<ManifestHeader> {
  const { request, session, ground, reserved } = work;
  const { repository, stanza, compression } = request;
  const { facts } = ground;
  const started = await begin(work, context);
  const copied = await whileWatching(session, facts, {
    context,
    work: async (watched) => {
      const [copy] = await Promise.all([
        copyDirectory(work, started, watched),
        storeCatalogue(request, watched),
      ]);
      return copy;
    },
  });
  await checkUnchanged(session, facts, context);
  const catalogue = await readClusterFacts(session, context);
  const stopped = await end(session, facts, context);
  const need = walNeed(work, started, stopped);
  const names = segmentsOf(need, facts.segmentSizeBytes);
  const all = { reserved, ...started, ...copied, facts: catalogue, stopped, segments: names };
  const header = await describeBackup(request, all);
  const options = { compression };
  const { entries } = copied;
  // The manifest counts for nothing before the outcome, which comes after both.
  const [written] = await Promise.all([
    writeManifest(repository, stanza, header, entries, options, context),
    proveWal(ground.archive, need, { timeoutMs: request.archiveTimeoutMs, context }),
  ]);
  await commitBackup(repository, stanza, reserved.label, written.sha256, context);
  return header;
}

// Scripts look for the lines with "archive =" and "lsn =" as pgBackRest prints them.

async function begin(work: Work, context: Context): Promise<Started> {
  const { request, session, ground, reserved } = work;
  const { facts } = ground;
  const fast = request.startFast;
  const checkpoint = fast ? "requested immediate" : "next regular";
  context.log.info(
    `execute backup start: backup begins after the ${checkpoint} checkpoint completes`,
  );
  const options = { label: `Hindsight ${reserved.label}`, fast };
  const { startLsn, startTime } = await startBackupMode(session, facts, options, context);
  const segment = segmentName(facts, segmentNumberAt(startLsn, facts.segmentSizeBytes));
  context.log.info(`backup start archive = ${segment}, lsn = ${formatLsn(startLsn)}`);
  await checkDirectory(request.dataDirectory, { startLsn, facts }, context);
  return { startLsn, startTime };
}

async function end(session: Session, facts: ClusterFacts, context: Context): Promise<BackupStop> {
  const stopped = await stopBackupMode(session, facts, context);
  const segment = segmentName(facts, segmentNumberBefore(stopped.stopLsn, facts.segmentSizeBytes));
  context.log.info(`backup stop archive = ${segment}, lsn = ${formatLsn(stopped.stopLsn)}`);
  return stopped;
}

async function copyDirectory(work: Work, { startLsn }: Started, context: Context): Promise<Copied> {
  const { request, ground, reserved, pool } = work;
  const { repository, stanza, compression, dataDirectory: root } = request;
  const { facts } = ground;
  const planned = await planFiles(work, startLsn, context);
  const plan = planCopy(planned.source, CONTROL_FILE);
  const { prior } = reserved;
  const packs = prior?.packs;
  const copy = await copyFiles(
    {
      repository,
      stanza,
      label: reserved.label,
      root,
      plan,
      blockSizeBytes: facts.blockSizeBytes,
      relationSegmentBlocks: facts.relationSegmentBlocks,
      checksums: facts.dataChecksums,
      startLsn,
      compression,
      prior: packs && { packs, shelf: new PackShelf(repository, { stanza, packs }, context) },
      onProgress: request.onProgress ?? ((): void => undefined),
    },
    pool,
    context,
  );
  const entries = manifestEntries(plan.bare, copy);
  return { entries, copy, contentScan: planned.contentScan };
}

async function planFiles(work: Work, startLsn: Lsn, context: Context): Promise<PlannedChanges> {
  const { request, ground, reserved, pool } = work;
  const { archive, facts, history } = ground;
  const { dataDirectory, trustedResourceManagers } = request;
  const { prior } = reserved;
  const onWarning = (message: string): void => context.log.warn(message);
  const options = { major: facts.majorVersion, onWarning };
  if (!prior) {
    const scanned = await scanDataDirectory(dataDirectory, options, context);
    return { source: readWhole(scanned), contentScan: undefined };
  }
  assert(history, "a prior backup qualifies only along a known history");
  const source = {
    archive,
    prior,
    history,
    startLsn,
    dataDirectory,
    trustedResourceManagers,
  };
  const [scanned, changes] = await Promise.all([
    scanDataDirectory(dataDirectory, options, context),
    findChanges(source, context),
  ]);
  return await planProven(source, { scanned, changes }, { pool, context });
}

/** The WAL that makes the copy consistent. */
function walNeed({ ground }: Work, { startLsn }: Started, { stopLsn }: BackupStop): WalNeed {
  return { timeline: ground.facts.timeline, begin: startLsn, end: stopLsn };
}

function segmentName({ timeline, segmentSizeBytes }: ClusterFacts, number: bigint): string {
  return formatSegmentName({ timeline, number }, segmentSizeBytes);
}
