import fc from "fast-check";
import { expect, test } from "vitest";
import { formatLsn, parseLsn } from "../../model/lsn.ts";
import { toPostgresMicroseconds } from "../../model/timestamp.ts";
import type { WalRecord } from "../record.ts";
import { decodeBytes } from "../wal.fixture.ts";
import { parseRunningTransactions, parseStandbyLocks } from "./standby.ts";
import {
  ABORT_15,
  ABORT_PREPARED_14,
  ABORT_PREPARED_17,
  ABORT_PREPARED_18,
  CHECKPOINT_14,
  CHECKPOINT_18,
  COMMIT_PREPARED_14,
  COMMIT_PREPARED_18,
  END_OF_RECOVERY_14,
  END_OF_RECOVERY_18,
  LOCK_18,
  outcome,
  OUTCOMES,
  PARAMETERS_14,
  PARAMETERS_17,
  PREPARE_14,
  PREPARE_18,
  RECORDS_14,
  RECORDS_18,
  RESTORE_POINT_18,
  RUNNING_18,
} from "./records.fixture.ts";
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

test("counts below 0 are refused, which no list would show", () => {
  const running = bytesOf(RUNNING_18);
  // One transaction less than none, and so many more subtransactions.
  running.writeInt32LE(-1, 26);
  running.writeInt32LE(2, 30);
  const refused = expect.objectContaining({ code: "WAL_RECORD_INVALID" });
  expect(() => parseRunningTransactions(decodeBytes(running, 18))).toThrow(refused);
  const parameters = bytesOf(PARAMETERS_17);
  parameters.writeInt32LE(-100, 26);
  expect(() => parseParameterChange(decodeBytes(parameters, 17))).toThrow(refused);
});
