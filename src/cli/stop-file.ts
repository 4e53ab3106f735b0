// Stop files: an operator's wish, on this host, that nothing writes a stanza's repository for now. As with pgBackRest they
// lie in lock-path, one for a stanza and one for all.
import { lstat, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";

const ALL = "all";

/** The file of a stanza, or with undefined the one of all. */
function stopFile(settings: Settings, stanza: string | undefined): string {
  return join(settings.get("lock-path"), `${stanza ?? ALL}.stop`);
}

/**
 * Makes the file.
 *
 * @returns false when it was there.
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` when lock-path cannot be written.
 */
export async function createStopFile(
  settings: Settings,
  stanza: string | undefined,
): Promise<boolean> {
  const path = stopFile(settings, stanza);
  try {
    await mkdir(settings.get("lock-path"), { recursive: true, mode: 0o755 });
    await writeFile(path, "", { flag: "wx", mode: 0o644 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw unwritable(path, error);
  }
}

/** @returns the names of the files that were removed: the stanza's, and when all are started every one. */
export async function removeStopFiles(
  settings: Settings,
  stanza: string | undefined,
): Promise<readonly string[]> {
  const directory = settings.get("lock-path");
  const names = await readdir(directory).catch(() => []);
  const ours = names.filter((name) =>
    stanza === undefined ? name === `${ALL}.stop` : name === `${stanza}.stop`,
  );
  for (const name of ours) {
    await rm(join(directory, name), { force: true }).catch((error: unknown) => {
      throw unwritable(join(directory, name), error);
    });
  }
  return ours;
}

/** The stop file that holds for a stanza, if there is one. One that cannot be looked at counts as absent. */
export async function findStopFile(
  settings: Settings,
  stanza: string | undefined,
): Promise<string | undefined> {
  for (const each of stanza === undefined ? [undefined] : [stanza, undefined]) {
    const path = stopFile(settings, each);
    const found = await lstat(path).catch(() => undefined);
    if (found) return path;
  }
  return undefined;
}

/** @throws {HindsightError} `STOPPED` */
export async function refuseStopped(settings: Settings): Promise<void> {
  const path = await findStopFile(settings, settings.stanza);
  if (path === undefined) return;
  throw failure("STOPPED", `${settings.command} is stopped by ${path}`, {
    hint: "Somebody ran `hindsight stop` on this host; `hindsight start` lets work go on.",
    context: { stopFile: path },
  });
}

function unwritable(path: string, cause: unknown): Error {
  return failure("CONFIG_OPTION_INVALID", `cannot write ${path}: ${errorMessage(cause)}`, {
    hint: "Let lock-path name a directory that this user may write.",
    cause,
  });
}
