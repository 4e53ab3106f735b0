import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import { findBinaries, parseServerVersion } from "./binaries.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "binaries-"));
});

afterEach(() => rm(root, { recursive: true }));

async function install(name: string, version: string, mode = 0o755): Promise<string> {
  const directory = join(root, name);
  await mkdir(directory);
  await writeFile(join(directory, "postgres"), `#!/bin/sh\necho "${version}"\n`);
  await chmod(join(directory, "postgres"), mode);
  return directory;
}

test("the version is read from releases, vendor builds and betas", () => {
  expect(parseServerVersion("postgres (PostgreSQL) 18.4\n")).toBe(18);
  expect(parseServerVersion("postgres (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)\n")).toBe(15);
  expect(parseServerVersion("postgres (PostgreSQL) 19beta1\n")).toBe(19);
  expect(parseServerVersion("command not found")).toBeUndefined();
});

test("a configured directory is the only one looked at, and its major must match", async () => {
  const right = await install("right", "postgres (PostgreSQL) 99.1");
  const wrong = await install("wrong", "postgres (PostgreSQL) 98.1");
  const search = { recorded: right, path: right };
  const found = await findBinaries(99, { ...search, configured: right }, createContext());
  expect(found).toEqual({
    directory: right,
    postgres: join(right, "postgres"),
    pgCtl: join(right, "pg_ctl"),
    majorVersion: 99,
  });
  await expect(
    findBinaries(99, { ...search, configured: wrong }, createContext()),
  ).rejects.toMatchObject({
    code: "POSTGRES_BINARIES_MISSING",
    message: expect.stringContaining(`${wrong}: is PostgreSQL 98`),
  });
});

test("the recorded directory comes before the search path", async () => {
  const recorded = await install("recorded", "postgres (PostgreSQL) 99.1");
  const onPath = await install("path", "postgres (PostgreSQL) 99.2");
  const found = await findBinaries(99, { recorded, path: onPath }, createContext());
  expect(found.directory).toBe(recorded);
});

test("the search goes on past directories of other majors, without programs, and unusable ones", async () => {
  const other = await install("other", "postgres (PostgreSQL) 98.0");
  const empty = join(root, "empty");
  await mkdir(empty);
  const right = await install("right", "postgres (PostgreSQL) 99.3");
  const path = [other, empty, "relative/bin", right].join(":");
  const found = await findBinaries(99, { recorded: join(root, "gone"), path }, createContext());
  expect(found.directory).toBe(right);
});

test("the error names every place and what was there", async () => {
  const other = await install("other", "postgres (PostgreSQL) 98.0");
  const broken = await install("broken", "Segmentation fault");
  const error: unknown = await findBinaries(
    99,
    { recorded: other, path: broken },
    createContext(),
  ).catch((thrown: unknown) => thrown);
  if (!(error instanceof HindsightError)) throw new Error("no error");
  expect(error.message).toContain(`${other}: is PostgreSQL 98`);
  expect(error.message).toContain("/usr/lib/postgresql/99/bin: no postgres");
  expect(error.message).toContain("/usr/pgsql-99/bin: no postgres");
  expect(error.message).toContain(`${broken}: does not say its version ("Segmentation fault")`);
  expect(error.hint).toContain("pg1-bin-path");
});
