import { describe, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { lsn } from "../model/lsn.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { deletion } from "../wal/index.fixture.ts";
import { SEGMENT_SIZE, transactionEnd, WalBuilder } from "../wal/wal.fixture.ts";
import { storeSegmentIndex } from "../archive/segment-index.ts";
import { findTransactions } from "./find.ts";
import { historySteps } from "./history-segments.ts";
import { archiveIn, filesOf, nameOf } from "./target.fixture.ts";

const AT = "2026-11-25T08:00:00Z";
const PATH: TimelineHistory = { timeline: timeline(1), ancestors: [] };
const context = createContext();

type NamedFile = readonly [string, Buffer];

/** Segments of one server, each full and with two transactions that delete a row. */
function written(count: number): NamedFile[] {
  const builder = new WalBuilder();
  for (let segment = 1; segment <= count; segment += 1) {
    for (let half = 0; half < 2; half += 1) {
      const xid = 700 + 2 * segment + half;
      builder.append(deletion({ xid }));
      builder.append(transactionEnd("commit", xid, AT));
    }
    builder.fillSegment(1000);
    builder.switchSegment();
  }
  return filesOf(builder);
}

/** An archive of these segments, with the indexes that archive-push would have stored for them. */
async function archived(files: readonly NamedFile[]): Promise<WalArchive> {
  const archive = await archiveIn(createMemoryStore(), files);
  for (const [name, bytes] of files) {
    await storeSegmentIndex({ archive, name, bytes, blockSizeBytes: 8192 }, context);
  }
  return archive;
}

/** `kind name`, or for a hole its numbers. */
async function stepsOf(
  archive: WalArchive,
  history: TimelineHistory = PATH,
): Promise<readonly string[]> {
  const steps: string[] = [];
  for await (const step of historySteps({ archive, history, blockSizeBytes: 8192 }, context)) {
    if (step.kind === "missing") steps.push(`missing ${step.first}-${step.last}`);
    else if (step.kind === "segment") steps.push(`segment ${step.number}`);
    else steps.push(`${step.kind} ${step.number}: ${step.error.message}`);
  }
  return steps;
}

/** With one byte of a segment flipped. */
function damaged(files: readonly NamedFile[], number: number, offset: number): NamedFile[] {
  return files.map(([name, bytes]) => {
    if (name !== nameOf(BigInt(number))) return [name, bytes];
    const copy = Buffer.from(bytes);
    copy[offset] = (copy[offset] ?? 0) ^ 1;
    return [name, copy];
  });
}

/** Behind the first transaction of a segment of `written`. */
const BEHIND_FIRST = 170;

describe("the records of a path", () => {
  test("follow each other in the segments of one server", async () => {
    const steps = await stepsOf(await archived(written(3)));
    expect(steps).toEqual(["segment 1", "segment 2", "segment 3"]);
  });

  test.each(["stored", "made when they are asked for"])(
    "do not follow where another server wrote a segment; indexes are %s",
    async (when) => {
      const own = written(4);
      const elsewhere = new WalBuilder();
      for (const xid of [901, 902, 903]) {
        elsewhere.append(deletion({ xid }));
        elsewhere.append(transactionEnd("commit", xid, AT));
        elsewhere.switchSegment();
      }
      const twin = filesOf(elsewhere)[2] as NamedFile;
      const files = own.with(2, twin);
      const archive =
        when === "stored" ? await archived(files) : await archiveIn(createMemoryStore(), files);
      expect(await stepsOf(archive)).toEqual([
        "segment 1",
        "segment 2",
        expect.stringMatching(
          /^broken 3: WAL segment 0*10*3 does not go on where 0*10*2 ends, at /,
        ),
        "segment 3",
        expect.stringMatching(/^broken 4: /),
        "segment 4",
      ]);
    },
  );

  test("end where a byte is damaged, and what is behind does not follow", async () => {
    const archive = await archived(damaged(written(3), 2, BEHIND_FIRST));
    expect(await stepsOf(archive)).toEqual([
      "segment 1",
      "segment 2",
      expect.stringMatching(
        /^broken 2: WAL ends inside segment \w+ at 0\/2\w+: a record does not match its checksum$/,
      ),
      "segment 3",
    ]);
  });

  test("end in the last segment: that is told when it is damage, and not where writing ended", async () => {
    const files = written(2);
    expect(await stepsOf(await archived(damaged(files, 2, BEHIND_FIRST)))).toEqual([
      "segment 1",
      "segment 2",
      expect.stringMatching(/^broken 2: /),
    ]);
    const [first, last] = files as [NamedFile, NamedFile];
    const unfinished = Buffer.from(last[1]).fill(0, 5 * 8192);
    const steps = await stepsOf(await archived([first, [last[0], unfinished]]));
    expect(steps).toEqual(["segment 1", "segment 2"]);
  });

  test("may end behind the place where the path leaves a segment", async () => {
    const files = damaged(written(2), 2, BEHIND_FIRST);
    const switchLsn = lsn(BigInt(2 * SEGMENT_SIZE + 40));
    const ancestors = [{ timeline: timeline(1), switchLsn, reason: "" }];
    const steps = await stepsOf(await archived(files), { timeline: timeline(2), ancestors });
    expect(steps).toEqual(["segment 1", "segment 2"]);
  });
});

test("a search tells of damage in the middle of a segment, and of what lies behind it", async () => {
  const archive = await archived(damaged(written(3), 2, BEHIND_FIRST));
  const range = { archive, history: PATH, blockSizeBytes: 8192 };
  const found = await findTransactions(range, { countMax: 100 }, context);
  expect(new Set(found.transactions.map(({ xid }) => xid))).toEqual(
    new Set([702n, 703n, 704n, 706n, 707n]),
  );
  expect(found.unreadable).toMatchObject([
    { name: nameOf(2n), error: { code: "WAL_SEGMENT_INVALID" } },
  ]);
});
