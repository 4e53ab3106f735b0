import fc from "fast-check";
import { expect, test } from "vitest";
import { HindsightError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { OptionDefinition } from "./option.ts";
import { parseDuration, parseOptionValue, parseSize } from "./value.ts";

const row = (definition: Omit<OptionDefinition, "summary">): OptionDefinition => ({
  summary: "an option",
  ...definition,
});

test.each([
  ["0", 0],
  ["16384", 16_384],
  ["1B", 1],
  ["2kb", 2048],
  ["128MiB", 134_217_728],
  ["1GB", 1_073_741_824],
  ["16GiB", 17_179_869_184],
  ["1 G", 1_073_741_824],
])("the size %s is %i bytes", (text, bytes) => {
  expect(parseSize(text, "x")).toBe(bytes);
});

test.each([
  ["30m", 1_800_000],
  ["90", 90_000],
  ["0.5", 500],
  ["250ms", 250],
  ["1d", 86_400_000],
  ["2w", 1_209_600_000],
])("the time %s is %i milliseconds", (text, milliseconds) => {
  expect(parseDuration(text, "x")).toBe(milliseconds);
});

test.each([
  [{ type: "boolean" }, "maybe"],
  [{ type: "integer" }, "1.5"],
  [{ type: "integer" }, "0x10"],
  [{ type: "integer", min: 1, max: 999 }, "0"],
  [{ type: "integer", min: 1, max: 999 }, "1000"],
  [{ type: "size" }, "1.5GB"],
  [{ type: "size" }, "-1"],
  [{ type: "size" }, "9999999PB"],
  [{ type: "time" }, "1y"],
  [{ type: "time" }, "1e3"],
  [{ type: "path" }, "relative/path"],
  [{ type: "path" }, "/with\nbreak"],
  [{ type: "path" }, `/${"x/".repeat(2100)}`],
  [{ type: "enum", values: ["text", "json"] }, "xml"],
  [{ type: "map" }, "novalue"],
  [{ type: "map" }, "=value"],
  [{ type: "string" }, ""],
] satisfies [Omit<OptionDefinition, "summary">, string][])(
  "a value of %j cannot be %j",
  (definition, text) => {
    expect(() => parseOptionValue(row(definition), [text], "--some-option")).toThrow(
      expect.objectContaining({ code: "CONFIG_OPTION_INVALID" }),
    );
  },
);

test("an error names the option and an enum's values", () => {
  const definition = row({ type: "enum", values: ["off", "warn", "info"] });
  expect(() => parseOptionValue(definition, ["wran"], "log-level-console in [global]")).toThrow(
    expect.objectContaining({
      message: 'log-level-console in [global] cannot be "wran"',
      hint: "Did you mean warn? It is one of off, warn, info.",
    }),
  );
});

test.each(["y", "yes", "true", "ON"])("%s is on", (text) => {
  expect(parseOptionValue(row({ type: "boolean" }), [text], "x")).toBe(true);
});

test.each(["n", "No", "false", "off"])("%s is off", (text) => {
  expect(parseOptionValue(row({ type: "boolean" }), [text], "x")).toBe(false);
});

test("paths lose doubled and trailing slashes", () => {
  const parse = (text: string): unknown => parseOptionValue(row({ type: "path" }), [text], "x");
  expect(parse("//var//lib/")).toBe("/var/lib");
  expect(parse("/")).toBe("/");
});

test("synonyms of an enum's value are understood", () => {
  const definition = row({ type: "enum", values: ["none", "gz", "zst"] });
  expect(parseOptionValue(definition, ["zstd"], "x")).toBe("zst");
  expect(parseOptionValue(definition, ["gzip"], "x")).toBe("gz");
});

test("only lists and maps may be repeated", () => {
  expect(parseOptionValue(row({ type: "list" }), ["a", "b"], "x")).toEqual(["a", "b"]);
  const map = parseOptionValue(row({ type: "map" }), ["a=1", "b=x=y"], "x");
  expect({ ...(map as object) }).toEqual({ a: "1", b: "x=y" });
  expect(() => parseOptionValue(row({ type: "integer" }), ["1", "2"], "x")).toThrow(
    "more than once",
  );
});

test("a map takes any key, also those that objects have already", () => {
  const map = parseOptionValue(row({ type: "map" }), ["__proto__=1", "constructor=2"], "x");
  expect(Object.keys(map)).toEqual(["__proto__", "constructor"]);
});

test("a secret does not show", () => {
  const secret = parseOptionValue(row({ type: "secret" }), ["hunter2"], "x");
  expect(secret).toBeInstanceOf(Secret);
  expect(JSON.stringify({ secret })).toBe('{"secret":"[secret]"}');
});

function valueOrCode(definition: OptionDefinition, text: string): unknown {
  try {
    return parseOptionValue(definition, [text], "x");
  } catch (error) {
    if (error instanceof HindsightError) return error.code;
    throw error;
  }
}

test("whatever is written, the answer is a value or CONFIG_OPTION_INVALID", () => {
  const types = ["boolean", "integer", "size", "time", "path", "map"] as const;
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.string(), (type, text) => {
      expect(valueOrCode(row({ type }), text)).not.toBeNaN();
    }),
  );
});
