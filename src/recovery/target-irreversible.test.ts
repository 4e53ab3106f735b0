import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import { timeline } from "../model/timeline.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { DATABASE_OPERATION_15 } from "../wal/resource-manager/database.ts";
import { HEAP_OPERATION } from "../wal/resource-manager/heap.ts";
import { RESOURCE_MANAGER } from "../wal/resource-manager/ids.ts";
import {
  type DraftRecord,
  filler,
  runningTransactions,
  transactionEnd,
  WalBuilder,
} from "../wal/wal.fixture.ts";
import { archiveIn, backupAt, filesOf } from "./target.fixture.ts";
import { resolveTarget, type ResolvedTarget } from "./target.ts";

const at = (clock: string): string => `2025-01-01T${clock}Z`;

/** The row of a database in pg_database is changed in place, by no transaction. */
function changeInPlace(database: number): DraftRecord {
  const data = Buffer.alloc(80);
  data.writeUInt32LE(database);
  const block = Buffer.alloc(20);
  block[1] = 0x20;
  block.writeUInt16LE(data.length, 2);
  block.writeUInt32LE(1664, 4);
  block.writeUInt32LE(1262, 12);
  const body = Buffer.concat([block, Buffer.of(0xff, 2), data, Buffer.alloc(2)]);
  return { resourceManager: RESOURCE_MANAGER.heap, operation: HEAP_OPERATION.inplace, body };
}

/** The files of a database go, although its transaction still runs. */
function dropDatabase(xid: number, database: number): DraftRecord {
  const body = Buffer.alloc(2 + 12);
  body[0] = 0xff;
  body[1] = 12;
  body.writeUInt32LE(database, 2);
  body.writeUInt32LE(1, 6);
  body.writeUInt32LE(1663, 10);
  const operation = DATABASE_OPERATION_15.drop;
  return { resourceManager: RESOURCE_MANAGER.database, operation, xid, body };
}

interface Story {
  readonly places: Readonly<Record<string, Lsn>>;
  readonly resolve: (target: RecoveryTarget) => Promise<ResolvedTarget>;
}

/** @param between what is written between the removal of the files and the commit. */
async function tellDrop(between: DraftRecord): Promise<Story> {
  const builder = new WalBuilder();
  const running = { xids: [], overflowed: false, nextXid: 100, oldestRunningXid: 100 };
  const { begin } = builder.append(runningTransactions(running));
  const { end } = builder.append(filler(60));
  const write = (draft: DraftRecord): Lsn => builder.append(draft).begin;
  const places = {
    kept: write(transactionEnd("commit", 100, at("00:01:00"))),
    vacuum: write(changeInPlace(16_400)),
    mark: write(changeInPlace(16_400)),
    otherVacuum: write(changeInPlace(5)),
    drop: write(dropDatabase(101, 16_400)),
    between: write(between),
    commit: write(transactionEnd("commit", 101, at("00:03:00"))),
    later: write(transactionEnd("commit", 110, at("00:04:00"))),
    end: write(filler(64)),
  };
  const archive: WalArchive = await archiveIn(createMemoryStore(), filesOf(builder));
  const history = { timeline: timeline(1), ancestors: [] };
  const question = { archive, history, candidates: [backupAt(begin, end, [0, 0])] };
  return {
    places,
    resolve: (target) => resolveTarget({ ...question, target }, createContext()),
  };
}

const beforeDrop: RecoveryTarget = { kind: "xid", xid: 101n, exclusive: true };
const timeTarget = (clock: string): RecoveryTarget => ({
  kind: "time",
  time: { instant: Temporal.Instant.from(at(clock)), zone: "UTC" },
  exclusive: false,
});

test("before a transaction that drops a database is before its files go, whatever is given up", async () => {
  const { places, resolve } = await tellDrop(transactionEnd("commit", 105, at("00:02:00")));
  const found = await resolve(beforeDrop);
  expect(found).toMatchObject({
    stopLsn: places["mark"],
    compiled: { kind: "lsn", lsn: places["mark"], exclusive: true },
    commitBefore: { xid: 100n },
    commitAfter: { xid: 105n },
  });
  expect(found.notes.at(-1)).toContain(
    "before transaction 101 removed the files of the database with OID 16400",
  );
});

test("a time between the two stops before the files go only where no commit is given up by it", async () => {
  const free = await tellDrop(filler(40));
  expect(await free.resolve(timeTarget("00:02:00"))).toMatchObject({
    stopLsn: free.places["mark"],
    commitBefore: { xid: 100n },
    commitAfter: { xid: 101n },
  });
  const busy = await tellDrop(transactionEnd("commit", 105, at("00:02:00")));
  const found = await busy.resolve(timeTarget("00:02:30"));
  expect(found).toMatchObject({ stopLsn: busy.places["commit"], commitBefore: { xid: 105n } });
  expect(found.notes.at(-1)).toContain(
    `--type=lsn --target=${formatLsn(busy.places["mark"] ?? (0n as Lsn))} --target-exclusive`,
  );
});

test("once the transaction is over, nothing is said", async () => {
  const { places, resolve } = await tellDrop(filler(40));
  for (const target of [
    timeTarget("00:03:30"),
    { kind: "xid", xid: 101n, exclusive: false } as const,
  ]) {
    const found = await resolve(target);
    expect(found.notes.join()).not.toContain("OID");
  }
  expect(await resolve(timeTarget("00:03:30"))).toMatchObject({ stopLsn: places["later"] });
});
