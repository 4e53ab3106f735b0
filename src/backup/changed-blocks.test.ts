import { describe, expect, test } from "vitest";
import { lsn } from "../model/lsn.ts";
import { eventAt, indexOf, type IndexParts } from "./changed-blocks.fixture.ts";
import { ChangedBlocks } from "./changed-blocks.ts";

function distrustOf(parts: IndexParts, trusted: readonly number[] = []): string | undefined {
  const changes = new ChangedBlocks({
    relationSegmentBlocks: 1000,
    begin: lsn(100n),
    trustedResourceManagers: new Set(trusted),
  });
  changes.add(indexOf(parts));
  return changes.distrust;
}

describe("changes are not relied on", () => {
  const parameters = {
    kind: "parameterChange",
    maxConnections: 1,
    maxWorkerProcesses: 1,
    maxWalSenders: 0,
    maxPreparedTransactions: 0,
    maxLocksPerTransaction: 64,
    walLogHints: false,
    trackCommitTimestamp: false,
  } as const;

  test("when the server ran with wal_level=minimal meanwhile, but not when it did before", () => {
    const event = eventAt({ ...parameters, walLevel: "minimal" });
    expect(distrustOf({ events: [{ ...event, lsn: lsn(100n) }] })).toMatch(/wal_level=minimal/);
    expect(distrustOf({ events: [{ ...event, lsn: lsn(99n) }] })).toBeUndefined();
    const replica = eventAt({ ...parameters, walLevel: "replica" });
    expect(distrustOf({ events: [{ ...replica, lsn: lsn(100n) }] })).toBeUndefined();
  });

  test("when an extension wrote WAL of its own, unless its resource manager is trusted", () => {
    expect(distrustOf({ customResourceManagers: [128, 200] }, [128])).toMatch(/manager 200$/);
    expect(distrustOf({ customResourceManagers: [128, 200] }, [128, 200])).toBeUndefined();
  });
});
