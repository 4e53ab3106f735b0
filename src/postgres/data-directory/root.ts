// Whether a directory is a PostgreSQL data directory at all, and what of its configuration lies elsewhere.
import { readFile } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import { failure } from "../../model/failure.ts";
import { textPath } from "../../model/byte-path.ts";
import { inspect, unreadable } from "./file-system.ts";

/**
 * Makes sure that `root` is a data directory of that major version.
 *
 * @throws {HindsightError} `DATA_DIRECTORY_INVALID` or `DATA_FILE_UNREADABLE`
 */
export async function checkRoot(root: string, major: number): Promise<void> {
  const found = await readMajor(root);
  if (found !== String(major)) {
    throw failure(
      "DATA_DIRECTORY_INVALID",
      `${root} is of PostgreSQL ${found}, expected ${major}`,
      {
        hint: "Set pg1-path to the data directory of the server that pg1-port leads to.",
      },
    );
  }
  if (inspect(root, textPath("global/pg_control")) === undefined) {
    throw failure("DATA_DIRECTORY_INVALID", `${root} has no global/pg_control`, {
      hint: "It is the remains of a restore or of a copy that was not completed.",
    });
  }
}

/** The text of PG_VERSION. */
async function readMajor(root: string): Promise<string> {
  try {
    return (await readFile(join(root, "PG_VERSION"), "utf8")).trim();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw unreadable(textPath("PG_VERSION"), cause);
    throw failure(
      "DATA_DIRECTORY_INVALID",
      `${root} is not a PostgreSQL data directory: it has no PG_VERSION`,
      {
        hint: "Set pg1-path to what `show data_directory` says.",
        cause,
      },
    );
  }
}

const CONFIGURATION_SETTINGS = ["config_file", "hba_file", "ident_file"] as const;

/**
 * Warnings about configuration files that a backup does not contain because they lie outside the data directory, as on
 * Debian.
 *
 * @param settings as in ClusterFacts.
 */
export function warnAboutOutsideConfiguration(
  settings: Readonly<Record<string, string>>,
  dataDirectory: string,
): readonly string[] {
  return CONFIGURATION_SETTINGS.flatMap((name) => {
    const file = settings[name];
    if (file === undefined || file === "" || isBelow(file, dataDirectory)) return [];
    return [
      `${name} is ${file}, outside the data directory: it is not in the backup, keep a copy of it`,
    ];
  });
}

function isBelow(file: string, directory: string): boolean {
  // By parts of the path: as texts, /data/pg1 would contain /data/pg10.
  const way = relative(directory, file);
  return way !== "" && way !== ".." && !way.startsWith("../") && !isAbsolute(way);
}
