import { expect, test } from "vitest";
import {
  excludedRelationFiles,
  isEmptiedDirectory,
  isExcludedAnywhere,
  isExcludedAtRoot,
  walSubdirectories,
} from "./exclusions.ts";

test("an unlogged relation keeps its init forks only", () => {
  const names = [
    "16384",
    "16384.1",
    "16384_fsm",
    "16384_vm",
    "16384_init",
    "16384_init.1",
    "16385",
    "163840",
    "1638",
  ];
  expect([...excludedRelationFiles(names)].toSorted()).toEqual([
    "16384",
    "16384.1",
    "16384_fsm",
    "16384_vm",
  ]);
});

test("temporary relations are left out, and names that only look like relations are not", () => {
  const names = [
    "t3_16384",
    "t3_16384_vm",
    "t12_1.2",
    "t16384",
    "pg_filenode.map",
    "PG_VERSION",
    "16384_init2",
    "x16384",
  ];
  expect([...excludedRelationFiles(names)].toSorted()).toEqual([
    "t12_1.2",
    "t3_16384",
    "t3_16384_vm",
  ]);
});

test("names are judged where they mean something", () => {
  expect(isExcludedAtRoot("postmaster.pid")).toBe(true);
  expect(isExcludedAtRoot("backup_label")).toBe(true);
  expect(isExcludedAtRoot("backup_label.old")).toBe(false);
  expect(isExcludedAtRoot("postgresql.auto.conf")).toBe(false);
  expect(isExcludedAnywhere("pg_internal.init.4242")).toBe(true);
  expect(isExcludedAnywhere("pgsql_tmp")).toBe(true);
  expect(isExcludedAnywhere("pgsql_tmp123.4")).toBe(true);
  expect(isExcludedAnywhere("pgsql")).toBe(false);
  expect(isEmptiedDirectory("pg_replslot")).toBe(true);
  for (const kept of [
    "pg_stat",
    "pg_xact",
    "pg_multixact",
    "pg_commit_ts",
    "pg_twophase",
    "pg_logical",
  ]) {
    expect(isEmptiedDirectory(kept), kept).toBe(false);
  }
});

test("pg_wal gets the directories that its version expects", () => {
  expect(walSubdirectories(16)).toEqual(["archive_status"]);
  expect(walSubdirectories(17)).toEqual(["archive_status", "summaries"]);
});
