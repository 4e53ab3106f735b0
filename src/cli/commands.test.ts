import { expect, test } from "vitest";
import { COMMAND_NAMES } from "../config/command-names.ts";
import { parseCommandLine } from "../config/command-line.ts";
import { optionNames } from "../config/options.ts";
import { COMMAND_GROUPS } from "./command-specs.ts";
import { assignArguments, commandSpec, findCommand } from "./commands.ts";
import { EXIT_MEANINGS } from "./exit-status.ts";
import { commandHelp, overviewHelp } from "./help.ts";
import { PLANNED_COMMANDS } from "./planned-commands.ts";

const SPECS = COMMAND_GROUPS.flatMap((group) => group.commands);

test("every command's name is either here or planned, and not both", () => {
  const here = SPECS.map((spec) => spec.name);
  expect([...here, ...Object.keys(PLANNED_COMMANDS)].toSorted()).toEqual(
    [...COMMAND_NAMES].toSorted(),
  );
});

test.each(SPECS)("$name can be loaded and is fully explained", async (spec) => {
  const module = await spec.load?.();
  expect(module?.run).toBeTypeOf("function");
  expect(spec.examples.length).toBeGreaterThan(0);
  for (const option of spec.settings) expect(optionNames()).toContain(option);
  for (const exit of spec.exits) expect(EXIT_MEANINGS[exit]).toBeDefined();
  const help = commandHelp(spec.name);
  for (const heading of ["usage", "options of every command", "examples", "exit status"]) {
    expect(help).toContain(`\n${heading}\n`);
  }
});

test.each(SPECS)("the examples of $name are lines that are understood", (spec) => {
  for (const example of spec.examples) {
    const words = [...example.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
      word.replaceAll(/['"]/g, ""),
    );
    const line = parseCommandLine(words.slice(1));
    const [word = "", ...rest] = line.words;
    const found = findCommand(word);
    expect(line.options.has("help") ? "help" : found.name).toBe(spec.name);
    expect(() => assignArguments(found, rest, line.options)).not.toThrow();
  }
});

const PLANNED = COMMAND_NAMES.filter((name) => PLANNED_COMMANDS[name] !== undefined);

test.each(PLANNED)("%s is explained but cannot be run", (name) => {
  expect(commandHelp(name)).toContain("not in this release");
  expect(() => findCommand(name)).toThrow(
    expect.objectContaining({ code: "COMMAND_UNKNOWN", exitCode: 2 }),
  );
});

test("the overview lists every command", () => {
  const help = overviewHelp();
  for (const name of COMMAND_NAMES) expect(help).toMatch(new RegExp(`\\b${name}\\b`));
});

test.each([
  ["recover", "restore"],
  ["list-backup", "list-backups"],
  ["show-servers", "info"],
  ["status", "info"],
  ["check-backup", "info"],
])("%s is another word for %s", (alias, name) => {
  expect(findCommand(alias).name).toBe(name);
});

test("a misspelt command is answered with the nearest one", () => {
  expect(() => findCommand("restroe")).toThrow(
    expect.objectContaining({ code: "COMMAND_UNKNOWN", hint: "Did you mean restore?" }),
  );
  expect(() => findCommand("constructor")).toThrow(
    expect.objectContaining({ code: "COMMAND_UNKNOWN" }),
  );
});

test("Barman's recover sets stanza, backup and destination", () => {
  const line = parseCommandLine([
    "recover",
    "pg-primary",
    "latest",
    "/tmp/pitr",
    "--target-xid",
    "7",
  ]);
  const { flags, words } = assignArguments(
    findCommand("recover"),
    line.words.slice(1),
    line.options,
  );
  expect(words).toEqual([]);
  expect(flags.get("stanza")?.texts).toEqual(["pg-primary"]);
  expect(flags.get("set")?.texts).toEqual(["latest"]);
  expect(flags.get("pg1-path")?.texts).toEqual(["/tmp/pitr"]);
  expect(flags.get("target-xid")?.texts).toEqual(["7"]);
});

test("words that no form has room for are refused", () => {
  const spec = commandSpec("archive-push");
  if (!spec) throw new Error("archive-push is missing");
  for (const words of [[], ["a", "b"]]) {
    expect(() => assignArguments(spec, words, new Map())).toThrow(
      expect.objectContaining({ code: "COMMAND_ARGUMENT_INVALID" }),
    );
  }
});

test("the same thing said twice is refused", () => {
  const line = parseCommandLine(["--stanza=a", "backup", "b"]);
  expect(() => assignArguments(findCommand("backup"), ["b"], line.options)).toThrow("same thing");
});
