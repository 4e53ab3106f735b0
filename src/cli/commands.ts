// From a word on the command line to a command, and from the words behind it to options and arguments.
import { COMMAND_ALIASES, type CommandName, commandName } from "../config/command-names.ts";
import { findOption } from "../config/options.ts";
import { addRawText, type RawOption, type RawOptions } from "../config/raw-option.ts";
import { failure } from "../model/failure.ts";
import { ARGUMENT_OPTIONS, type CommandSpec } from "./command-spec.ts";
import { COMMAND_GROUPS } from "./command-specs.ts";
import { PLANNED_COMMANDS } from "./planned-commands.ts";

/**
 * The command of a word.
 *
 * @throws {HindsightError} `COMMAND_UNKNOWN` for a word that is none, and for commands that are not in this release.
 */
export function findCommand(word: string): CommandSpec {
  const name = commandName(word);
  const spec = commandSpec(name);
  if (spec) return spec;
  throw failure("COMMAND_UNKNOWN", `${name} is not in this release`, {
    hint: `It will ${PLANNED_COMMANDS[name] ?? "come later"}. \`hindsight help\` lists what there is.`,
  });
}

/** Undefined for commands that are not in this release. */
export function commandSpec(name: CommandName): CommandSpec | undefined {
  return COMMAND_GROUPS.flatMap((group) => group.commands).find((spec) => spec.name === name);
}

/** Other words for a command. */
export function aliasesOf(name: CommandName): readonly string[] {
  return Object.keys(COMMAND_ALIASES).filter((alias) => COMMAND_ALIASES[alias] === name);
}

/** What the words behind a command mean. */
export interface CommandArguments {
  readonly flags: RawOptions;
  /** Words that no option takes. */
  readonly words: readonly string[];
}

/**
 * Matches the words behind the command with the form of that many words.
 *
 * @throws {HindsightError} `COMMAND_ARGUMENT_INVALID`
 */
export function assignArguments(
  spec: CommandSpec,
  words: readonly string[],
  flags: RawOptions,
): CommandArguments {
  const form = spec.forms.find((candidate) => candidate.length === words.length);
  if (!form) throw wrongCount(spec, words);
  const assigned = new Map<string, RawOption>(flags);
  const rest: string[] = [];
  for (const [position, argument] of form.entries()) {
    const word = words[position] ?? "";
    const written = ARGUMENT_OPTIONS[argument];
    const reference = written === undefined ? undefined : findOption(written);
    if (written === undefined || !reference) {
      rest.push(word);
    } else if (flags.has(written)) {
      throw failure(
        "COMMAND_ARGUMENT_INVALID",
        `${argument} "${word}" and --${written} say the same thing`,
        {
          hint: "Keep one of them.",
        },
      );
    } else {
      addRawText(assigned, reference, { text: word, shown: argument });
    }
  }
  return { flags: assigned, words: rest };
}

/** `hindsight [options] restore STANZA SET DESTINATION`, one line for each form. */
export function usageLines(spec: CommandSpec): readonly string[] {
  return spec.forms.map((form) => ["hindsight [options]", spec.name, ...form].join(" "));
}

function wrongCount(spec: CommandSpec, words: readonly string[]): Error {
  const forms = spec.forms.map((form) => form.join(" ") || "none").join(", or ");
  const got = words.length === 0 ? "none" : words.map((word) => `"${word}"`).join(" ");
  return failure(
    "COMMAND_ARGUMENT_INVALID",
    `${spec.name} got the arguments ${got}; it takes ${forms}`,
    {
      hint: `\`hindsight help ${spec.name}\` shows how to call it.`,
    },
  );
}
