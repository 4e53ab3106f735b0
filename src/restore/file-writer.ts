// Brings what a manifest lists into being below the places of the plan. Directories and links are made in the order of
// the manifest; files follow in units (file-units.ts), several at a time, by worker threads: small-files.ts and
// large-file.ts. Nothing is made durable here; that comes after the last byte (Places.sync).
import { MIB } from "../base/limits.ts";
import { type BytePath, textPath } from "../model/byte-path.ts";
import { PARTIAL_CLUSTER_FILE } from "../model/partial-cluster.ts";
import type { CopyProgress } from "../model/progress.ts";
import type { ManifestEntry, ManifestFile } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import { unpackBlob } from "../repository/packed-blob.ts";
import { contentDigest, proveDigest } from "./content-proof.ts";
import { badEntry } from "./entry-path.ts";
import {
  type FileUnit,
  groupSmall,
  isSmall,
  planFile,
  planHollow,
  type PlannedFile,
} from "./file-units.ts";
import { forEachPulled } from "./lanes.ts";
import { restoreLargeFile } from "./large-file.ts";
import { MARKER_FILE } from "./marker.ts";
import { CONTROL_FILE, type Places, type TreePath } from "./places.ts";
import type { Selection } from "./selection.ts";
import { restoreHollowFiles, restoreSmallFiles } from "./small-files.ts";
import type { WorkerCrew } from "./worker-crew.ts";

/** Where the bytes come from, where they go, and who is told of it. */
export interface WriterOptions {
  readonly places: Places;
  readonly packs: readonly PackEntry[];
  /** What the links of the data directory shall say: those of tablespaces, and pg_wal when it lies outside. */
  readonly links: ReadonlyMap<BytePath, string>;
  /** Whether files that are there may be right. */
  readonly isDelta: boolean;
  /** What is left out; undefined for the whole cluster. */
  readonly selection: Selection | undefined;
  /** Size of a relation's page. */
  readonly pageSizeBytes: number;
  /** Units at a time. */
  readonly laneCount: number;
  readonly total: { readonly fileCount: number; readonly sizeBytes: number };
  readonly onProgress: (progress: CopyProgress) => void;
}

/** Files without content that are made in one job. */
const HOLLOW_FILE_COUNT_MAX = 256;

/** Small files looked at together for blobs that they share. */
const BATCH_FILE_COUNT_MAX = 1024;

/** Files that the restore writes itself, from the plan and from the manifest's header, or that must not be there. */
export const NOT_WRITTEN: ReadonlySet<string> = new Set([
  "backup_label",
  "postmaster.opts",
  "postmaster.pid",
  "recovery.signal",
  "standby.signal",
  "tablespace_map",
  MARKER_FILE,
  PARTIAL_CLUSTER_FILE,
]);

/** The settings that PostgreSQL reads last; recovery's own go to its end. */
export const AUTO_CONF_FILE: BytePath = textPath("postgresql.auto.conf");

/** Files whose content the restore changes; they are read into memory instead. */
const CHANGED: ReadonlySet<string> = new Set([CONTROL_FILE, AUTO_CONF_FILE]);

/** pg_control has 8 KiB, and nobody sets that much by ALTER SYSTEM. */
const CHANGED_SIZE_MAX_BYTES: number = 16 * MIB;

/** Writes the entries of one manifest to their places, some units at a time; used once. */
export class FileWriter {
  /** What must be made durable: also what was kept, which may never have reached the disk. */
  readonly files: TreePath[] = [];
  readonly directories: TreePath[] = [];
  readonly #options: WriterOptions;
  readonly #crew: WorkerCrew;
  readonly #changed: Map<BytePath, Buffer> = new Map();
  #bytesDone = 0;
  #filesDone = 0;
  #filesKept = 0;

  constructor(options: WriterOptions, crew: WorkerCrew) {
    this.#options = options;
    this.#crew = crew;
  }

  /** Files that were right already. */
  get filesKept(): number {
    return this.#filesKept;
  }

  /**
   * Writes every entry.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`, what the store throws; the system's errors; the reason of
   *   the context's signal.
   */
  async writeAll(entries: AsyncIterable<ManifestEntry>): Promise<void> {
    await forEachPulled(this.#units(entries), this.#options.laneCount, (unit) =>
      this.#writeUnit(unit),
    );
  }

  /** The content of one of the files that the restore changes; undefined when the backup has none. */
  changedContent(path: BytePath): Buffer | undefined {
    return this.#changed.get(path);
  }

  async *#units(entries: AsyncIterable<ManifestEntry>): AsyncGenerator<FileUnit, void, undefined> {
    let small: PlannedFile[] = [];
    let hollow: ManifestFile[] = [];
    for await (const entry of entries) {
      this.#crew.context.signal.throwIfAborted();
      if (entry.kind !== "file") {
        await this.#writeBare(entry);
        continue;
      }
      if (NOT_WRITTEN.has(entry.path)) continue;
      const planned = await this.#plan(entry);
      if (!planned) hollow.push(entry);
      else if (CHANGED.has(entry.path)) await this.#readWhole(planned);
      else if (isSmall(planned)) small.push(planned);
      else yield { kind: "large", file: planned };
      if (small.length === BATCH_FILE_COUNT_MAX) yield* groupSmall(small.splice(0));
      if (hollow.length === HOLLOW_FILE_COUNT_MAX) {
        yield { kind: "hollow", files: hollow.splice(0) };
      }
    }
    yield* groupSmall(small);
    if (hollow.length > 0) yield { kind: "hollow", files: hollow };
  }

  /** @returns undefined for a file of which nothing is restored. */
  async #plan(entry: ManifestFile): Promise<PlannedFile | undefined> {
    const { packs, selection, pageSizeBytes } = this.#options;
    const { shelf, context } = this.#crew;
    const source = { shelf, packs, context };
    const hole = selection?.holeOf(entry.path);
    if (!hole) return planFile(entry, source);
    if (hole.kept.length === 0) return undefined;
    return planHollow(entry, { kept: hole.kept, pageSizeBytes }, source);
  }

  /** Directories and links. What the plan has no place outside for becomes a directory. */
  async #writeBare(entry: Exclude<ManifestEntry, ManifestFile>): Promise<void> {
    if (entry.path === "") return;
    const { places, links } = this.#options;
    const target = links.get(entry.path);
    if (target !== undefined) {
      await places.data.makeLink(entry.path, target);
      return;
    }
    const place = places.find(entry.path);
    const mode = entry.kind === "directory" ? (entry.mode & 0o777) | 0o700 : 0o700;
    await place.tree.makeDirectory(place.path, mode);
    this.directories.push(place);
  }

  async #writeUnit(unit: FileUnit): Promise<void> {
    if (unit.kind === "large") return await this.#writeLarge(unit.file);
    if (unit.kind === "hollow") return await this.#writeHollow(unit);
    const kept = await restoreSmallFiles(unit, this.#crew, this.#options);
    for (const [index, { entry }] of unit.files.entries()) {
      this.files.push(this.#options.places.find(entry.path));
      if (kept[index]) this.#filesKept += 1;
      this.#report(entry.sizeBytes, 1);
    }
  }

  async #writeHollow(unit: Extract<FileUnit, { kind: "hollow" }>): Promise<void> {
    await restoreHollowFiles(unit, this.#crew, this.#options);
    this.files.push(...unit.files.map(({ path }) => this.#options.places.find(path)));
    this.#report(0, unit.files.length);
  }

  async #writeLarge(file: PlannedFile): Promise<void> {
    const { places, isDelta } = this.#options;
    const place = places.find(file.entry.path);
    const onBytes = (bytes: number): void => this.#report(bytes, 0);
    const options = { isDelta, onBytes };
    const isKept = await restoreLargeFile(file, place, { crew: this.#crew, options });
    this.files.push(place);
    if (isKept) this.#filesKept += 1;
    this.#report(0, 1);
  }

  async #readWhole({ entry, uses }: PlannedFile): Promise<void> {
    if (entry.sizeBytes > CHANGED_SIZE_MAX_BYTES) {
      throw badEntry(entry.path, `has ${entry.sizeBytes} bytes, which it never has`);
    }
    const content = Buffer.alloc(entry.sizeBytes);
    for (const use of uses) {
      const plain = unpackBlob(await this.#crew.fetch(use));
      for (const { fileOffsetBytes, blobOffsetBytes, lengthBytes } of use.pieces) {
        plain.copy(content, fileOffsetBytes, blobOffsetBytes, blobOffsetBytes + lengthBytes);
      }
    }
    proveDigest(entry, contentDigest(content));
    this.#changed.set(entry.path, content);
    this.#report(entry.sizeBytes, 1);
  }

  #report(bytes: number, files: number): void {
    this.#bytesDone += bytes;
    this.#filesDone += files;
    const { total, onProgress } = this.#options;
    onProgress({
      bytesDone: this.#bytesDone,
      bytesTotal: total.sizeBytes,
      filesDone: this.#filesDone,
      filesTotal: total.fileCount,
    });
  }
}
