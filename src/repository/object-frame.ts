// Frames: the pieces that the body of most objects consists of. Each is small enough to be held in memory, carries a
// checksum over its stored bytes, and knows its own number, so that none can be lost, moved or cut unnoticed.
//
// offset  size  type   meaning (format 1)
// 0       4     ASCII  tag
// 4       4     u32    S, stored size
// 8       4     u32    plain size
// 12      4     u32    CRC-32C of: the frame's number (u32), bytes 0 to 11, the stored bytes
// 16      S     bytes  seal(compress(plain))
import { MIB } from "../base/limits.ts";
import { compress, type CompressionChoice, expand } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import { errorMessage } from "../base/errors.ts";
import { corrupt } from "./corrupt.ts";
import type { DecodedHeader, PieceSeal } from "./object-header.ts";
import type { ObjectReader } from "./object-reader.ts";

/** What a frame holds: JSON of a fact, WAL, a section of a manifest, part of a WAL index, lines of a catalogue. */
export type FrameTag = "JSON" | "WALD" | "HEAD" | "PKTB" | "FILE" | "DONE" | "WIDX" | "CATL";

/** Plaintext of any frame at most. */
export const FRAME_SIZE_MAX_BYTES: number = 16 * MIB;

const FRAME_HEADER_BYTES = 16;

/** What the frames of one object have in common. */
export interface FrameStyle {
  /** Of the object, from its header. */
  readonly seal: PieceSeal;
  readonly compression: CompressionChoice;
}

/** A frame as it was read. */
export interface Frame {
  readonly tag: string;
  readonly plain: Buffer;
  /** Where the frame begins in its object. */
  readonly offsetBytes: number;
}

/**
 * Lays out one frame.
 *
 * @param number the frame's place in the object, from 0.
 * @returns the frame's header and its stored bytes, to be written one after the other.
 */
export function encodeFrame(
  tag: FrameTag,
  plain: Uint8Array,
  { style, number }: { readonly style: FrameStyle; readonly number: number },
): readonly [Buffer, Uint8Array] {
  const compressed = compress(plain, style.compression);
  const head = Buffer.alloc(FRAME_HEADER_BYTES);
  head.write(tag, 0, "ascii");
  head.writeUInt32LE(compressed.length + style.seal.overheadBytes, 4);
  head.writeUInt32LE(plain.length, 8);
  const stored = style.seal.seal(compressed, { kind: "frame", number }, boundHead(head));
  head.writeUInt32LE(frameChecksum(number, head, stored), 12);
  return [head, stored];
}

/** Reads the frames of one object, one after the other. */
export class FrameReader {
  readonly #reader: ObjectReader;
  readonly #header: DecodedHeader;
  #number = 0;

  /** @param reader stands at the first frame. */
  constructor(reader: ObjectReader, header: DecodedHeader) {
    this.#reader = reader;
    this.#header = header;
  }

  /**
   * The next frame.
   *
   * @param limits the largest plaintext for each tag that may come now.
   * @throws {HindsightError} `OBJECT_CORRUPT`
   */
  async next(limits: Partial<Record<FrameTag, number>>): Promise<Frame> {
    const offsetBytes = this.#reader.offsetBytes;
    const head = await this.#reader.take(FRAME_HEADER_BYTES);
    const tag = head.toString("latin1", 0, 4);
    const plainSizeBytes = head.readUInt32LE(8);
    const storedSizeBytes = head.readUInt32LE(4);
    const limit = Object.hasOwn(limits, tag) ? limits[tag as FrameTag] : undefined;
    if (limit === undefined)
      throw this.#damaged(offsetBytes, "is not of a kind that may stand here");
    if (plainSizeBytes > limit || storedSizeBytes > storedSizeMax(plainSizeBytes)) {
      throw this.#damaged(offsetBytes, "claims an impossible size");
    }
    const stored = await this.#reader.take(storedSizeBytes);
    if (head.readUInt32LE(12) !== frameChecksum(this.#number, head, stored)) {
      throw this.#damaged(offsetBytes, "does not match its checksum");
    }
    const plain = this.#decode(head, stored, offsetBytes);
    this.#number += 1;
    return { tag, plain, offsetBytes };
  }

  #decode(head: Buffer, stored: Buffer, offsetBytes: number): Buffer {
    const { seal, compression } = this.#header;
    try {
      const piece = { kind: "frame", number: this.#number } as const;
      const opened = seal.open(stored, piece, boundHead(head));
      return expand(opened, compression, head.readUInt32LE(8));
    } catch (cause) {
      throw this.#damaged(offsetBytes, errorMessage(cause), cause);
    }
  }

  #damaged(offsetBytes: number, what: string, cause?: unknown): Error {
    return corrupt(this.#header.key, `frame ${this.#number} ${what}`, { offsetBytes, cause });
  }
}

function frameChecksum(number: number, head: Buffer, stored: Uint8Array): number {
  const place = Buffer.alloc(4);
  place.writeUInt32LE(number);
  return crc32c(stored, crc32c(boundHead(head), crc32c(place)));
}

/** Tag and sizes, without the checksum. */
function boundHead(head: Buffer): Buffer {
  return head.subarray(0, 12);
}

/** The most that compression and sealing may add. */
function storedSizeMax(plainSizeBytes: number): number {
  return plainSizeBytes + Math.floor(plainSizeBytes / 64) + 1024;
}
