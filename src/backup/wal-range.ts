// The WAL indexes of a range, one after the other along the path of a timeline, for an incremental backup. An index that
// is stored is taken; where there is none, the segment is decoded, from the server's own pg_wal first: the newest WAL is
// not archived yet when a backup begins, and the server keeps it until it is.
//
// That nothing is missing is proven by the records and not by names: the first record of an index must name the last one
// of the index before. Two servers that took the same timeline number have segments of the same names; what tells them
// apart is that the newest archived segment which pg_wal still has must be the very same.
//
// Anything that does not fit is a reason not to rely on the range, given back as text. It is never an error.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { sha256 } from "../codec/digest.ts";
import { isFailure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { type Timeline, type TimelineHistory, timelinePath } from "../model/timeline.ts";
import {
  formatSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import { getWalFile, readWalHeader, type WalArchive } from "../repository/wal-archive.ts";
import { getWalIndex } from "../repository/wal-index.ts";
import { buildWalIndex, indexRest, type IndexRest } from "../wal/index-builder.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import { WalReader } from "../wal/reader.ts";

/** Records that begin at or after `begin` and before `end`, along the path of a timeline. */
export interface WalRange {
  readonly archive: WalArchive;
  readonly history: TimelineHistory;
  readonly begin: Lsn;
  /** Everything before it is on disk in the server's pg_wal or archived. */
  readonly end: Lsn;
  /** Size of a relation's page. */
  readonly blockSizeBytes: number;
  /** Of the server. */
  readonly dataDirectory: string;
  /** Whether WAL may end before `end`, if only in the last segment: good enough for a look, not for a backup. */
  readonly endsAnywhere?: boolean | undefined;
  /** Segments without index are decoded up to this much; beyond it, comparing the files is less work. */
  readonly decodeMaxBytes: number;
}

/** Indexes read ahead of the one that is looked at. */
const READ_AHEAD_COUNT = 8;

/**
 * Reads a range.
 *
 * @param visit is given the index of each segment, in order. An index may describe more than the range.
 * @returns why the range cannot be relied on; undefined when every record of it was seen.
 * @throws {HindsightError} what the store throws.
 */
export async function readWalRange(
  range: WalRange,
  visit: (index: WalIndex) => void,
  context: Context,
): Promise<string | undefined> {
  return await new RangeReader(range, context).run(visit);
}

class RangeReader {
  readonly #range: WalRange;
  readonly #context: Context;
  /** The segment before, and where its last record begins. */
  #previous: WalIndex | undefined;
  #lastRecord: Lsn | undefined;
  #newestStored: string | undefined;
  #decodedBytes = 0;

  constructor(range: WalRange, context: Context) {
    this.#range = range;
    this.#context = context;
  }

  async run(visit: (index: WalIndex) => void): Promise<string | undefined> {
    const { begin, end, archive } = this.#range;
    const { segmentSizeBytes } = archive.record;
    if (end <= begin) return "no WAL lies between the backups";
    const first = segmentNumberAt(begin, segmentSizeBytes);
    const last = segmentNumberBefore(end, segmentSizeBytes);
    for await (const { number, stored } of this.#readAhead(first, last)) {
      this.#context.signal.throwIfAborted();
      const name = this.#nameOf(number);
      const index = stored ?? (await this.#decode(number, number === first));
      if (typeof index === "string") return index;
      const fault = this.#faultOf(index, name, number === last);
      if (fault !== undefined) return fault;
      if (stored) this.#newestStored = name;
      this.#previous = index;
      this.#lastRecord = index.last?.lsn ?? this.#lastRecord;
      visit(index);
    }
    return await this.#twinFault();
  }

  async *#readAhead(
    first: bigint,
    last: bigint,
  ): AsyncGenerator<{ number: bigint; stored: WalIndex | undefined }, void, undefined> {
    const ahead: { number: bigint; stored: Promise<WalIndex | undefined> }[] = [];
    let next = first;
    for (;;) {
      while (next <= last && ahead.length < READ_AHEAD_COUNT) {
        const stored = this.#stored(this.#nameOf(next));
        // It is met when its turn comes, if it comes.
        stored.catch(() => undefined);
        ahead.push({ number: next, stored });
        next += 1n;
      }
      const step = ahead.shift();
      if (!step) return;
      yield { number: step.number, stored: await step.stored };
    }
  }

  /** A damaged index is as good as none: the segment is there. */
  async #stored(name: string): Promise<WalIndex | undefined> {
    try {
      return await getWalIndex(this.#range.archive, name, this.#context);
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
      this.#context.log.warn("a WAL index is damaged, and its segment is read instead", { name });
      return undefined;
    }
  }

  /** What is wrong with an index at this place of the path. */
  #faultOf(index: WalIndex, name: string, isLast: boolean): string | undefined {
    const { first, end } = index;
    if (first && this.#lastRecord !== undefined && first.previous !== this.#lastRecord) {
      return `WAL segment ${name} does not go on from the one before it`;
    }
    const isEnough = this.#range.endsAnywhere === true || (end && end.lsn >= this.#range.end);
    if (end === undefined || (isLast && isEnough)) return undefined;
    return `WAL ends at ${formatLsn(end.lsn)} in segment ${name} (${end.reason})`;
  }

  /** Makes the index of a segment from its bytes, or says why that cannot be. */
  async #decode(number: bigint, isFirst: boolean): Promise<WalIndex | string> {
    const { archive, blockSizeBytes, decodeMaxBytes } = this.#range;
    const { record } = archive;
    const name = this.#nameOf(number);
    this.#decodedBytes += record.segmentSizeBytes;
    if (this.#decodedBytes > decodeMaxBytes) return `too much WAL has no index, up to ${name}`;
    const bytes = await this.#bytes(name);
    if (!bytes) return `WAL segment ${name} is neither in pg_wal nor whole in the archive`;
    const previous = isFirst ? undefined : await this.#rest(number);
    if (!previous && !isFirst)
      return `WAL segment ${name} begins inside a record that is not known`;
    try {
      const index = buildWalIndex(bytes, {
        segmentNumber: number,
        segmentSizeBytes: record.segmentSizeBytes,
        layout: { majorVersion: record.majorVersion, blockSizeBytes },
        systemIdentifier: record.systemIdentifier,
        previous,
        // What begins before the range does not belong to it.
        skipsRest: isFirst,
      });
      this.#context.log.detail("decoded a WAL segment that has no index", { name });
      return index ?? `WAL segment ${name} does not go on from the one before it`;
    } catch (error) {
      if (isFailure(error, "WAL_RECORD_INVALID")) return `WAL segment ${name}: ${error.message}`;
      throw error;
    }
  }

  /** What the segment before leaves to this one; its index may not keep all of it. */
  async #rest(number: bigint): Promise<IndexRest | undefined> {
    const previous = this.#previous;
    const known = previous && indexRest(previous);
    if (known) return known;
    const { archive, blockSizeBytes } = this.#range;
    const { segmentSizeBytes, majorVersion, systemIdentifier } = archive.record;
    const before = number - 1n;
    const bytes = await this.#bytes(this.#nameOf(before));
    if (!bytes) return undefined;
    const reader = new WalReader({
      begin: segmentBegin(before, segmentSizeBytes),
      segmentSizeBytes,
      systemIdentifier,
      layout: { majorVersion, blockSizeBytes },
      skipsRest: true,
    });
    if (reader.read(bytes, () => undefined)) return undefined;
    const { rest } = reader;
    const isKnown = rest.lastRecord !== undefined || rest.unfinished !== undefined;
    return isKnown ? { ...rest, nextXid: undefined } : undefined;
  }

  /** A whole segment: the server's own, else the archived one. */
  async #bytes(name: string): Promise<Buffer | undefined> {
    const local = await this.#local(name);
    if (local) return local;
    try {
      const archived = await getWalFile(this.#range.archive, name, this.#context);
      if (archived) checkSegmentHeader(archived, { ...this.#range.archive.record, name });
      return archived;
    } catch (error) {
      if (isFailure(error, "OBJECT_CORRUPT", "WAL_SEGMENT_INVALID", "WAL_SEGMENT_FOREIGN")) {
        return undefined;
      }
      throw error;
    }
  }

  /** PostgreSQL keeps old segments under the names of future ones; only the header tells. */
  async #local(name: string): Promise<Buffer | undefined> {
    try {
      const bytes = await readFile(join(this.#range.dataDirectory, "pg_wal", name));
      checkSegmentHeader(bytes, { ...this.#range.archive.record, name });
      return bytes;
    } catch (error) {
      if (isFailure(error, "WAL_SEGMENT_INVALID", "WAL_SEGMENT_FOREIGN")) return undefined;
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async #twinFault(): Promise<string | undefined> {
    const name = this.#newestStored;
    const local = name === undefined ? undefined : await this.#local(name);
    if (name === undefined || !local) return undefined;
    const header = await readWalHeader(this.#range.archive, name, this.#context);
    if (!header || header.sha256 === sha256(local).toString("hex")) return undefined;
    return `WAL segment ${name} in the archive is not the one of this server`;
  }

  #nameOf(number: bigint): string {
    const { history, archive } = this.#range;
    const { segmentSizeBytes } = archive.record;
    const timeline = timelineOfSegment(history, number, segmentSizeBytes);
    return formatSegmentName({ timeline, number }, segmentSizeBytes);
  }
}

/** A segment in which a timeline was left exists twice; the younger one repeats what the older one had before. */
function timelineOfSegment(
  history: TimelineHistory,
  number: bigint,
  segmentSizeBytes: number,
): Timeline {
  const end = segmentBegin(number + 1n, segmentSizeBytes);
  return timelinePath(history).findLast(({ begin }) => begin < end)?.timeline ?? history.timeline;
}
