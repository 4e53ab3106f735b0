// Whether a pack is what manifests say: its size and SHA-256, its directory, and every blob and page hash in it. Bytes are
// fetched here; blobs are expanded in worker threads, a few at a time, so memory does not grow with the pack.
import { createHash } from "node:crypto";
import type { Context } from "../base/context.ts";
import { forEachLimited, MIB } from "../base/limits.ts";
import type { WorkerPool } from "../base/worker-pool.ts";
import type { StanzaName } from "../model/stanza.ts";
import { corrupt } from "../repository/corrupt.ts";
import { packKey } from "../repository/keys.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import { PackReader } from "../repository/pack-reader.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { Repository } from "../repository/repository.ts";

/** Where packs are, and who expands their blobs. */
export interface PackPlace {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly pool: WorkerPool<PackedBlob, number>;
}

/**
 * Where the plaintext of each blob begins within all of the pack's, and at the end where the last one ends: what extents
 * may reach to.
 */
export type BlobOffsets = Float64Array;

const HASH_WINDOW_BYTES: number = 4 * MIB;

/**
 * Opens a pack, which checks its two ends.
 *
 * @throws {HindsightError} `OBJECT_MISSING`, `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function openPack(
  { repository, stanza }: PackPlace,
  entry: PackEntry,
  context: Context,
): Promise<{ readonly pack: PackReader; readonly offsets: BlobOffsets }> {
  const pack = await PackReader.open(repository, stanza, entry, context);
  const offsets = new Float64Array(pack.blobCount + 1);
  for (let blob = 0; blob < pack.blobCount; blob += 1) {
    offsets[blob + 1] = (offsets[blob] ?? 0) + pack.blobPlainSize(blob);
  }
  return { pack, offsets };
}

/**
 * Reads all of a pack.
 *
 * @throws {HindsightError} as {@link openPack}, for the first thing that is wrong.
 */
export async function readWholePack(
  place: PackPlace,
  { entry, pack }: { readonly entry: PackEntry; readonly pack: PackReader },
  context: Context,
): Promise<void> {
  const { pool } = place;
  const blobs = Array.from({ length: pack.blobCount }, (_, blob) => blob);
  await forEachLimited(blobs, pool.sizeCount * 2, async (blob) => {
    context.signal.throwIfAborted();
    const packed = await pack.readPacked(blob, context);
    await pool.run(packed);
  });
  const hashesOf = await pack.allPageHashes(context);
  for (const blob of blobs) hashesOf(blob);
  await compareHash(place, entry, context);
}

async function compareHash(
  { repository, stanza }: PackPlace,
  entry: PackEntry,
  { signal }: Context,
): Promise<void> {
  const key = packKey(stanza, entry.label, entry.number);
  const hash = createHash("sha256");
  for (let offsetBytes = 0; offsetBytes < entry.sizeBytes; offsetBytes += HASH_WINDOW_BYTES) {
    const range = { offsetBytes, lengthBytes: HASH_WINDOW_BYTES };
    const bytes = await repository.store.get(key, { range, signal });
    if (!bytes) throw corrupt(key, "the object vanished while it was read");
    hash.update(bytes);
  }
  const found = hash.digest("hex");
  if (found === entry.sha256) return;
  throw corrupt(key, `it has SHA-256 ${found}, but manifests name ${entry.sha256}`);
}
