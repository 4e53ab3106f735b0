// One run of the program: the command line to a command, its settings, its context; the command; its end as an exit
// status. Everything that only some commands need is loaded by them, because archive-push starts once per WAL segment.
import { systemClock } from "../base/clock.ts";
import { createContext } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import { type CommandLine, parseCommandLine } from "../config/command-line.ts";
import type { Environment } from "../config/environment.ts";
import { loadSettings } from "../config/load.ts";
import { parseBoolean } from "../config/value.ts";
import type { Settings } from "../config/settings.ts";
import { EXIT, failure, isFailure } from "../model/failure.ts";
import type { CommandSpec } from "./command-spec.ts";
import { assignArguments, findCommand } from "./commands.ts";
import type { Output } from "./invocation.ts";
import { refuseStopped } from "./stop-file.ts";
import { openLog } from "./logging.ts";
import { formatError, formatErrorJson } from "./render/error.ts";
import { formatJson } from "./render/json.ts";
import { guardStreams, writeNotice, writeResult } from "./render/streams.ts";
import { watchSignals } from "./signals.ts";

/** How a shell reports SIGTERM: PostgreSQL takes it for its own shutdown and not for a failure of recovery. */
const EXIT_TERMINATED = 143;

/** What the process was started with. */
export interface ProcessInput {
  /** What follows the program's name. */
  readonly words: readonly string[];
  readonly environment: Environment;
}

/**
 * Runs the command that the words name.
 *
 * @returns the exit status; nothing is thrown.
 */
export async function main(input: ProcessInput): Promise<number> {
  guardStreams();
  try {
    return await runLine(parseCommandLine(input.words), input.environment);
  } catch (error) {
    writeNotice(wantsJson(input) ? formatErrorJson(error) : formatError(error));
    return error instanceof HindsightError ? error.exitCode : EXIT.ourFault;
  }
}

async function runLine(line: CommandLine, environment: Environment): Promise<number> {
  const [word, ...words] = line.words;
  if (isOn(line, "version")) return showVersion();
  if (word === undefined && !isOn(line, "help")) return showUsage();
  if (word === undefined || isOn(line, "help")) return showHelp(word, words);
  const spec = findCommand(word);
  const given = assignArguments(spec, words, line.options);
  const settings = await loadSettings({ command: spec.name, flags: given.flags, environment });
  if (spec.writesRepository) {
    refuseRoot(settings);
    if (!spec.worksWhileStopped) await refuseStopped(settings);
  }
  return runCommand(spec, settings, given.words);
}

async function runCommand(
  spec: CommandSpec,
  settings: Settings,
  words: readonly string[],
): Promise<number> {
  const module = await spec.load?.();
  if (!module) throw new Error(`command ${spec.name} cannot be loaded`);
  using signals = watchSignals();
  using runLog = openLog(settings, systemClock);
  const { log } = runLog;
  // PostgreSQL calls these once per segment: a warning each time would drown its log. `check` warns.
  const isServerCommand = spec.name === "archive-push" || spec.name === "archive-get";
  for (const warning of settings.warnings) {
    if (isServerCommand) log.detail(warning);
    else log.warn(warning);
  }
  try {
    const context = createContext({ log, signal: signals.signal });
    return await module.run({ settings, words, context, output: createOutput(settings) });
  } catch (error) {
    // Whatever an aborted operation throws, the cause is the signal; unless it says itself what it left behind.
    const isOwn = !signals.signal.aborted || isFailure(error, "INTERRUPTED");
    const cause = isOwn ? error : (signals.signal.reason as unknown);
    if (cause instanceof HindsightError) {
      // The console gets the error itself, whole, from main.
      log.detail("command failed", { code: cause.code, reason: cause.message });
    }
    if (spec.name === "archive-get" && signals.received() === "SIGTERM") return EXIT_TERMINATED;
    throw cause;
  }
}

function createOutput(settings: Settings): Output {
  const format = settings.get("output");
  return {
    format,
    result: (text, json) => writeResult(format === "json" ? formatJson(json) : text),
  };
}

/** @throws {HindsightError} `COMMAND_USER_ROOT` */
function refuseRoot(settings: Settings): void {
  if (process.getuid?.() !== 0 || settings.get("allow-root")) return;
  throw failure("COMMAND_USER_ROOT", `${settings.command} must not be run as root`, {
    hint: "Run it as the user that owns the cluster, such as `sudo -u postgres hindsight …`: files that root writes, that user could not use. --allow-root overrides this.",
  });
}

async function showVersion(): Promise<number> {
  const { versionText } = await import("./commands/version.ts");
  writeResult(versionText());
  return EXIT.done;
}

/** Without a command: help, but as an error, so that a script notices. */
async function showUsage(): Promise<number> {
  const { helpText } = await import("./commands/help.ts");
  writeNotice(helpText(undefined));
  return EXIT.usage;
}

async function showHelp(word: string | undefined, words: readonly string[]): Promise<number> {
  const { helpText } = await import("./commands/help.ts");
  writeResult(helpText(word === "help" ? words[0] : word));
  return EXIT.done;
}

function isOn(line: CommandLine, name: "help" | "version"): boolean {
  const text = line.options.get(name)?.texts.at(-1);
  return text !== undefined && parseBoolean(text, `--${name}`);
}

/** Read from the bare words, so that errors of the command line itself take the right form too. */
function wantsJson({ words, environment }: ProcessInput): boolean {
  const place = words.findLastIndex((word) => /^--output(?:=|$)/.test(word));
  if (place < 0) return environment["HINDSIGHT_OUTPUT"] === "json";
  return (words[place]?.slice("--output=".length) || words[place + 1]) === "json";
}
