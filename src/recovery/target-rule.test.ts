// A property of every time target: for whatever transactions, it is compiled to the position at which PostgreSQL's own
// rule stops. The rule is written here a second time, as plainly as it can be. The seed is printed; HINDSIGHT_TEST_SEED
// repeats it.
import { expect, test } from "vitest";
import { makeSegmentIndex } from "../archive/segment-index.ts";
import { createContext } from "../base/context.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { isFailure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { putWalIndex } from "../repository/wal-index.ts";
import { createMemoryStore } from "../storage/memory.ts";
import type { WalIndex } from "../wal/index-content.ts";
import {
  filler,
  restorePoint,
  runningTransactions,
  transactionEnd,
  WalBuilder,
} from "../wal/wal.fixture.ts";
import { archiveIn, backupAt, filesOf } from "./target.fixture.ts";
import { resolveTarget } from "./target.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const HISTORY = { timeline: timeline(1), ancestors: [] };
const BEGIN = Temporal.Instant.from("2025-01-01T00:01:00Z");

/** A commit or an abort, of a transaction or of a subtransaction: records that PostgreSQL compares with a time. */
interface End {
  readonly lsn: Lsn;
  readonly xid: number;
  readonly kind: "commit" | "abort";
  readonly microseconds: number;
}

/**
 * recoveryStopsBefore, as xlogrecovery.c has it: in the order of WAL, the first end of a transaction that is past the
 * target. Undefined: PostgreSQL would end with an error.
 */
function postgresStop(ends: readonly End[], target: number, inclusive: boolean): End | undefined {
  return ends.find(({ microseconds }) =>
    inclusive ? microseconds > target : microseconds >= target,
  );
}

const at = (microseconds: number): Temporal.Instant => BEGIN.add({ microseconds });

/** With WAL indexes, so that each target is found without reading WAL. */
async function indexedArchive(builder: WalBuilder): Promise<WalArchive> {
  const context = createContext();
  const files = filesOf(builder);
  const archive = await archiveIn(createMemoryStore(), files);
  let previous: WalIndex | undefined;
  for (const [name, bytes] of files) {
    const source = { archive, name, bytes, blockSizeBytes: 8192, previous };
    const { index } = await makeSegmentIndex(source, context);
    await putWalIndex(archive, { name, index }, context);
    previous = index;
  }
  return archive;
}

/** Ends whose clock runs on, stands still, and goes back; between them what has a time and does not count. */
function randomEnds(builder: WalBuilder, random: Random): readonly End[] {
  const ends: End[] = [];
  let clock = 100;
  for (let xid = 100; ends.length < 40; xid += 1) {
    const step = random.integer(0, 10);
    if (step > 2) clock += random.integer(1, 50);
    else if (step === 0) clock = Math.max(0, clock - random.integer(1, 120));
    const kind = random.integer(0, 4) === 0 ? "abort" : "commit";
    const parts = random.integer(0, 3) === 0 ? [xid + 1000, xid + 2000] : [];
    const draft = transactionEnd(kind, xid, at(clock).toString(), parts);
    const { begin } = builder.append(draft);
    ends.push({ lsn: begin, xid, kind, microseconds: clock });
    if (random.integer(0, 5) === 0) {
      builder.append(restorePoint(`point ${xid}`, at(clock + 1000).toString()));
    }
    if (random.integer(0, 6) === 0) builder.append(filler(random.integer(30, 4000)));
    if (random.integer(0, 12) === 0) builder.switchSegment();
  }
  builder.append(filler(64));
  return ends;
}

test(`a time is compiled as PostgreSQL's rule has it (seed ${SEED})`, async () => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 12; round += 1) {
    const builder = new WalBuilder();
    const running = { xids: [], overflowed: false, nextXid: 100, oldestRunningXid: 100 };
    const { begin } = builder.append(runningTransactions(running));
    const { end } = builder.append(filler(60));
    const ends = randomEnds(builder, random);
    const archive = await indexedArchive(builder);
    const question = { archive, history: HISTORY, candidates: [backupAt(begin, end, [0, 0])] };
    for (let trial = 0; trial < 30; trial += 1) {
      const near = ends[random.integer(0, ends.length)]?.microseconds ?? 0;
      const microseconds = near + random.integer(-1, 2);
      const exclusive = random.integer(0, 2) === 0;
      const time = { instant: at(microseconds), zone: "UTC" };
      const because = `seed ${SEED}, round ${round}, ${time.instant.toString()}, exclusive ${exclusive}`;
      const found = await resolveTarget(
        { ...question, target: { kind: "time", time, exclusive } },
        createContext(),
      ).catch((error: unknown) => {
        if (isFailure(error, "TARGET_UNREACHABLE")) return undefined;
        throw error;
      });
      const stop = postgresStop(ends, microseconds, !exclusive);
      expect(found?.compiled, because).toEqual(
        stop && { kind: "lsn", lsn: stop.lsn, exclusive: true },
      );
      if (!stop || !found) continue;
      const isKept = ({ lsn }: End): boolean => lsn < stop.lsn;
      const commits = ends.filter(({ kind }) => kind === "commit");
      const kept = commits.findLast(isKept);
      const lost = commits.find((commit) => !isKept(commit));
      expect(Number(found.commitBefore?.xid), because).toBe(kept ? kept.xid : Number.NaN);
      expect(Number(found.commitAfter?.xid), because).toBe(lost ? lost.xid : Number.NaN);
      const early = commits.filter(
        (commit) => !isKept(commit) && !postgresStop([commit], microseconds, !exclusive),
      );
      const told = found.notes.filter((note) => note.includes("although its time")).length;
      expect(told > 0, `${because}: ${formatLsn(stop.lsn)}`).toBe(isAmongFirst(early, lost));
    }
  }
});

/** Those further behind than the segment after the first lost commit are left to --list-lost. */
function isAmongFirst(early: readonly End[], lost: End | undefined): boolean {
  const segment = (end: End): bigint => end.lsn / (1024n * 1024n);
  return lost !== undefined && early.some((end) => segment(end) <= segment(lost) + 1n);
}
