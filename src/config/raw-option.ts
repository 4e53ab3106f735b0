// Options as they were written, before their values are read: what flags, environment and files have in common.
import { failure } from "../model/failure.ts";
import { didYouMean } from "../base/nearest.ts";
import { findOption, type OptionReference, optionNames, writtenName } from "./options.ts";

/** One option from one source with all its texts. */
export interface RawOption extends OptionReference {
  readonly texts: readonly string[];
  /** The option and its place as an error names it: `--repo1-path`, `repo1-path in [global]`. */
  readonly shown: string;
}

/** Options of one source by their written names (`repo1-path`). */
export type RawOptions = ReadonlyMap<string, RawOption>;

/**
 * Adds one text to the options of a source; texts of a repeated option are collected.
 *
 * @param shown how errors name this occurrence.
 */
export function addRawText(
  options: Map<string, RawOption>,
  reference: OptionReference,
  { text, shown }: { readonly text: string; readonly shown: string },
): void {
  const key = writtenName(reference.name, reference.number);
  const texts = [...(options.get(key)?.texts ?? []), text];
  options.set(key, { ...reference, texts, shown });
}

/**
 * Finds the row of a written name.
 *
 * @throws {HindsightError} `CONFIG_OPTION_UNKNOWN` with the nearest name.
 */
export function requireOption(written: string, shown: string): OptionReference {
  const reference = findOption(written);
  if (reference) return reference;
  const number = /^(?:repo|pg)([1-9][0-9]{0,2})-/.exec(written)?.[1] ?? "1";
  const candidates = optionNames().map((name) => writtenName(name, Number(number)));
  throw failure("CONFIG_OPTION_UNKNOWN", `${shown} is not an option`, {
    hint: didYouMean(written, candidates, "docs/configuration.md lists all options."),
  });
}
