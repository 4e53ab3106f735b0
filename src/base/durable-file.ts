// Files that are there after a power loss, or not there at all. Bytes are written under a temporary name beside the
// target, made durable, and only then given their name; the directory is made durable last. Three facts shape it:
// - `write` may take fewer bytes than it was given and report no error, so it is called until all are taken.
// - After a failed fsync the kernel has dropped the dirty pages, and a second fsync would succeed without them. A file
//   whose fsync failed is lost: it is removed and never synced again; the caller writes it anew from its source.
// - A name is durable only when its directory was synced, and so is the name of a new directory in its parent.
// Errors are the system's own, unchanged; callers know what the file is and say so. How a whole tree is copied is not
// the business of this file.
import { constants } from "node:fs";
import { link, mkdir, open, rename, unlink } from "node:fs/promises";
import { systemErrorCode } from "./errors.ts";
import { type Random, systemRandom } from "./random.ts";

/** A path as text, or as the bytes of a name that may not be UTF-8. */
export type FilePath = string | Buffer;

/** The calls on an open file that this file makes; `FileHandle` has them. */
export interface WritableFile {
  write(
    bytes: Uint8Array,
    offset: number,
    lengthBytes: number,
  ): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The calls of the operating system that this file makes, so that a test can make one of them fail. */
export interface FileSystem {
  open(path: FilePath, flags: number, mode?: number): Promise<WritableFile>;
  /** Gives a file a second name; fails with EEXIST instead of replacing. */
  link(existing: FilePath, path: FilePath): Promise<void>;
  rename(source: FilePath, target: FilePath): Promise<void>;
  unlink(path: FilePath): Promise<void>;
  mkdir(path: FilePath, mode: number): Promise<void>;
}

/** The operating system itself. */
export const systemFileSystem: FileSystem = { link, mkdir, open, rename, unlink };

/** Bytes at once, or in order as they come. */
export type FileContent = Uint8Array | AsyncIterable<Uint8Array>;

/** How a file or directory is made, each with its default. */
export interface FileOptions {
  /** Permission bits, narrowed by the umask. Default 0600 for files, 0700 for directories. */
  readonly mode?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where the temporary name comes from. */
  readonly random?: Random | undefined;
  readonly fileSystem?: FileSystem | undefined;
}

/** `created`: this call made the file. `exists`: the name was taken, and what it names is unchanged. */
export type CreateOutcome = "created" | "exists";

/** How every temporary name begins: with a dot, so that no listing takes it for something finished. */
const TEMPORARY_NAME_PREFIX = ".hindsight-";

const TEMPORARY_NAME_ATTEMPTS_MAX = 8;
const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

/**
 * Creates a file that was not there. On return its bytes and its name are durable, also when the answer is `exists`:
 * the process that made it may have died before it synced the directory.
 *
 * A failure leaves nothing under `path`; only a temporary name may stay behind, and only when the process is killed.
 *
 * @throws the system's error, what `content` threw, or the signal's reason.
 */
export async function createFileDurably(
  path: FilePath,
  content: FileContent,
  options: FileOptions = {},
): Promise<CreateOutcome> {
  const { fileSystem = systemFileSystem } = options;
  const temporary = await writeTemporary(path, content, { ...options, durable: true });
  const outcome = await linkNew(temporary, path, fileSystem);
  try {
    await syncDirectory(parentOf(path), fileSystem);
  } catch (error) {
    // Visible but perhaps not durable is what a later "exists" must never be built on.
    if (outcome === "created") await discard(path, fileSystem);
    throw error;
  }
  return outcome;
}

/**
 * Gives `path` new content, replacing what is there. On return bytes and name are durable.
 *
 * @throws the system's error, what `content` threw, or the signal's reason; the old file is then still there, unless
 *   only the last step failed, the sync of the directory.
 */
export async function replaceFileDurably(
  path: FilePath,
  content: FileContent,
  options: FileOptions = {},
): Promise<void> {
  const { fileSystem = systemFileSystem } = options;
  const temporary = await writeTemporary(path, content, { ...options, durable: true });
  await renameOrDiscard(temporary, path, fileSystem);
  await syncDirectory(parentOf(path), fileSystem);
}

/**
 * Like {@link replaceFileDurably}, for files that may be lost in a power loss because whoever reads them asks for them
 * again: readers see the old file or the whole new one, but nothing is synced.
 */
export async function replaceFileAtomically(
  path: FilePath,
  content: FileContent,
  options: FileOptions = {},
): Promise<void> {
  const { fileSystem = systemFileSystem } = options;
  const temporary = await writeTemporary(path, content, { ...options, durable: false });
  await renameOrDiscard(temporary, path, fileSystem);
}

/** Removes a file and makes its absence durable. A file that is not there is no error. */
export async function removeDurably(
  path: FilePath,
  fileSystem: FileSystem = systemFileSystem,
): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
  await syncDirectory(parentOf(path), fileSystem);
}

/**
 * Makes one directory and its name durable, whether this call made it or found it: whoever made it may have died before
 * the sync. The parent must exist.
 */
export async function makeDirectoryDurably(
  path: FilePath,
  { mode = 0o700, fileSystem = systemFileSystem }: FileOptions = {},
): Promise<void> {
  try {
    await fileSystem.mkdir(path, mode);
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
  }
  await syncDirectory(parentOf(path), fileSystem);
}

/** Makes a directory with whatever parents it lacks, each of them durable as by {@link makeDirectoryDurably}. */
export async function makeDirectoriesDurably(
  path: FilePath,
  options: FileOptions = {},
): Promise<void> {
  try {
    await makeDirectoryDurably(path, options);
  } catch (error) {
    const parent = parentOf(path);
    if (systemErrorCode(error) !== "ENOENT" || sameBytes(parent, path)) throw error;
    await makeDirectoriesDurably(parent, options);
    await makeDirectoryDurably(path, options);
  }
}

/**
 * Makes the names in a directory durable. A file system that cannot sync directories (EINVAL) is taken to keep them.
 *
 * @source PostgreSQL src/backend/storage/file/fd.c, fsync_fname_ext
 */
export async function syncDirectory(
  path: FilePath,
  fileSystem: FileSystem = systemFileSystem,
): Promise<void> {
  const directory = await fileSystem.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } catch (error) {
    if (systemErrorCode(error) !== "EINVAL") throw error;
  } finally {
    await directory.close();
  }
}

/** Takes every byte, however few of them each call of the system takes. Used for any file that is written here. */
async function writeFully(file: WritableFile, bytes: Uint8Array): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const { bytesWritten } = await file.write(bytes, offset, bytes.length - offset);
    if (bytesWritten === 0) {
      throw Object.assign(new Error("write took no bytes and gave no reason"), { code: "EIO" });
    }
    offset += bytesWritten;
  }
}

/** Writes the content beside `path` and returns the temporary name; removes it again on failure. */
async function writeTemporary(
  path: FilePath,
  content: FileContent,
  options: FileOptions & { readonly durable: boolean },
): Promise<Buffer> {
  options.signal?.throwIfAborted();
  const { fileSystem = systemFileSystem } = options;
  const { file, temporary } = await openTemporary(parentOf(path), options);
  try {
    try {
      for await (const bytes of content instanceof Uint8Array ? [content] : content) {
        options.signal?.throwIfAborted();
        await writeFully(file, bytes);
      }
      options.signal?.throwIfAborted();
      if (options.durable) await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard(temporary, fileSystem);
    throw error;
  }
  return temporary;
}

async function openTemporary(
  directory: Buffer,
  { mode = 0o600, random = systemRandom, fileSystem = systemFileSystem }: FileOptions,
): Promise<{ readonly file: WritableFile; readonly temporary: Buffer }> {
  for (let attempt = 1; ; attempt += 1) {
    const name = `/${TEMPORARY_NAME_PREFIX}${random.bytes(8).toString("hex")}`;
    const temporary = Buffer.concat([directory, Buffer.from(name)]);
    try {
      return { file: await fileSystem.open(temporary, CREATE_FLAGS, mode), temporary };
    } catch (error) {
      const taken = systemErrorCode(error) === "EEXIST";
      if (!taken || attempt >= TEMPORARY_NAME_ATTEMPTS_MAX) throw error;
    }
  }
}

async function linkNew(
  temporary: FilePath,
  path: FilePath,
  fileSystem: FileSystem,
): Promise<CreateOutcome> {
  try {
    await fileSystem.link(temporary, path);
    return "created";
  } catch (error) {
    if (systemErrorCode(error) !== "EEXIST") throw error;
    return "exists";
  } finally {
    await discard(temporary, fileSystem);
  }
}

async function renameOrDiscard(
  temporary: FilePath,
  path: FilePath,
  fileSystem: FileSystem,
): Promise<void> {
  try {
    await fileSystem.rename(temporary, path);
  } catch (error) {
    await discard(temporary, fileSystem);
    throw error;
  }
}

/** Removes what is of no use any more. If that fails too, the first error is the one to report. */
async function discard(path: FilePath, fileSystem: FileSystem): Promise<void> {
  await fileSystem.unlink(path).catch(() => undefined);
}

/** The directory of a path, as bytes; `.` for a bare name, and `/` is its own parent. */
function parentOf(path: FilePath): Buffer {
  const bytes = Buffer.from(path);
  let end = bytes.length;
  while (end > 1 && bytes[end - 1] === SLASH) end -= 1;
  const slash = bytes.subarray(0, end).lastIndexOf(SLASH);
  if (slash < 0) return Buffer.from(".");
  return slash === 0 ? Buffer.from("/") : bytes.subarray(0, slash);
}

const SLASH = 0x2f;

function sameBytes(left: FilePath, right: FilePath): boolean {
  return Buffer.from(left).equals(Buffer.from(right));
}
