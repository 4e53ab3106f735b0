// Digests of bytes: SHA-256 says whether content is what it was, CRC-32C finds accidents in stored bytes cheaply, and
// page hashes tell which pages of a chunk differ without reading them from the repository.
import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { crc32c as nativeCrc32c } from "@node-rs/crc32";

/** The SHA-256 of `bytes`: 32 bytes. */
export function sha256(bytes: Uint8Array): Buffer {
  return hash("sha256", bytes, "buffer");
}

/**
 * The CRC-32C (Castagnoli) of `bytes`, an unsigned 32-bit number.
 *
 * @param previous the checksum of the bytes before, to go on from.
 */
export function crc32c(bytes: Uint8Array, previous = 0): number {
  return nativeCrc32c(bytes, previous);
}

/** Length of one page's hash. */
export const PAGE_HASH_BYTES = 8;

/**
 * A hash of every page: CRC-32C, then CRC-32 (IEEE 802.3), both little endian. It finds pages that differ by accident of
 * history; it is no protection against a page made to collide.
 *
 * @param pageSizeBytes the last page may be shorter.
 * @returns 8 bytes a page.
 */
export function pageHashes(plain: Uint8Array, pageSizeBytes: number): Buffer {
  const pageCount = Math.ceil(plain.length / pageSizeBytes);
  const hashes = Buffer.alloc(pageCount * PAGE_HASH_BYTES);
  for (let page = 0; page < pageCount; page += 1) {
    const bytes = plain.subarray(page * pageSizeBytes, (page + 1) * pageSizeBytes);
    hashes.writeUInt32LE(crc32c(bytes), page * PAGE_HASH_BYTES);
    hashes.writeUInt32LE(crc32(bytes), page * PAGE_HASH_BYTES + 4);
  }
  return hashes;
}
