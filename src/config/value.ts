// How the text of an option becomes a value: `y` → true, `1GB` → bytes, `30m` → milliseconds. Every text is checked
// against its row of the option table; where the text came from is the caller's business and is named in the error.
import { GIB, KIB, MIB } from "../base/limits.ts";
import { Secret } from "../base/secret.ts";
import { failure } from "../model/failure.ts";
import { nearestWord } from "../base/nearest.ts";
import type { OptionDefinition } from "./option.ts";

/** What an option's texts turn into. Maps keep the order in which they were written. */
export type OptionValue =
  | string
  | boolean
  | number
  | Secret
  | readonly string[]
  | Readonly<Record<string, string>>;

const TRUE_WORDS = ["y", "yes", "true", "on"];
const FALSE_WORDS = ["n", "no", "false", "off"];

const SIZE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: KIB,
  kb: KIB,
  kib: KIB,
  m: MIB,
  mb: MIB,
  mib: MIB,
  g: GIB,
  gb: GIB,
  gib: GIB,
  t: 1024 * GIB,
  tb: 1024 * GIB,
  tib: 1024 * GIB,
  p: 1024 * 1024 * GIB,
  pb: 1024 * 1024 * GIB,
  pib: 1024 * 1024 * GIB,
};

const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  "": 1000,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * Reads the texts of one option; more than one only for lists and maps.
 *
 * @param shown the option as the user wrote it, such as `--repo1-path` or `repo1-path in [global]`.
 * @throws {HindsightError} `CONFIG_OPTION_INVALID`
 */
export function parseOptionValue(
  definition: OptionDefinition,
  texts: readonly string[],
  shown: string,
): OptionValue {
  const [text = ""] = texts;
  if (definition.type !== "list" && definition.type !== "map" && texts.length > 1) {
    throw failure("CONFIG_OPTION_INVALID", `${shown} is given more than once`, {
      hint: "Keep one of them: only lists and maps may be repeated.",
    });
  }
  if (texts.some((each) => each === "")) throw invalid(shown, "", "a value");
  switch (definition.type) {
    case "string":
      return text;
    case "path":
      return parsePath(text, shown);
    case "boolean":
      return parseBoolean(text, shown);
    case "integer":
      return inRange(parseInteger(text, shown), definition, shown);
    case "size":
      return inRange(parseSize(text, shown), definition, shown);
    case "time":
      return inRange(parseDuration(text, shown), definition, shown);
    case "enum":
      return parseEnum(text, definition.values ?? [], shown);
    case "list":
      return Object.freeze([...texts]);
    case "map":
      return parseMap(texts, shown);
    case "secret":
      return new Secret(text);
  }
}

/** `y`, `yes`, `true`, `on` and their opposites, in either case. */
export function parseBoolean(text: string, shown: string): boolean {
  const word = text.toLowerCase();
  if (TRUE_WORDS.includes(word)) return true;
  if (FALSE_WORDS.includes(word)) return false;
  throw invalid(shown, text, "y or n");
}

/** `1GB`, `128MiB`, `16384`: bytes. Every unit is a power of 1024, as in pgBackRest. */
export function parseSize(text: string, shown: string): number {
  const [, digits, unit] = /^([0-9]{1,15})\s*([A-Za-z]{0,3})$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : SIZE_UNITS[unit.toLowerCase()];
  const bytes = Number(digits) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) throw invalid(shown, text, "a size such as 128MiB or 1GB");
  return bytes;
}

/** `30m`, `1d`, `0.5` (seconds): milliseconds. */
export function parseDuration(text: string, shown: string): number {
  const [, digits, unit] = /^([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|[smhdw]?)$/.exec(text) ?? [];
  const milliseconds = Math.round(Number(digits) * (TIME_UNITS_MS[unit ?? "?"] ?? Number.NaN));
  if (!Number.isSafeInteger(milliseconds)) {
    throw invalid(shown, text, "a time such as 30m, 1d or 90 (seconds)");
  }
  return milliseconds;
}

function parseInteger(text: string, shown: string): number {
  if (!/^-?[0-9]{1,15}$/.test(text)) throw invalid(shown, text, "a whole number");
  return Number(text);
}

/** Linux's limit, without the final NUL. */
const PATH_MAX_BYTES = 4095;

/** Paths are absolute and plain: they end up in commands that run elsewhere, from another current directory. */
function parsePath(text: string, shown: string): string {
  if (!text.startsWith("/")) throw invalid(shown, text, "an absolute path");
  if (/[\0\n\r]/.test(text)) throw invalid(shown, text, "a path without line breaks");
  if (Buffer.byteLength(text) > PATH_MAX_BYTES) {
    throw invalid(shown, `${text.slice(0, 60)}…`, `a path of at most ${PATH_MAX_BYTES} bytes`);
  }
  const plain = text.replace(/\/{2,}/g, "/");
  return plain === "/" ? plain : plain.replace(/\/$/, "");
}

function parseEnum(text: string, values: readonly string[], shown: string): string {
  if (values.includes(text)) return text;
  const synonym = ENUM_SYNONYMS[text];
  if (synonym !== undefined && values.includes(synonym)) return synonym;
  const nearest = nearestWord(text, values);
  throw failure("CONFIG_OPTION_INVALID", `${shown} cannot be "${text}"`, {
    hint: `${nearest === undefined ? "" : `Did you mean ${nearest}? `}It is one of ${values.join(", ")}.`,
  });
}

/** Words that mean a value of an enum elsewhere. */
const ENUM_SYNONYMS: Readonly<Record<string, string>> = {
  gzip: "gz",
  zstd: "zst",
  bzip2: "bz2",
  filesystem: "posix",
  yes: "y",
  no: "n",
  true: "y",
  false: "n",
  incremental: "incr",
  differential: "diff",
};

function parseMap(texts: readonly string[], shown: string): Readonly<Record<string, string>> {
  const pairs = texts.map((text): readonly [string, string] => {
    const at = text.indexOf("=");
    if (at < 1) throw invalid(shown, text, "of the form key=value");
    return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  });
  return Object.freeze(
    Object.assign(Object.create(null) as Record<string, string>, Object.fromEntries(pairs)),
  );
}

function inRange(value: number, definition: OptionDefinition, shown: string): number {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = definition;
  if (value >= min && value <= max) return value;
  throw failure("CONFIG_OPTION_INVALID", `${shown} is out of range: ${value}`, {
    hint: `It must be from ${definition.min ?? "…"} to ${definition.max ?? "…"}${definition.type === "time" ? " milliseconds" : ""}.`,
  });
}

function invalid(shown: string, text: string, expected: string): Error {
  return failure("CONFIG_OPTION_INVALID", `${shown} must be ${expected}, not "${text}"`, {
    hint: "`hindsight help COMMAND` lists the options with examples.",
  });
}
