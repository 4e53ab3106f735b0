// The server's settings that archiving and recovery need, each with the exact statement that puts it right. A setting
// that takes a restart is told apart from one that takes a reload: archive_mode needs a restart, archive_command does not.
import { failed, type Finding, passed, warned } from "./finding.ts";

/** One row of pg_settings. */
export interface SettingRow {
  readonly value: string;
  /** Changed in a file, but only a restart makes it so. */
  readonly isPendingRestart: boolean;
}

/** Settings to ask for. */
export const CHECKED_SETTINGS = [
  "archive_mode",
  "archive_command",
  "archive_library",
  "wal_level",
  "full_page_writes",
  "fsync",
] as const;

/** Rows by name; one that this major does not have is left out. */
export type CheckedSettings = Readonly<
  Partial<Record<(typeof CHECKED_SETTINGS)[number], SettingRow>>
>;

const RELOAD = "select pg_reload_conf();";

/**
 * Judges the settings.
 *
 * @param command the archive_command that would be right.
 */
export function checkSettings(
  settings: CheckedSettings,
  { stanza, command }: { readonly stanza: string; readonly command: string },
): readonly Finding[] {
  return [
    checkWalLevel(settings),
    checkArchiveMode(settings),
    checkArchiveCommand(settings, { stanza, command }),
    checkSafety(settings, "fsync"),
    checkSafety(settings, "full_page_writes"),
  ];
}

function checkWalLevel({ wal_level: level }: CheckedSettings): Finding {
  const name = "wal_level";
  if (level?.isPendingRestart) return pendingRestart(name);
  if (level?.value !== "minimal") return passed(name, level?.value);
  return failed(name, "it is minimal: such WAL cannot be recovered from", {
    fix: "Run: alter system set wal_level = 'replica'; then restart PostgreSQL: a reload is not enough.",
  });
}

function checkArchiveMode({ archive_mode: mode }: CheckedSettings): Finding {
  const name = "archive_mode";
  if (mode?.isPendingRestart) return pendingRestart(name);
  if (mode?.value === "on" || mode?.value === "always") return passed(name, mode.value);
  return failed(name, `it is ${mode?.value ?? "unknown"}: no WAL is archived`, {
    fix: "Run: alter system set archive_mode = 'on'; then restart PostgreSQL: a reload is not enough.",
  });
}

function checkArchiveCommand(
  { archive_command: commandRow, archive_library: library }: CheckedSettings,
  { stanza, command }: { readonly stanza: string; readonly command: string },
): Finding {
  const name = "archive_command";
  const value = commandRow?.value ?? "";
  const set = `alter system set archive_command = '${command.replaceAll("'", "''")}'; ${RELOAD}`;
  if (library !== undefined && library.value !== "") {
    return failed(name, `archive_library is ${library.value}, so archive_command is not used`, {
      fix: `Run: alter system reset archive_library; ${set}`,
    });
  }
  if (value === "") {
    return failed(name, "it is empty", { fix: `Run: ${set} No restart is needed.` });
  }
  if (!value.includes("archive-push")) {
    return failed(name, `it does not call hindsight archive-push: ${value}`, {
      fix: `Run: ${set} No restart is needed.`,
    });
  }
  const named = /--stanza[= ]'?"?([A-Za-z0-9_.-]+)/.exec(value)?.[1];
  if (named !== undefined && named !== stanza) {
    return failed(name, `it pushes to stanza ${named}, not to ${stanza}: ${value}`, {
      fix: `Run: ${set} No restart is needed.`,
    });
  }
  if (!/%p/.test(value)) {
    return failed(name, `it lacks %p, the path of the file: ${value}`, {
      fix: `Run: ${set} No restart is needed.`,
    });
  }
  return passed(name, value);
}

/** Settings that are on in every server whose data matters. */
function checkSafety(settings: CheckedSettings, name: "fsync" | "full_page_writes"): Finding {
  if (settings[name]?.value !== "off") return passed(name, "on");
  return warned(
    name,
    "it is off: a crash can damage the cluster, and the next backup with it",
    `Run: alter system set ${name} = 'on'; ${RELOAD}`,
  );
}

function pendingRestart(name: string): Finding {
  return failed(name, "it was changed, but the server has not been restarted since", {
    fix: "Restart PostgreSQL: a reload is not enough for this setting.",
  });
}
