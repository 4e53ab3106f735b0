import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeServerFiles } from "./server-directory.ts";
import { archivingOf, serverSettings, type ServerSettingsRequest } from "./server-settings.ts";

function request(changes: Partial<ServerSettingsRequest> = {}): ServerSettingsRequest {
  return {
    majorVersion: 18,
    recorded: {},
    archiving: { kind: "off" },
    clusterName: "hindsight main",
    raised: {},
    options: {},
    ...changes,
  };
}

test("limits are at least the primary's, raised ones win, options win over all", () => {
  const recorded = { max_connections: "500", max_worker_processes: "4" };
  const { overrides } = serverSettings(request({ recorded }));
  expect(overrides).toMatchObject({
    max_connections: "500",
    max_worker_processes: "4",
    max_wal_senders: "10",
    max_prepared_transactions: "0",
    max_locks_per_transaction: "64",
  });
  const raised = { max_connections: 600, max_worker_processes: 2 };
  expect(serverSettings(request({ recorded, raised })).overrides).toMatchObject({
    max_connections: "600",
    max_worker_processes: "4",
  });
  const options = { max_connections: "700", shared_preload_libraries: "custom_rmgr" };
  expect(serverSettings(request({ recorded, raised, options })).overrides).toMatchObject(options);
});

test("nothing leaves the machine and nothing of production's runs", () => {
  expect(serverSettings(request()).overrides).toMatchObject({
    listen_addresses: "",
    archive_mode: "off",
    shared_preload_libraries: "",
    session_preload_libraries: "",
    max_logical_replication_workers: "0",
    synchronous_standby_names: "",
    ssl: "off",
  });
});

test("each major gets only settings that it knows", () => {
  const names = (majorVersion: number): readonly string[] =>
    Object.keys(serverSettings(request({ majorVersion })).overrides);
  expect(names(14)).not.toContain("log_startup_progress_interval");
  expect(names(15)).toContain("log_startup_progress_interval");
  expect(names(15)).not.toContain("reserved_connections");
  expect(names(16)).not.toContain("summarize_wal");
  expect(names(17)).not.toContain("io_method");
  expect(names(18)).toContain("io_method");
});

test("archiving goes on only where it was on, with the library of 15 or the command", () => {
  const recorded = { archive_mode: "always", archive_command: "push %p", archive_library: "" };
  expect(archivingOf("off", recorded)).toEqual({ kind: "off" });
  expect(archivingOf("preserve", { ...recorded, archive_mode: "off" })).toEqual({ kind: "off" });
  const archiving = archivingOf("preserve", recorded);
  expect(serverSettings(request({ archiving })).overrides).toMatchObject({
    archive_mode: "on",
    archive_command: "push %p",
    archive_library: "",
  });
  const withLibrary = archivingOf("preserve", { ...recorded, archive_library: "basic_archive" });
  expect(serverSettings(request({ archiving: withLibrary })).overrides).toMatchObject({
    archive_command: "",
    archive_library: "basic_archive",
  });
  const on14 = serverSettings(request({ majorVersion: 14, archiving })).overrides;
  expect(on14["archive_command"]).toBe("push %p");
  expect(on14).not.toHaveProperty("archive_library");
});

test("the time zone is the cluster's, quoted for the file", () => {
  const recorded = { TimeZone: "O'Clock\\", wal_log_hints: "on" };
  const { configuration } = serverSettings(request({ recorded }));
  expect(configuration).toContain("TimeZone = 'O''Clock\\\\'\n");
  expect(configuration).toContain("wal_log_hints = 'on'\n");
});

test("a name for the process list is cut to what PostgreSQL shows", () => {
  const { overrides } = serverSettings(request({ clusterName: `naïve ${"x".repeat(100)}` }));
  expect(overrides["cluster_name"]).toMatch(/^na\?ve x+$/);
  expect(overrides["cluster_name"]).toHaveLength(63);
});

test("the files are the owner's alone, each start has a log of its own, the socket stays", async () => {
  const root = await mkdtemp(join(tmpdir(), "place-"));
  try {
    const directory = join(root, "deep", "server");
    const place = { directory, owner: undefined, port: 5444 };
    const first = await writeServerFiles(place, serverSettings(request()));
    expect(first.logFile).toBe(join(directory, "postgresql-1.log"));
    expect(first.socketDirectory).toBe(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(first.configFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(first.fileSettings["hba_file"] ?? "", "utf8")).toMatch(
      /^local all +all trust$/m,
    );
    expect(first.fileSettings["external_pid_file"]).toBe(join(directory, "postgresql.pid"));
    const second = await writeServerFiles(place, serverSettings(request()));
    expect(second.logFile).toBe(join(directory, "postgresql-2.log"));

    const deep = { ...place, directory: join(root, "x".repeat(100)) };
    const elsewhere = await writeServerFiles(deep, serverSettings(request()));
    expect(elsewhere.socketDirectory.length).toBeLessThan(60);
    expect((await stat(elsewhere.socketDirectory)).mode & 0o777).toBe(0o700);
    const again = { ...deep, socketDirectory: elsewhere.socketDirectory };
    expect((await writeServerFiles(again, serverSettings(request()))).socketDirectory).toBe(
      elsewhere.socketDirectory,
    );
    await rm(elsewhere.socketDirectory, { recursive: true });
  } finally {
    await rm(root, { recursive: true });
  }
});
