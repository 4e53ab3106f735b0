import { expect, test } from "vitest";
import { parseLsn } from "../model/lsn.ts";
import { formatInstant } from "../model/timestamp.ts";
import { parseTargetExpression } from "./target-expression.ts";

const REFERENCE = {
  timeZone: "Europe/Paris",
  now: Temporal.Instant.from("2025-11-19T12:00:00Z"),
};
const POSITION = parseLsn("0/15000028");

test.each([
  ["xid:12345", { kind: "xid", xid: 12_345n, exclusive: false }],
  ["before-xid: 12345", { kind: "xid", xid: 12_345n, exclusive: true }],
  ["name:before_disaster", { kind: "name", name: "before_disaster" }],
  ["name:xid:7 ", { kind: "name", name: "xid:7" }],
  ["lsn:0/15000028", { kind: "lsn", lsn: POSITION, exclusive: false }],
  ["before-lsn:0/15000028", { kind: "lsn", lsn: POSITION, exclusive: true }],
  [" latest ", { kind: "default" }],
  ["immediate", { kind: "immediate" }],
])("%j is a target", (text, target) => {
  expect(parseTargetExpression(text, REFERENCE)).toEqual(target);
});

test.each([
  ["2025-11-19 11:49:45+00", "2025-11-19T11:49:45.000000Z"],
  ["2025-11-19 11:49:45", "2025-11-19T10:49:45.000000Z"],
  ["11:49 Europe/Paris", "2025-11-19T10:49:00.000000Z"],
  ["11:49 America/New_York", "2025-11-18T16:49:00.000000Z"],
  ["11:49", "2025-11-19T10:49:00.000000Z"],
  ["30 seconds ago", "2025-11-19T11:59:30.000000Z"],
  ["5 minutes ago", "2025-11-19T11:55:00.000000Z"],
  ["an hour ago", "2025-11-19T11:00:00.000000Z"],
  ["1 hour and 30 minutes ago", "2025-11-19T10:30:00.000000Z"],
  ["2 days ago", "2025-11-17T12:00:00.000000Z"],
  ["A week ago", "2025-11-12T12:00:00.000000Z"],
])("%j is a time", (text, instant) => {
  const target = parseTargetExpression(text, REFERENCE);
  expect(target.kind === "time" && formatInstant(target.time.instant)).toBe(instant);
  expect(target.kind === "time" && target.exclusive).toBe(false);
});

test.each([
  ["commit:7", "COMMAND_ARGUMENT_INVALID"],
  ["constructor:7", "COMMAND_ARGUMENT_INVALID"],
  ["constructor", "TIMESTAMP_INVALID"],
  ["", "TIMESTAMP_INVALID"],
  ["5 fortnights ago", "TIMESTAMP_INVALID"],
  ["5 minutes", "TIMESTAMP_INVALID"],
  ["xid:", "XID_INVALID"],
  ["xid:0x7", "XID_INVALID"],
  ["name:", "TARGET_INVALID"],
  ["lsn:15000028", "LSN_INVALID"],
])("%j is refused", (text, code) => {
  expect(() => parseTargetExpression(text, REFERENCE)).toThrow(expect.objectContaining({ code }));
});
