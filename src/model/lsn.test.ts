import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addLsn,
  compareLsn,
  formatLsn,
  lsn,
  LSN_ZERO,
  maxLsn,
  parseLsn,
  rangeContains,
} from "./lsn.ts";

test("reads and writes PostgreSQL's notation", () => {
  expect(parseLsn("0/15000028")).toBe(0x15000028n);
  expect(parseLsn("16/B374D848")).toBe(0x16b374d848n);
  expect(parseLsn("ffffffff/ffffffff")).toBe((1n << 64n) - 1n);
  expect(formatLsn(parseLsn("00000016/0b374d84"))).toBe("16/B374D84");
});

test("every LSN survives being written and read", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
      expect(parseLsn(formatLsn(lsn(value)))).toBe(value);
    }),
  );
});

test.each(["", "0", "0/", "/0", "0/123456789", "0/12G", " 0/1", "0/1 ", "0x1/0", "-1/0", "1/2/3"])(
  "refuses %j with a code and a hint",
  (text) => {
    expect(() => parseLsn(text)).toThrow(
      expect.objectContaining({ code: "LSN_INVALID", exitCode: 2 }),
    );
  },
);

test("an LSN outside 64 bits is a mistake of the caller", () => {
  expect(() => lsn(-1n)).toThrow(RangeError);
  expect(() => lsn(1n << 64n)).toThrow(RangeError);
  expect(() => addLsn(LSN_ZERO, -1n)).toThrow(RangeError);
});

test("orders positions and tests half-open ranges", () => {
  const [low, high] = [lsn(10n), lsn(20n)];
  expect([high, low].toSorted(compareLsn)).toEqual([low, high]);
  expect(compareLsn(low, low)).toBe(0);
  expect(maxLsn(low, high)).toBe(high);
  expect(rangeContains({ begin: low, end: high }, low)).toBe(true);
  expect(rangeContains({ begin: low, end: high }, high)).toBe(false);
  expect(rangeContains({ begin: low, end: low }, low)).toBe(false);
});
