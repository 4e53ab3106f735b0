// Records of the XLOG resource manager: checkpoints, restore points, changed parameters, ends of recovery, switches.
// Each parser is given the record's main data and reads what Hindsight needs of it.
//
// Source: PostgreSQL src/include/catalog/pg_control.h; src/include/access/xlog_internal.h; xlog.c, xlog_redo.
import type { Lsn } from "../../model/lsn.ts";
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Values of `operation` for {@link RESOURCE_MANAGER}.xlog. */
export const XLOG_OPERATION = {
  checkpointShutdown: 0x00,
  checkpointOnline: 0x10,
  noop: 0x20,
  nextOid: 0x30,
  switch: 0x40,
  backupEnd: 0x50,
  parameterChange: 0x60,
  restorePoint: 0x70,
  fullPageWrites: 0x80,
  endOfRecovery: 0x90,
  fullPageImageForHint: 0xa0,
  fullPageImage: 0xb0,
  overwriteContinuation: 0xd0,
  /** Since 17. */
  checkpointRedo: 0xe0,
} as const;

/** wal_level, in the order of its numbers. */
export const WAL_LEVELS = ["minimal", "replica", "logical"] as const;
export type WalLevel = (typeof WAL_LEVELS)[number];

const RESTORE_POINT_NAME_BYTES = 64;

/** A name that someone gave a place in WAL. */
export interface RestorePoint {
  readonly name: string;
  readonly at: Temporal.Instant;
}

/**
 * What a checkpoint recorded. Its layout, of 88 bytes:
 *
 *   offset size type  meaning
 *        0    8 u64   redo: where replay from this checkpoint begins
 *        8    4 u32   timeline
 *       12    4 u32   timeline before, different after a promotion
 *       16    1 bool  full_page_writes
 *       20    4 i32   wal_level; since 17, padding before
 *       24    8 u64   next transaction id, with the epoch in its upper half
 *       32    4 u32   next oid
 *       36   28       next multixact and offset, oldest transaction and multixact with their databases
 *       64    8 i64   time, in seconds of the Unix epoch
 *       72    8       transactions with commit timestamps
 *       80    4 u32   oldest transaction still running, 0 for a shutdown
 *       84    4       padding
 */
export interface Checkpoint {
  readonly shutdown: boolean;
  readonly redo: Lsn;
  readonly timeline: number;
  readonly previousTimeline: number;
  readonly fullPageWrites: boolean;
  /** Since 17. */
  readonly walLevel: WalLevel | undefined;
  /** 64 bits: epoch and transaction id. */
  readonly nextXid: bigint;
  readonly at: Temporal.Instant;
  readonly oldestActiveXid: number;
}

/** Written when a server ends recovery by promotion and begins a timeline. */
export interface EndOfRecovery {
  readonly at: Temporal.Instant;
  readonly timeline: number;
  readonly previousTimeline: number;
}

/** A record of which only the first part reached the disk before a crash: what was to follow will never come. */
export interface OverwrittenContinuation {
  /** Where the record begins that has no end. */
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
}

/** The settings that a standby must have at least, and wal_level, as they are from here on. */
export interface ParameterChange {
  readonly maxConnections: number;
  readonly maxWorkerProcesses: number;
  readonly maxWalSenders: number;
  readonly maxPreparedTransactions: number;
  readonly maxLocksPerTransaction: number;
  readonly walLevel: WalLevel | undefined;
  readonly walLogHints: boolean;
  readonly trackCommitTimestamp: boolean;
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseRestorePoint(record: WalRecord): RestorePoint {
  const data = new MainDataReader(record);
  return { at: data.instant(), name: data.text(RESTORE_POINT_NAME_BYTES) };
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseCheckpoint(record: WalRecord): Checkpoint {
  const data = new MainDataReader(record);
  const redo = data.lsn();
  const timeline = data.uint32();
  const previousTimeline = data.uint32();
  const fullPageWrites = data.boolean();
  data.skip(3);
  const level = data.int32();
  const nextXid = data.uint64();
  data.skip(32);
  const seconds = Number(BigInt.asIntN(64, data.uint64()));
  data.skip(8);
  return {
    shutdown: record.operation === XLOG_OPERATION.checkpointShutdown,
    redo,
    timeline,
    previousTimeline,
    fullPageWrites,
    walLevel: record.layout.majorVersion >= 17 ? WAL_LEVELS[level] : undefined,
    nextXid,
    at: instantOfSeconds(seconds, data),
    oldestActiveXid: data.uint32(),
  };
}

function instantOfSeconds(seconds: number, data: MainDataReader): Temporal.Instant {
  try {
    return Temporal.Instant.fromEpochMilliseconds(seconds * 1000);
  } catch (error) {
    if (error instanceof RangeError) throw data.invalid("has an impossible time");
    throw error;
  }
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseEndOfRecovery(record: WalRecord): EndOfRecovery {
  const data = new MainDataReader(record);
  return { at: data.instant(), timeline: data.uint32(), previousTimeline: data.uint32() };
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseParameterChange(record: WalRecord): ParameterChange {
  const data = new MainDataReader(record);
  return {
    maxConnections: data.natural(),
    maxWorkerProcesses: data.natural(),
    maxWalSenders: data.natural(),
    maxPreparedTransactions: data.natural(),
    maxLocksPerTransaction: data.natural(),
    walLevel: WAL_LEVELS[data.int32()],
    walLogHints: data.boolean(),
    trackCommitTimestamp: data.boolean(),
  };
}

/**
 * Whether full_page_writes is on from here on. PostgreSQL writes this when the setting changes.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseFullPageWrites(record: WalRecord): boolean {
  return new MainDataReader(record).boolean();
}

/**
 * The LSN where the backup began that ends with this record: a restored copy is consistent from here on.
 *
 * @throws {HindsightError} `WAL_RECORD_INVALID`
 */
export function parseBackupEnd(record: WalRecord): Lsn {
  return new MainDataReader(record).lsn();
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseOverwriteContinuation(record: WalRecord): OverwrittenContinuation {
  const data = new MainDataReader(record);
  return { lsn: data.lsn(), at: data.instant() };
}
