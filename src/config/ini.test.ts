import { expect, test } from "vitest";
import { parseIni } from "./ini.ts";

test("reads sections, keys and values", () => {
  const text = "[global]\n# a comment\nrepo1-path=/var/lib/x\n\n  [main:restore]  \n delta = y \n";
  expect(parseIni(text, "f")).toEqual([
    { section: "global", key: "repo1-path", value: "/var/lib/x", line: 3 },
    { section: "main:restore", key: "delta", value: "y", line: 6 },
  ]);
});

test.each([
  ["repo1-cipher-pass=a#b;c", "a#b;c"],
  ["recovery-option=primary_conninfo=host=a port=1", "primary_conninfo=host=a port=1"],
  ['x="quoted"', '"quoted"'],
  ["x=[not a section", "[not a section"],
])("in %j the value is %j", (line, value) => {
  expect(parseIni(`[global]\n${line}`, "f")[0]?.value).toBe(value);
});

test("repeated keys stay apart, carriage returns and a byte order mark are dropped", () => {
  const entries = parseIni("\uFEFF[main]\r\ndb-include=a\r\ndb-include=b\r\n", "f");
  expect(entries.map((entry) => entry.value)).toEqual(["a", "b"]);
});

test.each([
  ["key=value", "line 1 of f stands before the first section"],
  ["[global]\nnonsense", "line 2 of f is neither"],
  ["[global]\n=value", "line 2 of f is neither"],
  ["[global]\nkey=", "line 2 of f gives no value to key"],
  ["[global]\n; comment of another dialect", "line 2 of f is neither"],
])("%j is refused", (text, message) => {
  expect(() => parseIni(text, "f")).toThrow(message);
});
