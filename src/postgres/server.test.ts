import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import {
  runningServer,
  serverArguments,
  type ServerStart,
  socketPathFits,
  startServer,
  stopServer,
} from "./server.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "server-"));
  await mkdir(join(root, "data"));
});

afterEach(() => rm(root, { recursive: true }));

function start(changes: Partial<ServerStart> = {}): ServerStart {
  return {
    binaries: { directory: root, postgres: join(root, "postgres"), pgCtl: "", majorVersion: 18 },
    dataDirectory: join(root, "data"),
    port: 5444,
    socketDirectory: root,
    logFile: join(root, "server.log"),
    overrides: {},
    ...changes,
  };
}

test("overrides come last and win", () => {
  expect(
    serverArguments(
      start({
        dataDirectory: "/data",
        socketDirectory: "/run/hs",
        configFile: "/state/postgresql.conf",
        overrides: { archive_mode: "off", port: "5999" },
      }),
    ),
  ).toEqual([
    "-D",
    "/data",
    "-c",
    "config_file=/state/postgresql.conf",
    "-c",
    "port=5999",
    "-c",
    "unix_socket_directories=/run/hs",
    "-c",
    "archive_mode=off",
  ]);
});

test("a socket directory with a comma is one directory, not two", () => {
  const args = serverArguments(start({ socketDirectory: '/run/a, "b"' }));
  expect(args).toContain('unix_socket_directories="/run/a, ""b"""');
});

test("the path of a socket has at most 107 bytes", () => {
  const room = 107 - "/.s.PGSQL.5444".length;
  expect(socketPathFits("/" + "a".repeat(room - 1), 5444)).toBe(true);
  expect(socketPathFits("/" + "a".repeat(room), 5444)).toBe(false);
  expect(socketPathFits("/" + "é".repeat(room / 2 + 1), 5444)).toBe(false);
});

test("a socket path that is too long is refused before anything starts", async () => {
  const long = start({ socketDirectory: `/${"x".repeat(120)}` });
  await expect(startServer(long, createContext())).rejects.toMatchObject({
    code: "POSTGRES_START_FAILED",
    message: expect.stringContaining("107 bytes"),
  });
});

test("a program that cannot be run is an error that names it", async () => {
  const user = process.geteuid?.() === 0 ? { user: { uid: 1, gid: 1 } } : {};
  await expect(startServer(start(user), createContext())).rejects.toMatchObject({
    code: "POSTGRES_START_FAILED",
    message: expect.stringContaining(join(root, "postgres")),
  });
});

test.runIf(process.geteuid?.() === 0)("root's own directory is refused", async () => {
  await expect(startServer(start(), createContext())).rejects.toMatchObject({
    code: "POSTGRES_START_FAILED",
    message: expect.stringContaining("belongs to root"),
  });
});

test("no pid file, or one of a process that is gone, means that no server runs", async () => {
  const data = join(root, "data");
  expect(await runningServer(data)).toBeUndefined();
  await writeFile(
    join(data, "postmaster.pid"),
    `${2 ** 22 - 3}\n${data}\n1\n5444\n/run\n\n\nready\n`,
  );
  expect(await runningServer(data)).toBeUndefined();
  await stopServer(data, "fast", createContext());
});
