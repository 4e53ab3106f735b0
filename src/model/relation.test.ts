import { expect, test } from "vitest";
import { isTemporaryRelationFile, parseRelationFile } from "./relation.ts";

test.each([
  ["16384", { relfilenode: 16384, fork: "main", segment: 0 }],
  ["16384.7", { relfilenode: 16384, fork: "main", segment: 7 }],
  ["1259_vm", { relfilenode: 1259, fork: "vm", segment: 0 }],
  ["1259_fsm.1", { relfilenode: 1259, fork: "fsm", segment: 1 }],
  ["4294967295_init", { relfilenode: 4294967295, fork: "init", segment: 0 }],
] as const)("%s is a relation's file", (name, file) => {
  expect(parseRelationFile(name)).toEqual(file);
});

test.each([
  "PG_VERSION",
  "pg_filenode.map",
  "0",
  "016384",
  "16384.0",
  "16384_main",
  "4294967296",
  "t3_16384",
  "16384.old",
])("%s is none", (name) => {
  expect(parseRelationFile(name)).toBeUndefined();
});

test("files of temporary relations carry a backend number", () => {
  expect(isTemporaryRelationFile("t3_16384")).toBe(true);
  expect(isTemporaryRelationFile("t12_16384_fsm.1")).toBe(true);
  expect(isTemporaryRelationFile("16384")).toBe(false);
});
