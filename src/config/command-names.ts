// The names of all commands, also of those that this release only explains. They are needed here because configuration
// sections such as [global:backup] carry them; what a command is and does: cli/commands.ts.
import { failure } from "../model/failure.ts";
import { didYouMean } from "../base/nearest.ts";

/** Every command's own name, sorted. */
export const COMMAND_NAMES = [
  "agent",
  "annotate",
  "archive-get",
  "archive-push",
  "backup",
  "bisect",
  "check",
  "demo",
  "doctor",
  "drill",
  "expire",
  "find",
  "help",
  "hold",
  "incident",
  "index",
  "info",
  "init",
  "key",
  "list-backups",
  "point",
  "receive-wal",
  "repo-get",
  "repo-ls",
  "rescue",
  "restore",
  "schedule",
  "show-backup",
  "size",
  "stanza-create",
  "stanza-delete",
  "stanza-upgrade",
  "start",
  "stop",
  "target",
  "verify",
  "version",
  "window",
] as const;
export type CommandName = (typeof COMMAND_NAMES)[number];

/** Barman's words, and others' habits, for commands of ours. */
export const COMMAND_ALIASES: Readonly<Record<string, CommandName>> = {
  recover: "restore",
  "list-backup": "list-backups",
  "check-backup": "info",
  "show-servers": "info",
  "list-servers": "info",
  status: "info",
};

/** Commands of pgBackRest that have no counterpart, but may have a section in its configuration. */
const SECTION_COMMANDS = ["server", "server-ping", "manifest", "repo-rm"];

const KNOWN: ReadonlySet<string> = new Set(COMMAND_NAMES);

/**
 * The command of a word on the command line, an alias followed.
 *
 * @throws {HindsightError} `COMMAND_UNKNOWN`
 */
export function commandName(word: string): CommandName {
  const name = Object.hasOwn(COMMAND_ALIASES, word) ? COMMAND_ALIASES[word] : word;
  if (name !== undefined && isCommandName(name)) return name;
  throw failure("COMMAND_UNKNOWN", `there is no command "${word}"`, {
    hint: didYouMean(
      word,
      [...COMMAND_NAMES, ...Object.keys(COMMAND_ALIASES)],
      "`hindsight help` lists the commands.",
    ),
  });
}

/** Whether a word is a command's own name. */
function isCommandName(word: string): word is CommandName {
  return KNOWN.has(word);
}

/** Whether `[global:word]` may stand in a configuration file. */
export function isSectionCommand(word: string): boolean {
  return isCommandName(word) || SECTION_COMMANDS.includes(word);
}
