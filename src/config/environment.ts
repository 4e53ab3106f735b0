// Options from the environment: HINDSIGHT_REPO1_PATH is repo1-path. Texts of lists and maps are separated by colons, as
// in pgBackRest.
import { nearestWord } from "../base/nearest.ts";
import { findOption, type OptionReference, optionNames, writtenName } from "./options.ts";
import { addRawText, type RawOption, type RawOptions } from "./raw-option.ts";

const PREFIX = "HINDSIGHT_";
/** Variables that begin like options but are read by others: the launcher and the tests. */
const RESERVED = /^HINDSIGHT_(?:NODE|TEST|TEST_.*)$/;

/** Name-value pairs as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says. */
export interface EnvironmentOptions {
  readonly options: RawOptions;
  /** One sentence for each variable that looks like an option and is none; a stray variable must not stop a backup. */
  readonly warnings: readonly string[];
}

/** Collects the options of the environment. Empty variables count as not set. */
export function readEnvironment(environment: Environment): EnvironmentOptions {
  const options = new Map<string, RawOption>();
  const warnings: string[] = [];
  for (const [variable, value = ""] of Object.entries(environment)) {
    if (!variable.startsWith(PREFIX) || RESERVED.test(variable) || value === "") continue;
    const reference = findVariable(variable);
    if (!reference) {
      warnings.push(unknownVariable(variable));
      continue;
    }
    const repeated = reference.definition.type === "list" || reference.definition.type === "map";
    for (const text of repeated ? value.split(":") : [value]) {
      addRawText(options, reference, { text, shown: `environment variable ${variable}` });
    }
  }
  return { options, warnings };
}

/**
 * Takes secrets out of the environment of this process, so that no program it starts inherits them.
 *
 * @param environment `process.env`; loses them.
 * @returns all that it held before.
 */
export function withdrawSecrets(environment: Record<string, string | undefined>): Environment {
  const whole = { ...environment };
  for (const variable of Object.keys(whole)) {
    if (findVariable(variable)?.definition.type === "secret") delete environment[variable];
  }
  return whole;
}

/** `HINDSIGHT_REPO1_PATH` for `repo1-path`. */
export function environmentName(written: string): string {
  return PREFIX + written.toUpperCase().replaceAll("-", "_");
}

/** Undefined for a variable that names no option. */
function findVariable(variable: string): OptionReference | undefined {
  return variable.startsWith(PREFIX) ? findOption(writtenOf(variable)) : undefined;
}

function writtenOf(variable: string): string {
  return variable.slice(PREFIX.length).toLowerCase().replaceAll("_", "-");
}

function unknownVariable(variable: string): string {
  const nearest = nearestWord(
    writtenOf(variable),
    optionNames().map((name) => writtenName(name, 1)),
  );
  const guess = nearest === undefined ? "" : `; did you mean ${environmentName(nearest)}?`;
  return `environment variable ${variable} names no option and is ignored${guess}`;
}
