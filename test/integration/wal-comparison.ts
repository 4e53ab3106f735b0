// Reads the WAL of a test server from its pg_wal, and says of each record what PostgreSQL's own readers say too.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { FORKS } from "../../src/model/relation.ts";
import { formatLsn, lsn } from "../../src/model/lsn.ts";
import { readRecords, type RecordVisitor, type WalEnd } from "../../src/wal/reader.ts";
import { previousLsn, recordEndLsn, recordLsn, type WalRecord } from "../../src/wal/record.ts";
import { RESOURCE_MANAGER_NAMES } from "../../src/wal/resource-manager/ids.ts";
import type { Cluster } from "../harness/cluster.ts";

export const SEGMENT_SIZE: number = 1024 * 1024;

/** The cluster's segments as they lie in pg_wal, by number, ascending. */
export async function segmentsOf(cluster: Cluster): Promise<ReadonlyMap<bigint, Buffer>> {
  const directory = join(cluster.dataDirectory, "pg_wal");
  const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name));
  const segments = new Map<bigint, Buffer>();
  for (const name of names.toSorted((left, right) => (left < right ? -1 : 1))) {
    const number = BigInt(`0x${name.slice(8, 16)}`) * 4096n + BigInt(`0x${name.slice(16)}`);
    segments.set(number, await readFile(join(directory, name)));
  }
  return segments;
}

/** Reads all segments, from the first record that begins in them. */
export async function readAll(
  major: number,
  segments: ReadonlyMap<bigint, Buffer>,
  visit: RecordVisitor,
): Promise<WalEnd> {
  const [first = 0n] = segments.keys();
  const start = {
    begin: lsn(first * BigInt(SEGMENT_SIZE)),
    segmentSizeBytes: SEGMENT_SIZE,
    layout: { majorVersion: major, blockSizeBytes: 8192 },
    skipsRest: true,
  };
  return await readRecords(start, (number) => Promise.resolve(segments.get(number)), visit);
}

/** What is known of a record by every reader. */
export interface RecordFacts {
  readonly begin: string;
  readonly end: string;
  readonly previous: string;
  readonly xid: number;
  readonly manager: string | undefined;
  readonly totalBytes: number;
  readonly mainDataBytes: number;
  readonly imageBytes: number;
  /** `tablespace/database/relfilenode fork block` */
  readonly references: readonly string[];
}

/** The facts of a record, copied out of the cursor. */
export function factsOf(record: WalRecord): RecordFacts {
  const blocks = record.blocks.slice(0, record.blockCount);
  return {
    begin: formatLsn(recordLsn(record)),
    end: formatLsn(recordEndLsn(record)),
    previous: formatLsn(previousLsn(record)),
    xid: record.xid,
    manager: RESOURCE_MANAGER_NAMES[record.resourceManager],
    totalBytes: record.totalBytes,
    mainDataBytes: record.mainDataBytes,
    imageBytes: blocks.reduce((sum, block) => sum + block.imageBytes, 0),
    references: blocks.map(
      (block) =>
        `${block.tablespace}/${block.database}/${block.relfilenode} ${FORKS[block.fork]} ${block.blockNumber}`,
    ),
  };
}
