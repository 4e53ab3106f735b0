// Precedence, sections and refusals, with real files in a directory of the test's own.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CommandName } from "./command-names.ts";
import { parseCommandLine } from "./command-line.ts";
import { loadSettings } from "./load.ts";
import { withdrawSecrets } from "./environment.ts";
import type { Settings } from "./settings.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "hindsight-config-"));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

interface Given {
  readonly command?: CommandName;
  readonly file?: string;
  readonly flags?: readonly string[];
  readonly environment?: Record<string, string>;
}

function load(given: Given): Promise<Settings> {
  const { command = "restore", file, flags = [], environment = {} } = given;
  const path = join(directory, "hindsight.conf");
  if (file !== undefined) writeFileSync(path, file, { mode: 0o600 });
  const config = file === undefined ? [] : [`--config=${path}`];
  const { options } = parseCommandLine([...config, ...flags]);
  return loadSettings({ command, flags: options, environment });
}

const LEVELS = [
  ["[global]\nprocess-max=2", 2],
  ["[global]\nprocess-max=2\n[global:restore]\nprocess-max=3", 3],
  ["[global]\nprocess-max=2\n[global:restore]\nprocess-max=3\n[main]\nprocess-max=4", 4],
  [
    "[main:restore]\nprocess-max=5\n[main]\nprocess-max=4\n[global:restore]\nprocess-max=3\n[global]\nprocess-max=2",
    5,
  ],
] as const;

test.each(LEVELS)("of the file %j counts %i", async (file, value) => {
  const settings = await load({ file, flags: ["--stanza=main"] });
  expect(settings.get("process-max")).toBe(value);
  expect(settings.origin("process-max")).toBe("file");
});

test("environment wins over the file, a flag over the environment, nothing is the default", async () => {
  const [, , , [file]] = LEVELS;
  const environment = { HINDSIGHT_PROCESS_MAX: "6" };
  const fromEnvironment = await load({ file, environment });
  expect(fromEnvironment.get("process-max")).toBe(6);
  expect(fromEnvironment.origin("process-max")).toBe("environment");
  const fromFlag = await load({ file, environment, flags: ["--process-max=7"] });
  expect(fromFlag.get("process-max")).toBe(7);
  expect(fromFlag.configured("process-max")).toBe(6);
  const nothing = await load({ file: "[main]\npg1-path=/pg" });
  expect(nothing.get("process-max")).toBe(1);
  expect(nothing.origin("process-max")).toBe("default");
});

test("sections of other commands and stanzas do not count", async () => {
  const file = "[global:backup]\nprocess-max=9\n[other]\nprocess-max=8\n[main]\npg1-path=/pg";
  const settings = await load({ file, flags: ["--stanza=main"] });
  expect(settings.get("process-max")).toBe(1);
});

test("a list is taken whole from the first source that has it", async () => {
  const file = "[global]\nexclude=a\nexclude=b\n[main]\nexclude=c";
  expect((await load({ file })).get("exclude")).toEqual(["c"]);
  expect((await load({ file, environment: { HINDSIGHT_EXCLUDE: "x:y" } })).get("exclude")).toEqual([
    "x",
    "y",
  ]);
});

test("the only stanza of the file is taken, several must be chosen from", async () => {
  const one = await load({ file: "[global]\nstart-fast=y\n[main]\npg1-path=/pg" });
  expect(one.requireStanza()).toBe("main");
  const two = await load({ file: "[main]\npg1-path=/a\n[other]\npg1-path=/b" });
  expect(() => two.requireStanza()).toThrow(
    expect.objectContaining({
      code: "CONFIG_OPTION_MISSING",
      hint: expect.stringContaining("main, other"),
    }),
  );
});

test("a stanza that the file lacks is an error with the nearest one, unless all is given", async () => {
  const file = "[global]\nstart-fast=y\n[main]\npg1-path=/pg";
  await expect(load({ file, flags: ["--stanza=mian"] })).rejects.toMatchObject({
    code: "STANZA_UNKNOWN",
    hint: "Did you mean main?",
  });
  const given = await load({ file, flags: ["--stanza=new", "--pg1-path=/new"] });
  expect(given.get("pg-path")).toBe("/new");
  const info = await load({ file, command: "info", flags: ["--stanza=elsewhere"] });
  expect(info.stanza).toBe("elsewhere");
});

test("the configuration of document 001 is accepted, and what has no effect is named once", async () => {
  const file = `[global]
repo1-path=/var/lib/pgbackrest
repo1-retention-full=2
repo1-retention-diff=4
repo1-cipher-type=none

log-level-console=info
log-level-file=debug
start-fast=y
stop-auto=y

# Parallel processing (faster backups)
process-max=4

[main]
pg1-path=/var/lib/postgresql/data
pg1-port=5432
pg1-host=localhost
pg1-host-user=postgres
pg1-database=postgres

# Archive settings
archive-async=y
archive-push-queue-max=1GB
`;
  const settings = await load({ file, command: "backup" });
  expect(settings.get("repo-path")).toBe("/var/lib/pgbackrest");
  expect(settings.get("start-fast")).toBe(true);
  expect(settings.get("archive-push-queue-max")).toBe(1_073_741_824);
  expect(settings.warnings).toEqual([
    "without effect in this release: archive-async, archive-push-queue-max, repo1-retention-diff, repo1-retention-full",
  ]);
});

test.each([
  ["[global]\nrepo1-pth=/x", "CONFIG_OPTION_UNKNOWN", "Did you mean repo1-path?"],
  ["[global]\nrepo1-cipher-type=aes-256-cbc", "CONFIG_OPTION_UNSUPPORTED", "aes-256-gcm"],
  ["[global]\nrepo1-cipher-type=aes-256-gcm", "CONFIG_OPTION_MISSING", "repo1-cipher-key-file"],
  ["[global]\nrepo1-cipher-pass=secret", "CONFIG_OPTION_INVALID", "repo1-cipher-type=aes-256-gcm"],
  [
    "[global]\nrepo2-cipher-type=aes-256-gcm\nrepo2-cipher-pass=x\nrepo2-cipher-key-file=/k",
    "CONFIG_OPTION_INVALID",
    "Keep one",
  ],
  ["[global]\nnew-cipher-key-file=/k", "CONFIG_OPTION_INVALID", "command line"],
  ["[global]\nrepo1-type=s3", "CONFIG_OPTION_UNSUPPORTED", "posix"],
  ["[main]\npg1-host=db.example.invalid", "CONFIG_OPTION_UNSUPPORTED", "db.example.invalid"],
  ["[main]\nrepo1-host=repo.example.invalid", "CONFIG_OPTION_UNSUPPORTED", "repo.example.invalid"],
  ["[main]\ndb-include=app", "CONFIG_OPTION_UNSUPPORTED", "leave it out"],
  ["[global:bakcup]\nprocess-max=1", "CONFIG_FILE_INVALID", "Did you mean backup?"],
  ["[global]\nstanza=main", "CONFIG_OPTION_INVALID", "--stanza=main"],
  ["[not a name]\npg1-path=/x", "STANZA_NAME_INVALID", "letters"],
  ["[main]\npg1-path=relative", "CONFIG_OPTION_INVALID", "help"],
  ["[main]\npg1-port=1\npg1-port=2", "CONFIG_OPTION_INVALID", "lists"],
])("the file %j is refused with %s", async (file, code, hint) => {
  await expect(load({ file })).rejects.toMatchObject({
    code,
    exitCode: 2,
    hint: expect.stringContaining(hint),
  });
});

test("an option that asks for what happens anyway is not warned of", async () => {
  const file = "[main]\npg1-path=/pg\narchive-async=n\nlink-all=n\nrepo1-bundle=y\nresume=n\n";
  expect((await load({ file })).warnings).toEqual([]);
});

test("bz2 is replaced by zst with a warning, and lz4 has no levels", async () => {
  const warnings = async (lines: string): Promise<readonly string[]> =>
    (await load({ file: `[global]\n${lines}` })).warnings;
  expect(await warnings("compress-type=bz2")).toEqual([expect.stringContaining("bz2")]);
  expect(await warnings("compress-type=lz4")).toEqual([]);
  expect(await warnings("compress-type=lz4\ncompress-level=9")).toHaveLength(1);
});

test("a level that gz does not have is refused", async () => {
  const file = "[global]\ncompress-type=gz\ncompress-level=12";
  await expect(load({ file })).rejects.toMatchObject({ code: "CONFIG_OPTION_INVALID" });
});

test("a file with a secret must not be readable by everyone", async () => {
  const file = join(directory, "hindsight.conf");
  writeFileSync(file, "[main]\npg1-path=/pg\npg1-password=hunter2\n");
  const flags = parseCommandLine([`--config=${file}`]).options;
  const request = { command: "check", flags, environment: {} } as const;
  chmodSync(file, 0o644);
  await expect(loadSettings(request)).rejects.toMatchObject({
    code: "CONFIG_FILE_INVALID",
    hint: expect.stringContaining("chmod o-rwx"),
  });
  chmodSync(file, 0o640);
  const settings = await loadSettings(request);
  expect(settings.get("pg-password")?.reveal()).toBe("hunter2");
  expect(JSON.stringify(settings.given())).not.toContain("hunter2");
});

test("a named file must exist", async () => {
  const flags = [`--config=${join(directory, "nothing.conf")}`];
  await expect(load({ flags })).rejects.toMatchObject({ code: "CONFIG_FILE_MISSING" });
  await expect(
    load({ environment: { HINDSIGHT_CONFIG: join(directory, "nothing.conf") } }),
  ).rejects.toMatchObject({ code: "CONFIG_FILE_MISSING" });
});

test("files of conf.d are read after the main one", async () => {
  mkdirSync(join(directory, "conf.d"));
  writeFileSync(join(directory, "conf.d", "b.conf"), "[main]\npg1-port=5433");
  writeFileSync(join(directory, "conf.d", "a.conf"), "[global]\nstart-fast=y");
  writeFileSync(join(directory, "conf.d", "ignored.txt"), "nonsense");
  writeFileSync(join(directory, "hindsight.conf"), "[main]\npg1-path=/pg");
  const settings = await load({ flags: [`--config-path=${directory}`] });
  expect(settings.get("pg-path")).toBe("/pg");
  expect(settings.get("pg-port")).toBe(5433);
  expect(settings.get("start-fast")).toBe(true);
});

test("an option of another command is refused on the command line", async () => {
  await expect(load({ command: "info", flags: ["--target=x"] })).rejects.toMatchObject({
    code: "CONFIG_OPTION_INVALID",
    hint: "It belongs to restore.",
  });
});

test("a stray variable is a warning with the nearest name, the launcher's is none", async () => {
  const environment = { HINDSIGHT_REPO1_PTH: "/x", HINDSIGHT_NODE: "/n", HINDSIGHT_DELTA: "" };
  const settings = await load({ environment });
  expect(settings.warnings).toEqual([
    "environment variable HINDSIGHT_REPO1_PTH names no option and is ignored; did you mean HINDSIGHT_REPO1_PATH?",
  ]);
});

test("a path on the command line is relative to the current directory", async () => {
  const settings = await load({ flags: ["--pg1-path=side"] });
  expect(settings.get("pg-path")).toBe(join(process.cwd(), "side"));
});

test("numbers of a group are those that anything was given for", async () => {
  const file = "[global]\nrepo3-path=/c\nrepo1-path=/a\n[main]\npg1-path=/pg";
  const settings = await load({ file });
  expect(settings.numbers("repo")).toEqual([1, 3]);
  expect(settings.get("repo-path", 3)).toBe("/c");
  expect((await load({})).numbers("repo")).toEqual([1]);
});

test("a missing option says where to put it", async () => {
  const settings = await load({ file: "[main]\npg1-port=5432" });
  expect(() => settings.require("pg-path")).toThrow(
    expect.objectContaining({
      code: "CONFIG_OPTION_MISSING",
      hint: expect.stringContaining("section [main]"),
    }),
  );
});

test("help does not need a configuration that can be read", async () => {
  const settings = await load({ command: "help", file: "nonsense" });
  expect(settings.configFile).toBeUndefined();
});

test("a WAL file is never only pretended to be archived", async () => {
  await expect(load({ command: "archive-push", flags: ["--dry-run"] })).rejects.toMatchObject({
    code: "CONFIG_OPTION_INVALID",
  });
});

test("secrets leave the environment that other programs would inherit", () => {
  const environment: Record<string, string | undefined> = {
    PATH: "/bin",
    HINDSIGHT_REPO1_PATH: "/r",
    HINDSIGHT_REPO2_CIPHER_PASS: "hunter2",
    HINDSIGHT_NEW_CIPHER_PASS: "hunter2",
    HINDSIGHT_PG1_PASSWORD: "hunter2",
    HINDSIGHT_NODE: "/node",
  };
  const whole = { ...environment };
  expect(withdrawSecrets(environment)).toEqual(whole);
  expect(environment).toEqual({
    PATH: "/bin",
    HINDSIGHT_REPO1_PATH: "/r",
    HINDSIGHT_NODE: "/node",
  });
});
