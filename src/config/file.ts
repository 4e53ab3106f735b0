// Finding, reading and checking the configuration file. Every section and key is checked, also those of other stanzas
// and commands, so that a misspelt one is found before the day it is needed.
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import { stanzaName } from "../model/stanza.ts";
import { COMMAND_NAMES, isSectionCommand } from "./command-names.ts";
import { type IniEntry, parseIni } from "./ini.ts";
import { didYouMean } from "../base/nearest.ts";
import { addRawText, type RawOption, type RawOptions, requireOption } from "./raw-option.ts";

/** Looked up in this order when no file is named. */
const CONFIG_FILES_DEFAULT = ["./hindsight.conf", "/etc/hindsight/hindsight.conf"] as const;

const CONFIG_SIZE_MAX_BYTES = 1024 * 1024;

/** Where to look. All undefined: the default places. */
export interface ConfigPlace {
  readonly file: string | undefined;
  readonly directory: string | undefined;
  readonly includeDirectory: string | undefined;
}

/** A configuration file, checked but not yet applied to a stanza and a command. */
export interface ConfigFile {
  /** Absolute; undefined when there is no file. */
  readonly path: string | undefined;
  /** In the order of the file. */
  readonly stanzas: readonly string[];
  /** By section, such as `global` or `main:restore`. */
  readonly sections: ReadonlyMap<string, RawOptions>;
}

/** What it is where there is none. */
export const CONFIG_FILE_NONE: ConfigFile = {
  path: undefined,
  stanzas: [],
  sections: new Map(),
};

/**
 * Reads the configuration: the named file, or the first that exists of the default places, and the included ones.
 *
 * @throws {HindsightError} `CONFIG_FILE_MISSING`, `CONFIG_FILE_INVALID`, `CONFIG_OPTION_UNKNOWN`, `STANZA_NAME_INVALID`
 */
export function readConfigFile(place: ConfigPlace): ConfigFile {
  const found = place.file ?? (place.directory && join(place.directory, "hindsight.conf"));
  const main = found === undefined ? readFirst(CONFIG_FILES_DEFAULT) : readNamed(found);
  const include =
    place.includeDirectory ?? (place.directory && existing(join(place.directory, "conf.d")));
  const sections = new Map<string, Map<string, RawOption>>();
  for (const source of [main, ...(include === undefined ? [] : readIncluded(include))]) {
    if (source) addSource(sections, source);
  }
  const stanzas = [...sections.keys()].map((name) => name.split(":")[0] ?? "");
  return {
    path: main?.path,
    stanzas: [...new Set(stanzas)].filter((name) => name !== "global"),
    sections,
  };
}

interface Source {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

function readFirst(candidates: readonly string[]): Source | undefined {
  for (const candidate of candidates) {
    const source = readSource(candidate);
    if (source) return source;
  }
  return undefined;
}

function readNamed(path: string): Source {
  const source = readSource(path);
  if (source) return source;
  throw failure("CONFIG_FILE_MISSING", `there is no configuration file ${path}`, {
    hint: "Name another one with --config=FILE, or leave the option out to use ./hindsight.conf or /etc/hindsight/hindsight.conf.",
  });
}

function readIncluded(directory: string): readonly Source[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith(".conf"));
    return names.toSorted().map((name) => readNamed(join(directory, name)));
  } catch (cause) {
    if (systemErrorCode(cause) === undefined) throw cause;
    throw failure("CONFIG_FILE_MISSING", `cannot list ${directory}: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

/** Undefined when there is no such file. */
function readSource(path: string): Source | undefined {
  try {
    const { mode, size } = statSync(path);
    if (size > CONFIG_SIZE_MAX_BYTES) throw unreadable(path, `it has ${size} bytes`);
    return { path: resolve(path), text: readFileSync(path, "utf8"), mode };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    // Run from a directory that this user may not enter, as with sudo from /root: nothing was put there for us.
    if (code === "EACCES" && !path.startsWith("/") && !existing(path)) return undefined;
    if (code === undefined || error instanceof Error === false) throw error;
    throw unreadable(path, errorMessage(error), error);
  }
}

function existing(path: string): string | undefined {
  try {
    lstatSync(path);
    return path;
  } catch {
    return undefined;
  }
}

function unreadable(path: string, why: string, cause?: unknown): Error {
  return failure("CONFIG_FILE_INVALID", `cannot read the configuration file ${path}: ${why}`, {
    hint: "Let the user who runs hindsight read it.",
    cause,
  });
}

function addSource(sections: Map<string, Map<string, RawOption>>, source: Source): void {
  for (const entry of parseIni(source.text, source.path)) {
    checkSection(entry, source.path);
    const shown = `${entry.key} in [${entry.section}] of ${source.path}`;
    const reference = requireOption(entry.key, shown);
    if (reference.definition.commandLineOnly) throw misplaced(entry, shown);
    if (reference.definition.type === "secret") checkMode(source, entry.key);
    const options = sections.get(entry.section) ?? new Map<string, RawOption>();
    sections.set(entry.section, options);
    addRawText(options, reference, { text: entry.value, shown });
  }
}

function checkSection(entry: IniEntry, file: string): void {
  const [owner = "", command, ...rest] = entry.section.split(":");
  if (owner !== "global") stanzaName(owner);
  if (command === undefined || (rest.length === 0 && isSectionCommand(command))) return;
  throw failure(
    "CONFIG_FILE_INVALID",
    `line ${entry.line} of ${file}: section [${entry.section}] names no command`,
    { hint: didYouMean(command, COMMAND_NAMES, "Sections look like [main] or [global:backup].") },
  );
}

function misplaced(entry: IniEntry, shown: string): Error {
  return failure("CONFIG_OPTION_INVALID", `${shown} cannot stand in a configuration file`, {
    hint: `Give it on the command line, as --${entry.key}=${entry.value}.`,
  });
}

function checkMode(source: Source, key: string): void {
  if ((source.mode & 0o004) === 0) return;
  throw failure(
    "CONFIG_FILE_INVALID",
    `${source.path} holds the secret ${key} and every user can read it`,
    { hint: `Take the right away: chmod o-rwx ${source.path}.` },
  );
}
