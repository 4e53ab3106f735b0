// How PostgreSQL is told to call us: absolute paths, quoted for a shell, with everything that this run was told by
// flags and environment and that the called one would not know.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { optionDefinition, writtenName } from "../config/options.ts";
import type { GivenSetting, Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";

/** The launcher of this program. */
function launcherPath(): string {
  // The same two steps up from src/cli and from dist/program.
  return join(import.meta.dirname, "..", "..", "bin", "hindsight");
}

/**
 * The beginning of a command line that PostgreSQL's shell runs: launcher and options, quoted.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` when a secret stands only in the environment of this run.
 */
function commandPrefix(settings: Settings): string {
  return [launcherPath(), ...carriedOptions(settings)].map(shellWord).join(" ");
}

/**
 * The whole archive_command of a stanza.
 *
 * @throws {HindsightError} as {@link commandPrefix}
 */
export function archivePushCommand(settings: Settings): string {
  return `${commandPrefix(settings)} archive-push %p`;
}

/**
 * The whole restore_command of a stanza.
 *
 * @param flags of archive-get, which need no quoting.
 * @throws {HindsightError} as {@link commandPrefix}
 */
export function archiveGetCommand(settings: Settings, flags: readonly string[]): string {
  return [commandPrefix(settings), 'archive-get %f "%p"', ...flags.map(shellWord)].join(" ");
}

/** Options that reach the repository and were not read from a file that the called program reads too. */
function carriedOptions(settings: Settings): readonly string[] {
  const options: string[] = [];
  if (settings.configFile !== undefined && existsSync(settings.configFile)) {
    options.push(`--config=${settings.configFile}`);
  }
  const include = settings.get("config-include-path");
  if (include !== undefined) options.push(`--config-include-path=${include}`);
  options.push(`--stanza=${settings.requireStanza()}`);
  for (const given of settings.given()) options.push(...carried(given));
  return options;
}

function carried(given: GivenSetting): readonly string[] {
  if (given.origin === "file" || optionDefinition(given.name).group !== "repo") return [];
  const written = writtenName(given.name, given.number);
  if (optionDefinition(given.name).type === "secret") {
    throw failure(
      "CONFIG_OPTION_INVALID",
      `${written} stands only in the environment, where PostgreSQL's commands do not see it`,
      { hint: "Put it into the configuration file." },
    );
  }
  return given.texts.map((text) => `--${written}=${text}`);
}

/**
 * One word for a POSIX shell inside a setting in which PostgreSQL replaces `%f` and the like: `%` becomes `%%`.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` for line breaks, which no setting can hold.
 */
export function shellWord(word: string): string {
  if (/[\n\r\0]/.test(word)) {
    throw failure(
      "CONFIG_OPTION_INVALID",
      "a value with a line break cannot be part of a command",
      {
        context: { value: JSON.stringify(word) },
      },
    );
  }
  const quoted = /^[A-Za-z0-9_./:=,@%+-]+$/.test(word)
    ? word
    : `'${word.replaceAll("'", `'\\''`)}'`;
  return quoted.replaceAll("%", "%%");
}
