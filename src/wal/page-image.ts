// Gives back the page that a block reference carries an image of. Where the image lies and how long it is:
// block-reference.ts. What is on the page is somebody else's business.
//
// An image is the page without its hole, a run of zeros between the row pointers and the rows, and may be compressed
// after the hole was taken out. The method is in the image's flags:
//
//   bit   method  since
//   0x02  pglz    14 only; later this bit means something else
//   0x04  pglz    15
//   0x08  lz4     15, if the server was built with it
//   0x10  zstd    15, likewise
//
// Source: PostgreSQL src/include/access/xlogrecord.h; src/backend/access/transam/xlogreader.c, RestoreBlockImage.
import { constants, zstdDecompressSync } from "node:zlib";
import { failure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import type { BlockReference } from "./block-reference.ts";
import { expandLz4 } from "./lz4.ts";
import { expandPglz } from "./pglz.ts";
import { recordLsn, type WalRecord } from "./record.ts";

/** How an image is compressed, as wal_compression names it. */
export type ImageCompression = "none" | "pglz" | "lz4" | "zstd";

const COMPRESSED_14 = 0x02;
const COMPRESSION_FLAGS_15 = { pglz: 0x04, lz4: 0x08, zstd: 0x10 } as const;

/** What zstd may remember of what it has expanded; a damaged header asks for up to 128 MiB. The longest page has 2^15. */
const ZSTD_WINDOW_LOG_MAX = 17;

/** How the image of a block is compressed; `none` also for a block without an image. */
export function imageCompression(block: BlockReference): ImageCompression {
  if (block.imageBytes === 0) return "none";
  const { imageFlags } = block;
  if (block.layout.majorVersion === 14) return (imageFlags & COMPRESSED_14) === 0 ? "none" : "pglz";
  if ((imageFlags & COMPRESSION_FLAGS_15.pglz) !== 0) return "pglz";
  if ((imageFlags & COMPRESSION_FLAGS_15.lz4) !== 0) return "lz4";
  return (imageFlags & COMPRESSION_FLAGS_15.zstd) === 0 ? "none" : "zstd";
}

/**
 * Gives the page of a block's image, with its hole filled up with zeros.
 *
 * @param block one of the record's blocks.
 * @returns a page of its own, of the layout's block size; undefined for a block without an image. An image that is there
 *   for comparison only (`appliesImage`) is given as well.
 * @throws {HindsightError} `WAL_RECORD_INVALID` when the image does not fill the page exactly.
 */
export function restorePageImage(
  record: WalRecord,
  block: BlockReference,
): Uint8Array<ArrayBuffer> | undefined {
  if (block.imageBytes === 0) return undefined;
  const { holeOffset, holeBytes } = block;
  const { blockSizeBytes } = block.layout;
  const plainBytes = blockSizeBytes - holeBytes;
  if (holeOffset > plainBytes || plainBytes <= 0) {
    throw damaged(record, `has a hole of ${holeBytes} bytes at ${holeOffset}`);
  }
  const image = expandImage(record, block, plainBytes);
  const page = new Uint8Array(blockSizeBytes);
  page.set(image.subarray(0, holeOffset));
  page.set(image.subarray(holeOffset), holeOffset + holeBytes);
  return page;
}

/** The image before it was compressed: exactly `plainBytes`. */
function expandImage(record: WalRecord, block: BlockReference, plainBytes: number): Uint8Array {
  const { view } = record;
  const stored = new Uint8Array(view.buffer, view.byteOffset + block.imageOffset, block.imageBytes);
  const compression = imageCompression(block);
  const plain = expand(stored, compression, plainBytes);
  if (plain?.length !== plainBytes) {
    throw damaged(
      record,
      `is compressed with ${compression}, and does not expand to ${plainBytes} bytes`,
    );
  }
  return plain;
}

function expand(
  stored: Uint8Array,
  compression: ImageCompression,
  plainBytes: number,
): Uint8Array | undefined {
  switch (compression) {
    case "none":
      return stored;
    case "pglz": {
      const plain = new Uint8Array(plainBytes);
      return expandPglz(stored, plain) ? plain : undefined;
    }
    case "lz4": {
      const plain = new Uint8Array(plainBytes);
      return expandLz4(stored, plain) ? plain : undefined;
    }
    case "zstd":
      return expandZstd(stored, plainBytes);
  }
}

function expandZstd(stored: Uint8Array, plainBytes: number): Uint8Array | undefined {
  try {
    return zstdDecompressSync(stored, {
      maxOutputLength: plainBytes,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX },
    });
  } catch {
    // Whatever zstd found wrong, the image is damaged, and the caller says so.
    return undefined;
  }
}

function damaged(record: WalRecord, what: string): Error {
  const place = formatLsn(recordLsn(record));
  return failure("WAL_RECORD_INVALID", `the page image of the WAL record at ${place} ${what}`);
}
