import { expect, test } from "vitest";
import { parseCommandLine } from "./command-line.ts";

/** The options of a line as plain data. */
function optionsOf(...words: string[]): Record<string, readonly string[]> {
  const { options } = parseCommandLine(words);
  return Object.fromEntries([...options].map(([name, option]) => [name, option.texts]));
}

function thrownBy(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

test("options stand on both sides of the command", () => {
  const line = parseCommandLine(["--stanza=main", "restore", "--delta", "--type", "time"]);
  expect(line.words).toEqual(["restore"]);
  expect([...line.options.keys()]).toEqual(["stanza", "delta", "type"]);
});

test.each([
  [["--delta"], { delta: ["y"] }],
  [["--no-delta"], { delta: ["n"] }],
  [["--delta=y"], { delta: ["y"] }],
  [["--delta=n"], { delta: ["n"] }],
  [["--delta", "restore"], { delta: ["y"] }],
  [["--repo1-path", "/a b"], { "repo1-path": ["/a b"] }],
  [["--repo-path=/a"], { "repo1-path": ["/a"] }],
  [["--target=--odd"], { target: ["--odd"] }],
  [["--target", "-5 minutes"], { target: ["-5 minutes"] }],
  [["--target="], { target: [""] }],
  [["--recovery-option=a=1", "--recovery-option=b=2"], { "recovery-option": ["a=1", "b=2"] }],
  [["-h"], { help: ["y"] }],
  [["-V"], { version: ["y"] }],
])("%j gives %j", (words, options) => {
  expect(optionsOf(...words)).toEqual(options);
});

test("words after -- are words", () => {
  expect(parseCommandLine(["help", "--", "--delta"]).words).toEqual(["help", "--delta"]);
});

test.each([
  [["--dleta"], "CONFIG_OPTION_UNKNOWN"],
  [["--no-target"], "CONFIG_OPTION_UNKNOWN"],
  [["--repo0-path=/x"], "CONFIG_OPTION_UNKNOWN"],
  [["-x"], "CONFIG_OPTION_UNKNOWN"],
  [["--target"], "CONFIG_OPTION_INVALID"],
  [["--target", "--delta"], "CONFIG_OPTION_INVALID"],
  [["--no-delta=y"], "CONFIG_OPTION_INVALID"],
  [["--repo1-cipher-pass=hunter2"], "CONFIG_OPTION_SECRET"],
  [["--repo1-s3-key-secret", "hunter2"], "CONFIG_OPTION_SECRET"],
  [["--pg1-password=hunter2"], "CONFIG_OPTION_SECRET"],
])("%j is refused with %s", (words, code) => {
  const error = thrownBy(() => parseCommandLine(words));
  expect(error).toMatchObject({ code, exitCode: 2 });
  expect(JSON.stringify(error) + error.message).not.toContain("hunter2");
});

test.each([
  ["--dleta", "Did you mean delta?"],
  ["--repo2-pth=/x", "Did you mean repo2-path?"],
  ["--targt=x", "Did you mean target?"],
])("%s is answered with %s", (word, hint) => {
  expect(() => parseCommandLine([word])).toThrow(expect.objectContaining({ hint }));
});
