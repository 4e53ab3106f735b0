// `--recovery-option`: settings for postgresql.auto.conf, in pgBackRest's spelling and that of PostgreSQL before 12.
import { failure } from "../model/failure.ts";
import type { RestoreType } from "../model/recovery-target.ts";

/** Recovery options after the type that they may imply was taken out of them. */
export interface NormalizedOptions {
  readonly type: RestoreType;
  /** Names in lower case with underscores. */
  readonly settings: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
}

/**
 * `standby_mode=on`, which PostgreSQL 12 replaced by a file, means type standby; dashes in names mean underscores.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` for standby_mode together with a target.
 */
export function normalizeOptions(
  type: RestoreType,
  given: ReadonlyMap<string, string>,
): NormalizedOptions {
  const settings = new Map(
    [...given].map(([name, value]) => [name.toLowerCase().replaceAll("-", "_"), value]),
  );
  const standbyMode = settings.get("standby_mode");
  settings.delete("standby_mode");
  if (standbyMode === undefined) return { type, settings, warnings: [] };
  const isOn = ["on", "true", "yes", "1"].includes(standbyMode.toLowerCase());
  if (isOn && type !== "default" && type !== "standby") {
    throw failure("CONFIG_OPTION_INVALID", `standby_mode=on contradicts --type=${type}`, {
      hint: "A standby has no target: use --type=standby alone, or leave standby_mode out.",
    });
  }
  const meaning = isOn ? "taken as --type=standby" : "left out";
  return {
    type: isOn ? "standby" : type,
    settings,
    warnings: [`standby_mode does not exist since PostgreSQL 12; it is ${meaning}.`],
  };
}
