// Whether everything that a manifest's files point to exists: each extent must lie within blobs of a pack. The packs were
// opened before; here only their directories count.
import type { Context } from "../base/context.ts";
import { type BytePath, showPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { type Extent, readExtents } from "../repository/extent-map.ts";
import { backupKey } from "../repository/keys.ts";
import { type ManifestFile, readManifest } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import type { PackReader } from "../repository/pack-reader.ts";
import { corrupt } from "../repository/corrupt.ts";
import { type BlobOffsets, openPack, type PackPlace } from "./check-pack.ts";
import { packName } from "./pack-name.ts";

/** What is known of the packs, by {@link packName}; a pack that could not be opened is not in it. */
export type KnownPacks = ReadonlyMap<string, BlobOffsets>;

/** Packs with extent maps that are kept open. */
const OPEN_PACK_COUNT_MAX = 16;

/**
 * Reads a manifest to its end.
 *
 * @returns how many files it has.
 * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`, `REPOSITORY_FORMAT_UNKNOWN`; extents of packs that are not
 *   known are passed over, because those packs are findings already.
 */
export async function checkManifest(
  place: PackPlace,
  { label, known }: { readonly label: BackupLabel; readonly known: KnownPacks },
  context: Context,
): Promise<number> {
  const { repository, stanza } = place;
  const { header, entries } = await readManifest(repository, stanza, label, context);
  const { packs } = header;
  const key = backupKey(stanza, label, "manifest");
  const offsets = packs.map((pack) => known.get(packName(pack)));
  const shelf = new Shelf(place, packs, context);
  let fileCount = 0;
  for await (const entry of entries) {
    if (entry.kind !== "file") continue;
    fileCount += 1;
    const extents = await extentsOf(entry, { packs, offsets, shelf, context });
    const fault = extents && findFault(extents, offsets);
    if (fault) throw corrupt(key, `${showPath(entry.path)}: ${fault}`);
  }
  return fileCount;
}

async function extentsOf(
  file: ManifestFile,
  {
    packs,
    offsets,
    shelf,
    context,
  }: {
    readonly packs: readonly PackEntry[];
    readonly offsets: readonly (BlobOffsets | undefined)[];
    readonly shelf: Shelf;
    readonly context: Context;
  },
): Promise<readonly Extent[] | undefined> {
  const { extents } = file;
  if (!("pack" in extents)) return extents;
  const known = offsets[extents.pack];
  if (!known) return undefined;
  if (extents.blob >= known.length - 1) throw outside(file.path, extents.blob);
  const openPackOf = (index: number): Promise<PackReader> => shelf.take(index);
  return readExtents(file, { packs, openPack: openPackOf, context });
}

function outside(path: BytePath, blob: number): Error {
  return failure(
    "OBJECT_CORRUPT",
    `the extent map of ${showPath(path)} is blob ${blob}, which its pack lacks`,
  );
}

function findFault(
  extents: readonly Extent[],
  offsets: readonly (BlobOffsets | undefined)[],
): string | undefined {
  for (const { source, lengthBytes, fileOffsetBytes } of extents) {
    const known = source && offsets[source.pack];
    if (!source || !known) continue;
    const begin = known[source.blob];
    const next = known[source.blob + 1];
    const at = `the extent at ${fileOffsetBytes} comes from blob ${source.blob} of pack ${source.pack}`;
    if (begin === undefined || next === undefined)
      return `${at}, which has only ${known.length - 1}`;
    if (begin + source.blobOffsetBytes >= next) return `${at}, behind its end`;
    const end = known[known.length - 1] ?? 0;
    if (begin + source.blobOffsetBytes + lengthBytes > end)
      return `${at} and goes on past the pack's end`;
  }
  return undefined;
}

/** Open packs, the last used ones. */
class Shelf {
  readonly #place: PackPlace;
  readonly #packs: readonly PackEntry[];
  readonly #context: Context;
  readonly #open: Map<number, PackReader> = new Map();

  constructor(place: PackPlace, packs: readonly PackEntry[], context: Context) {
    this.#place = place;
    this.#packs = packs;
    this.#context = context;
  }

  async take(index: number): Promise<PackReader> {
    const found = this.#open.get(index) ?? (await this.#openAt(index));
    this.#open.delete(index);
    this.#open.set(index, found);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= OPEN_PACK_COUNT_MAX) break;
      this.#open.delete(oldest);
    }
    return found;
  }

  async #openAt(index: number): Promise<PackReader> {
    const entry = this.#packs[index];
    if (!entry) throw new RangeError(`pack ${index} of ${this.#packs.length}`);
    return (await openPack(this.#place, entry, this.#context)).pack;
  }
}
