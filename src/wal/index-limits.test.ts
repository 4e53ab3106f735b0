// Segments that nobody writes by accident: with as many relations, patterns and locks as they have room for.
import { describe, expect, test } from "vitest";
import { BlockLists } from "./index-blocks.ts";
import { indexesOf } from "./index.fixture.ts";
import { RelationNumbers } from "./index-relations.ts";
import { ROW, RowsByTransaction } from "./index-rows.ts";
import { RESOURCE_MANAGER } from "./resource-manager/ids.ts";
import { STANDBY_OPERATION } from "./resource-manager/standby.ts";
import { type DraftRecord, WalBuilder } from "./wal.fixture.ts";

/** What takes longer grows faster than what it counts. */
const TIMEOUT_MS = 10_000;

describe(
  "relations are numbered in the order in which they are met",
  { timeout: TIMEOUT_MS },
  () => {
    test.each<[string, (n: number) => readonly [number, number, number]]>([
      ["one relfilenode in very many databases", (n) => [1663, 1 + n, 2619]],
      ["one relfilenode in very many tablespaces", (n) => [16_384 + n, 5, 16_384]],
      ["very many relfilenodes in one database", (n) => [1663, 5, 16_384 + n]],
      ["both at once", (n) => [1663, n % 1000, 16_384 + Math.floor(n / 1000)]],
    ])("%s", (_, relationOf) => {
      const count = 100_000;
      const numbers = new RelationNumbers();
      for (let round = 0; round < 2; round += 1) {
        for (let n = 0; n < count; n += 1) {
          const number = numbers.numberOf(...relationOf(n));
          if (number !== n) throw new Error(`${number} instead of ${n}`);
        }
      }
      expect(numbers.all).toHaveLength(count);
      const [tablespace, database, relfilenode] = relationOf(count - 1);
      expect(numbers.all.at(-1)).toEqual({ tablespace, database, relfilenode });
    });

    test("up to a limit", () => {
      const numbers = new RelationNumbers(3);
      const number = (): void => {
        for (let n = 0; n < 4; n += 1) numbers.numberOf(1663, 5, n);
      };
      expect(number).toThrow(expect.objectContaining({ code: "WAL_INDEX_TOO_LARGE" }));
      expect(numbers.all).toHaveLength(3);
    });
  },
);

test("blocks of a relation that has one, and of forks that there are not", () => {
  const lists = new BlockLists();
  for (const [relation, fork, block] of [
    [2, 0, 7],
    [2, 0, 7],
    [1, 15, 3],
    [1, 15, 2],
    [1, 2, 9],
    [90, 0, 4],
    [90, 0, 1],
    [2, 4, 6],
  ] as const) {
    lists.add(relation, fork, block);
  }
  const found = lists.finish().map(({ relation, fork, blocks }) => [relation, fork, ...blocks]);
  expect(found).toEqual([
    [1, 2, 9],
    [1, 15, 2, 3],
    [2, 0, 7],
    [2, 4, 6],
    [90, 0, 1, 4],
  ]);
});

test(
  "transactions with very many relations find the pattern that they share",
  { timeout: TIMEOUT_MS },
  () => {
    const rows = new RowsByTransaction();
    for (let xid = 700; xid < 720; xid += 1) {
      for (let n = 0; n < 20_000; n += 1) {
        // The same relations, from another one on.
        rows.add(xid, (n + 997 * xid) % 20_000, ROW.inserted, 1);
      }
      expect(rows.finish(xid, [])).toBe(1);
    }
  },
);

function locks(...held: readonly (readonly [xid: number, relation: number])[]): DraftRecord {
  const data = Buffer.alloc(4 + 12 * held.length);
  data.writeInt32LE(held.length, 0);
  for (const [place, [xid, relation]] of held.entries()) {
    data.writeUInt32LE(xid, 4 + 12 * place);
    data.writeUInt32LE(5, 8 + 12 * place);
    data.writeUInt32LE(relation, 12 + 12 * place);
  }
  const body = Buffer.concat([Buffer.from([255, data.length]), data]);
  const { standby } = RESOURCE_MANAGER;
  return { resourceManager: standby, operation: STANDBY_OPERATION.lock, body };
}

test("a lock is told once in a segment, however often it is listed", () => {
  const builder = new WalBuilder();
  builder.append(locks([700, 20_001], [700, 20_002]));
  builder.append(locks([700, 20_001], [701, 20_001]));
  builder.switchSegment();
  builder.append(locks([700, 20_001]));
  const told = indexesOf(builder).map(({ events }) =>
    events.map((event) => (event.kind === "lock" ? `${event.xid} ${event.relation}` : "")),
  );
  expect(told).toEqual([["700 20001", "700 20002", "701 20001"], ["700 20001"]]);
});
