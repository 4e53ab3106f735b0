// Records of the Standby resource manager: what a server in recovery must know to answer queries.
//
// Running transactions, 24 bytes and a list:
//
//   offset size type     meaning
//        0    4 i32      number of transactions
//        4    4 i32      number of subtransactions
//        8    1 bool     overflowed: some subtransactions are missing from the list
//       12    4 u32      next transaction id
//       16    4 u32      oldest transaction still running
//       20    4 u32      newest transaction that ended
//       24      n × u32  transactions, then subtransactions
//
// Source: PostgreSQL src/include/storage/standbydefs.h; src/backend/storage/ipc/standby.c.
import type { WalRecord } from "../record.ts";
import { MainDataReader } from "./main-data.ts";

/** Values of `operation` for {@link RESOURCE_MANAGER}.standby. */
export const STANDBY_OPERATION = {
  lock: 0x00,
  runningTransactions: 0x10,
  invalidations: 0x20,
} as const;

/** The transactions that ran at one moment; a server in recovery builds its first snapshot from it. */
export interface RunningTransactions {
  readonly transactionCount: number;
  /** Some transaction had more than 64 subtransactions, so not all are listed. */
  readonly overflowed: boolean;
  readonly nextXid: number;
  readonly oldestRunningXid: number;
  readonly latestCompletedXid: number;
  /** Transactions and subtransactions. */
  readonly xids: readonly number[];
}

/** An exclusive lock that was taken on a relation. */
export interface StandbyLock {
  readonly xid: number;
  readonly database: number;
  /** The relation's oid, not its relfilenode. */
  readonly relation: number;
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseRunningTransactions(record: WalRecord): RunningTransactions {
  const data = new MainDataReader(record);
  const transactionCount = data.natural();
  const subtransactionCount = data.natural();
  const overflowed = data.boolean();
  data.skip(3);
  return {
    transactionCount,
    overflowed,
    nextXid: data.uint32(),
    oldestRunningXid: data.uint32(),
    latestCompletedXid: data.uint32(),
    xids: data.list(transactionCount + subtransactionCount, 4, () => data.uint32()),
  };
}

/** @throws {HindsightError} `WAL_RECORD_INVALID` */
export function parseStandbyLocks(record: WalRecord): readonly StandbyLock[] {
  const data = new MainDataReader(record);
  return data.list(data.int32(), 12, () => ({
    xid: data.uint32(),
    database: data.uint32(),
    relation: data.uint32(),
  }));
}
