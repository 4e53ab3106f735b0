import fc from "fast-check";
import { expect, test } from "vitest";
import { formatLsn, parseLsn } from "../../model/lsn.ts";
import { toPostgresMicroseconds } from "../../model/timestamp.ts";
import type { WalRecord } from "../record.ts";
import { decodeBytes } from "../wal.fixture.ts";
import { parseRunningTransactions, parseStandbyLocks } from "./standby.ts";
import { outcome, OUTCOMES, RECORDS_14, RECORDS_18 } from "./records.fixture.ts";
import { parseAssignment, parseTransaction } from "./transaction.ts";
import {
  parseBackupEnd,
  parseCheckpoint,
  parseEndOfRecovery,
  parseFullPageWrites,
  parseOverwriteContinuation,
  parseParameterChange,
  parseRestorePoint,
} from "./xlog.ts";

// Records as servers have written them; what they say was compared with pg_walinspect.
const COMMIT_PREPARED_14 =
  "4a0000000000000090a9a50000000000b00100005b91a1d4fd0100ff2db4f5afe2c3030300f10000007f3500007f0600002a0300006769643300795634120000000040a2d186073e0200";
const COMMIT_PREPARED_18 =
  "4a0000000000000088d1ae0000000000b0010000cf039443fd0100ff2d8aa81de1c3030300f1000000050000007f0600003c0300006769643300795634120000000040a2d186073e0200";
const ABORT_PREPARED_14 =
  "4f00000000000000b088a50000000000c1010000d8dfd228ff3546edafe2c3030300d70000007f3500007f0600000100000022030000010000007f0600007f3500003c400000210300006769643200";
const ABORT_PREPARED_17 =
  "5f00000000000000a80d840000000000c101000029f33a7fff45d85e0ae2c3030300d7010000050000007f0600000100000026030000010000007f060000050000003c4000000100000002000000050000003c400000250300006769643200";
const ABORT_PREPARED_18 =
  "630000000000000010b0ae0000000000c10100005b054e74ff493ca31de1c3030300d7010000050000007f0600000100000034030000010000007f060000050000003d4000000100000002000000050000003d40000000000000330300006769643200";
const ABORT_15 =
  "4600000013030000d031850000000000a101000051cbb16cff2c9549bee1c303030044010000010000007f060000050000003340000001000000020000000500000033400000";
const PREPARE_14 =
  "ed0000002a03000050a9a500000000001001000051a54039fd0100ffd03445f957d40000002a0300007f35000070f5afe2c30303000a0000000000000000000000000000000000000000030500795634120000000040a2d186073e0200676964330055000014000000015500002a030000000000000000000000000501070000000000010014000000017f00007f3500000040000000000000000000010300000000000000380000000200000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000";
const PREPARE_18 =
  "f50000003c03000048d1ae0000000000100100003f092b35fd0100ffd83445f957dc0000003c030000050000006da81de1c30303000a00000000000000000000000000000000000000000000000000000000030500795634120000000040a2d186073e0200676964330055000014000000017f00003c03000000000000000000000000050107000000000000001400000001000000050000000040000000000000000000010300000000000000380000000200000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000400000000000000000000000000000";
const RESTORE_POINT_18 =
  "6200000000000000504c2d020000000070000000b963f886ff486b7052e1c3030300746869726400000058fb68c57f550000f8a6edc47f5500000000000000000000000000000000000000fc68c57f55000060715ac57f55000058fb68c57f550000";
const CHECKPOINT_14 =
  "720000000000000038fe7e0000000000000000006eab3e8cff5880fe7e000000000001000000010000000100000000000000dd02000000000000803500000100000000000000d602000001000000010000000100000000000000b255016b0000000000000000000000000000000000000000";
const CHECKPOINT_18 =
  "720000000000000078b2840000000000000000008997015fff58c0b284000000000001000000010000000100000001000000f002000000000000c33400000100000000000000e8020000010000000100000001000000000000009755016b0000000000000000000000000000000000000000";
const PARAMETERS_14 =
  "360000000000000080fe7e0000000000600000004463f5cbff1c64000000080000000a0000000a000000400000000200000000000000";
const PARAMETERS_17 =
  "3600000000000000108a5d00000000006000000093c2cd64ff1c64000000080000000a0000000a0000004000000002000000000007e2";
const END_OF_RECOVERY_14 =
  "2a00000000000000280040020000000090000000273802d2ff106f8ceae2c30303000200000001000000";
const END_OF_RECOVERY_18 =
  "3200000000000000280080020000000090000000a553208aff18fa14a5e1c303030002000000010000000100000000000000";
const RUNNING_18 =
  "3600000000000000783217020000000010080000aa587fe3ff1c010000000000000001835de1b5030000500300004f03000050030000";
const LOCK_18 =
  "2a000000f002000070b38400000000000008000077760286ff1001000000f00200000500000000400000";

const bytesOf = (hex: string): Buffer => Buffer.from(hex, "hex");

test.each([
  [14, COMMIT_PREPARED_14, { xid: 810, database: 13695, at: "2026-11-21T08:26:26.820532Z" }],
  [18, COMMIT_PREPARED_18, { xid: 828, database: 5, at: "2026-11-21T08:26:00.455306Z" }],
])("the commit of a prepared and replicated transaction, %i", (major, hex, own) => {
  expect(parseTransaction(decodeBytes(bytesOf(hex), major))).toEqual({
    kind: "commit",
    prepared: true,
    ...own,
    at: Temporal.Instant.from(own.at),
    subtransactions: [],
    droppedRelations: [],
    droppedStatistics: [],
    invalidationCount: 0,
    invalidatedRelations: [],
    globalIdentifier: "gid3",
    origin: { lsn: parseLsn("0/12345679"), at: Temporal.Instant.from("2020-01-01T00:00:01Z") },
  });
});

test.each([
  [14, ABORT_PREPARED_14, { xid: 801, subtransactions: [802], relfilenode: 16444 }],
  [17, ABORT_PREPARED_17, { xid: 805, subtransactions: [806], relfilenode: 16444 }],
  [18, ABORT_PREPARED_18, { xid: 819, subtransactions: [820], relfilenode: 16445 }],
])("the rollback of a prepared transaction names what it drops, %i", (major, hex, own) => {
  const { relfilenode, ...ids } = own;
  // Before 15 statistics were not kept in a way that had to be dropped.
  const statistics = { kind: 2, database: 5, object: BigInt(relfilenode) };
  expect(parseTransaction(decodeBytes(bytesOf(hex), major))).toMatchObject({
    kind: "abort",
    prepared: true,
    ...ids,
    droppedRelations: [{ tablespace: 1663, relfilenode }],
    droppedStatistics: major === 14 ? [] : [statistics],
    globalIdentifier: "gid2",
  });
});

test("a subtransaction that is rolled back by itself has a record of its own", () => {
  expect(parseTransaction(decodeBytes(bytesOf(ABORT_15), 15))).toMatchObject({
    kind: "abort",
    prepared: false,
    xid: 787,
    droppedRelations: [{ tablespace: 1663, database: 5, relfilenode: 16435 }],
    droppedStatistics: [{ kind: 2, database: 5, object: 16435n }],
    globalIdentifier: undefined,
    origin: undefined,
  });
});

test.each([
  [14, PREPARE_14, 810],
  [18, PREPARE_18, 828],
])("a preparation names its transaction, %i", (major, hex, xid) => {
  expect(parseTransaction(decodeBytes(bytesOf(hex), major))).toMatchObject({
    kind: "prepare",
    xid,
    globalIdentifier: "gid3",
    subtransactions: [],
    origin: { lsn: parseLsn("0/12345679") },
  });
});

test.each([
  [14, PREPARE_14],
  [18, PREPARE_18],
  [14, COMMIT_PREPARED_14],
  [18, COMMIT_PREPARED_18],
])("the time at an origin may be infinite, which is its own affair, %i", (major, hex) => {
  const bytes = bytesOf(hex);
  const at = Buffer.alloc(8);
  at.writeBigInt64LE(toPostgresMicroseconds(Temporal.Instant.from("2020-01-01T00:00:01Z")));
  bytes.writeBigInt64LE(2n ** 63n - 1n, bytes.indexOf(at));
  expect(parseTransaction(decodeBytes(bytes, major))?.origin).toEqual({
    lsn: parseLsn("0/12345679"),
    at: undefined,
  });
});

test.each([
  [14, RECORDS_14.commit, 13695],
  [18, RECORDS_18.commit, 5],
])("of the messages of a commit those about relations are listed, %i", (major, hex, database) => {
  // The first two are about other caches; what lies in the padding of all three is old memory.
  expect(parseTransaction(decodeBytes(bytesOf(hex), major))).toMatchObject({
    kind: "commit",
    database,
    invalidationCount: 3,
    invalidatedRelations: [{ database, relation: 16385 }],
  });
});

test.each([
  [14, RECORDS_14.assignment, { topLevelXid: 772, subtransactions: [773] }],
  [18, RECORDS_18.assignment, { topLevelXid: 793, subtransactions: [794] }],
])("subtransactions are made known as parts of a transaction, %i", (major, hex, expected) => {
  expect(parseAssignment(decodeBytes(bytesOf(hex), major))).toEqual(expected);
});

test.each([
  [14, RECORDS_14, { begin: "0/E00028", cut: "0/F00158", at: "2026-11-25T04:29:26.417894Z" }],
  [18, RECORDS_18, { begin: "0/1000028", cut: "0/1100158", at: "2026-11-25T04:29:36.44379Z" }],
])("a backup's end, full_page_writes and a cut record, %i", (major, records, expected) => {
  const record = (name: keyof typeof RECORDS_14): WalRecord =>
    decodeBytes(bytesOf(records[name]), major);
  expect(formatLsn(parseBackupEnd(record("backupEnd")))).toBe(expected.begin);
  expect(parseFullPageWrites(record("fullPageWritesOff"))).toBe(false);
  expect(parseFullPageWrites(record("fullPageWritesOn"))).toBe(true);
  expect(parseOverwriteContinuation(record("overwrite"))).toEqual({
    lsn: parseLsn(expected.cut),
    at: Temporal.Instant.from(expected.at),
  });
});

test("the name of a restore point ends at its zero byte; old memory may lie behind", () => {
  expect(parseRestorePoint(decodeBytes(bytesOf(RESTORE_POINT_18), 18))).toEqual({
    name: "third",
    at: Temporal.Instant.from("2026-11-21T08:26:03.914347Z"),
  });
});

test.each([
  [14, CHECKPOINT_14, { redo: "0/7EFE80", nextXid: 733n, walLevel: undefined }],
  [18, CHECKPOINT_18, { redo: "0/84B2C0", nextXid: 752n, walLevel: "replica" }],
])("a checkpoint at shutdown, %i", (major, hex, own) => {
  const checkpoint = parseCheckpoint(decodeBytes(bytesOf(hex), major));
  expect({ ...checkpoint, redo: formatLsn(checkpoint.redo) }).toMatchObject({
    ...own,
    shutdown: true,
    timeline: 1,
    previousTimeline: 1,
    fullPageWrites: true,
    oldestActiveXid: 0,
  });
  expect(checkpoint.at.toString().slice(0, 10)).toBe("2026-11-21");
});

test.each([
  [14, PARAMETERS_14],
  [17, PARAMETERS_17],
])("a change of parameters, %i", (major, hex) => {
  expect(parseParameterChange(decodeBytes(bytesOf(hex), major))).toEqual({
    maxConnections: 100,
    maxWorkerProcesses: 8,
    maxWalSenders: 10,
    maxPreparedTransactions: 10,
    maxLocksPerTransaction: 64,
    walLevel: "logical",
    walLogHints: false,
    trackCommitTimestamp: false,
  });
});

test.each([
  [14, END_OF_RECOVERY_14],
  [18, END_OF_RECOVERY_18],
])("the end of recovery begins a timeline, %i", (major, hex) => {
  expect(parseEndOfRecovery(decodeBytes(bytesOf(hex), major))).toMatchObject({
    timeline: 2,
    previousTimeline: 1,
  });
});

test("running transactions, with subtransactions left out", () => {
  expect(parseRunningTransactions(decodeBytes(bytesOf(RUNNING_18), 18))).toEqual({
    transactionCount: 1,
    overflowed: true,
    nextXid: 949,
    oldestRunningXid: 848,
    latestCompletedXid: 847,
    xids: [848],
  });
});

test("a lock names the relation's oid", () => {
  expect(parseStandbyLocks(decodeBytes(bytesOf(LOCK_18), 18))).toEqual([
    { xid: 752, database: 5, relation: 16384 },
  ]);
});

test("hostile main data give an error of our own and end soon", () => {
  const parsers = [
    [PREPARE_14, 14, parseTransaction],
    [PREPARE_18, 18, parseTransaction],
    [ABORT_PREPARED_14, 14, parseTransaction],
    [ABORT_PREPARED_18, 18, parseTransaction],
    [COMMIT_PREPARED_18, 18, parseTransaction],
    [RUNNING_18, 18, parseRunningTransactions],
    [LOCK_18, 18, parseStandbyLocks],
    [CHECKPOINT_18, 18, parseCheckpoint],
    [RESTORE_POINT_18, 18, parseRestorePoint],
    [RECORDS_14.commit, 14, parseTransaction],
    [RECORDS_18.assignment, 18, parseAssignment],
    [RECORDS_18.backupEnd, 18, parseBackupEnd],
    [RECORDS_18.overwrite, 18, parseOverwriteContinuation],
  ] as const;
  const edits = fc.array(fc.tuple(fc.nat(240), fc.nat(255)), { minLength: 1 });
  fc.assert(
    fc.property(fc.constantFrom(...parsers), edits, ([hex, major, parse], changes) => {
      const record = decodeBytes(bytesOf(hex), major);
      const main = new Uint8Array(record.view.buffer, record.view.byteOffset);
      for (const [place, value] of changes) {
        main[record.mainDataOffset + (place % record.mainDataBytes)] = value;
      }
      expect(OUTCOMES).toContain(outcome(() => parse(record)));
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 10_000 },
  );
});
