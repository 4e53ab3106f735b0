// `hindsight help`, `hindsight help COMMAND`, `hindsight COMMAND --help`
import { commandName } from "../../config/command-names.ts";
import { EXIT } from "../../model/failure.ts";
import { commandHelp, overviewHelp } from "../help.ts";
import type { Invocation } from "../invocation.ts";

/**
 * Help on one command, or on all.
 *
 * @throws {HindsightError} `COMMAND_UNKNOWN`
 */
export function helpText(word: string | undefined): string {
  return word === undefined ? overviewHelp() : commandHelp(commandName(word));
}

/** Prints help. */
export function run({ words, output }: Invocation): Promise<number> {
  const text = helpText(words[0]);
  output.result(text, { help: text });
  return Promise.resolve(EXIT.done);
}
