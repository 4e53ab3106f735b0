// From settings to a store: which driver, and which decorators around it.
import { stat } from "node:fs/promises";
import type { Context } from "../base/context.ts";
import { makeDirectoriesDurably } from "../base/durable-file.ts";
import { filesystemError, isAbsence } from "./filesystem-error.ts";
import { createFilesystemStore } from "./filesystem.ts";
import { logged } from "./logged.ts";
import type { ObjectStore } from "./object-store.ts";

/** Where a repository is kept. */
export interface StoreSettings {
  readonly type: "posix";
  /** The directory that holds the repository. */
  readonly path: string;
}

/**
 * Opens the store of a repository. Nothing is asked of it yet.
 *
 * A local file system is not retried: what it cannot do now it cannot do in a second either.
 */
export function openStore(settings: StoreSettings, context: Context): ObjectStore {
  return logged(createFilesystemStore(settings.path), context);
}

/**
 * Makes the place of a new repository where it is missing, with its parents; for stanza-create only. Any other command
 * that finds it missing must take it for an unmounted file system.
 *
 * @throws {HindsightError} `REPOSITORY_DENIED`, `REPOSITORY_UNREACHABLE`
 */
export async function makeStorePlace(settings: StoreSettings): Promise<void> {
  try {
    await stat(settings.path);
  } catch (error) {
    if (!isAbsence(error)) throw filesystemError(error, "enter", settings.path);
    await makeDirectoriesDurably(settings.path).catch((cause: unknown) => {
      throw filesystemError(cause, "write", settings.path);
    });
  }
}
