// What is known about a command without loading it: enough to read its command line and to explain it.
import type { CommandName } from "../config/command-names.ts";
import type { OptionName } from "../config/options.ts";
import type { CommandModule } from "./invocation.ts";

/**
 * What a word behind the command is. `STANZA`, `SET` and `DESTINATION` set options of the same meaning, so that Barman's
 * `recover SERVER latest DIR` works; the others are handed to the command.
 */
const ARGUMENT_NAMES = [
  "STANZA",
  "SET",
  "DESTINATION",
  "PATH",
  "NAME",
  "FILE",
  "LABEL",
  "EXPRESSION",
  "COMMAND",
  "ACTION",
] as const;
export type ArgumentName = (typeof ARGUMENT_NAMES)[number];

/** The written option that an argument sets. */
export const ARGUMENT_OPTIONS: Partial<Record<ArgumentName, string>> = {
  STANZA: "stanza",
  SET: "set",
  DESTINATION: "pg1-path",
};

/** One command of this release. */
export interface CommandSpec {
  readonly name: CommandName;
  /** One line, lower case, no final stop. */
  readonly summary: string;
  /** Paragraphs for its help. */
  readonly details?: readonly string[];
  /** The forms that its arguments can take; the first one is shown first. */
  readonly forms: readonly (readonly ArgumentName[])[];
  /** Options that influence it beside those that belong to it alone. */
  readonly settings: readonly OptionName[];
  readonly examples: readonly string[];
  /** Exit statuses beside 0, 1 and 2. */
  readonly exits: readonly number[];
  /** Whether it writes the repository, which root must not do. */
  readonly writesRepository?: true;
  /** How to get it; a command without is not in this release. */
  readonly load?: () => Promise<CommandModule>;
}
