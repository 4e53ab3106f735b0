// The one option table. Parser, environment names, help, checks and docs/configuration.md derive from it; the rows are in
// options/, by area. How a row is read: option.ts. How a value is read: value.ts.
import { GROUP_NUMBER_MAX, type OptionDefinition, type OptionGroup } from "./option.ts";
import { ARCHIVE_OPTIONS } from "./options/archive.ts";
import { BACKUP_OPTIONS } from "./options/backup.ts";
import { GENERAL_OPTIONS } from "./options/general.ts";
import { HISTORY_OPTIONS } from "./options/history.ts";
import { LOGGING_OPTIONS } from "./options/logging.ts";
import { POSTGRES_OPTIONS } from "./options/postgres.ts";
import { REMOTE_REPOSITORY_OPTIONS } from "./options/remote-repository.ts";
import { REPOSITORY_OPTIONS } from "./options/repository.ts";
import { RESTORE_OPTIONS } from "./options/restore.ts";
import { SERVER_OPTIONS } from "./options/server.ts";

/** Every row by its name in the table: `process-max`, `repo-path`. */
export type OptionTable = typeof GENERAL_OPTIONS &
  typeof LOGGING_OPTIONS &
  typeof POSTGRES_OPTIONS &
  typeof REPOSITORY_OPTIONS &
  typeof REMOTE_REPOSITORY_OPTIONS &
  typeof ARCHIVE_OPTIONS &
  typeof BACKUP_OPTIONS &
  typeof RESTORE_OPTIONS &
  typeof HISTORY_OPTIONS &
  typeof SERVER_OPTIONS;

/** A name in the table. Users write `repo1-path` for `repo-path`. */
export type OptionName = keyof OptionTable;

/** The rows of one area, as the documentation shows them together. */
export interface OptionArea {
  readonly title: string;
  readonly rows: Readonly<Record<string, OptionDefinition>>;
}

/** All areas in the order of the documentation. */
export const OPTION_AREAS: readonly OptionArea[] = [
  { title: "General", rows: GENERAL_OPTIONS },
  { title: "Logging", rows: LOGGING_OPTIONS },
  { title: "Cluster", rows: POSTGRES_OPTIONS },
  { title: "Repository", rows: REPOSITORY_OPTIONS },
  { title: "WAL archive", rows: ARCHIVE_OPTIONS },
  { title: "Backup", rows: BACKUP_OPTIONS },
  { title: "Restore", rows: RESTORE_OPTIONS },
  { title: "History", rows: HISTORY_OPTIONS },
  { title: "Repositories beyond the filesystem", rows: REMOTE_REPOSITORY_OPTIONS },
  { title: "pgBackRest's server", rows: SERVER_OPTIONS },
];

const DEFINITIONS: ReadonlyMap<string, OptionDefinition> = new Map(
  OPTION_AREAS.flatMap((area) => Object.entries(area.rows)),
);

/** A row of the table and, for a group's option, the number that the user wrote. */
export interface OptionReference {
  readonly name: OptionName;
  readonly definition: OptionDefinition;
  /** 1 to {@link GROUP_NUMBER_MAX} for options of a group, else 0. */
  readonly number: number;
}

/** The row of a name that is in the table. */
export function optionDefinition(name: OptionName): OptionDefinition {
  const definition = DEFINITIONS.get(name);
  if (!definition) throw new Error(`option ${name} is not in the table`);
  return definition;
}

/** All names of the table. */
export function optionNames(): readonly OptionName[] {
  return [...DEFINITIONS.keys()] as OptionName[];
}

/**
 * Finds the row for a name as users write it: `process-max`, `repo1-path`, or `repo-path` for number 1.
 *
 * @returns undefined when there is no such option.
 */
export function findOption(written: string): OptionReference | undefined {
  const numbered = /^(repo|pg)([1-9][0-9]{0,2})-(.+)$/.exec(written);
  const name = numbered ? `${numbered[1]}-${numbered[3]}` : written;
  const definition = DEFINITIONS.get(name);
  if (!definition || (numbered && definition.group === undefined)) return undefined;
  const number = definition.group === undefined ? 0 : Number(numbered?.[2] ?? 1);
  if (number > GROUP_NUMBER_MAX) return undefined;
  return { name: name as OptionName, definition, number };
}

/** The name as users write it: `repo1-path` for `repo-path` of number 1. */
export function writtenName(name: string, number: number): string {
  const group: OptionGroup | undefined = DEFINITIONS.get(name)?.group;
  return group === undefined ? name : name.replace(group, `${group}${number}`);
}
