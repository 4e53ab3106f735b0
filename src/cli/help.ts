// Help, derived from the command and option tables.
import type { CommandName } from "../config/command-names.ts";
import type { OptionDefinition } from "../config/option.ts";
import { optionDefinition, type OptionName, optionNames, writtenName } from "../config/options.ts";
import type { CommandSpec } from "./command-spec.ts";
import { COMMAND_GROUPS } from "./command-specs.ts";
import { aliasesOf, commandSpec, usageLines } from "./commands.ts";
import { EXIT_MEANINGS } from "./exit-status.ts";
import { PLANNED_COMMANDS } from "./planned-commands.ts";
import { formatTable, wrapText } from "./render/table.ts";

const WIDTH = 100;
const GENERAL: readonly OptionName[] = [
  "stanza",
  "config",
  "output",
  "log-level-console",
  "log-level-file",
  "log-path",
  "help",
];

/** What `hindsight help` prints. */
export function overviewHelp(): string {
  const groups = COMMAND_GROUPS.map(
    ({ title, commands }) =>
      `${title}\n${indented(commands.map((spec) => [spec.name, spec.summary]))}`,
  );
  return [
    "Hindsight: PostgreSQL backup and point-in-time recovery",
    "usage: hindsight [options] COMMAND [options] [arguments]",
    ...groups,
    `Not in this release\n${wrapText(Object.keys(PLANNED_COMMANDS).join(", "), WIDTH, "  ")}`,
    `Options of every command\n${optionTable(GENERAL)}`,
    "Options stand before or after the command, as --key=value or --key value; switches as --delta, --no-delta or\n--delta=n. The same options can stand in the configuration file and in the environment (HINDSIGHT_REPO1_PATH).",
    "hindsight help COMMAND explains one command.",
  ].join("\n\n");
}

/** What `hindsight help COMMAND` and `hindsight COMMAND --help` print. */
export function commandHelp(name: CommandName): string {
  const spec = commandSpec(name);
  if (!spec) return `${name}: ${PLANNED_COMMANDS[name] ?? ""}\n\nIt is not in this release.`;
  const own = optionNames().filter((option) => ownedBy(option, name));
  const shared = spec.settings.filter((option) => !own.includes(option));
  return [
    `${spec.name}: ${spec.summary}`,
    ...section(
      "usage",
      usageLines(spec)
        .map((line) => `  ${line}`)
        .join("\n"),
    ),
    ...(spec.details ?? []).map((paragraph) => wrapText(paragraph, WIDTH)),
    ...section("options", optionTable(own)),
    ...section("options from the configuration", optionTable(shared)),
    ...section("options of every command", optionTable(GENERAL)),
    ...section("examples", spec.examples.map((example) => `  ${example}`).join("\n")),
    ...section("exit status", exitTable(spec)),
    ...section(
      "other names",
      aliasesOf(name)
        .map((alias) => `  ${alias}`)
        .join("\n"),
    ),
  ].join("\n\n");
}

/** Whether an option belongs to the command and exists in this release. */
function ownedBy(option: OptionName, name: CommandName): boolean {
  const { commands, effect } = optionDefinition(option);
  return effect === undefined && commands !== undefined && commands.includes(name);
}

function section(title: string, body: string): readonly string[] {
  return body === "" ? [] : [`${title}\n${body}`];
}

function optionTable(names: readonly OptionName[]): string {
  return indented(
    names.map((name) => {
      const definition = optionDefinition(name);
      return [optionUsage(name, definition), optionSummary(name, definition)];
    }),
  );
}

/** `--repo1-path=PATH`, `--output=text|json`, `--delta`. */
function optionUsage(name: OptionName, definition: OptionDefinition): string {
  const written = `--${writtenName(name, 1)}`;
  if (definition.type === "boolean") return written;
  if (definition.values) {
    return `${written}=${isLong(definition) ? "WORD" : definition.values.join("|")}`;
  }
  return `${written}=${definition.type === "map" ? "KEY=VALUE" : definition.type.toUpperCase()}`;
}

/** Whether the values of an enum stand behind its summary, because they would make the first column too wide. */
function isLong({ values = [] }: OptionDefinition): boolean {
  return values.join("|").length > 30;
}

function optionSummary(name: OptionName, definition: OptionDefinition): string {
  const { type, values = [], summary, default: preset } = definition;
  // The summary of `type` itself says which of its values belong to which command.
  const words = isLong(definition) && name !== "type" ? `: ${values.join(", ")}` : "";
  const isOff = type === "boolean" && preset === "n";
  return `${summary}${words}${preset === undefined || isOff ? "" : ` [${preset}]`}`;
}

function exitTable(spec: CommandSpec): string {
  if (spec.name === "archive-get") {
    return indented([
      ["0", "fetched"],
      ["1", "proven absent"],
      ["143", "interrupted by SIGTERM"],
      ["200", "anything else: recovery must not go on"],
    ]);
  }
  return indented(
    [0, 1, 2, ...spec.exits].map((exit) => [String(exit), EXIT_MEANINGS[exit] ?? ""]),
  );
}

function indented(rows: readonly (readonly string[])[]): string {
  return formatTable(rows.map((row) => ["", ...row]));
}
