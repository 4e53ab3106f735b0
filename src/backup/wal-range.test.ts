import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { storeSegmentIndex } from "../archive/segment-index.ts";
import { type NamedSegment, straddlingSegments } from "../archive/segment-index.fixture.ts";
import { createContext } from "../base/context.ts";
import { type Lsn, lsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { archiveIn } from "../recovery/target.fixture.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { SEGMENT_SIZE, WalBuilder } from "../wal/wal.fixture.ts";
import { insertion } from "../wal/index.fixture.ts";
import { readWalRange } from "./wal-range.ts";

const context = createContext();
const SEGMENTS = straddlingSegments(4);
const HISTORY: TimelineHistory = { timeline: timeline(1), ancestors: [] };
let directory = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "range-"));
  await mkdir(join(directory, "pg_wal"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

/** An archive of these segments, all but some of them with an index. */
async function archived(
  segments: readonly NamedSegment[],
  unindexed: readonly number[] = [],
): Promise<WalArchive> {
  const archive = await archiveIn(createMemoryStore(), segments);
  for (const [place, [name, bytes]] of segments.entries()) {
    if (unindexed.includes(place)) continue;
    await storeSegmentIndex({ archive, name, bytes, blockSizeBytes: 8192 }, context);
  }
  return archive;
}

async function keepLocally(segments: readonly NamedSegment[]): Promise<void> {
  for (const [name, bytes] of segments) await writeFile(join(directory, "pg_wal", name), bytes);
}

/** Reads the range of the four segments; gives why it cannot be relied on, and the numbers of those that were seen. */
async function read(
  archive: WalArchive,
  parts: { history?: TimelineHistory; end?: Lsn; decodeMaxBytes?: number } = {},
): Promise<{ readonly fault: string | undefined; readonly seen: readonly number[] }> {
  const seen: number[] = [];
  const range = {
    archive,
    history: HISTORY,
    begin: lsn(BigInt(SEGMENT_SIZE + 40)),
    end: lsn(BigInt(5 * SEGMENT_SIZE)),
    blockSizeBytes: 8192,
    dataDirectory: directory,
    decodeMaxBytes: 100 * SEGMENT_SIZE,
    ...parts,
  };
  const fault = await readWalRange(
    range,
    (index) => seen.push(Number(index.segmentNumber)),
    context,
  );
  return { fault, seen };
}

const WHOLE = { fault: undefined, seen: [1, 2, 3, 4] };

describe("a range is whole", () => {
  test("when all of it is archived and indexed", async () => {
    expect(await read(await archived(SEGMENTS))).toEqual(WHOLE);
  });

  test("when indexes are missing in it, at its beginning or its end: the segments tell", async () => {
    for (const unindexed of [[0], [1, 2], [3], [0, 1, 2, 3]]) {
      expect(await read(await archived(SEGMENTS, unindexed))).toEqual(WHOLE);
    }
  });

  test("when its end is in pg_wal only", async () => {
    await keepLocally(SEGMENTS.slice(1));
    expect(await read(await archived(SEGMENTS.slice(0, 2)))).toEqual(WHOLE);
    expect(await read(await archived([]))).toMatchObject({
      fault: expect.stringMatching(/0001 is neither/) as string,
    });
  });

  test("when WAL ends behind it in its last segment", async () => {
    const builder = new WalBuilder();
    const { end } = builder.append(insertion({ xid: 700 }));
    const [[, bytes] = [0n, Buffer.alloc(0)]] = [...builder.segments()];
    await keepLocally([[SEGMENTS[0]![0], bytes]]);
    const archive = await archived([]);
    expect(await read(archive, { end })).toEqual({ fault: undefined, seen: [1] });
    const late = lsn(end + 8n);
    expect(await read(archive, { end: late })).toEqual({
      fault: expect.stringMatching(/WAL ends at .* \(zeros\)/) as string,
      seen: [],
    });
  });
});

describe("a range cannot be relied on", () => {
  test("when a segment is nowhere", async () => {
    const archive = await archived(SEGMENTS.filter((_, place) => place !== 2));
    expect((await read(archive)).fault).toMatch(/0003 is neither in pg_wal nor whole/);
  });

  test("when indexes do not go on from one another, whatever their names", async () => {
    const other = new WalBuilder();
    other.append(insertion({ xid: 5, block: 1 }));
    other.append(insertion({ xid: 5, block: 2 }));
    other.fillSegment(0);
    other.switchSegment();
    const segments = [...SEGMENTS];
    segments[0] = [SEGMENTS[0]![0], [...other.segments().values()][0]!];
    expect((await read(await archived(segments))).fault).toMatch(/0002 does not go on/);
  });

  test("when the archive's newest segment is not the one that the server wrote under that name", async () => {
    const archive = await archived(SEGMENTS);
    await keepLocally(SEGMENTS.slice(3));
    expect((await read(archive)).fault).toBeUndefined();
    const twin = Buffer.from(SEGMENTS[3]![1]);
    twin.writeUInt8(1, SEGMENT_SIZE - 1);
    await keepLocally([[SEGMENTS[3]![0], twin]]);
    expect((await read(archive)).fault).toMatch(/0004 in the archive is not the one/);
  });

  test("when decoding it would be more work than comparing the files", async () => {
    const archive = await archived(SEGMENTS, [1, 2, 3]);
    const limit = { decodeMaxBytes: 2 * SEGMENT_SIZE };
    expect((await read(archive, limit)).fault).toMatch(/too much WAL has no index, up to .*0004/);
  });

  test("when its path goes through a timeline whose segment is not there", async () => {
    const history = {
      timeline: timeline(2),
      ancestors: [
        { timeline: timeline(1), switchLsn: lsn(BigInt(2 * SEGMENT_SIZE + 4096)), reason: "" },
      ],
    };
    expect((await read(await archived(SEGMENTS), { history })).fault).toMatch(
      /0{7}20{15}2 is neither/,
    );
  });
});
