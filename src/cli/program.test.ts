import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { archiveGetCommand, archivePushCommand, shellWord } from "./program.ts";
import { settingsOf } from "./settings.fixture.ts";

/** What PostgreSQL's shell makes of a word, after PostgreSQL turned `%%` into `%`. */
function readByShell(words: readonly string[]): string {
  const command = `printf '%s\\n' ${words.join(" ").replaceAll("%%", "%")}`;
  return execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" });
}

test("any word reaches the program as it is", () => {
  const words = [
    "plain",
    "with space",
    "it's",
    '"$HOME"',
    "`id`",
    "100%",
    "a;b|c&d",
    "*",
    "\\",
    "ä",
  ];
  expect(readByShell(words.map(shellWord))).toBe(`${words.join("\n")}\n`);
});

test("a quoted word has no percent sign that PostgreSQL would replace", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      fc.pre(!/[\n\r\0]/.test(text));
      expect(shellWord(text).replaceAll("%%", "")).not.toContain("%");
    }),
  );
});

test.each(["a\nb", "a\rb", "a\0b"])("%j cannot be part of a command", (word) => {
  expect(() => shellWord(word)).toThrow(expect.objectContaining({ code: "CONFIG_OPTION_INVALID" }));
});

test("flags and environment of this run are carried over, the file's options are not", async () => {
  const settings = await settingsOf({
    words: ["restore", "--repo1-path=/my repo"],
    file: "[global]\nrepo2-path=/two\n[main]\npg1-path=/pg",
    environment: { HINDSIGHT_REPO3_PATH: "/three" },
  });
  const command = archiveGetCommand(settings, ["--last=000000010000000000000018"]);
  expect(command).toMatch(/^\S+\/bin\/hindsight --stanza=main /);
  expect(command).toContain("'--repo1-path=/my repo'");
  expect(command).toContain("--repo3-path=/three");
  expect(command).not.toContain("repo2");
  expect(command).toMatch(/ archive-get %f "%p" --last=000000010000000000000018$/);
  expect(archivePushCommand(settings)).toMatch(/ archive-push %p$/);
});
