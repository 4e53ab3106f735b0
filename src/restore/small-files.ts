// The main thread's side of small files: which of them are right already, and making the others.
import type { ManifestFile } from "../repository/manifest.ts";
import { baseName, parentPath } from "./entry-path.ts";
import type { FileUnit, PlannedFile } from "./file-units.ts";
import { below } from "./open-tree.ts";
import type { Places, TreePath } from "./places.ts";
import type { SmallFile } from "./restore-job.ts";
import type { WorkerCrew } from "./worker-crew.ts";

/** What the files of a unit need beside their bytes. */
export interface UnitOptions {
  readonly places: Places;
  /** Whether files that are there may be right, and are kept then. */
  readonly isDelta: boolean;
}

/**
 * Brings the files of a unit into being.
 *
 * @returns for each file whether it was right already.
 */
export async function restoreSmallFiles(
  { files, blob }: Extract<FileUnit, { kind: "small" }>,
  crew: WorkerCrew,
  { places, isDelta }: UnitOptions,
): Promise<readonly boolean[]> {
  await using directories = new HeldDirectories();
  const jobs: (SmallFile & { readonly blobOffsetBytes: number })[] = [];
  for (const file of files) jobs.push(await smallFile(file, places, directories));
  const kept = isDelta
    ? (await crew.run({ kind: "check", files: jobs })).kept
    : jobs.map(() => false);
  const missing = jobs.filter((_, index) => !kept[index]);
  if (missing.length > 0) {
    await crew.run({
      kind: "create",
      replacing: isDelta,
      blob: blob && (await crew.fetch(blob)),
      files: missing,
    });
  }
  return kept;
}

/** Makes files without content. */
export async function restoreHollowFiles(
  { files }: Extract<FileUnit, { kind: "hollow" }>,
  crew: WorkerCrew,
  { places }: Pick<UnitOptions, "places">,
): Promise<void> {
  await using directories = new HeldDirectories();
  const jobs: SmallFile[] = [];
  for (const entry of files) jobs.push(await placedFile(entry, places, directories));
  await crew.run({ kind: "hollow", files: jobs });
}

async function smallFile(
  { entry, uses }: PlannedFile,
  places: Places,
  directories: HeldDirectories,
): Promise<SmallFile & { readonly blobOffsetBytes: number }> {
  const blobOffsetBytes = uses[0]?.pieces[0]?.blobOffsetBytes ?? 0;
  return { ...(await placedFile(entry, places, directories)), blobOffsetBytes };
}

async function placedFile(
  entry: ManifestFile,
  places: Places,
  directories: HeldDirectories,
): Promise<SmallFile> {
  const place = places.find(entry.path);
  const { path, sizeBytes, sha256 } = entry;
  return {
    place: below(await directories.placeOf(place), baseName(place.path)),
    owner: place.tree.owner,
    path,
    sizeBytes,
    sha256,
    mode: entry.mode & 0o777,
    modifiedAtMs: entry.modifiedAt.epochMilliseconds,
  };
}

/** Directories that stay open until a job is done. */
class HeldDirectories implements AsyncDisposable {
  readonly #held: AsyncDisposableStack = new AsyncDisposableStack();
  readonly #places: Map<string, Buffer> = new Map();

  async placeOf({ tree, path }: TreePath): Promise<Buffer> {
    const parent = parentPath(path);
    const key = `${tree.path}\0${parent}`;
    const known = this.#places.get(key);
    if (known) return known;
    const { place } = this.#held.use(await tree.hold(parent));
    this.#places.set(key, place);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#held[Symbol.asyncDispose]();
  }
}
