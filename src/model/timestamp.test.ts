import fc from "fast-check";
import { expect, test } from "vitest";
import {
  describeInstant,
  formatInstant,
  formatInZone,
  fromPostgresMicroseconds,
  otherReading,
  parseInstant,
  parseTimeTarget,
  toPostgresMicroseconds,
} from "./timestamp.ts";

const NOW = Temporal.Instant.from("2025-11-19T12:00:00Z");
const read = (text: string, zone = "UTC"): string =>
  formatInstant(parseTimeTarget(text, zone, NOW).instant);

test("PostgreSQL counts microseconds from the year 2000", () => {
  expect(formatInstant(fromPostgresMicroseconds(0n))).toBe("2000-01-01T00:00:00.000000Z");
  expect(formatInstant(fromPostgresMicroseconds(-1n))).toBe("1999-12-31T23:59:59.999999Z");
  expect(formatInstant(fromPostgresMicroseconds(86_400_000_001n))).toBe(
    "2000-01-02T00:00:00.000001Z",
  );
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 16n }), (microseconds) => {
      expect(toPostgresMicroseconds(fromPostgresMicroseconds(microseconds))).toBe(microseconds);
    }),
  );
});

test.each([
  ["2025-11-19 11:49:45.123456+00", "2025-11-19T11:49:45.123456Z"],
  ["2025-11-19 11:49:45+00", "2025-11-19T11:49:45.000000Z"],
  ["2025-11-19T11:49:45Z", "2025-11-19T11:49:45.000000Z"],
  ["2025-11-19 11:49:45 +05:30", "2025-11-19T06:19:45.000000Z"],
  ["2025-11-19 11:49:45-0330", "2025-11-19T15:19:45.000000Z"],
  ["2025-11-19 11:49 Europe/Paris", "2025-11-19T10:49:00.000000Z"],
  ["2025-11-19 11:49:45 UTC", "2025-11-19T11:49:45.000000Z"],
  ["2025-11-19", "2025-11-19T00:00:00.000000Z"],
])("reads %s", (text, instant) => {
  expect(read(text, "UTC")).toBe(instant);
});

test("a time without offset is read in the cluster's zone, and says so", () => {
  const reading = parseTimeTarget("2025-07-01 11:49:45", "America/New_York", NOW);
  expect(formatInstant(reading.instant)).toBe("2025-07-01T15:49:45.000000Z");
  expect(reading.zone).toBe("America/New_York");
});

test("a bare clock time is the most recent past one", () => {
  expect(read("11:49")).toBe("2025-11-19T11:49:00.000000Z");
  expect(read("12:01")).toBe("2025-11-18T12:01:00.000000Z");
  expect(read("9:05")).toBe("2025-11-19T09:05:00.000000Z");
});

test("a local time that the clock change skipped is refused with both readings", () => {
  expect(() => read("2025-03-30 02:30:00", "Europe/Paris")).toThrow(
    expect.objectContaining({
      code: "TARGET_INVALID",
      exitCode: 29,
      message: expect.stringContaining("does not exist") as string,
    }),
  );
});

test("a local time that exists twice is refused with both readings", () => {
  const attempt = (): string => read("2025-10-26 02:30:00", "Europe/Paris");
  expect(attempt).toThrow(
    expect.objectContaining({
      code: "TARGET_INVALID",
      hint: expect.stringContaining("+02:00 or 2025-10-26 02:30:00.000000+01:00") as string,
    }),
  );
  expect(read("2025-10-26 02:30:00+02", "Europe/Paris")).toBe("2025-10-26T00:30:00.000000Z");
});

test.each([
  "",
  "yesterday",
  "2025-13-01 00:00",
  "2025-02-30 10:00",
  "25:00",
  "2025-11-19 11:49:45 CET",
  "2025-11-19 11:49 Mars/Olympus",
  "11:49:60",
  "2025-11-19 11:49:45 EST",
])("refuses %j", (text) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({ code: "TIMESTAMP_INVALID", exitCode: 2 }),
  );
});

test("prints UTC and the cluster's zone, always with offset", () => {
  const instant = parseInstant("2025-11-19T11:49:45.123456Z");
  expect(formatInZone(instant, "Asia/Kolkata")).toBe("2025-11-19 17:19:45.123456+05:30");
  expect(describeInstant(instant, "UTC")).toBe("2025-11-19 11:49:45.123456+00:00");
  expect(describeInstant(instant, "Europe/Paris")).toBe(
    "2025-11-19 11:49:45.123456+00:00 (2025-11-19 12:49:45.123456+01:00 Europe/Paris)",
  );
});

test("a cluster's time zone in POSIX form is shown as UTC and needs an offset", () => {
  const instant = parseInstant("2025-11-19T11:49:45Z");
  expect(describeInstant(instant, "<+03>-03")).toBe("2025-11-19 11:49:45.000000+00:00");
  expect(formatInZone(instant, "<+03>-03")).toBe("2025-11-19 11:49:45.000000+00:00");
  expect(read("2025-11-19 11:49:45+00", "<+03>-03")).toBe("2025-11-19T11:49:45.000000Z");
  expect(() => read("2025-11-19 11:49:45", "<+03>-03")).toThrow(
    expect.objectContaining({ code: "TARGET_INVALID" }),
  );
});

test.each(["11:49 Europe/Pariss", "11:49 CET", "11:49 +25"])("%j names no zone", (text) => {
  expect(() => read(text)).toThrow(
    expect.objectContaining({
      code: "TIMESTAMP_INVALID",
      message: expect.stringContaining("is no time zone") as string,
    }),
  );
});

test.each([
  ["2025-07-01 11:49:45", "Europe/Paris", "2025-07-01T11:49:45.000000Z UTC"],
  ["2025-07-01 11:49:45+02", "Europe/Paris", "2025-07-01T11:49:45.000000Z UTC"],
  ["2025-07-01 11:49:45+00", "Europe/Paris", "2025-07-01T09:49:45.000000Z Europe/Paris"],
  ["2025-07-01 11:49:45 UTC", "UTC", undefined],
  ["5 minutes ago", "Europe/Paris", undefined],
  ["2025-07-01 11:49:45Z", "<+03>-03", undefined],
])("the other clock for %s is that of UTC or of the cluster", (text, zone, expected) => {
  const other = otherReading(parseTimeTarget(text, zone, NOW), zone);
  expect(other && `${formatInstant(other.instant)} ${other.zone}`).toBe(expected);
});
