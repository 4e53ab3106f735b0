import { expect, test } from "vitest";
import { Secret } from "../../base/secret.ts";
import { failure } from "../../model/failure.ts";
import { formatError, formatErrorJson } from "./error.ts";
import { formatJson } from "./json.ts";
import { formatLogLine } from "./log-line.ts";
import { formatBar } from "./progress.ts";
import { formatTable, wrapText } from "./table.ts";
import { formatDuration } from "./units.ts";

test.each([
  [0.44, "0.4s"],
  [9.96, "10s"],
  [23, "23s"],
  [59.7, "1m 00s"],
  [245, "4m 05s"],
  [7_380, "2h 03m"],
])("%f seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

test("a log line has its fields, but no secret and no second line", () => {
  const fields = { lsn: 5n, path: "a\nb", password: new Secret("hunter2"), nothing: undefined };
  expect(formatLogLine("warn", "something is odd", { fields })).toBe(
    "WARN: something is odd, lsn = 5, path = a b, password = [secret]",
  );
});

test("an error is message, code, facts and hint", () => {
  const error = failure("WAL_SEGMENT_MISSING", "segment x is not there", {
    hint: "Look for it.",
    context: { segment: "x", size: 5n, nothing: undefined },
  });
  expect(formatError(error)).toBe(
    "error: segment x is not there [WAL_SEGMENT_MISSING]\n  segment: x\n  size: 5\nhint: Look for it.\n",
  );
  expect(JSON.parse(formatErrorJson(error))).toEqual({
    error: {
      code: "WAL_SEGMENT_MISSING",
      exitCode: 31,
      message: "segment x is not there",
      hint: "Look for it.",
      context: { segment: "x", size: "5" },
    },
  });
});

test("a mistake of ours shows where it was made", () => {
  expect(formatError(new TypeError("x is not a function"))).toMatch(/unexpected.*\n.*at /s);
  expect(JSON.parse(formatErrorJson(new TypeError("x")))).toMatchObject({
    error: { code: "UNEXPECTED", exitCode: 1 },
  });
});

test("JSON keeps numbers that JavaScript cannot hold", () => {
  expect(JSON.parse(formatJson({ id: 18_446_744_073_709_551_615n, left: undefined }))).toEqual({
    id: "18446744073709551615",
  });
});

test("columns are as wide as their widest cell", () => {
  expect(
    formatTable([
      ["a", "long", "x"],
      ["bb", "c", ""],
    ]),
  ).toBe("a   long  x\nbb  c");
});

test("text is broken at spaces", () => {
  expect(wrapText("one two three", 9, "  ")).toBe("  one two\n  three");
});

test("a bar stays in its bounds", () => {
  expect(formatBar(0.5)).toBe(`[${"#".repeat(12)}${"-".repeat(12)}]  50%`);
  expect(formatBar(Number.NaN)).toContain("  0%");
  expect(formatBar(7)).toContain("100%");
});
