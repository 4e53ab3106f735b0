// Bad input, the configuration: files that are missing or wrong, options and stanzas that do not exist, secrets where
// everybody can read them, root. Every command that could do harm ends with 2 before it has done anything, and says what
// to type instead.
import { chmod, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { runProgram } from "../harness/command.ts";
import type { ProtectedSite } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { expectRefused, expectTextRefusal, layBackedUpSite, type Refusal } from "./input-ground.ts";

let site: ProtectedSite & { label: string };
let config = "";
let before: readonly string[] = [];

beforeAll(async () => {
  site = await layBackedUpSite(NEWEST_MAJOR);
  config = await readFile(site.workspace.configFile, "utf8");
  before = await snapshotTree(site.workspace.repositoryDirectory);
});

afterAll(() => site[Symbol.asyncDispose]());

const COMMANDS: readonly (readonly string[])[] = [
  ["stanza-create"],
  ["check"],
  ["--type=full", "backup"],
  ["restore"],
  ["info"],
];

async function refuseAll(parameters: readonly string[], refusal: Refusal): Promise<void> {
  for (const command of COMMANDS) {
    await expectRefused(site.workspace, [...parameters, ...command], refusal);
  }
}

describe("the configuration file", () => {
  test("one that is named and not there", async () => {
    await refuseAll(["--config=/nonexistent/hindsight.conf"], {
      exit: 2,
      code: "CONFIG_FILE_MISSING",
      message: "/nonexistent/hindsight.conf",
      hint: "--config=FILE",
    });
  });

  test.each([
    ["a line that is no setting", "[global]\nrepo1-path\n", "CONFIG_FILE_INVALID", /line 2/],
    ["a setting before any section", "repo1-path=/r\n", "CONFIG_FILE_INVALID", /line 1/],
    ["a section of no command", "[main:bakup]\nprocess-max=1\n", "CONFIG_FILE_INVALID", /bakup/],
    [
      "a misspelt key, with the nearest",
      "[global]\nrepo1-retention-fulll=1\n",
      "CONFIG_OPTION_UNKNOWN",
      /repo1-retention-fulll/,
    ],
    ["a value out of range", "[global]\nprocess-max=0\n", "CONFIG_OPTION_INVALID", /process-max/],
    ["a value of another kind", "[global]\nstart-fast=maybe\n", "CONFIG_OPTION_INVALID", /maybe/],
    ["a relative path", "[global]\nrepo1-path=repo\n", "CONFIG_OPTION_INVALID", /repo1-path/],
    ["a key twice", "[global]\nprocess-max=1\nprocess-max=2\n", "CONFIG_OPTION_INVALID", /once/],
    [
      "a cipher that is not safe, with the one that is",
      "[global]\nrepo1-cipher-type=aes-256-cbc\nrepo1-path=/r\n",
      "CONFIG_OPTION_UNSUPPORTED",
      /aes-256-cbc/,
    ],
    [
      "a cluster on another machine",
      "[main]\npg1-host=db.example.com\npg1-path=/p\n",
      "CONFIG_OPTION_UNSUPPORTED",
      /db\.example\.com/,
    ],
  ])("with %s", async (_, text, code, message) => {
    const path = await site.workspace.write("bad.conf", text);
    await refuseAll([`--config=${path}`, "--stanza=main"], { exit: 2, code, message, hint: /./ });
  });

  test("the nearest name is part of the hint", async () => {
    const path = await site.workspace.write("bad.conf", "[global]\nrepo1-retention-fulll=1\n");
    await refuseAll([`--config=${path}`], {
      exit: 2,
      code: "CONFIG_OPTION_UNKNOWN",
      hint: "repo1-retention-full",
    });
  });

  test("one that this user may not read", async () => {
    // A name of its own: an ordinary user cannot write it again.
    const path = await site.workspace.write("unreadable.conf", config);
    await chmod(path, 0o000);
    await refuseAll([`--config=${path}`], {
      exit: 2,
      code: "CONFIG_FILE_INVALID",
      message: path,
      hint: /read/,
    });
  });

  test.each(["repo1-cipher-pass=SESAM", "pg1-password=SESAM"])(
    "one with the secret %s that every user of the machine can read",
    async (line) => {
      const path = await site.workspace.write("bad.conf", `${config}\n[global]\n${line}\n`);
      await chmod(path, 0o644);
      const refusal = { exit: 2, code: "CONFIG_FILE_INVALID", hint: `chmod o-rwx ${path}` };
      await refuseAll([`--config=${path}`], refusal);
      expect((await site.workspace.run([`--config=${path}`, "info"])).stderr).not.toMatch("SESAM");
    },
  );
});

describe("the command line", () => {
  test("a secret is refused, not repeated, and the hint says where it belongs", async () => {
    for (const secret of [["--repo1-cipher-pass=SESAM"], ["--pg1-password", "SESAM"]]) {
      await refuseAll(secret, {
        exit: 2,
        code: "CONFIG_OPTION_SECRET",
        message: secret[0]?.split("=")[0] ?? "",
        hint: /configuration file .*environment/,
      });
      const { stderr } = await site.workspace.run([...secret, "backup"]);
      expect(stderr).not.toMatch("SESAM");
    }
  });

  test("an option that does not exist, with the nearest that does", async () => {
    await refuseAll(["--stanzza=main"], {
      exit: 2,
      code: "CONFIG_OPTION_UNKNOWN",
      message: "--stanzza",
      hint: "Did you mean stanza?",
    });
  });

  test.each([
    ["--target=x", "backup", "restore"],
    ["--delta=perhaps", "restore", "hindsight help"],
    ["--type=fulll", "backup", "full"],
    ["--process-max", "backup", "--process-max="],
    ["--repo=0", "info", ""],
  ])("%s given to %s", async (option, command, hint) => {
    const refusal = { exit: 2, code: "CONFIG_OPTION_INVALID", message: option.split("=")[0], hint };
    await expectRefused(site.workspace, [command, option], refusal as Refusal);
  });

  test("a command that does not exist, with the nearest that does; none at all", async () => {
    await expectRefused(site.workspace, ["bakcup"], {
      exit: 2,
      code: "COMMAND_UNKNOWN",
      message: "bakcup",
      hint: /backup/,
    });
    const nothing = await site.workspace.run([]);
    expect([nothing.exitCode, nothing.stdout]).toEqual([2, ""]);
    expect(nothing.stderr).toContain("backup");
  });

  test("a stanza that is nowhere", async () => {
    for (const command of COMMANDS.filter(([name]) => name !== "info")) {
      await expectRefused(site.workspace, ["--stanza=mian", ...command], {
        exit: 2,
        code: "STANZA_UNKNOWN",
        message: "mian",
        hint: /main/,
      });
    }
  });

  test("a stanza name that would leave the repository", async () => {
    await refuseAll(["--stanza=../main"], {
      exit: 2,
      code: "STANZA_NAME_INVALID",
      message: /\.\.\/main/,
      hint: /./,
    });
  });

  test("a backup that is not there, or no label at all", async () => {
    for (const [label, code] of [
      ["20010101-000000F", "BACKUP_UNKNOWN"],
      ["yesterday", "BACKUP_LABEL_INVALID"],
    ] as const) {
      const refusal = { exit: 2, code, message: label, hint: /./ };
      await expectRefused(site.workspace, ["show-backup", label], refusal);
      const copy = `--pg1-path=${site.workspace.path("copy")}`;
      await expectRefused(site.workspace, [copy, `--set=${label}`, "restore"], refusal);
    }
  });

  test("a stanza that is configured but was never created", async () => {
    const other = config.replace("[main]", "[other]");
    const path = await site.workspace.write("other.conf", other);
    for (const command of [["--type=full", "backup"], ["restore"], ["show-backup", "latest"]]) {
      await expectRefused(site.workspace, [`--config=${path}`, ...command], {
        exit: 2,
        code: "STANZA_UNKNOWN",
        message: "other",
        hint: "stanza-create",
      });
    }
    const { exitCode, stdout } = await site.workspace.run([`--config=${path}`, "check"]);
    expect([exitCode, stdout]).toEqual([33, expect.stringContaining("`hindsight stanza-create`")]);
  });
});

describe.skipIf(process.getuid?.() !== 0)("run as root", () => {
  test("commands that write the repository are refused, with how to run them", async () => {
    const { workspace } = site;
    for (const command of [["stanza-create"], ["check"], ["backup"], ["archive-push", "x"]]) {
      const result = await runProgram(workspace.runtime.command, command, {
        directory: workspace.directory,
        environment: { HINDSIGHT_CONFIG: workspace.configFile },
      });
      expectTextRefusal(result, {
        exit: 2,
        code: "COMMAND_USER_ROOT",
        message: command[0] ?? "",
        hint: "sudo -u postgres",
      });
    }
  });
});

// The last of this file: all that was refused above has changed nothing.
test("after all that the repository is as it was", async () => {
  expect(await snapshotTree(site.workspace.repositoryDirectory)).toEqual(before);
});
