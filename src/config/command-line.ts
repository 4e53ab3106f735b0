// The command line, split into words and options by node:util's tokens over the option table: options on both sides of
// the command, `--key=value`, `--key value`, `--delta`, `--no-delta`, `--delta=y`. What the words mean is decided by
// cli/commands.ts.
import { parseArgs } from "node:util";
import { failure } from "../model/failure.ts";
import { findOption } from "./options.ts";
import { addRawText, type RawOption, type RawOptions, requireOption } from "./raw-option.ts";

/** The arguments of the process, split but not yet judged. */
export interface CommandLine {
  /** Everything that is no option, in order; the first word is the command. */
  readonly words: readonly string[];
  readonly options: RawOptions;
}

/** One-letter options and the options they stand for. */
const SHORT_NAMES: Readonly<Record<string, string>> = { h: "help", V: "version" };

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];
type OptionToken = Extract<Token, { readonly kind: "option" }>;

/**
 * Splits the arguments of the process.
 *
 * @param words what follows the program's name.
 * @throws {HindsightError} `CONFIG_OPTION_UNKNOWN`, `CONFIG_OPTION_INVALID` for a missing or superfluous value,
 *   `CONFIG_OPTION_SECRET` for a secret.
 */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const { tokens } = parseArgs({
    args: [...words],
    options: parserOptions(words),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const options = new Map<string, RawOption>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind === "option") addToken(options, token);
  }
  return { words: positionals, options };
}

/** Tells parseArgs which of the options that occur take a value. */
function parserOptions(
  words: readonly string[],
): Record<string, { readonly type: "string" | "boolean" }> {
  const options: Record<string, { readonly type: "string" | "boolean" }> = {};
  for (const word of words) {
    const name = /^--([^=]+)/.exec(word)?.[1];
    const reference = name === undefined ? undefined : findOption(name);
    if (name === undefined || !reference) continue;
    options[name] = { type: reference.definition.type === "boolean" ? "boolean" : "string" };
  }
  return options;
}

function addToken(options: Map<string, RawOption>, token: OptionToken): void {
  const shown = token.rawName;
  if (!shown.startsWith("--")) {
    const long = SHORT_NAMES[token.name];
    if (long === undefined || token.inlineValue) throw unknownShort(shown);
    addRawText(options, requireOption(long, shown), { text: "y", shown });
    return;
  }
  const negated = negatedName(token.name);
  const reference = requireOption(negated ?? token.name, shown);
  if (reference.definition.type === "secret") throw secretOnCommandLine(shown);
  const text = tokenText(token, negated !== undefined, reference.definition.type === "boolean");
  addRawText(options, reference, { text, shown });
}

/** `delta` for `no-delta` when that is a switch. */
function negatedName(name: string): string | undefined {
  const positive = name.startsWith("no-") ? name.slice(3) : undefined;
  if (positive === undefined || findOption(name)) return undefined;
  return findOption(positive)?.definition.type === "boolean" ? positive : undefined;
}

function tokenText(token: OptionToken, negated: boolean, isSwitch: boolean): string {
  const { value, rawName } = token;
  if (negated) {
    if (value === undefined) return "n";
    throw failure("CONFIG_OPTION_INVALID", `${rawName} takes no value, but got "${value}"`);
  }
  if (value === undefined) {
    if (isSwitch) return "y";
    throw failure("CONFIG_OPTION_INVALID", `${rawName} needs a value`, {
      hint: `Write ${rawName}=VALUE.`,
    });
  }
  // `--target --delta` is a forgotten value far more often than a value that begins with two dashes.
  if (token.inlineValue === false && value.startsWith("--")) {
    throw failure("CONFIG_OPTION_INVALID", `${rawName} needs a value, but ${value} follows`, {
      hint: `Write ${rawName}=VALUE; a value that begins with dashes needs the equals sign.`,
    });
  }
  return value;
}

function secretOnCommandLine(shown: string): Error {
  return failure("CONFIG_OPTION_SECRET", `${shown} must not be given on the command line`, {
    hint: "Every user of the machine can read the arguments of a process: put it into the configuration file (mode 0640 or stricter) or the environment.",
  });
}

function unknownShort(shown: string): Error {
  return failure("CONFIG_OPTION_UNKNOWN", `${shown} is not an option`, {
    hint: "Options have long names, such as --stanza=main; the only short ones are -h and -V.",
  });
}
