// JSON as the repository writes it: one allowed spelling for every value, so that parsing and writing again gives the
// same bytes, and no reader has to wonder about missing, repeated or additional keys. Parsers of records take an object
// apart with JsonFields, which complains about everything that is left over.
import { parseLsn, formatLsn, type Lsn } from "../model/lsn.ts";

/** Any JSON value. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Says what is wrong with a JSON text; whoever knows the object turns it into `OBJECT_CORRUPT`. */
export class JsonShapeError extends Error {
  override readonly name = "JsonShapeError";
}

/**
 * Parses a JSON text that must be spelt as {@link JSON.stringify} spells it.
 *
 * @throws {JsonShapeError}
 */
export function parseStrictJson(text: string): Json {
  const value = parseJson(text);
  // Catches what a parser forgives: blanks, repeated keys, other spellings of numbers and characters.
  if (JSON.stringify(value) !== text) {
    throw new JsonShapeError("JSON is not spelt in the one allowed way");
  }
  return value;
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new JsonShapeError("JSON cannot be parsed", { cause });
  }
}

/** Takes the keys of one JSON object, each exactly once. */
export class JsonFields {
  readonly #rest: Map<string, Json>;

  /** @throws {JsonShapeError} when `value` is no object. */
  constructor(value: Json | undefined) {
    if (typeof value !== "object" || value === null || isArray(value)) {
      throw new JsonShapeError("a JSON object is missing");
    }
    this.#rest = new Map(Object.entries(value));
  }

  /** Whether the key was given and not taken yet. */
  has(key: string): boolean {
    return this.#rest.has(key);
  }

  /** @throws {JsonShapeError} when the key is missing. */
  any(key: string): Json {
    const value = this.#rest.get(key);
    if (value === undefined) throw new JsonShapeError(`"${key}" is missing`);
    this.#rest.delete(key);
    return value;
  }

  text(key: string): string {
    return asText(this.any(key), key);
  }

  /** A text that matches `pattern` as a whole. */
  textOf(key: string, pattern: RegExp): string {
    const value = this.text(key);
    if (!pattern.test(value)) throw new JsonShapeError(`"${key}" is malformed`);
    return value;
  }

  /** A SHA-256 as 64 lower-case hexadecimal digits. */
  sha256(key: string): string {
    return this.textOf(key, /^[0-9a-f]{64}$/);
  }

  boolean(key: string): boolean {
    const value = this.any(key);
    if (typeof value !== "boolean") throw new JsonShapeError(`"${key}" is neither true nor false`);
    return value;
  }

  /** An integer, 0 to `max`. */
  integer(key: string, max: number = Number.MAX_SAFE_INTEGER): number {
    return asInteger(this.any(key), key, max);
  }

  array(key: string): readonly Json[] {
    const value = this.any(key);
    if (!isArray(value)) throw new JsonShapeError(`"${key}" is not a list`);
    return value;
  }

  fields(key: string): JsonFields {
    return new JsonFields(this.any(key));
  }

  /** A value parsed by `parse`, or undefined for null. */
  optional<Value>(
    key: string,
    parse: (fields: JsonFields, key: string) => Value,
  ): Value | undefined {
    if (this.#rest.get(key) !== null) return parse(this, key);
    this.#rest.delete(key);
    return undefined;
  }

  /** An instant; texts have the form that `format` writes. */
  instant(key: string): Temporal.Instant {
    const text = this.text(key);
    const instant = Temporal.Instant.from(text);
    if (instant.toString() !== text) throw new JsonShapeError(`"${key}" is not a time in UTC`);
    return instant;
  }

  lsn(key: string): Lsn {
    const text = this.text(key);
    const position = parseLsn(text);
    if (formatLsn(position) !== text) throw new JsonShapeError(`"${key}" is not an LSN`);
    return position;
  }

  /** A decimal uint64 that may pass 2^53. */
  uint64(key: string): bigint {
    const value = BigInt(this.textOf(key, /^(?:0|[1-9][0-9]{0,19})$/));
    if (value >= 1n << 64n) throw new JsonShapeError(`"${key}" is past 2^64`);
    return value;
  }

  /** An object whose values are all texts. */
  textMap(key: string): Readonly<Record<string, string>> {
    return this.fields(key).#takeTexts();
  }

  /** Takes whatever is left, for whoever only shows it or wants to know that it is whole. */
  takeRest(): Json {
    const rest = Object.fromEntries(this.#rest);
    this.#rest.clear();
    return rest;
  }

  /** @throws {JsonShapeError} when a key was not taken. */
  end(): void {
    for (const key of this.#rest.keys()) throw new JsonShapeError(`"${key}" is not known`);
  }

  #takeTexts(): Readonly<Record<string, string>> {
    const texts: Record<string, string> = {};
    for (const [key, value] of this.#rest) {
      if (key === "__proto__") throw new JsonShapeError(`"${key}" cannot be a name`);
      texts[key] = asText(value, key);
    }
    return texts;
  }
}

/** @throws {JsonShapeError} when it is no integer from 0 to `max`. */
export function asInteger(value: Json | undefined, name: string, max: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max)
    return value;
  throw new JsonShapeError(`"${name}" is not an integer from 0 to ${max}`);
}

/** @throws {JsonShapeError} when it is no text. */
function asText(value: Json | undefined, name: string): string {
  if (typeof value === "string" && value.isWellFormed()) return value;
  throw new JsonShapeError(`"${name}" is not a text`);
}

/** Narrows JSON to its lists; `Array.isArray` alone does not, because they are read-only. */
export function isArray(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
