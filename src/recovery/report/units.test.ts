import { expect, test } from "vitest";
import { formatCount, formatSeconds, formatShare, formatTime } from "./units.ts";

test("durations are as precise as they are long", () => {
  expect(
    [undefined, 0, 0.042, 0.42, 12.44, 59.94, 59.96, 60, 252.4, 900, 3599.6, 3780, 90_000].map(
      formatSeconds,
    ),
  ).toEqual([
    "not measured",
    "0 s",
    "0.04 s",
    "0.42 s",
    "12.4 s",
    "59.9 s",
    "1 min",
    "1 min",
    "4 min 12 s",
    "15 min",
    "1 h 00 min",
    "1 h 03 min",
    "25 h 00 min",
  ]);
});

test("a share is never rounded up to everything", () => {
  expect(formatShare(1)).toBe("100 %");
  expect(formatShare(0.999999)).toBe("99.99 %");
  expect(formatShare(0)).toBe("0.00 %");
  expect(formatShare(undefined)).toBe("not measured");
  expect(formatCount(60_104)).toBe("60,104");
});

test("times carry their offset, the cluster's zone where it differs, and no zeros", () => {
  const instant = Temporal.Instant.from("2026-11-19T23:49:45.120000Z");
  expect(formatTime(instant, "UTC")).toBe("2026-11-19 23:49:45.12+00:00");
  expect(formatTime(instant, "Europe/Paris")).toBe(
    "2026-11-19 23:49:45.12+00:00 (2026-11-20 00:49:45.12+01:00 Europe/Paris)",
  );
  const whole = Temporal.Instant.from("2026-11-19T11:40:00Z");
  expect(formatTime(whole, "Asia/Kolkata")).toBe(
    "2026-11-19 11:40:00+00:00 (17:10:00+05:30 Asia/Kolkata)",
  );
});
