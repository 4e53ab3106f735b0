import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { restoreCommandLine, shellWord } from "./command-line.ts";

test.each([
  "plain",
  "--config=/tmp/my conf/h.conf",
  "it's",
  "$HOME",
  "a;b",
  "",
  "`x`",
  "ä\nb",
  "*",
])("a shell takes %j as it is meant", (word) => {
  const script = `printf %s ${shellWord(word)}`;
  expect(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" })).toBe(word);
});

test("a restore is advised with everything it needs, each a word", () => {
  const advice = {
    following: ["--config=/tmp/my conf/h.conf", "--stanza=main"],
    target: ["--type=lsn", "--target=0/58B4E80", "--target-exclusive"],
    timeline: 2,
    backup: "20261125-071750F",
  };
  expect(restoreCommandLine(advice)).toBe(
    "hindsight '--config=/tmp/my conf/h.conf' --stanza=main --type=lsn --target=0/58B4E80 --target-exclusive --target-timeline=2 --set=20261125-071750F --pg1-path=DIRECTORY --start --port=5444 restore",
  );
});
