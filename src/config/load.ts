// From flags, environment and file to Settings. Precedence: flag, environment, [stanza:command], [stanza],
// [global:command], [global], default. Lists and maps are taken whole from the first source that has them.
import { resolve } from "node:path";
import { failure } from "../model/failure.ts";
import { type StanzaName, stanzaName } from "../model/stanza.ts";
import type { CommandName } from "./command-names.ts";
import { type Environment, readEnvironment } from "./environment.ts";
import { CONFIG_FILE_NONE, type ConfigFile, readConfigFile } from "./file.ts";
import { didYouMean } from "../base/nearest.ts";
import type { RawOption, RawOptions } from "./raw-option.ts";
import { type GivenSetting, Settings, type SettingsParts } from "./settings.ts";
import { checkEffects, checkSupport } from "./support.ts";
import { parseOptionValue } from "./value.ts";

/** What settings are made of, beside the file. */
export interface LoadRequest {
  readonly command: CommandName;
  /** Options of the command line. */
  readonly flags: RawOptions;
  readonly environment: Environment;
}

/** Commands that may name a stanza which the file does not describe: they read the repository alone. */
const REPOSITORY_COMMANDS = [
  "info",
  "list-backups",
  "show-backup",
  "archive-get",
  "help",
  "version",
];

/** Commands that have nothing to do with the stanzas of this machine: a broken file must not keep them from helping. */
const FREE_COMMANDS: readonly CommandName[] = ["help", "version", "demo"];

/**
 * Reads everything and checks it.
 *
 * @throws {HindsightError} `CONFIG_…`, `STANZA_NAME_INVALID`, `STANZA_UNKNOWN`
 */
export async function loadSettings(request: LoadRequest): Promise<Settings> {
  checkCommandOptions(request.flags, request.command);
  const environment = readEnvironment(request.environment);
  const direct: readonly Layer[] = [
    { origin: "flag", options: request.flags },
    { origin: "environment", options: environment.options },
  ];
  const file = FREE_COMMANDS.includes(request.command)
    ? CONFIG_FILE_NONE
    : readConfigFile({
        file: directPath(direct, "config"),
        directory: directPath(direct, "config-path"),
        includeDirectory: directPath(direct, "config-include-path"),
      });
  const stanza = chooseStanza(direct, file);
  const lasting = [...direct.slice(1), ...fileLayers(file, request.command, stanza)];
  const given = resolveLayers([...direct.slice(0, 1), ...lasting]);
  if (stanza !== undefined) checkStanza(stanza, file, { command: request.command, given });
  const parts: SettingsParts = {
    command: request.command,
    stanza,
    stanzas: file.stanzas,
    configFile: file.path,
    warnings: environment.warnings,
    given,
    configured: resolveLayers(lasting),
  };
  const effects = checkEffects(given.values(), request.command);
  const support = await checkSupport(new Settings(parts));
  return new Settings({ ...parts, warnings: [...environment.warnings, ...effects, ...support] });
}

interface Layer {
  readonly origin: GivenSetting["origin"];
  readonly options: RawOptions;
}

function fileLayers(
  file: ConfigFile,
  command: CommandName,
  stanza: StanzaName | undefined,
): readonly Layer[] {
  const owners = stanza === undefined ? ["global"] : [stanza, "global"];
  return owners
    .flatMap((owner) => [`${owner}:${command}`, owner])
    .map((section) => ({ origin: "file", options: file.sections.get(section) ?? new Map() }));
}

/** The first layer that has an option decides. */
function resolveLayers(layers: readonly Layer[]): ReadonlyMap<string, GivenSetting> {
  const given = new Map<string, GivenSetting>();
  for (const { origin, options } of layers) {
    for (const [written, raw] of options) {
      if (!given.has(written)) given.set(written, readSetting(raw, origin));
    }
  }
  return given;
}

function readSetting(raw: RawOption, origin: GivenSetting["origin"]): GivenSetting {
  const { name, number, definition, shown } = raw;
  // What a user types is relative to where he stands; what a file says must mean the same everywhere.
  const isRelative = definition.type === "path" && origin !== "file";
  const texts = isRelative
    ? raw.texts.map((text) => (text === "" ? "" : resolve(text)))
    : raw.texts;
  const value = parseOptionValue(definition, texts, shown);
  return { name, number, origin, value, texts: definition.type === "secret" ? [] : texts };
}

function directText(layers: readonly Layer[], written: string): string | undefined {
  for (const { options } of layers) {
    const text = options.get(written)?.texts.at(-1);
    if (text !== undefined) return text;
  }
  return undefined;
}

function directPath(layers: readonly Layer[], written: string): string | undefined {
  const text = directText(layers, written);
  return text === undefined || text === "" ? undefined : resolve(text);
}

function chooseStanza(direct: readonly Layer[], file: ConfigFile): StanzaName | undefined {
  const named = directText(direct, "stanza");
  if (named !== undefined) return stanzaName(named);
  const [only, ...others] = file.stanzas;
  return only !== undefined && others.length === 0 ? stanzaName(only) : undefined;
}

function checkStanza(
  stanza: StanzaName,
  file: ConfigFile,
  { command, given }: Pick<SettingsParts, "command" | "given">,
): void {
  if (file.stanzas.length === 0 || file.stanzas.includes(stanza)) return;
  if (REPOSITORY_COMMANDS.includes(command) || given.has("pg1-path")) return;
  throw failure("STANZA_UNKNOWN", `${file.path ?? "the configuration"} has no stanza "${stanza}"`, {
    hint: didYouMean(stanza, file.stanzas, `It has ${file.stanzas.join(", ")}.`),
  });
}

function checkCommandOptions(flags: RawOptions, command: CommandName): void {
  for (const { definition, shown } of flags.values()) {
    if (!definition.commands || definition.commands.includes(command)) continue;
    if (flags.has("help")) continue;
    throw failure("CONFIG_OPTION_INVALID", `${shown} is not an option of ${command}`, {
      hint: `It belongs to ${definition.commands.join(", ")}.`,
    });
  }
}
