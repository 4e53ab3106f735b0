// global/pg_control: what a cluster knows about itself while it is stopped. Reads the layouts of PostgreSQL 14 to 18,
// and makes the one change that a restore needs: a checkpoint that cannot be started from.
//
// Layout, little endian, in a file of 8192 bytes whose rest is zeros. Control version 1300 is PostgreSQL 14 to 16, 1700
// is 17, 1800 is 18. "Checkpoint" fields are the copy of the last checkpoint record.
//
// offset size type     meaning                                         since
//      0    8 uint64   system identifier
//      8    4 uint32   control version
//     12    4 uint32   catalogue version
//     16    4 int32    state, an index of CLUSTER_STATES
//     24    8 int64    time of the last update, seconds since 1970
//     32    8 uint64   LSN of the last checkpoint record
//     40    8 uint64   checkpoint: redo LSN
//     48    4 uint32   checkpoint: timeline
//     52    4 uint32   checkpoint: previous timeline
//     56    1 bool     checkpoint: full_page_writes
//     60    4 int32    checkpoint: wal_level                           1700
//     64    8 uint64   checkpoint: next transaction id, with epoch
//     72    4 uint32   checkpoint: next oid
//     76    4 uint32   checkpoint: next multixact id
//     80    4 uint32   checkpoint: next multixact offset
//     84    4 uint32   checkpoint: oldest transaction id
//     88    4 uint32   checkpoint: database of the oldest transaction id
//     92    4 uint32   checkpoint: oldest multixact id
//     96    4 uint32   checkpoint: database of the oldest multixact id
//    104    8 int64    checkpoint: time, seconds since 1970
//    112    4 uint32   checkpoint: oldest transaction id with commit time
//    116    4 uint32   checkpoint: newest transaction id with commit time
//    120    4 uint32   checkpoint: oldest active transaction id
//    128    8 uint64   LSN counter for unlogged relations
//    136    8 uint64   minimum recovery point
//    144    4 uint32   timeline of the minimum recovery point
//    152    8 uint64   backup start LSN
//    160    8 uint64   backup end LSN
//    168    1 bool     backup end record required
//    172    4 int32    wal_level, an index of WAL_LEVELS
//    176    1 bool     wal_log_hints
//    180    4 int32    max_connections
//    184    4 int32    max_worker_processes
//    188    4 int32    max_wal_senders
//    192    4 int32    max_prepared_transactions
//    196    4 int32    max_locks_per_transaction
//    200    1 bool     track_commit_timestamp
//    204    4 uint32   maximum alignment
//    208    8 float64  1234567.0, to recognise the floating point format
//    216    4 uint32   block size in bytes
//    220    4 uint32   blocks in a relation file
//    224    4 uint32   WAL block size in bytes
//    228    4 uint32   WAL segment size in bytes
//    232    4 uint32   length of names
//    236    4 uint32   columns in an index
//    240    4 uint32   TOAST chunk size
//    244    4 uint32   large object chunk size
//    248    1 bool     float8 passed by value
//    252    4 uint32   data checksum version, 0 is off
//    256    1 bool     default char signedness                         1800
//    256   32 bytes    mock authentication nonce                       1300, 1700
//    257   32 bytes    mock authentication nonce                       1800
//    288    4 uint32   CRC-32C of everything before it                 1300, 1700
//    292    4 uint32   CRC-32C of everything before it                 1800
//
// Source: PostgreSQL src/include/catalog/pg_control.h; compared with pg_controldata and pg_control_*() of all five.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import type { Context } from "../base/context.ts";
import { retry } from "../base/retry.ts";
import { failure, isFailure } from "../model/failure.ts";
import { type Lsn, lsn } from "../model/lsn.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { type Timeline, timeline } from "../model/timeline.ts";

/** In the order of PostgreSQL's DBState. */
const CLUSTER_STATES = [
  "starting up",
  "shut down",
  "shut down in recovery",
  "shutting down",
  "in crash recovery",
  "in archive recovery",
  "in production",
] as const;
export type ClusterState = (typeof CLUSTER_STATES)[number];

/** In the order of PostgreSQL's WalLevel. */
export const WAL_LEVELS = ["minimal", "replica", "logical"] as const;
export type WalLevel = (typeof WAL_LEVELS)[number];

/** The fields of global/pg_control that a backup or restore needs, of any supported major version. */
export interface ControlFile {
  readonly systemIdentifier: SystemIdentifier;
  readonly controlVersion: number;
  readonly catalogVersion: number;
  readonly state: ClusterState;
  readonly updatedAt: Temporal.Instant;
  readonly checkpointLsn: Lsn;
  readonly redoLsn: Lsn;
  /** Timeline of the last checkpoint. */
  readonly timeline: Timeline;
  readonly fullPageWrites: boolean;
  /** Next transaction id: epoch in the high 32 bits. */
  readonly nextTransactionId: bigint;
  readonly checkpointTime: Temporal.Instant;
  /** Replay must reach it before the cluster is consistent; 0/0 when there is nothing to reach. */
  readonly minRecoveryPoint: Lsn;
  /** 0 when there is no minimum recovery point. */
  readonly minRecoveryTimeline: number;
  readonly backupStartLsn: Lsn;
  readonly backupEndLsn: Lsn;
  readonly backupEndRequired: boolean;
  readonly walLevel: WalLevel;
  readonly walLogHints: boolean;
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxWalSenders: number;
  readonly maxPreparedTransactions: number;
  readonly maxLocksPerTransaction: number;
  readonly trackCommitTimestamp: boolean;
  readonly blockSizeBytes: number;
  readonly relationSegmentBlocks: number;
  readonly walBlockSizeBytes: number;
  readonly segmentSizeBytes: number;
  /** 0: no data checksums. */
  readonly dataChecksumVersion: number;
}

/** The size of the file, of which PostgreSQL uses the beginning. */
export const CONTROL_FILE_SIZE_BYTES = 8192;

const CRC_OFFSET: ReadonlyMap<number, number> = new Map([
  [1300, 288],
  [1700, 288],
  [1800, 292],
]);

const CHECKPOINT_OFFSET = 32;

/** A position before all WAL, which begins with segment 1 whatever its size, and not aligned as records are. */
const CHECKPOINT_NOWHERE = 0xdeadn;

/**
 * Reads the content of pg_control.
 *
 * @throws {HindsightError} `CONTROL_FILE_INVALID` for another layout, a wrong CRC or an impossible value.
 */
export function parseControlFile(bytes: Uint8Array): ControlFile {
  const view = checkedView(bytes);
  const position = (offset: number): Lsn => lsn(view.getBigUint64(offset, true));
  const count = (offset: number): number => view.getUint32(offset, true);
  const flag = (offset: number): boolean => view.getUint8(offset) !== 0;
  const time = (offset: number): Temporal.Instant =>
    Temporal.Instant.fromEpochMilliseconds(Number(view.getBigInt64(offset, true)) * 1000);
  return {
    systemIdentifier: systemIdentifier(view.getBigUint64(0, true)),
    controlVersion: count(8),
    catalogVersion: count(12),
    state: named(CLUSTER_STATES, count(16), "state"),
    updatedAt: time(24),
    checkpointLsn: position(CHECKPOINT_OFFSET),
    redoLsn: position(40),
    timeline: timeline(count(48)),
    fullPageWrites: flag(56),
    nextTransactionId: view.getBigUint64(64, true),
    checkpointTime: time(104),
    minRecoveryPoint: position(136),
    minRecoveryTimeline: count(144),
    backupStartLsn: position(152),
    backupEndLsn: position(160),
    backupEndRequired: flag(168),
    walLevel: named(WAL_LEVELS, count(172), "wal_level"),
    walLogHints: flag(176),
    maxConnections: count(180),
    maxWorkerProcesses: count(184),
    maxWalSenders: count(188),
    maxPreparedTransactions: count(192),
    maxLocksPerTransaction: count(196),
    trackCommitTimestamp: flag(200),
    blockSizeBytes: count(216),
    relationSegmentBlocks: count(220),
    walBlockSizeBytes: count(224),
    segmentSizeBytes: count(228),
    dataChecksumVersion: count(252),
  };
}

/**
 * A copy with which PostgreSQL cannot start unless backup_label tells it where to: the position of the checkpoint is
 * replaced by one where no record can be, and the CRC made right again. A restored cluster that lost its backup_label
 * would otherwise start from the newest checkpoint and be silently corrupt.
 *
 * @throws {HindsightError} `CONTROL_FILE_INVALID` unless `bytes` are a valid pg_control.
 * @source pgBackRest src/postgres/interface.c, pgControlCheckpointInvalidate
 */
export function invalidateCheckpoint(bytes: Uint8Array): Buffer {
  const crcOffset = crcOffsetOf(checkedView(bytes));
  const changed = Buffer.from(bytes);
  changed.writeBigUInt64LE(CHECKPOINT_NOWHERE, CHECKPOINT_OFFSET);
  changed.writeUInt32LE(crc32c(changed.subarray(0, crcOffset)), crcOffset);
  return changed;
}

const READ_ATTEMPT_MAX = 10;
const READ_DELAY_MS = 10;

/**
 * Reads pg_control of a data directory, which may be running: the server overwrites the file in place, so a read can
 * see half of an update. It is read again until its CRC is right.
 *
 * @throws {HindsightError} `CONTROL_FILE_INVALID` when it stays wrong; `DATA_FILE_UNREADABLE`.
 */
export async function readControlFile(
  dataDirectory: string,
  context: Context,
): Promise<{ readonly control: ControlFile; readonly bytes: Buffer }> {
  const file = join(dataDirectory, "global", "pg_control");
  const attempt = async (): Promise<{ control: ControlFile; bytes: Buffer }> => {
    const bytes = await readWhole(file);
    return { control: parseControlFile(bytes), bytes };
  };
  const policy = {
    attemptCountMax: READ_ATTEMPT_MAX,
    delayFirstMs: READ_DELAY_MS,
    delayMaxMs: READ_DELAY_MS * 10,
    isTransient: (error: unknown) => isFailure(error, "CONTROL_FILE_INVALID"),
  };
  return await retry(attempt, policy, context);
}

async function readWhole(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw failure("DATA_FILE_UNREADABLE", `cannot read ${file}`, {
      hint: "Check that it is a data directory and that this user may read it.",
      cause,
    });
  }
}

/** The bytes as a view, once version and CRC are known to be right. */
function checkedView(bytes: Uint8Array): DataView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const crcOffset = crcOffsetOf(view);
  const stored = view.getUint32(crcOffset, true);
  const computed = crc32c(bytes.subarray(0, crcOffset));
  if (stored === computed) return view;
  throw failure(
    "CONTROL_FILE_INVALID",
    `pg_control has CRC ${hex(stored)}, its content gives ${hex(computed)}`,
    {
      hint: "The file is damaged. Take it from a backup; do not use pg_resetwal on the only copy.",
    },
  );
}

function crcOffsetOf(view: DataView): number {
  const version = view.byteLength >= 12 ? view.getUint32(8, true) : undefined;
  const offset = version === undefined ? undefined : CRC_OFFSET.get(version);
  if (offset !== undefined && view.byteLength >= offset + 4) return offset;
  if (version === undefined || offset !== undefined) {
    throw failure("CONTROL_FILE_INVALID", `pg_control is cut off after ${view.byteLength} bytes`);
  }
  throw failure(
    "CONTROL_FILE_INVALID",
    `pg_control has version ${version}, known are 1300, 1700 and 1800`,
    {
      hint: "It belongs to a PostgreSQL outside 14 to 18, or to a machine with another byte order.",
    },
  );
}

function named<Name>(names: readonly Name[], index: number, field: string): Name {
  const name = names[index];
  if (name === undefined) {
    throw failure("CONTROL_FILE_INVALID", `pg_control has an unknown ${field}: ${index}`);
  }
  return name;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
