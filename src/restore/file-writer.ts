// Writes what a manifest lists below the places of the plan. Directories and links are made in the order of the manifest;
// files follow in units: a large file by itself, small files together when they lie in one blob, which is then decoded
// once for all of them. Nothing is made durable here; that comes after the last byte (Places.sync).
import type { FileHandle } from "node:fs/promises";
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import { DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { type BytePath, textPath } from "../model/byte-path.ts";
import type { CopyProgress } from "../model/progress.ts";
import { readExtents } from "../repository/extent-map.ts";
import type { ManifestEntry, ManifestFile } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import { type BlobUse, blobUses } from "./blob-uses.ts";
import { badEntry, tablespaceOidOf } from "./entry-path.ts";
import { contentDigest, FileContent, proveDigest } from "./file-content.ts";
import { forEachPulled } from "./lanes.ts";
import { MARKER_FILE } from "./marker.ts";
import type { PackReader } from "../repository/pack-reader.ts";
import type { PackShelf } from "../repository/pack-shelf.ts";
import { CONTROL_FILE, type Places, type TreePath } from "./places.ts";

/** Where the bytes come from, where they go, and who is told of it. */
export interface WriterOptions {
  readonly places: Places;
  readonly shelf: PackShelf;
  readonly packs: readonly PackEntry[];
  /** What each tablespace's link shall say, by OID. */
  readonly links: ReadonlyMap<number, string>;
  /** Units at a time. */
  readonly laneCount: number;
  readonly total: { readonly fileCount: number; readonly sizeBytes: number };
  readonly onProgress: (progress: CopyProgress) => void;
}

/** Small files looked at together for blobs that they share. */
const BATCH_FILE_COUNT_MAX = 1024;

/** A file beyond this size is made durable as soon as it is written, so that not everything is left for the end. */
const SYNC_AT_ONCE_BYTES: number = 64 * MIB;

/** Files that the restore writes itself, from the plan and from the manifest's header, or that must not be there. */
const NOT_WRITTEN: ReadonlySet<string> = new Set([
  "backup_label",
  "postmaster.opts",
  "postmaster.pid",
  "recovery.signal",
  "standby.signal",
  "tablespace_map",
  MARKER_FILE,
]);

/** The settings that PostgreSQL reads last; recovery's own go to its end. */
export const AUTO_CONF_FILE: BytePath = textPath("postgresql.auto.conf");

/** Files whose content the restore changes; they are read into memory instead. */
const CHANGED: ReadonlySet<string> = new Set([CONTROL_FILE, AUTO_CONF_FILE]);

/** pg_control has 8 KiB, and nobody sets that much by ALTER SYSTEM. */
const CHANGED_SIZE_MAX_BYTES: number = 16 * MIB;

interface PlannedFile {
  readonly entry: ManifestFile;
  readonly uses: readonly BlobUse[];
  readonly hasHoles: boolean;
}

/** Files that are written together, and the one blob that they share; a file with any other content is alone. */
interface Unit {
  readonly files: readonly PlannedFile[];
  readonly shared: Pick<BlobUse, "pack" | "blob"> | undefined;
}

/** Writes the entries of one manifest to their places, some units at a time; used once. */
export class FileWriter {
  /** What was written and must be made durable. */
  readonly files: TreePath[] = [];
  readonly directories: TreePath[] = [];
  readonly #options: WriterOptions;
  readonly #context: Context;
  readonly #changed: Map<BytePath, Buffer> = new Map();
  #bytesDone = 0;
  #filesDone = 0;

  constructor(options: WriterOptions, context: Context) {
    this.#options = options;
    this.#context = context;
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

  async *#units(entries: AsyncIterable<ManifestEntry>): AsyncGenerator<Unit, void, undefined> {
    let batch: PlannedFile[] = [];
    for await (const entry of entries) {
      this.#context.signal.throwIfAborted();
      if (entry.kind === "file") {
        if (NOT_WRITTEN.has(entry.path)) continue;
        const planned = await this.#planFile(entry);
        if (CHANGED.has(entry.path)) await this.#readWhole(planned);
        else if (entry.sizeBytes > DIGEST_CHUNK_BYTES)
          yield { files: [planned], shared: undefined };
        else batch.push(planned);
      } else await this.#writeBare(entry);
      if (batch.length < BATCH_FILE_COUNT_MAX) continue;
      yield* byBlob(batch);
      batch = [];
    }
    yield* byBlob(batch);
  }

  async #planFile(entry: ManifestFile): Promise<PlannedFile> {
    const { shelf, packs } = this.#options;
    const openPack = (index: number): Promise<PackReader> => shelf.take(index);
    const extents = await readExtents(entry, { packs, openPack, context: this.#context });
    const uses = await blobUses(entry, extents, openPack);
    return { entry, uses, hasHoles: extents.some((extent) => extent.source === undefined) };
  }

  /** Directories and links. A tablespace's link leads where the plan says; any other becomes a directory. */
  async #writeBare(entry: Exclude<ManifestEntry, ManifestFile>): Promise<void> {
    if (entry.path === "") return;
    const place = this.#options.places.find(entry.path);
    const oid = tablespaceOidOf(entry.path);
    const target = oid === undefined ? undefined : this.#options.links.get(oid);
    if (entry.kind === "link" && target !== undefined) {
      await this.#options.places.data.makeLink(entry.path, target);
      return;
    }
    const mode = entry.kind === "directory" ? (entry.mode & 0o777) | 0o700 : 0o700;
    await place.tree.makeDirectory(place.path, mode);
    this.directories.push(place);
  }

  async #writeUnit({ files, shared }: Unit): Promise<void> {
    const plain = shared && (await this.#readBlob(shared));
    for (const file of files) await this.#writeFile(file, plain);
  }

  async #writeFile(
    { entry, uses, hasHoles }: PlannedFile,
    shared: Buffer | undefined,
  ): Promise<void> {
    this.#context.signal.throwIfAborted();
    const place = this.#options.places.find(entry.path);
    await using file = await place.tree.createFile(place.path);
    const content = new FileContent(entry, file);
    if (hasHoles) await content.extend();
    for (const use of uses) {
      await content.fill(shared ?? (await this.#readBlob(use)), use);
      this.#report(
        use.pieces.reduce((sum, piece) => sum + piece.lengthBytes, 0),
        0,
      );
    }
    await content.prove();
    await settle(file, entry);
    this.files.push(place);
    this.#report(0, 1);
  }

  async #readBlob({ pack, blob }: Pick<BlobUse, "pack" | "blob">): Promise<Buffer> {
    this.#context.signal.throwIfAborted();
    return (await this.#options.shelf.take(pack)).readBlob(blob, this.#context);
  }

  async #readWhole({ entry, uses }: PlannedFile): Promise<void> {
    if (entry.sizeBytes > CHANGED_SIZE_MAX_BYTES) {
      throw badEntry(entry.path, `has ${entry.sizeBytes} bytes, which it never has`);
    }
    const content = Buffer.alloc(entry.sizeBytes);
    for (const use of uses) {
      const plain = await this.#readBlob(use);
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

/** Groups small files by the blob that holds each whole. */
function* byBlob(files: readonly PlannedFile[]): Generator<Unit, void, undefined> {
  const groups = new Map<string, PlannedFile[]>();
  for (const file of files) {
    const [use] = file.uses;
    if (use === undefined || file.uses.length > 1) {
      yield { files: [file], shared: undefined };
      continue;
    }
    const key = `${use.pack}/${use.blob}`;
    const group = groups.get(key);
    if (group) group.push(file);
    else groups.set(key, [file]);
  }
  for (const group of groups.values()) yield { files: group, shared: group[0]?.uses[0] };
}

/** Permissions and time as they were; the owner was given when the file was made. */
async function settle(file: FileHandle, entry: ManifestFile): Promise<void> {
  const mode = entry.mode & 0o777;
  if (mode !== 0o600) await file.chmod(mode);
  const seconds = entry.modifiedAt.epochMilliseconds / 1000;
  await file.utimes(seconds, seconds);
  if (entry.sizeBytes >= SYNC_AT_ONCE_BYTES) await file.datasync();
}
