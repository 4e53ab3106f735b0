// The store on a local or mounted file system: an object is a file, the parts of its key are directories. Files are
// made by base/durable-file (temporary name, fsync, link without clobber, fsync of the directory). Directories are
// 0700 and files 0600, and directories stay when their last object goes. Creating is in filesystem-put.ts, listing in
// filesystem-walk.ts, the guard over the root directory in filesystem-root.ts.
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { removeDurably } from "../base/durable-file.ts";
import { systemErrorCode } from "../base/errors.ts";
import { assertObjectKey, assertObjectPrefix, clampRange, pageLimit } from "./arguments.ts";
import { filesystemError, foreignFileError, isAbsence } from "./filesystem-error.ts";
import { putObject } from "./filesystem-put.ts";
import { type FilesystemRoot, filesystemRoot, parentKey } from "./filesystem-root.ts";
import { walkEntries } from "./filesystem-walk.ts";
import { collectPage } from "./list-page.ts";
import type {
  ByteRange,
  CallOptions,
  ListOptions,
  ListPage,
  ObjectKey,
  ObjectStat,
  ObjectStore,
} from "./object-store.ts";

/** Never through a link; never waiting for the other end of a pipe that someone put there. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const READ_SIZE_MAX_BYTES = 8 * 1024 * 1024;

/**
 * A store below a directory that must exist; it is never made here, because a missing one usually means a file system
 * that is not mounted. Once used, the store answers only while that very directory is there.
 *
 * @param path of the root; it may itself be, or lie behind, a link.
 */
export function createFilesystemStore(path: string): ObjectStore {
  const root = filesystemRoot(path);
  return {
    description: `filesystem ${path}`,
    put: (key, content, options = {}) => putObject(root, key, content, options),
    get: async (key, options = {}) => {
      enter(key, options);
      return orAbsent(root, await withFile(root, key, (file) => readObject(file, options)));
    },
    stat: async (key, options = {}) => {
      enter(key, options);
      return orAbsent(root, await statObject(root, key));
    },
    list: (prefix, options = {}) => listObjects(root, prefix, options),
    remove: (key, options = {}) => removeObject(root, key, options),
  };
}

function enter(key: ObjectKey, { signal }: CallOptions): void {
  assertObjectKey(key);
  signal?.throwIfAborted();
}

/** Passes an answer on; absence only after the proof that the root is still there. */
async function orAbsent<Answer>(
  root: FilesystemRoot,
  answer: Answer | undefined,
): Promise<Answer | undefined> {
  if (answer === undefined) await root.assertPresent();
  return answer;
}

/** Opens the file of an object; undefined when there is none. */
async function withFile<Result>(
  root: FilesystemRoot,
  key: ObjectKey,
  work: (file: FileHandle) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  const path = await root.pathOf(key);
  if ((await root.resolveDirectory(parentKey(key))) === undefined) return undefined;
  try {
    await using file = await open(path, READ_FLAGS);
    const status = await file.stat();
    if (status.isDirectory()) return undefined;
    if (!status.isFile()) throw foreignFileError(path, "a special file");
    return await work(file);
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw filesystemError(error, "read", path);
  }
}

async function readObject(
  file: FileHandle,
  { range, signal }: CallOptions & { readonly range?: ByteRange | undefined },
): Promise<Buffer> {
  const { size } = await file.stat();
  const { begin, end } = clampRange(range, size);
  // Not from the shared pool: the caller may hand the memory to a worker.
  const bytes = Buffer.allocUnsafeSlow(end - begin);
  let filled = 0;
  while (filled < bytes.length) {
    signal?.throwIfAborted();
    const wanted = Math.min(bytes.length - filled, READ_SIZE_MAX_BYTES);
    const { bytesRead } = await file.read(bytes, filled, wanted, begin + filled);
    // An object never changes, so only damage below the file system ends it early.
    if (bytesRead === 0) throw Object.assign(new Error("file ends early"), { code: "EIO" });
    filled += bytesRead;
  }
  return bytes;
}

async function statObject(root: FilesystemRoot, key: ObjectKey): Promise<ObjectStat | undefined> {
  const path = await root.pathOf(key);
  if ((await root.resolveDirectory(parentKey(key))) === undefined) return undefined;
  try {
    const status = await lstat(path);
    if (status.isDirectory()) return undefined;
    if (!status.isFile()) throw foreignFileError(path, "a link or special file");
    return { key, sizeBytes: status.size };
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw filesystemError(error, "read", path);
  }
}

async function listObjects(
  root: FilesystemRoot,
  prefix: string,
  options: ListOptions,
): Promise<ListPage> {
  assertObjectPrefix(prefix);
  options.signal?.throwIfAborted();
  const limit = pageLimit(options.limitCount);
  const key = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  const path = await root.resolveDirectory(key);
  const entries = path === undefined ? [] : walkEntries({ path, key }, { prefix, options });
  const page = await collectPage(entries, limit);
  await root.assertPresent();
  return page;
}

async function removeObject(
  root: FilesystemRoot,
  key: ObjectKey,
  options: CallOptions,
): Promise<void> {
  enter(key, options);
  const path = await root.pathOf(key);
  const directory = await root.resolveDirectory(parentKey(key));
  if (directory === undefined) return root.assertPresent();
  try {
    await removeDurably(path);
  } catch (error) {
    // A directory is no object, and nor is anything below one.
    const absent = isAbsence(error) || systemErrorCode(error) === "EISDIR";
    if (!absent) throw filesystemError(error, "remove", path);
  }
  await root.assertPresent();
}
