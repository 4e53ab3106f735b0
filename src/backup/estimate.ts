// What a backup taken now would read, without taking it: the server is asked and the directory listed, but backup mode does
// not begin, so what changes meanwhile is not in it. Nothing is written.
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import type { BackupLabel, BackupType } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { parseLsn } from "../model/lsn.ts";
import { connect } from "../postgres/connection.ts";
import { scanDataDirectory } from "../postgres/data-directory/scan.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { type BackupRequest, CONTROL_FILE, readGround } from "./backup.ts";
import { findChanges, planByChanges, type PlannedChanges } from "./changes.ts";
import { planCopy, readWhole } from "./copy-plan.ts";
import { type FileReading, rangesSize, READING_REASONS, type ReadingReason } from "./file-plan.ts";
import { choosePrior, type PriorGround } from "./prior.ts";

/** Files, and what is read of them. */
export interface ReadingTotal {
  readonly files: number;
  readonly bytes: number;
}

/** What would be done. */
export interface BackupEstimate {
  readonly type: BackupType;
  readonly prior: BackupLabel | undefined;
  readonly contentScan: string | undefined;
  readonly read: ReadingTotal;
  /** By reason; of unchanged files nothing is read. */
  readonly reasons: Readonly<Record<ReadingReason, ReadingTotal>>;
  /** By the rate of the prior backup; undefined when that read too little to tell. */
  readonly seconds: number | undefined;
}

/** A backup that stored less says nothing about how long reading takes. */
const TELLING_MIN_BYTES: number = 64 * MIB;

/**
 * Plans a backup as of now.
 *
 * @throws {HindsightError} as the backup would, for a wrong cluster or repository.
 */
export async function estimateBackup(
  request: BackupRequest,
  context: Context,
): Promise<BackupEstimate> {
  await using session = await connect(request.connection, context);
  const ground = await readGround(request, session, context);
  const { type } = request;
  const prior = type === "full" ? undefined : await choosePrior(type, ground, new Set(), context);
  const row = await session.row("select pg_current_wal_flush_lsn() as lsn");
  const now = row["lsn"];
  if (typeof now !== "string") {
    throw failure("POSTGRES_QUERY_FAILED", "the server does not say how far its WAL is");
  }
  const planned = await plan(request, { ground, prior, startLsn: parseLsn(now) }, context);
  const { readBytes, fileCount } = planCopy(planned.source, CONTROL_FILE);
  return {
    type: prior ? type : "full",
    prior: prior?.label,
    contentScan: planned.contentScan,
    read: { files: fileCount, bytes: readBytes },
    reasons: totalsByReason(planned.source.files),
    seconds: prior && forecastSeconds(prior, readBytes),
  };
}

async function plan(
  { dataDirectory, trustedResourceManagers }: BackupRequest,
  {
    ground,
    prior,
    startLsn,
  }: {
    readonly ground: PriorGround;
    readonly prior: ManifestHeader | undefined;
    readonly startLsn: ReturnType<typeof parseLsn>;
  },
  context: Context,
): Promise<PlannedChanges> {
  const { archive, facts, history } = ground;
  const onWarning = (message: string): void => context.log.warn(message);
  const options = { major: facts.majorVersion, onWarning };
  const scanned = await scanDataDirectory(dataDirectory, options, context);
  if (!prior || !history) return { source: readWhole(scanned), contentScan: undefined };
  const common = { archive, prior, history, startLsn, dataDirectory, trustedResourceManagers };
  const source = { ...common, endsAnywhere: true };
  const changes = await findChanges(source, context);
  return await planByChanges(source, { scanned, changes }, context);
}

function totalsByReason(
  files: readonly FileReading[],
): Readonly<Record<ReadingReason, ReadingTotal>> {
  const totals = READING_REASONS.map((reason) => {
    const those = files.filter((file) => file.reason === reason);
    const bytes = those.reduce((sum, file) => sum + bytesOf(file), 0);
    return [reason, { files: those.length, bytes }] as const;
  });
  return Object.fromEntries(totals) as Record<ReadingReason, ReadingTotal>;
}

function bytesOf(file: FileReading): number {
  if (file.kind === "same") return 0;
  return file.kind === "blocks" ? rangesSize(file.ranges) : file.entry.sizeBytes;
}

function forecastSeconds(prior: ManifestHeader, readBytes: number): number | undefined {
  const { deltaSizeBytes, startTime, stopTime } = prior;
  const seconds = (stopTime.epochMilliseconds - startTime.epochMilliseconds) / 1000;
  if (deltaSizeBytes < TELLING_MIN_BYTES || seconds <= 0) return undefined;
  return (readBytes * seconds) / deltaSizeBytes;
}
