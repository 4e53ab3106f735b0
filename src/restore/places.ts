// The directories that a restore writes: the data directory, and the location of each tablespace. Made, emptied, made
// durable; and the way from a manifest's path to the right one.
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { syncDirectory } from "../base/durable-file.ts";
import { systemErrorCode } from "../base/errors.ts";
import { forEachLimited } from "../base/limits.ts";
import { syncFilesystems } from "../base/sync-filesystem.ts";
import { type BytePath, ROOT_PATH, textPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { contentOf, LOST_AND_FOUND, refuseRunning } from "./destination.ts";
import { placeOf } from "./entry-path.ts";
import type { Location, Owner } from "./location.ts";
import { formatMarker, MARKER_FILE } from "./marker.ts";
import { OpenTree } from "./open-tree.ts";
import type { RestorePlan } from "./plan.ts";
import { type Belongings, prune } from "./prune.ts";
import { WAL_DIRECTORY } from "./wal-link.ts";

/** Files and directories synced at a time: one journal commit serves them all. */
const SYNC_CONCURRENCY_MAX = 16;

/** The file without which PostgreSQL does not start. */
export const CONTROL_FILE: BytePath = textPath("global/pg_control");

const GROUP_ACCESS = 0o050;

/** A path in one of the trees. */
export interface TreePath {
  readonly tree: OpenTree;
  readonly path: BytePath;
}

/** What must be made durable. */
export interface Written {
  readonly files: readonly TreePath[];
  readonly directories: readonly TreePath[];
}

const NOTHING: Written = { files: [], directories: [] };

/** Fewer files are not worth waiting for what others have written to the same file system. */
const SYNCED_ONE_BY_ONE_MAX = 256;

/** Every tree of a restore, open. */
export class Places implements AsyncDisposable {
  readonly data: OpenTree;
  readonly #tablespaces: ReadonlyMap<number, OpenTree>;
  /** Of pg_wal, when it lies outside. */
  readonly #wal: OpenTree | undefined;

  private constructor(
    data: OpenTree,
    tablespaces: ReadonlyMap<number, OpenTree>,
    wal: OpenTree | undefined,
  ) {
    this.data = data;
    this.#tablespaces = tablespaces;
    this.#wal = wal;
  }

  /**
   * Makes what is missing and opens it. From here on the destination has our marker.
   *
   * @throws {HindsightError} `DESTINATION_RUNNING` or `DESTINATION_UNSAFE` when it is no more as the plan saw it; the
   *   system's errors.
   */
  static async prepare(plan: RestorePlan): Promise<Places> {
    const { destination, tablespaces, walLink, backup } = plan;
    await refuseRunning(destination);
    await refuseNewContent(plan);
    await makeLocation(destination, topMode(plan));
    for (const tablespace of tablespaces) await makeLocation(tablespace, 0o700);
    if (walLink) await makeLocation(walLink, topMode(plan));
    await using opened = new AsyncDisposableStack();
    const data = opened.use(await OpenTree.open(destination.path, destination.owner));
    const trees = new Map<number, OpenTree>();
    for (const { oid, path, owner } of tablespaces) {
      trees.set(oid, opened.use(await OpenTree.open(path, owner)));
    }
    const wal = walLink && opened.use(await OpenTree.open(walLink.path, walLink.owner));
    const outside = walLink ? [...tablespaces, walLink] : tablespaces;
    const tablespaceLocations = outside.map(({ path }) => path);
    await data.replaceFile(
      MARKER_FILE,
      formatMarker({ backup: backup.label, tablespaceLocations }),
      0o600,
    );
    opened.move();
    return new Places(data, trees, wal);
  }

  /** Removes pg_control, before anything else is touched: from here on PostgreSQL does not start from what lies there. */
  async disarm(): Promise<void> {
    if (!(await contentOf(this.data.path)).includes("global")) return;
    await this.data.removeFile(CONTROL_FILE);
    await this.data.syncDirectory(textPath("global")).catch(ignoreReplaced);
  }

  /** Removes everything that the plan said is removed. */
  async clear(plan: RestorePlan, signal: AbortSignal): Promise<void> {
    const kept = new Set<string>([MARKER_FILE, LOST_AND_FOUND]);
    await this.data.removeContent(ROOT_PATH, { kept, signal });
    await this.data.syncDirectory(ROOT_PATH);
    await this.#wal?.removeContent(ROOT_PATH, { kept, signal });
    for (const { oid, removed } of plan.tablespaces) {
      for (const name of removed) {
        await this.#tablespaces.get(oid)?.removeDirectory(textPath(name), signal);
      }
    }
  }

  /** Removes of what the plan said is removed only what the backup has not, or has as something else. */
  async prune(plan: RestorePlan, belongings: Belongings, signal: AbortSignal): Promise<void> {
    await prune(this.data, { belongings }, signal);
    await this.data.syncDirectory(ROOT_PATH);
    if (this.#wal) await prune(this.#wal, { belongings }, signal);
    for (const { oid, removed } of plan.tablespaces) {
      const tree = this.#tablespaces.get(oid);
      if (tree) await prune(tree, { belongings, only: removed }, signal);
    }
  }

  /** Where an entry of the manifest goes. */
  find(path: BytePath): TreePath {
    if (this.#wal && path.startsWith(`${WAL_DIRECTORY}/`)) {
      return { tree: this.#wal, path: path.slice(WAL_DIRECTORY.length + 1) as BytePath };
    }
    const place = placeOf(path, this.#tablespaces);
    const tree =
      place.tablespaceOid === undefined ? this.data : this.#tablespaces.get(place.tablespaceOid);
    return { tree: tree ?? this.data, path: place.path };
  }

  /** Makes files and directories durable; the top directories as well. Of very many all at once, where that can be had. */
  async sync(written: Written, signal: AbortSignal): Promise<void> {
    const tops = this.#trees().map((tree) => ({ tree, path: ROOT_PATH }));
    const paths = tops.map(({ tree }) => tree.path);
    const isMuch = written.files.length > SYNCED_ONE_BY_ONE_MAX;
    const isDone = isMuch && (await syncFilesystems(paths, { signal }));
    const { files, directories } = isDone ? NOTHING : written;
    await forEachLimited(files, SYNC_CONCURRENCY_MAX, async ({ tree, path }) => {
      signal.throwIfAborted();
      await tree.syncFile(path);
    });
    await forEachLimited([...directories, ...tops], SYNC_CONCURRENCY_MAX, ({ tree, path }) =>
      tree.syncDirectory(path),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tree of this.#trees()) await tree[Symbol.asyncDispose]();
  }

  #trees(): readonly OpenTree[] {
    return [this.data, ...this.#tablespaces.values(), ...(this.#wal ? [this.#wal] : [])];
  }
}

/** Permission bits of the top directory: PostgreSQL takes no others. */
export function topMode({ survey }: Pick<RestorePlan, "survey">): number {
  return (survey.mode & GROUP_ACCESS) === GROUP_ACCESS ? 0o750 : 0o700;
}

/** What was empty when it was planned may have been filled since. */
async function refuseNewContent({ destination }: RestorePlan): Promise<void> {
  if (destination.state !== "absent" && destination.state !== "empty") return;
  if ((await contentOf(destination.path)).length === 0) return;
  throw failure("DESTINATION_UNSAFE", `${destination.path} is not empty any more`, {
    hint: "Nothing was changed. Find out who writes there, then run the restore again.",
  });
}

/** Makes a directory with the parents it lacks, each given to the owner and durable; an existing one gets a usable mode. */
async function makeLocation(
  { path, existing, exists, owner }: Location & { readonly owner: Owner | undefined },
  mode: number,
): Promise<void> {
  if (exists) {
    const current = (await stat(path)).mode & 0o777;
    if (current !== 0o700 && current !== 0o750) await chmod(path, mode);
    return;
  }
  let made = existing;
  for (const name of relative(existing, path).split("/")) {
    made = join(made, name);
    await mkdir(made, 0o700);
    await chmod(made, made === path ? mode : 0o700);
    if (owner) await chown(made, owner.uid, owner.gid);
    await syncDirectory(dirname(made));
  }
}

/** `global` may be something else than a directory in what is about to be removed. */
function ignoreReplaced(error: unknown): void {
  const code = systemErrorCode(error);
  if (code !== "ENOTDIR" && code !== "ELOOP") throw error;
}
