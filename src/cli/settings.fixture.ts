// Settings for tests, from a command line and the text of a file.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseCommandLine } from "../config/command-line.ts";
import type { Environment } from "../config/environment.ts";
import { loadSettings } from "../config/load.ts";
import type { Settings } from "../config/settings.ts";
import { assignArguments, findCommand } from "./commands.ts";

/** Where the configuration of {@link settingsOf} was read from; the file is gone again. */
export interface SettingsGiven {
  readonly words: readonly string[];
  readonly file?: string;
  readonly environment?: Environment;
}

/** Reads them as main does. */
export async function settingsOf({
  words,
  file = "[main]\npg1-path=/pg",
  environment = {},
}: SettingsGiven): Promise<Settings> {
  const directory = mkdtempSync(join(tmpdir(), "hindsight-settings-"));
  try {
    const path = join(directory, "hindsight.conf");
    writeFileSync(path, file, { mode: 0o600 });
    const line = parseCommandLine([`--config=${path}`, ...words]);
    const spec = findCommand(line.words[0] ?? "");
    const { flags } = assignArguments(spec, line.words.slice(1), line.options);
    return await loadSettings({ command: spec.name, flags, environment });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
