// What a command is handed, and what it is for the program: one function per command, loaded when it is needed.
import type { Context } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import type { JsonValue } from "./render/json.ts";

/** One call of one command. */
export interface Invocation {
  readonly settings: Settings;
  /** Words that are no options and were not taken as one, in order. */
  readonly words: readonly string[];
  readonly context: Context;
  readonly output: Output;
}

/** Where the result of a command goes. */
export interface Output {
  readonly format: "text" | "json";
  /**
   * Prints the result in the form that was asked for. Once per command.
   *
   * @param json what `--output=json` prints; LSNs and times as text.
   */
  result(text: string, json: JsonValue): void;
}

/** @returns the exit status, 0 unless the result itself says otherwise (32, 33, 66). */
export type CommandRunner = (invocation: Invocation) => Promise<number>;

/** What a file in commands/ exports. */
export interface CommandModule {
  readonly run: CommandRunner;
}
