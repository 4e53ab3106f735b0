// A directory tree that is written without ever following a symbolic link. The top directory is opened once; everything
// below is reached through open directories, one name at a time, so that nobody who can write there (root restores into
// directories of another user) can turn a path around while it is walked.
//
// Node has no openat. On Linux `/proc/self/fd/N/name` is the same thing: the number leads to the open directory itself,
// wherever its path leads by now. Where there is no /proc, plain paths are used.
import { constants } from "node:fs";
import {
  type FileHandle,
  lchown,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  stat,
  symlink,
  unlink,
} from "node:fs/promises";
import { systemErrorCode } from "../base/errors.ts";
import { forEachLimited } from "../base/limits.ts";
import { bytePath, type BytePath, joinPath, pathBelow, ROOT_PATH } from "../model/byte-path.ts";
import { baseName, parentPath } from "./entry-path.ts";
import { isOwnFile, type Owner } from "./location.ts";

const DIRECTORY_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const MEND_FLAGS = constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Directories kept open at a time, beside those in use. */
const OPEN_DIRECTORY_COUNT_MAX = 64;

const TEMPORARY_SUFFIX = ".hindsight-new";

/** Names removed at a time within one directory. */
const REMOVE_CONCURRENCY_MAX = 8;

/** An open directory, and how many calls use it just now. */
interface OpenDirectory {
  readonly opened: Promise<FileHandle>;
  userCount: number;
}

/** A name in a directory. `other`: a link, or a special file. */
export interface TreeEntry {
  readonly name: BytePath;
  readonly kind: "file" | "directory" | "other";
}

/** One place that is written: the data directory, or a tablespace's location. */
export class OpenTree implements AsyncDisposable {
  readonly #path: string;
  readonly #root: FileHandle;
  readonly #owner: Owner | undefined;
  readonly #hasProc: boolean;
  /** In the order of their last use. */
  readonly #directories: Map<BytePath, OpenDirectory> = new Map();

  private constructor(
    path: string,
    root: FileHandle,
    { owner, hasProc }: { owner: Owner | undefined; hasProc: boolean },
  ) {
    this.#path = path;
    this.#root = root;
    this.#owner = owner;
    this.#hasProc = hasProc;
  }

  /**
   * @param path of a directory that exists; absolute, without symbolic links.
   * @param owner who everything made here is given to; undefined: whoever makes it.
   */
  static async open(path: string, owner: Owner | undefined): Promise<OpenTree> {
    const root = await open(path, DIRECTORY_FLAGS);
    const hasProc = await stat(`/proc/self/fd/${root.fd}`).then(
      () => true,
      () => false,
    );
    return new OpenTree(path, root, { owner, hasProc });
  }

  /** The top directory, for messages. */
  get path(): string {
    return this.#path;
  }

  /** Creates a file that is not there yet, with mode 0600, open for reading and writing. */
  async createFile(path: BytePath): Promise<FileHandle> {
    const file = await this.#within(path, (place) => open(place, CREATE_FLAGS, 0o600));
    try {
      if (this.#owner) await file.chown(this.#owner.uid, this.#owner.gid);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Opens a file that is there, for reading and writing. Whatever is not a file of our own is taken away.
   *
   * @returns undefined when there is none, or none any more.
   */
  async openFile(path: BytePath): Promise<FileHandle | undefined> {
    let file: FileHandle;
    try {
      file = await this.#within(path, (place) => open(place, MEND_FLAGS));
    } catch (error) {
      if (!NOT_A_FILE.has(systemErrorCode(error) ?? "")) throw error;
      await this.removeFile(path);
      return undefined;
    }
    try {
      const status = await file.stat();
      if (status.isFile() && isOwnFile(status, this.#owner)) {
        if (this.#owner) await file.chown(this.#owner.uid, this.#owner.gid);
        return file;
      }
      await this.removeFile(path);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  /** Who everything made here is given to. */
  get owner(): Owner | undefined {
    return this.#owner;
  }

  /**
   * Keeps a directory open until the answer is disposed of.
   *
   * @returns a path that leads to the open directory, also for other threads of this process.
   */
  async hold(path: BytePath): Promise<AsyncDisposable & { readonly place: Buffer }> {
    const released = Promise.withResolvers<void>();
    const held = Promise.withResolvers<Buffer>();
    const holding = this.withDirectory(path, async (place) => {
      held.resolve(place);
      await released.promise;
    });
    holding.catch(held.reject);
    const place = await held.promise;
    return {
      place,
      [Symbol.asyncDispose]: async () => {
        released.resolve();
        await holding;
      },
    };
  }

  /** Creates a directory; one that is there already keeps its content, and is no error. */
  async makeDirectory(path: BytePath, mode: number): Promise<void> {
    await this.#within(path, (place) => mkdir(place, 0o700)).catch((error: unknown) => {
      // Something else of that name is found out by opening it.
      if (systemErrorCode(error) !== "EEXIST") throw error;
    });
    await this.withDirectory(path, async (_, directory) => {
      await directory.chmod(mode);
      if (this.#owner) await directory.chown(this.#owner.uid, this.#owner.gid);
    });
  }

  /** Creates a symbolic link. */
  async makeLink(path: BytePath, target: string): Promise<void> {
    await this.#within(path, async (place) => {
      await symlink(target, place);
      if (this.#owner) await lchown(place, this.#owner.uid, this.#owner.gid);
    });
  }

  /** Renames within one directory, replacing what is there. */
  async rename(source: BytePath, name: BytePath): Promise<void> {
    await this.withDirectory(parentPath(source), (place) =>
      rename(below(place, baseName(source)), below(place, name)),
    );
  }

  /** Makes a file's content durable. */
  async syncFile(path: BytePath): Promise<void> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
    await using file = await this.#within(path, (place) => open(place, flags));
    await file.sync();
  }

  /** Makes the names in a directory durable. */
  async syncDirectory(path: BytePath): Promise<void> {
    await this.withDirectory(path, async (_, directory) => {
      try {
        await directory.sync();
      } catch (error) {
        // A file system that cannot sync directories keeps them, as in base/durable-file.ts.
        if (systemErrorCode(error) !== "EINVAL") throw error;
      }
    });
  }

  /** Removes a file or link; one that is not there is no error. */
  async removeFile(path: BytePath): Promise<void> {
    await this.#within(path, unlink).catch((error: unknown) => {
      const code = systemErrorCode(error);
      // A directory on the way that is missing, or a link instead, holds no such file either.
      if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw error;
    });
  }

  /**
   * Puts a small file in place at once, durable: written under another name in the same directory, then renamed over
   * what has its name.
   */
  async replaceFile(path: BytePath, bytes: Uint8Array, mode: number): Promise<void> {
    const temporary = `${path}${TEMPORARY_SUFFIX}` as BytePath;
    await this.removeFile(temporary);
    await this.#writeNew(temporary, bytes, mode);
    await this.rename(temporary, baseName(path));
    await this.syncDirectory(parentPath(path));
  }

  /** What a directory holds; links are not followed. */
  async list(path: BytePath): Promise<readonly TreeEntry[]> {
    const entries = await this.withDirectory(path, (place) =>
      readdir(place, { encoding: "buffer", withFileTypes: true }),
    );
    return entries.map((entry) => ({
      name: bytePath(entry.name),
      kind: entry.isDirectory() ? "directory" : entry.isFile() ? "file" : "other",
    }));
  }

  /** Removes everything in a directory but the names in `kept`; links are removed, not followed. */
  async removeContent(
    path: BytePath,
    { kept, signal }: { readonly kept: ReadonlySet<string>; readonly signal: AbortSignal },
  ): Promise<void> {
    const names = await this.withDirectory(path, (place) => readdir(place, { encoding: "buffer" }));
    const directories: BytePath[] = [];
    await forEachLimited(names.map(bytePath), REMOVE_CONCURRENCY_MAX, async (name) => {
      signal.throwIfAborted();
      if (kept.has(name)) return;
      const child = joinPath(path, name);
      const isDirectory = await this.#within(child, async (place) =>
        (await lstat(place)).isDirectory(),
      );
      if (isDirectory) directories.push(child);
      else await this.removeFile(child);
    });
    for (const directory of directories) await this.removeDirectory(directory, signal);
  }

  /** Removes a directory with everything in it. */
  async removeDirectory(path: BytePath, signal: AbortSignal): Promise<void> {
    await this.removeContent(path, { kept: new Set(), signal });
    await this.#forget(path);
    await this.#within(path, rmdir);
  }

  /** Runs `work` with a path that leads to the open directory, and its handle. */
  async withDirectory<Result>(
    path: BytePath,
    work: (place: Buffer, directory: FileHandle) => Promise<Result>,
  ): Promise<Result> {
    const directory = path === ROOT_PATH ? undefined : this.#take(path);
    try {
      const handle = directory ? await directory.opened : this.#root;
      return await work(this.#placeOf(handle, path), handle);
    } finally {
      if (directory) {
        directory.userCount -= 1;
        await this.#closeUnused();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { opened } of this.#directories.values()) {
      await opened.then(
        (handle) => handle.close(),
        () => undefined,
      );
    }
    this.#directories.clear();
    await this.#root.close();
  }

  async #writeNew(path: BytePath, bytes: Uint8Array, mode: number): Promise<void> {
    await using file = await this.createFile(path);
    await writeAt(file, bytes);
    await file.chmod(mode);
    await file.sync();
  }

  /** Runs `work` with a path whose last name is below an open directory. */
  #within<Result>(path: BytePath, work: (place: Buffer) => Promise<Result>): Promise<Result> {
    return this.withDirectory(parentPath(path), (place) => work(below(place, baseName(path))));
  }

  #placeOf(handle: FileHandle, path: BytePath): Buffer {
    return this.#hasProc ? Buffer.from(`/proc/self/fd/${handle.fd}`) : pathBelow(this.#path, path);
  }

  #take(path: BytePath): OpenDirectory {
    const directory = this.#directories.get(path) ?? this.#openDirectory(path);
    this.#directories.delete(path);
    this.#directories.set(path, directory);
    directory.userCount += 1;
    return directory;
  }

  #openDirectory(path: BytePath): OpenDirectory {
    const opened = this.#within(path, (place) => open(place, DIRECTORY_FLAGS));
    // One that could not be opened is not remembered; whoever asked gets the error.
    opened.catch(() => this.#directories.delete(path));
    return { opened, userCount: 0 };
  }

  async #closeUnused(): Promise<void> {
    if (this.#directories.size <= OPEN_DIRECTORY_COUNT_MAX) return;
    for (const [path, { userCount }] of this.#directories) {
      if (userCount === 0) return await this.#forget(path);
    }
  }

  async #forget(path: BytePath): Promise<void> {
    const directory = this.#directories.get(path);
    this.#directories.delete(path);
    await directory?.opened.then((handle) => handle.close());
  }
}

/** What opening something else than a file of ours ends with. */
const NOT_A_FILE: ReadonlySet<string> = new Set([
  "EACCES",
  "EISDIR",
  "ELOOP",
  "ENOENT",
  "ENXIO",
  "EPERM",
]);

/** Writes all of `bytes`: one call may take fewer and report no error. */
async function writeAt(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, done);
    if (bytesWritten === 0) {
      throw Object.assign(new Error("a write took nothing"), { code: "EIO" });
    }
    done += bytesWritten;
  }
}

/** One name below an open directory; never a way out of it. */
export function below(place: Buffer, name: BytePath): Buffer {
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw new RangeError(`not the name of a file: ${JSON.stringify(name)}`);
  }
  return Buffer.concat([place, Buffer.from("/"), Buffer.from(name, "latin1")]);
}
