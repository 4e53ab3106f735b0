// Row 63 of the fault matrix: nobody reads what a backup says, or its log cannot be written. That changes neither what it
// does nor its exit status: 0 stays 0, and a failure stays what it was.
import { chmod, readFile, symlink, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CommandResult } from "../harness/command.ts";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { listedBackups } from "./backup-ground.ts";

let site: ProtectedSite;

beforeAll(async () => {
  site = await protectCluster({ major: NEWEST_MAJOR });
});

afterAll(() => site[Symbol.asyncDispose]());

/** Runs the command by a shell script, in which it is `"$@"`. */
function runInShell(script: string, parameters: readonly string[]): Promise<CommandResult> {
  const { workspace } = site;
  const words = ["-c", script, "sh", workspace.runtime.command, ...parameters];
  const environment = { HINDSIGHT_CONFIG: workspace.configFile };
  return workspace.runProgram("/bin/sh", words, { environment });
}

/** Ways to run a command that nobody listens to; each ends as the command does. */
const DEAF: readonly (readonly [string, string])[] = [
  ["a reader of its result that went away", '{ "$@"; echo $? >rc; } | :; exit $(cat rc)'],
  ["a reader of everything that went away", '{ "$@"; echo $? >rc; } 2>&1 | :; exit $(cat rc)'],
  ["standard output closed", '"$@" >&-'],
  ["standard error closed", '"$@" 2>&-'],
  ["everything closed", '"$@" <&- >&- 2>&-'],
  ["standard error full", '"$@" 2>/dev/full'],
];

const LOUD = ["--log-level-console=debug", "--log-level-file=debug"];

describe.each(DEAF)("%s", (_, script) => {
  test("a backup that works ends with 0 and is listed", async () => {
    const listed = await listedBackups(site);
    const result = await runInShell(script, [...LOUD, "--type=full", "backup"]);
    expect([result.exitCode, result.signal], result.stderr).toEqual([0, undefined]);
    expect(await listedBackups(site)).toHaveLength(listed.length + 1);
  });

  test("failures end with their own status", async () => {
    const cases: readonly (readonly [number, readonly string[]])[] = [
      [2, ["backup", "--stanzza=x"]],
      [10, ["--pg1-port=1", "backup"]],
      [20, ["--repo1-path=/nonexistent", "info"]],
    ];
    for (const [status, parameters] of cases) {
      const result = await runInShell(script, [...LOUD, ...parameters]);
      expect([parameters, result.exitCode]).toEqual([parameters, status]);
    }
  });
});

describe("the log file", () => {
  const PLACES: readonly (readonly [string, (path: string) => Promise<void>])[] = [
    [
      "a directory that cannot be written",
      async (path) => {
        await site.workspace.makeDirectory(path.slice(site.workspace.directory.length + 1));
        await chmod(path, 0o500);
      },
    ],
    ["a file where the directory should be", (path) => writeFile(path, "no directory")],
    ["a link that leads nowhere", (path) => symlink("/nonexistent/log", path)],
  ];

  test.each(PLACES)("%s is a warning and nothing else", async (name, prepare) => {
    const path = site.workspace.path(`log ${name}`);
    await prepare(path);
    const listed = await listedBackups(site);
    const result = await site.workspace.run([
      `--log-path=${path}`,
      "--log-level-file=debug",
      "--type=full",
      "backup",
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(result.stderr).toMatch(/^WARN: no log file is written, reason = ./m);
    expect(await listedBackups(site)).toHaveLength(listed.length + 1);
  });

  test("a link planted under its name is not followed", async () => {
    const { workspace } = site;
    const directory = await workspace.makeDirectory("log-with-link");
    const target = await workspace.write("precious", "as it was");
    await symlink(target, `${directory}/main-backup.log`);
    await workspace.succeed([
      `--log-path=${directory}`,
      "--log-level-file=debug",
      "--type=full",
      "backup",
    ]);
    expect(await readFile(target, "utf8")).toBe("as it was");
  });
});
