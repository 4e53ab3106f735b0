// The WAL decoder against real servers of every major: record by record against pg_walinspect (15 and later), and where
// WAL ends against the server's own crash recovery, also behind a record that a crash cut off.
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isFailure } from "../../src/model/failure.ts";
import { formatLsn, parseLsn } from "../../src/model/lsn.ts";
import { buildWalIndex } from "../../src/wal/index-builder.ts";
import { decodeWalIndex, encodeWalIndex } from "../../src/wal/index-encoding.ts";
import { checkSegmentHeader, parseLongPageHeader } from "../../src/wal/page.ts";
import { type WalEnd, WalReader, type RecordVisitor } from "../../src/wal/reader.ts";
import { recordEndLsn, recordLsn, type WalRecord } from "../../src/wal/record.ts";
import { RESOURCE_MANAGER } from "../../src/wal/resource-manager/ids.ts";
import { XLOG_OPERATION } from "../../src/wal/resource-manager/xlog.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { MAJORS, OUTER_MAJORS } from "../harness/majors.ts";
import type { Row } from "../harness/sql-session.ts";
import { factsOf, readAll, SEGMENT_SIZE, segmentsOf } from "./wal-comparison.ts";
import { type ArchivingLevel, doWork, workloadSettings } from "./wal-workload.ts";

/** In production it is mostly replica; logical writes more kinds of records. */
const LEVELS: Readonly<Record<number, ArchivingLevel>> = {
  14: "replica",
  15: "logical",
  16: "replica",
  17: "logical",
  18: "replica",
};

function settingsOf(major: number): ReturnType<typeof workloadSettings> {
  return workloadSettings(LEVELS[major] ?? "replica");
}

/** A record in one line, with what both sides know. */
function describeRecord(record: WalRecord): string {
  const { references, ...facts } = factsOf(record);
  const { begin, end, previous, xid, manager, totalBytes, mainDataBytes, imageBytes } = facts;
  const sizes = [totalBytes, mainDataBytes, imageBytes];
  return [begin, end, previous, xid, manager, ...sizes, ...references].join(" ");
}

const REFERENCE = /rel (\d+\/\d+\/\d+) fork(?:num)? (\w+) bl(?:oc)?k (\d+)/g;

function describeRow(row: Row): string {
  const references = [...(row["block_ref"] ?? "").matchAll(REFERENCE)];
  const columns = ["start_lsn", "end_lsn", "prev_lsn", "xid", "resource_manager"];
  const sizes = ["record_length", "main_data_length", "fpi_length"];
  return [
    ...[...columns, ...sizes].map((name) => row[name]),
    ...references.map(([, relation, fork, block]) => `${relation} ${fork} ${block}`),
  ].join(" ");
}

/** Where the server said that its crash recovery ended: the beginning of the last record. */
async function lastRedo(cluster: Cluster): Promise<string | undefined> {
  return [...(await cluster.log()).matchAll(/redo done at ([0-9A-F]+\/[0-9A-F]+)/g)].at(-1)?.[1];
}

/** Crashes the server, reads its WAL, and lets it recover. */
async function crashAndRead(
  cluster: Cluster,
  visit: RecordVisitor = () => undefined,
): Promise<{ readonly last: string; readonly end: WalEnd }> {
  await cluster.stop("immediate");
  let last = "";
  const end = await readAll(cluster.major, await segmentsOf(cluster), (record) => {
    last = formatLsn(recordLsn(record));
    visit(record);
  });
  await cluster.start();
  return { last, end };
}

/** Damage of a segment, as seen by PostgreSQL's own rules: WAL ends there, and nothing is thrown. */
async function expectHarmlessDamage(
  major: number,
  segments: ReadonlyMap<bigint, Buffer>,
): Promise<void> {
  const records = await recordsWithin(major, segments);
  const numbers = [...segments.keys()];
  const limits = { seed: SEED, numRuns: 400, interruptAfterTimeLimit: DAMAGE_TIME_LIMIT_MS };
  const place = fc.nat(SEGMENT_SIZE - 1);
  // Headers of pages are where damage leads furthest.
  const pageHeader = fc
    .tuple(fc.nat(127), fc.nat(39))
    .map(([page, offset]) => page * 8192 + offset);
  const edits = fc.array(fc.tuple(fc.oneof(place, pageHeader), fc.nat(255)), {
    minLength: 1,
    maxLength: 12,
  });
  const anySegment = fc.constantFrom(...numbers);
  fc.assert(
    fc.property(anySegment, edits, (number, changes) => {
      const bytes = Buffer.from(segments.get(number) ?? Buffer.alloc(0));
      for (const [offset, value] of changes) bytes[offset] = value;
      for (const verifiesChecksums of [true, false])
        readAlone(major, number, bytes, verifiesChecksums);
      expect(outcomeOf(() => indexOf(major, number, bytes))).toMatch(HARMLESS);
    }),
    limits,
  );
  // With a right checksum the parsers see the damage.
  const bodyEdits = fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.constantFrom(...records), bodyEdits, ({ number, offset, length }, changes) => {
      const bytes = Buffer.from(segments.get(number) ?? Buffer.alloc(0));
      const record = bytes.subarray(offset, offset + length);
      for (const [place, value] of changes) record[24 + (place % (length - 24))] = value;
      record.writeUInt32LE(crc32c(record.subarray(0, 20), crc32c(record.subarray(24))), 20);
      expect(outcomeOf(() => indexOf(major, number, bytes))).toMatch(HARMLESS);
    }),
    limits,
  );
}

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const DAMAGE_TIME_LIMIT_MS = 4_000;
const HARMLESS = /^(?:read|WAL_RECORD_INVALID|WAL_INDEX_TOO_LARGE)$/;

interface PlacedBytes {
  readonly number: bigint;
  readonly offset: number;
  readonly length: number;
}

/** Records that lie on one page, the rarer kinds as often as the common ones: a few of each operation. */
async function recordsWithin(
  major: number,
  segments: ReadonlyMap<bigint, Buffer>,
): Promise<readonly PlacedBytes[]> {
  const found = new Map<string, PlacedBytes[]>();
  await readAll(major, segments, (record) => {
    const { resourceManager, operation, segmentOffset: offset, totalBytes: length } = record;
    const isWhole = Math.floor(offset / 8192) === Math.floor((offset + length) / 8192);
    const kind = `${resourceManager}/${operation}`;
    const known = found.get(kind) ?? [];
    if (!isWhole || length <= 24 || known.length >= RECORDS_OF_KIND) return;
    const number = record.segment.begin / BigInt(SEGMENT_SIZE);
    found.set(kind, [...known, { number, offset, length }]);
  });
  return [...found.values()].flat();
}

const RECORDS_OF_KIND = 8;

function readAlone(
  major: number,
  number: bigint,
  bytes: Buffer,
  verifiesChecksums: boolean,
): WalEnd | undefined {
  const reader = new WalReader({
    begin: parseLsn(formatLsn((number * BigInt(SEGMENT_SIZE)) as never)),
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: major, blockSizeBytes: 8192 },
    skipsRest: true,
    verifiesChecksums,
  });
  return reader.read(bytes, () => undefined);
}

function indexOf(major: number, number: bigint, bytes: Buffer): void {
  const { systemIdentifier } = parseLongPageHeader(bytes);
  const index = buildWalIndex(bytes, {
    segmentNumber: number,
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: major, blockSizeBytes: 8192 },
    systemIdentifier,
    previous: undefined,
    skipsRest: true,
  });
  if (index) decodeWalIndex(encodeWalIndex(index));
}

function outcomeOf(work: () => void): string {
  try {
    work();
    return "read";
  } catch (error) {
    if (isFailure(error, "WAL_RECORD_INVALID", "WAL_INDEX_TOO_LARGE")) return error.code;
    throw error;
  }
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("writes the magic of its version into segments that pass the check", async () => {
    await using cluster = await startCluster({ major });
    const identifier = await cluster.value("select system_identifier from pg_control_system()");
    const name = String(await cluster.value("select pg_walfile_name(pg_current_wal_lsn())"));
    const bytes = await readFile(join(cluster.dataDirectory, "pg_wal", name));
    const header = parseLongPageHeader(bytes);
    expect(header).toMatchObject({ majorVersion: major, blockSizeBytes: 8192 });
    expect(String(header.systemIdentifier)).toBe(identifier);
    const { systemIdentifier } = header;
    const expected = {
      name,
      systemIdentifier,
      majorVersion: major,
      segmentSizeBytes: SEGMENT_SIZE,
    };
    expect(() => checkSegmentHeader(bytes, expected)).not.toThrow();
  });

  test.skipIf(major < 15)(
    "is read record by record as pg_walinspect (15 and later) reads it",
    async () => {
      await using cluster = await startCluster({ major, settings: settingsOf(major) });
      await doWork(cluster);
      await cluster.sql("create extension pg_walinspect");
      const flushed = await cluster.value("select pg_current_wal_flush_lsn()");
      const ours: string[] = [];
      let first = "";
      await readAll(major, await segmentsOf(cluster), (record) => {
        first ||= formatLsn(recordLsn(record));
        if (recordEndLsn(record) <= parseLsn(String(flushed))) ours.push(describeRecord(record));
      });
      const rows = await cluster.sql("select * from pg_get_wal_records_info($1, $2)", [
        first,
        flushed,
      ]);
      const theirs = rows.map(describeRow);
      expect(theirs.length).toBeGreaterThan(10_000);
      // Record by record, so that a failure shows the first difference and not all.
      for (const [index, line] of theirs.entries()) expect(ours[index]).toBe(line);
    },
  );

  test(`ends where the server's own recovery ends, and damage is met with an end or an error (seed ${SEED})`, async () => {
    await using cluster = await startCluster({ major, settings: settingsOf(major) });
    await doWork(cluster);
    const segments = await segmentsOf(cluster);
    const { last } = await crashAndRead(cluster);
    expect(last).toBe(await lastRedo(cluster));
    if (OUTER_MAJORS.includes(major)) await expectHarmlessDamage(major, segments);
  });

  test("goes on behind a record that a crash cut off", async () => {
    await using cluster = await startCluster({ major, settings: settingsOf(major) });
    const before = parseLsn(String(await cluster.value("select pg_current_wal_insert_lsn()")));
    await cluster.sql("select pg_logical_emit_message(false, 'p', repeat('z', 2500000))");
    await cluster.sql("create table flushed (a int)");
    await cluster.stop("immediate");
    // The record begins in this segment; what it goes on in never reached the disk.
    const number = Number(before / BigInt(SEGMENT_SIZE));
    const pgWal = join(cluster.dataDirectory, "pg_wal");
    for (const name of await readdir(pgWal)) {
      if (/^[0-9A-F]{24}$/.test(name) && Number(`0x${name.slice(16)}`) > number) {
        await rm(join(pgWal, name));
      }
    }
    await cluster.start();
    await cluster.sql("create table later (a int)");
    const operations: number[] = [];
    const { last } = await crashAndRead(cluster, (record) => {
      if (record.resourceManager === RESOURCE_MANAGER.xlog) operations.push(record.operation);
    });
    expect(operations).toContain(XLOG_OPERATION.overwriteContinuation);
    expect(last).toBe(await lastRedo(cluster));
  });
});
