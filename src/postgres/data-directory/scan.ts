// Lists what a backup of a data directory consists of, and decides everything that is to be decided by name and kind:
// what is left out (exclusions.ts), what a link means, and what cannot be backed up. Contents are not read here; sizes
// are those seen now, and a reader never goes beyond them (read-file.ts).
//
// - pg_wal is listed with its empty subdirectories only, as a link when it is one.
// - pg_tblspc/<oid> is a link to a tablespace, or from 15 on a directory (in-place tablespace). Of a tablespace only the
//   directory of this major version is listed, as pg_tblspc/<oid>/PG_<major>_<catalogue version>/…
// - Any other link is followed: its target is listed as a plain file or directory in the place of the link.
import { setImmediate } from "node:timers/promises";
import type { Context } from "../../base/context.ts";
import {
  type BytePath,
  comparePath,
  joinPath,
  ROOT_PATH,
  showPath,
  textPath,
} from "../../model/byte-path.ts";
import { failure } from "../../model/failure.ts";
import {
  excludedRelationFiles,
  isEmptiedDirectory,
  isExcludedAnywhere,
  isExcludedAtRoot,
  walSubdirectories,
} from "./exclusions.ts";
import {
  inspect,
  inspectTarget,
  listDirectory,
  modeOf,
  type PathStats,
  readLink,
} from "./file-system.ts";
import { checkRoot } from "./root.ts";
import { checkTablespaceLink, isTablespaceVersion } from "./tablespace.ts";

/** One thing that a backup stores. The root itself is the directory with the empty path. */
export interface DataEntry {
  readonly kind: "directory" | "file" | "link";
  readonly path: BytePath;
  /** Permission bits. */
  readonly mode: number;
  /** 0 for anything but a file. */
  readonly sizeBytes: number;
  readonly modifiedAt: Temporal.Instant;
  /** Of a link: where it points, as written in it. */
  readonly target?: BytePath;
}

/** What a scan has to know, and whom it tells. */
export interface ScanOptions {
  /** PostgreSQL's major version, 14 to 18. */
  readonly major: number;
  /** Takes notes about what was skipped or followed, to be shown. */
  readonly onWarning: (message: string) => void;
}

/** Files that are looked at before others get their turn: one costs some microseconds. */
const INSPECT_COUNT_MAX = 256;

/**
 * Lists a data directory, sorted by path. Files that vanish meanwhile are left out.
 *
 * @param root absolute path of the data directory.
 * @throws {HindsightError} `DATA_DIRECTORY_INVALID` when it is no data directory of that major version or has something
 *   that cannot be backed up; `DATA_FILE_UNREADABLE`; the reason of the context's signal.
 */
export async function scanDataDirectory(
  root: string,
  options: ScanOptions,
  context: Context,
): Promise<readonly DataEntry[]> {
  await checkRoot(root, options.major);
  return await new Scan(root, options, context).run();
}

const WAL = textPath("pg_wal");
const TABLESPACES = textPath("pg_tblspc");

/** A directory on the way from the root; a followed link to one of them would never end. */
interface Ancestor {
  readonly identity: string;
  readonly parent: Ancestor | undefined;
}

class Scan {
  readonly #root: string;
  readonly #options: ScanOptions;
  readonly #context: Context;
  readonly #entries: DataEntry[] = [];

  constructor(root: string, options: ScanOptions, context: Context) {
    this.#root = root;
    this.#options = options;
    this.#context = context;
  }

  async run(): Promise<readonly DataEntry[]> {
    const stats = await inspectTarget(this.#root, ROOT_PATH);
    if (stats) await this.#directory(ROOT_PATH, stats, undefined);
    return this.#entries.toSorted((left, right) => comparePath(left.path, right.path));
  }

  /** Lists a directory and what is in it. */
  async #directory(path: BytePath, stats: PathStats, parent: Ancestor | undefined): Promise<void> {
    const names = await listDirectory(this.#root, path);
    if (names === undefined) return;
    this.#add("directory", path, stats);
    const here = { identity: identityOf(stats), parent };
    const excluded = excludedRelationFiles(isRelationDirectory(path) ? names : []);
    const kept = names.filter(
      (name) =>
        !excluded.has(name) &&
        !isExcludedAnywhere(name) &&
        !(path === ROOT_PATH && isExcludedAtRoot(name)),
    );
    await this.#children(path, kept, here);
  }

  async #children(path: BytePath, names: readonly BytePath[], here: Ancestor): Promise<void> {
    const directories: { path: BytePath; stats: PathStats }[] = [];
    for (const [count, name] of names.entries()) {
      if (count % INSPECT_COUNT_MAX === 0) await setImmediate();
      this.#context.signal.throwIfAborted();
      const child = joinPath(path, name);
      const stats = inspect(this.#root, child);
      if (stats === undefined) continue;
      if (child === WAL) await this.#wal(stats);
      else if (child === TABLESPACES) await this.#tablespaces(stats, here);
      else if (stats.isDirectory()) directories.push({ path: child, stats });
      else if (stats.isSymbolicLink()) await this.#followedLink(child, here);
      else this.#file(child, stats);
    }
    for (const directory of directories) {
      if (path === ROOT_PATH && isEmptiedDirectory(directory.path)) {
        this.#add("directory", directory.path, directory.stats);
      } else await this.#directory(directory.path, directory.stats, here);
    }
  }

  #file(path: BytePath, stats: PathStats): void {
    if (stats.isFile()) this.#add("file", path, stats);
    else this.#warn(`${showPath(path)} is neither file nor directory nor link, and is left out`);
  }

  /** pg_wal: what is in it comes from the archive. */
  async #wal(stats: PathStats): Promise<void> {
    let inside = stats;
    if (stats.isSymbolicLink()) {
      const target = await readLink(this.#root, WAL);
      inside = (await inspectTarget(this.#root, WAL)) ?? stats;
      if (target === undefined) return;
      this.#add("link", WAL, stats, target);
    } else this.#add("directory", WAL, stats);
    for (const name of walSubdirectories(this.#options.major)) {
      this.#add("directory", joinPath(WAL, textPath(name)), inside);
    }
  }

  /** pg_tblspc: one entry for every tablespace, named by its oid. */
  async #tablespaces(stats: PathStats, parent: Ancestor): Promise<void> {
    this.#add("directory", TABLESPACES, stats);
    const names = (await listDirectory(this.#root, TABLESPACES)) ?? [];
    for (const name of names.toSorted()) {
      const path = joinPath(TABLESPACES, name);
      const child = inspect(this.#root, path);
      if (child === undefined || isExcludedAnywhere(name)) continue;
      if (!/^[1-9][0-9]*$/.test(name))
        this.#warn(`${showPath(path)} is no tablespace, and is left out`);
      else if (child.isSymbolicLink()) await this.#linkedTablespace(path, child, parent);
      else await this.#inPlaceTablespace(path, child, parent);
    }
  }

  async #linkedTablespace(path: BytePath, stats: PathStats, parent: Ancestor): Promise<void> {
    const target = await readLink(this.#root, path);
    if (target === undefined) return;
    const directory = await checkTablespaceLink(this.#root, path, target);
    this.#add("link", path, stats, target);
    await this.#tablespaceContent(path, { identity: identityOf(directory), parent });
  }

  async #inPlaceTablespace(path: BytePath, stats: PathStats, parent: Ancestor): Promise<void> {
    if (!stats.isDirectory() || this.#options.major < 15) {
      throw failure("DATA_DIRECTORY_INVALID", `${showPath(path)} is not a link to a tablespace`, {
        hint: "A copy that followed links leaves such directories behind. Make it a link to the tablespace's place again.",
      });
    }
    this.#add("directory", path, stats);
    await this.#tablespaceContent(path, { identity: identityOf(stats), parent });
  }

  /** A tablespace may be shared by servers of several versions; only this one's directory is ours. */
  async #tablespaceContent(path: BytePath, here: Ancestor): Promise<void> {
    const names = (await listDirectory(this.#root, path)) ?? [];
    const ours = names.filter((name) => isTablespaceVersion(name, this.#options.major));
    for (const name of ours) {
      const child = joinPath(path, name);
      const stats = inspect(this.#root, child);
      if (stats?.isDirectory()) await this.#directory(child, stats, here);
    }
  }

  /** A link that is neither pg_wal nor a tablespace: what it leads to is stored in its place. */
  async #followedLink(path: BytePath, here: Ancestor): Promise<void> {
    const target = await readLink(this.#root, path);
    if (target === undefined) return;
    const stats = await inspectTarget(this.#root, path);
    const link = `${showPath(path)} is a link to ${showPath(target)}`;
    if (stats === undefined) return this.#warn(`${link}, which does not exist, and is left out`);
    if (isWithin(stats, here)) return this.#warn(`${link}, which contains it, and is left out`);
    if (stats.isFile()) this.#add("file", path, stats);
    else if (!stats.isDirectory())
      return this.#warn(`${link}, which is neither file nor directory, and is left out`);
    else if (isEmptiedDirectory(path)) this.#add("directory", path, stats);
    else await this.#directory(path, stats, here);
    this.#warn(`${link}; what it leads to is stored in its place, and restored there`);
  }

  #add(kind: DataEntry["kind"], path: BytePath, stats: PathStats, target?: BytePath): void {
    this.#entries.push({
      kind,
      path,
      mode: modeOf(stats),
      sizeBytes: kind === "file" ? Number(stats.size) : 0,
      modifiedAt: Temporal.Instant.fromEpochNanoseconds(stats.mtimeNs),
      ...(target === undefined ? {} : { target }),
    });
  }

  #warn(message: string): void {
    this.#options.onWarning(message);
  }
}

/** Directories whose files are named after relations: global, base/<oid>, and a database below a tablespace. */
function isRelationDirectory(path: BytePath): boolean {
  return /^(?:global|base\/[0-9]+|pg_tblspc\/[0-9]+\/PG_[^/]+\/[0-9]+)$/.test(path);
}

function identityOf(stats: PathStats): string {
  return `${stats.dev}:${stats.ino}`;
}

function isWithin(stats: PathStats, here: Ancestor): boolean {
  const identity = identityOf(stats);
  for (let step: Ancestor | undefined = here; step; step = step.parent) {
    if (step.identity === identity) return true;
  }
  return false;
}
