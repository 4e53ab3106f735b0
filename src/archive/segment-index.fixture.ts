// WAL that can be indexed, for the tests of this folder: segments of wal.fixture.ts under their names.
import { createLog, type Log, type LogFields } from "../base/log.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import { getWalIndex } from "../repository/wal-index.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { insertion } from "../wal/index.fixture.ts";
import { transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { createContext } from "../base/context.ts";
import { segmentName } from "./wal-archive.fixture.ts";

const AT = "2026-11-21T08:00:00.123456Z";

/** A segment as PostgreSQL would hand it over. */
export type NamedSegment = readonly [name: string, bytes: Buffer];

/** Segments from number 1 on, each of which but the first begins inside a record. */
export function straddlingSegments(count: number): readonly NamedSegment[] {
  const builder = new WalBuilder();
  for (let segment = 1; segment < count; segment += 1) {
    builder.append(insertion({ xid: 700 + segment, block: segment }));
    builder.append(transactionEnd("commit", 700 + segment, AT));
    builder.fillSegment(100);
    builder.append(transactionEnd("commit", 800 + segment, AT, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));
  }
  builder.append(insertion({ xid: 999 }));
  builder.switchSegment();
  return namedSegments(builder);
}

/** What a builder has written, on a timeline. */
export function namedSegments(builder: WalBuilder, timeline = 1): readonly NamedSegment[] {
  return [...builder.segments()].map(([number, bytes]) => [
    segmentName(timeline, Number(number)),
    bytes,
  ]);
}

/** The stored index of a segment, which must be there. */
export async function storedIndex(archive: WalArchive, name: string): Promise<WalIndex> {
  const index = await getWalIndex(archive, name, createContext());
  if (!index) throw new Error(`${name} has no index`);
  return index;
}

/** Expects that no record is missing between the indexes of segments that follow each other. */
export async function firstBreak(
  archive: WalArchive,
  names: readonly string[],
): Promise<string | undefined> {
  let last: WalIndex | undefined;
  for (const name of names) {
    const index = await storedIndex(archive, name);
    const { number } = parseSegmentName(name, archive.record.segmentSizeBytes);
    if (index.segmentNumber !== number) return name;
    if (last?.last && index.first && index.first.previous !== last.last.lsn) return name;
    if (index.first) last = index;
  }
  return undefined;
}

/** A log and what was written to it, from info on. */
export function recordingLog(): {
  readonly log: Log;
  readonly lines: readonly (readonly [string, string, LogFields])[];
} {
  const lines: (readonly [string, string, LogFields])[] = [];
  const log = createLog(
    "info",
    (level, message, fields) => void lines.push([level, message, fields]),
  );
  return { log, lines };
}
