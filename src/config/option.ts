// What the option table says about one option, and the types of its values. The table itself: options.ts.

/** How an option's text is read; see value.ts. Sizes are bytes, times are milliseconds once read. */
export const OPTION_TYPES = [
  "string",
  "path",
  "boolean",
  "integer",
  "size",
  "time",
  "enum",
  "list",
  "map",
  "secret",
] as const;
export type OptionType = (typeof OPTION_TYPES)[number];

/**
 * - `none`: what it asks for does not exist yet; it is accepted and named once in a warning. Silent when its value asks
 *   for what happens anyway: `present`, else the default.
 * - `refused`: ignoring it would be dangerous, so it is an error until it exists.
 */
export type OptionEffect = "none" | "refused";

/** One row of the option table. Everything about an option is derived from its row. */
export interface OptionDefinition {
  readonly type: OptionType;
  /** One line, lower case, no final stop. */
  readonly summary: string;
  /** As a user would write it. An option without default is undefined when it is not given. */
  readonly default?: string;
  /** The values of an enum. */
  readonly values?: readonly string[];
  /** Inclusive bounds of an integer, of a size in bytes, or of a time in milliseconds. */
  readonly min?: number;
  readonly max?: number;
  /** Options of a group are numbered in their names: `repo1-path`, `pg2-port`. */
  readonly group?: OptionGroup;
  /** Commands that accept it on the command line; all when left out. Files may name it for any command. */
  readonly commands?: readonly string[];
  /** Whether it may stand only on the command line or in the environment. */
  readonly commandLineOnly?: true;
  /** A value as a user would write it, for help. */
  readonly example?: string;
  readonly effect?: OptionEffect;
  readonly present?: string;
}

/** Options that belong to one of several repositories or one of several hosts of a cluster. */
export const OPTION_GROUPS = ["repo", "pg"] as const;
export type OptionGroup = (typeof OPTION_GROUPS)[number];

/** Highest number in `repoN-…` and `pgN-…`. */
export const GROUP_NUMBER_MAX = 256;
