// Walks the directories of a filesystem store in key order. A directory is read whole and sorted; directories that a
// page cannot reach are not opened. Names that cannot be part of a key (temporary files, lost+found) are passed over.
import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { filesystemError, foreignFileError, isAbsence } from "./filesystem-error.ts";
import { commonPrefix, compareNames, type ListEntry } from "./list-page.ts";
import { isObjectKeyPart, type ListOptions } from "./object-store.ts";

/** What of the tree is wanted. */
export interface WalkRequest {
  readonly prefix: string;
  readonly options: ListOptions;
}

/** A directory to walk: where it is, and the beginning of all its keys ("" or ending in a slash). */
export interface WalkDirectory {
  readonly path: string;
  readonly key: string;
}

/** The entries after `options.after`, sorted. Objects removed meanwhile are left out. */
export async function* walkEntries(
  directory: WalkDirectory,
  request: WalkRequest,
): AsyncGenerator<ListEntry, void, undefined> {
  for (const name of await sortedNames(directory, request)) {
    request.options.signal?.throwIfAborted();
    if (name.endsWith("/")) yield* walkSubdirectory(directory, name, request);
    else yield* statEntry(directory, name, request);
  }
}

async function* walkSubdirectory(
  parent: WalkDirectory,
  name: string,
  request: WalkRequest,
): AsyncGenerator<ListEntry, void, undefined> {
  const directory = { path: join(parent.path, name), key: parent.key + name };
  const { prefix, options } = request;
  if (!mayHold(directory.key, prefix)) return;
  const common = options.delimiter === undefined ? undefined : commonPrefix(directory.key, prefix);
  if (common !== undefined) {
    const wanted = options.after === undefined || common > options.after;
    if (wanted && (await holdsObject(directory, request))) yield { kind: "prefix", name: common };
    return;
  }
  // Everything below `key` sorts before an `after` that is greater than it and does not begin with it.
  const passed =
    options.after !== undefined &&
    options.after > directory.key &&
    !options.after.startsWith(directory.key);
  if (!passed) yield* walkEntries(directory, request);
}

async function* statEntry(
  directory: WalkDirectory,
  name: string,
  { prefix, options }: WalkRequest,
): AsyncGenerator<ListEntry, void, undefined> {
  const key = directory.key + name;
  if (!key.startsWith(prefix)) return;
  if (options.after !== undefined && key <= options.after) return;
  const path = join(directory.path, name);
  try {
    const { size } = await lstat(path);
    yield { kind: "object", name: key, sizeBytes: size };
  } catch (error) {
    if (!isAbsence(error)) throw filesystemError(error, "list", path);
  }
}

/** Whether any object is stored at or below a directory: an empty directory is no prefix of anything. */
async function holdsObject(directory: WalkDirectory, request: WalkRequest): Promise<boolean> {
  const below = { prefix: directory.key, options: { signal: request.options.signal } };
  for await (const entry of walkEntries(directory, below)) return entry.kind === "object";
  return false;
}

/** Names of files, and names of directories with a slash at the end, in the order of the keys they begin. */
async function sortedNames(
  directory: WalkDirectory,
  request: WalkRequest,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const entry of await readDirectory(directory.path)) {
    if (!isObjectKeyPart(entry.name)) continue;
    if (entry.isDirectory()) names.push(`${entry.name}/`);
    else if (entry.isFile()) names.push(entry.name);
    else if (mayHold(`${directory.key}${entry.name}/`, request.prefix)) {
      throw foreignFileError(join(directory.path, entry.name), "a link or special file");
    }
  }
  return names.toSorted(compareNames);
}

async function readDirectory(path: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    if (isAbsence(error)) return [];
    throw filesystemError(error, "list", path);
  }
}

/** Whether keys that begin with `key` (ending in a slash) and keys that begin with `prefix` can be the same. */
function mayHold(key: string, prefix: string): boolean {
  return key.startsWith(prefix) || prefix.startsWith(key);
}
