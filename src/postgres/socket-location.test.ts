import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parsePidFile, socketFromPidFile } from "./socket-location.ts";

const lines = (...parts: readonly string[]): string => `${parts.join("\n")}\n`;

test("reads port and socket directory", () => {
  const text = lines(
    "4242",
    "/data",
    "1795248222",
    "5433",
    "/run/postgresql",
    "*",
    " 1 2",
    "ready   ",
  );
  expect(parsePidFile(text)).toEqual({ socketDirectory: "/run/postgresql", port: 5433 });
});

test("falls back to the listen address of a server without sockets", () => {
  expect(parsePidFile(lines("1", "/d", "2", "5432", "", "10.0.0.5"))).toEqual({
    socketDirectory: "10.0.0.5",
    port: 5432,
  });
  expect(parsePidFile(lines("1", "/d", "2", "5432", "", "*"))?.socketDirectory).toBe("localhost");
});

test("a server that did not write everything yet has no place", () => {
  expect(parsePidFile("")).toBeUndefined();
  expect(parsePidFile(lines("1", "/d", "2"))).toBeUndefined();
  expect(parsePidFile("1\n/d\n2\n5432\n/run/postg")).toBeUndefined();
  expect(parsePidFile(lines("1", "/d", "2", "0", "/run", "*"))).toBeUndefined();
});

test("no file is no place; a directory in its stead is an error", async () => {
  const directory = await mkdtemp(join(tmpdir(), "hindsight-pid-"));
  try {
    expect(await socketFromPidFile(directory)).toBeUndefined();
    await writeFile(
      join(directory, "postmaster.pid"),
      lines("1", directory, "2", "5434", "/s", ""),
    );
    expect(await socketFromPidFile(directory)).toEqual({ socketDirectory: "/s", port: 5434 });
    await expect(socketFromPidFile(join(directory, "postmaster.pid", "x"))).rejects.toMatchObject({
      code: "DATA_FILE_UNREADABLE",
    });
  } finally {
    await rm(directory, { recursive: true });
  }
});
