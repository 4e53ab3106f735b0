import fc from "fast-check";
import { expect, test } from "vitest";
import { lsn } from "../model/lsn.ts";
import { ReplayClock } from "./replay-clock.ts";

const MIB = 1024n * 1024n;

test("position, share and forecast follow the speed", () => {
  const clock = new ReplayClock({ beginLsn: lsn(0n), endLsn: lsn(100n * MIB) });
  expect(clock.read()).toMatchObject({ replayedBytes: 0, fraction: 0, bytesPerSecond: undefined });
  clock.observe(0, { lsn: lsn(0n) });
  clock.observe(2000, { lsn: lsn(20n * MIB) });
  expect(clock.read()).toEqual({
    lsn: 20n * MIB,
    time: undefined,
    replayedBytes: Number(20n * MIB),
    totalBytes: Number(100n * MIB),
    fraction: 0.2,
    bytesPerSecond: Number(10n * MIB),
    remainingSeconds: 8,
  });
});

test("the speed is that of the last half minute", () => {
  const clock = new ReplayClock({ beginLsn: lsn(0n), endLsn: lsn(1000n * MIB) });
  clock.observe(0, { lsn: lsn(0n) });
  clock.observe(1000, { lsn: lsn(500n * MIB) });
  for (let second = 2; second <= 60; second += 1) {
    clock.observe(second * 1000, { lsn: lsn(500n * MIB + BigInt(second) * MIB) });
  }
  expect(clock.read().bytesPerSecond).toBeCloseTo(Number(MIB), 0);
});

test("a position before an earlier one changes nothing, a time stays", () => {
  const clock = new ReplayClock({ beginLsn: lsn(10n), endLsn: undefined });
  const time = Temporal.Instant.from("2026-11-21T08:00:00Z");
  expect(clock.observe(0, { lsn: lsn(500n), time })).toBe(true);
  expect(clock.observe(10, { lsn: lsn(400n) })).toBe(false);
  expect(clock.observe(20, { lsn: lsn(500n) })).toBe(false);
  expect(clock.read()).toMatchObject({ lsn: 500n, time, replayedBytes: 490, fraction: undefined });
});

test("no sequence of positions leads outside 0 to 1 or to a negative forecast", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(5000), fc.bigInt(0n, 200n * MIB)), { maxLength: 30 }),
      fc.bigInt(0n, 150n * MIB),
      (steps, end) => {
        const clock = new ReplayClock({ beginLsn: lsn(0n), endLsn: lsn(end) });
        let atMs = 0;
        for (const [delayMs, position] of steps) {
          atMs += delayMs;
          clock.observe(atMs, { lsn: lsn(position) });
          const { fraction = 0, remainingSeconds = 0, bytesPerSecond = 0 } = clock.read();
          expect(fraction).toBeGreaterThanOrEqual(0);
          expect(fraction).toBeLessThanOrEqual(1);
          expect(remainingSeconds).toBeGreaterThanOrEqual(0);
          expect(remainingSeconds).not.toBe(Number.POSITIVE_INFINITY);
          expect(bytesPerSecond).toBeGreaterThanOrEqual(0);
        }
      },
    ),
  );
});
