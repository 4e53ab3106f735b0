// The result of flags, environment, file and defaults: values with the types of their rows in the option table.
// Immutable. How it comes about: load.ts.
import type { Secret } from "../base/secret.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { CommandName } from "./command-names.ts";
import type { OptionGroup } from "./option.ts";
import { optionDefinition, type OptionName, type OptionTable, writtenName } from "./options.ts";
import { type OptionValue, parseOptionValue } from "./value.ts";

interface ValueTypes {
  readonly string: string;
  readonly path: string;
  readonly boolean: boolean;
  readonly integer: number;
  readonly size: number;
  readonly time: number;
  readonly list: readonly string[];
  readonly map: Readonly<Record<string, string>>;
  readonly secret: Secret;
}

type RowValue<Row> = Row extends { readonly values: readonly (infer Word)[] }
  ? Word
  : Row extends { readonly type: infer Type extends keyof ValueTypes }
    ? ValueTypes[Type]
    : never;

/** The type of an option's value: undefined is possible unless its row has a default or it is a list or map. */
export type SettingValue<Name extends OptionName> = OptionTable[Name] extends
  | { readonly default: string }
  | { readonly type: "list" | "map" }
  ? RowValue<OptionTable[Name]>
  : RowValue<OptionTable[Name]> | undefined;

/** Where a value came from. */
export type SettingOrigin = "flag" | "environment" | "file" | "default";

/** One value that was given somewhere. */
export interface GivenSetting {
  readonly name: OptionName;
  /** 0 for options without group. */
  readonly number: number;
  readonly origin: Exclude<SettingOrigin, "default">;
  readonly value: OptionValue;
  /** As it was written; empty for secrets. */
  readonly texts: readonly string[];
}

/** What {@link Settings} is made of. */
export interface SettingsParts {
  readonly command: CommandName;
  readonly stanza: StanzaName | undefined;
  readonly stanzas: readonly string[];
  readonly configFile: string | undefined;
  readonly warnings: readonly string[];
  /** The value that counts of every given option, by written name. */
  readonly given: ReadonlyMap<string, GivenSetting>;
  /** The same without flags: what environment and file say. */
  readonly configured: ReadonlyMap<string, GivenSetting>;
}

/** All settings of one run of one command. */
export class Settings {
  readonly command: CommandName;
  /** Undefined when none was named and the configuration has none or several. */
  readonly stanza: StanzaName | undefined;
  /** Stanzas that the configuration file describes. */
  readonly stanzas: readonly string[];
  /** Absolute path of the configuration file. */
  readonly configFile: string | undefined;
  /** Sentences to be logged once as warnings. */
  readonly warnings: readonly string[];
  readonly #given: ReadonlyMap<string, GivenSetting>;
  readonly #configured: ReadonlyMap<string, GivenSetting>;

  constructor(parts: SettingsParts) {
    this.command = parts.command;
    this.stanza = parts.stanza;
    this.stanzas = parts.stanzas;
    this.configFile = parts.configFile;
    this.warnings = parts.warnings;
    this.#given = parts.given;
    this.#configured = parts.configured;
    Object.freeze(this);
  }

  /**
   * The value of an option: sizes in bytes, times in milliseconds.
   *
   * @param number of the repository or host, for options of a group.
   */
  get<Name extends OptionName>(name: Name, number = 1): SettingValue<Name> {
    return this.#value(this.#given, name, number);
  }

  /** The value without the command line: what the machine is set up for. */
  configured<Name extends OptionName>(name: Name, number = 1): SettingValue<Name> {
    return this.#value(this.#configured, name, number);
  }

  /** Where the value of an option comes from. */
  origin(name: OptionName, number = 1): SettingOrigin {
    return this.#given.get(writtenName(name, number))?.origin ?? "default";
  }

  /** Numbers of a group that anything was given for, ascending; always at least 1. */
  numbers(group: OptionGroup): readonly number[] {
    const numbers = [...this.#given.values()]
      .filter((setting) => optionDefinition(setting.name).group === group)
      .map((setting) => setting.number);
    return [...new Set(numbers.length === 0 ? [1] : numbers)].toSorted((a, b) => a - b);
  }

  /** Everything that was not left to its default. */
  given(): readonly GivenSetting[] {
    return [...this.#given.values()];
  }

  /** @throws {HindsightError} `CONFIG_OPTION_MISSING` when no stanza is named and there is not exactly one. */
  requireStanza(): StanzaName {
    if (this.stanza !== undefined) return this.stanza;
    const known =
      this.stanzas.length === 0 ? "" : ` The configuration has ${this.stanzas.join(", ")}.`;
    throw failure("CONFIG_OPTION_MISSING", `${this.command} needs a stanza`, {
      hint: `Name it with --stanza=NAME.${known}`,
    });
  }

  /**
   * The value of an option that this command cannot do without.
   *
   * @throws {HindsightError} `CONFIG_OPTION_MISSING`
   */
  require<Name extends OptionName>(name: Name, number = 1): NonNullable<SettingValue<Name>> {
    const value = this.get(name, number);
    if (value !== undefined && value !== null) return value;
    const written = writtenName(name, number);
    throw failure("CONFIG_OPTION_MISSING", `${this.command} needs ${written}`, {
      hint: `Put ${written}=… into section [${this.stanza ?? "global"}] of the configuration file, or give --${written}=….`,
    });
  }

  /** The one place where a parsed value gets the type of its row: parseOptionValue made it by that same row. */
  #value<Name extends OptionName>(
    source: ReadonlyMap<string, GivenSetting>,
    name: Name,
    number: number,
  ): SettingValue<Name> {
    const given = source.get(writtenName(name, number));
    return (given === undefined ? defaultValue(name) : given.value) as SettingValue<Name>;
  }
}

function defaultValue(name: OptionName): OptionValue | undefined {
  const definition = optionDefinition(name);
  if (definition.default !== undefined) {
    return parseOptionValue(definition, [definition.default], name);
  }
  if (definition.type === "list") return [];
  return definition.type === "map" ? {} : undefined;
}
