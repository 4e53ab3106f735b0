// Which packs a backup's manifest names. While files are copied, extents count in a table of all packs of the prior backup,
// followed by those of this one. In the end the packs that nothing names any more are left out.
import type { BackupLabel } from "../model/backup-label.ts";
import { type Extent, type FileExtents, isExtentMapRef } from "../repository/extent-map.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { PackEntry, PackName } from "../repository/pack-format.ts";

/** The table while it grows. */
export class PackTable {
  readonly #prior: readonly PackEntry[];
  readonly #label: BackupLabel;
  readonly #names: PackName[];

  constructor(prior: readonly PackEntry[], label: BackupLabel) {
    this.#prior = prior;
    this.#label = label;
    this.#names = [...prior];
  }

  /** Every pack that an extent may name by now. */
  get names(): readonly PackName[] {
    return this.#names;
  }

  /** Hands out the number of a new pack of this backup. */
  next(): number {
    const number = this.#names.length - this.#prior.length;
    this.#names.push({ label: this.#label, number });
    return number;
  }

  /** The place of one of this backup's packs. */
  indexOf(number: number): number {
    return this.#prior.length + number;
  }

  /**
   * The final table, and the files with extents that count in it.
   *
   * @param own this backup's packs, by number.
   */
  settle(
    own: readonly PackEntry[],
    files: readonly ManifestFile[],
  ): { readonly packs: readonly PackEntry[]; readonly files: readonly ManifestFile[] } {
    const all = [...this.#prior, ...own];
    const used = new Set(files.flatMap(({ extents }) => packsNamed(extents)));
    const packs: PackEntry[] = [];
    const places = all.map((pack, index) => {
      const isKept = index >= this.#prior.length || used.has(index);
      return isKept ? packs.push(pack) - 1 : -1;
    });
    if (packs.length === all.length) return { packs, files };
    const moved = files.map((file) => ({ ...file, extents: move(file.extents, places) }));
    return { packs, files: moved };
  }
}

function packsNamed(extents: FileExtents): readonly number[] {
  if (isExtentMapRef(extents)) return [extents.pack, ...extents.uses];
  return extents.flatMap(({ source }) => (source ? [source.pack] : []));
}

function move(extents: FileExtents, places: readonly number[]): FileExtents {
  const placeOf = (index: number): number => places[index] ?? -1;
  if (!isExtentMapRef(extents)) {
    return extents.map((extent): Extent => {
      const { source } = extent;
      return source ? { ...extent, source: { ...source, pack: placeOf(source.pack) } } : extent;
    });
  }
  return { ...extents, pack: placeOf(extents.pack), uses: extents.uses.map(placeOf) };
}
