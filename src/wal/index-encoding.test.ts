import fc from "fast-check";
import { expect, test } from "vitest";
import { HindsightError } from "../base/errors.ts";
import { fromPostgresMicroseconds } from "../model/timestamp.ts";
import type { WalIndex } from "./index-content.ts";
import { ColumnReader, ColumnWriter } from "./index-columns.ts";
import { decodeWalIndex, encodeWalIndex } from "./index-encoding.ts";
import {
  deletion,
  indexesOf,
  insertion,
  ITEMS,
  multiInsertion,
  nearSegmentEnd,
  update,
} from "./index.fixture.ts";
import {
  filler,
  restorePoint,
  runningTransactions,
  transactionEnd,
  WalBuilder,
} from "./wal.fixture.ts";

const AT = "2026-11-21T08:00:00.123456Z";

/** A segment that has a little of everything, and ends inside a record. */
function manifold(): WalBuilder {
  const builder = nearSegmentEnd(1000);
  builder.append(insertion({ xid: 700, block: 70_000 }));
  builder.append(insertion({ xid: 701, relation: ITEMS }));
  builder.append(multiInsertion({ xid: 702, rows: 60 }));
  builder.append(transactionEnd("commit", 701, AT));
  builder.append(transactionEnd("abort", 690, "2026-11-21T07:59:00Z"));
  builder.append(transactionEnd("commit", 702, AT, [703, 704]));
  builder.append(restorePoint("before_disaster", AT));
  const running = { xids: [700, 705], overflowed: false, nextXid: 706, oldestRunningXid: 700 };
  builder.append(runningTransactions(running));
  builder.append(deletion({ xid: 705 }));
  builder.append(filler(2000));
  builder.append(update({ xid: 705 }));
  return builder;
}

test("an index is read back as it was", () => {
  for (const index of indexesOf(manifold())) {
    expect(decodeWalIndex(encodeWalIndex(index))).toEqual(index);
  }
});

test("columns hold every integer of 53 bits, and the largest take eight bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.maxSafeNat()), fc.array(fc.maxSafeInteger()), (naturals, integers) => {
      const writer = new ColumnWriter();
      for (const value of naturals) writer.unsigned(value);
      for (const value of integers) writer.signed(value);
      const reader = new ColumnReader(writer.bytes);
      expect(naturals.map(() => reader.unsigned())).toEqual(naturals);
      expect(integers.map(() => reader.signed())).toEqual(integers);
      reader.end();
    }),
  );
});

test.each([-1, 2 ** 53, NaN, Infinity])("%d is no number of a column", (value) => {
  const writer = new ColumnWriter();
  expect(() => writer.unsigned(value)).toThrow(RangeError);
  expect(() => writer.signed(value < 0 ? -Infinity : -value)).toThrow(RangeError);
});

test.each([
  [0, "00"],
  [-1, "01"],
  [63, "7e"],
  [-64, "7f"],
  [64, "8001"],
  [2 ** 51 - 1, "feffffffffffff07"],
  [2 ** 51, "8080808080808008"],
  [-(2 ** 51) - 1, "8180808080808008"],
  [2 ** 53 - 1, "feffffffffffff1f"],
  [1 - 2 ** 53, "fdffffffffffff1f"],
])("the signed number %d is spelt %s", (value, bytes) => {
  const writer = new ColumnWriter();
  writer.signed(value);
  expect(Buffer.from(writer.bytes).toString("hex")).toBe(bytes);
  expect(new ColumnReader(Buffer.from(bytes, "hex")).signed()).toBe(value);
});

test.each(["1964-04-29", "1970-01-01", "2141-01-01", "2143-01-01", "2249-09-01"])(
  "a clock that says %s has times that can be read back",
  (day) => {
    const builder = new WalBuilder();
    const times = ["2026-11-21T08:00:00.123457Z", `${day}T12:34:56.654321Z`, AT];
    for (const [place, at] of times.entries()) {
      builder.append(transactionEnd("commit", 700 + place, at));
      builder.append(transactionEnd("commit", 800 + place, at, [900]));
    }
    const [index] = indexesOf(builder);
    if (!index) throw new Error("there is no index");
    expect(decodeWalIndex(encodeWalIndex(index))).toEqual(index);
    const found = endTimes(index);
    expect(found).toEqual(times.flatMap((at) => [at, at]).map((at) => Temporal.Instant.from(at)));
  },
);

test.each(["1960-01-01", "2250-01-01", "2290-01-01"])("a clock that says %s is refused", (day) => {
  for (const subtransactions of [[], [701]]) {
    const builder = new WalBuilder();
    builder.append(transactionEnd("commit", 700, `${day}T00:00:00Z`, subtransactions));
    expect(() => indexesOf(builder)).toThrow(
      expect.objectContaining({ code: "WAL_RECORD_INVALID" }),
    );
  }
});

function endTimes({ ends }: WalIndex): readonly Temporal.Instant[] {
  return [...ends.at].map((at) => fromPostgresMicroseconds(BigInt(at)));
}

test("damaged bytes are refused, or read as something else, and never crash", () => {
  const [first] = indexesOf(manifold());
  if (!first) throw new Error("there is no index");
  const good = encodeWalIndex(first);
  const edit = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 8,
  });
  fc.assert(
    fc.property(edit, fc.option(fc.nat(good.length)), (edits, cut) => {
      const bytes = good.slice(0, cut ?? good.length);
      for (const [place, value] of edits) if (place < bytes.length) bytes[place] = value;
      const outcome = outcomeOf(() => decodeWalIndex(bytes));
      expect(["read", "RangeError", "SyntaxError", "HindsightError"]).toContain(outcome);
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 10_000 },
  );
});

function outcomeOf(read: () => unknown): string {
  try {
    read();
    return "read";
  } catch (error) {
    if (error instanceof HindsightError) return "HindsightError";
    return error instanceof Error ? error.constructor.name : "something else";
  }
}
