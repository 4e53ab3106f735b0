// How the filesystem store creates an object: directories from the root down, then the file, every step durable and none
// of them through a link.
import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createFileDurably, makeDirectoryDurably, syncDirectory } from "../base/durable-file.ts";
import { assertObjectKey } from "./arguments.ts";
import { filesystemError, foreignFileError, isAbsence } from "./filesystem-error.ts";
import { type FilesystemRoot, parentKey } from "./filesystem-root.ts";
import type { CallOptions, ObjectContent, ObjectKey, PutOutcome } from "./object-store.ts";

/**
 * Creates the file of an object, and the directories it lies in; see `put` of the interface.
 *
 * The answer "exists" is durable too: the process that made the object may have died before it synced the directories.
 */
export async function putObject(
  root: FilesystemRoot,
  key: ObjectKey,
  content: ObjectContent,
  options: CallOptions,
): Promise<PutOutcome> {
  assertObjectKey(key);
  options.signal?.throwIfAborted();
  const path = await root.pathOf(key);
  await root.assertPresent();
  const source = guardSource(content);
  try {
    await makeDirectories(root, parentKey(key));
    if (await isTaken(path)) {
      await syncDirectory(dirname(path));
      return "exists";
    }
    return await createFileDurably(path, source.content, { signal: options.signal });
  } catch (error) {
    // A source that failed has its own error, even when that comes from a file system too.
    throw source.failed(error) ? error : filesystemError(error, "write", path);
  }
}

/** Makes and syncs the directories from the root down to `key`, none of them through a link. */
async function makeDirectories(root: FilesystemRoot, key: string): Promise<void> {
  if (key === "") return;
  let path = await root.pathOf("");
  for (const part of key.split("/")) {
    path = join(path, part);
    await makeDirectoryDurably(path);
    if (!(await lstat(path)).isDirectory()) throw foreignFileError(path, "no directory");
  }
}

async function isTaken(path: string): Promise<boolean> {
  try {
    const status = await lstat(path);
    if (!status.isFile()) throw foreignFileError(path, "no plain file");
    return true;
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

/** Remembers what the content threw, to tell it from what the file system throws. */
function guardSource(content: ObjectContent): {
  readonly content: ObjectContent;
  failed(error: unknown): boolean;
} {
  if (content instanceof Uint8Array) return { content, failed: () => false };
  let failure: { readonly error: unknown } | undefined;
  async function* guarded(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      failure = { error };
      throw error;
    }
  }
  return { content: guarded(content), failed: (error) => failure?.error === error };
}
