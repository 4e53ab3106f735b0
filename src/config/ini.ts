// pgBackRest's ini dialect, read line by line:
//
//   # a comment fills its line; it cannot follow a value
//   [section]
//   key=value                    the value may hold # ; = and quotes, all of them literally
//   key=another value            a repeated key makes a list
//
// White space around sections, keys and values does not count. Which sections and keys exist is the business of file.ts.
import { failure } from "../model/failure.ts";

/** One line `key=value`. */
export interface IniEntry {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * Reads the text of a configuration file.
 *
 * @param file its name, for errors.
 * @throws {HindsightError} `CONFIG_FILE_INVALID` for a line that is neither section, pair nor comment, a pair before the
 *   first section, and a key without value.
 * @source pgBackRest src/common/ini.c, iniLoad
 */
export function parseIni(text: string, file: string): readonly IniEntry[] {
  const entries: IniEntry[] = [];
  let section: string | undefined;
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  for (const [position, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const name = /^\[(.+)\]$/.exec(line)?.[1]?.trim();
    if (name !== undefined) {
      section = name;
      continue;
    }
    entries.push(parsePair(line, section, { file, line: position + 1 }));
  }
  return entries;
}

function parsePair(
  text: string,
  section: string | undefined,
  at: { readonly file: string; readonly line: number },
): IniEntry {
  const equals = text.indexOf("=");
  const key = text.slice(0, Math.max(equals, 0)).trim();
  const value = text.slice(equals + 1).trim();
  const problem =
    key === ""
      ? `is neither [section] nor key=value: "${text}"`
      : section === undefined
        ? `stands before the first section: "${key}"`
        : value === ""
          ? `gives no value to ${key}`
          : undefined;
  if (problem !== undefined || section === undefined) {
    throw failure("CONFIG_FILE_INVALID", `line ${at.line} of ${at.file} ${problem ?? ""}`, {
      hint: "Sections look like [global], [global:backup] or [main]; comments are lines that begin with #.",
    });
  }
  return { section, key, value, line: at.line };
}
