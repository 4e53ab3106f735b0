// How a file of the WAL archive is stored: segments, partial segments, timeline histories and backup histories all have
// the same form, a header with the file's identity and frames of at most 16 MiB. Which key a file has, and what happens
// when it is there already: wal-archive.ts.
//
// Fields of the header (format 1), sealed with it where the repository is encrypted:
// offset  size  type   meaning
// 0       32    bytes  SHA-256 of the file
// 32      8     u64    size of the file
// 40      8     u64    system identifier
// 48      4     u32    timeline in the file's name
// 52      4     u32    WAL segment size
import type { CompressionChoice } from "../codec/compress.ts";
import { sha256 } from "../codec/digest.ts";
import type { Sealer } from "../codec/seal.ts";
import { type SystemIdentifier, systemIdentifier } from "../model/system-identifier.ts";
import { parseTimelineDigits, type Timeline, timeline } from "../model/timeline.ts";
import { SEGMENT_SIZE_MAX_BYTES } from "../model/wal-segment.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { corrupt } from "./corrupt.ts";
import { encodeFrame, FRAME_SIZE_MAX_BYTES, FrameReader } from "./object-frame.ts";
import { type DecodedHeader, encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import type { ObjectReader } from "./object-reader.ts";

/** Size of the header's fields. */
export const WAL_FIELDS_BYTES = 56;

/** What the header of a stored WAL file says. */
export interface WalObjectHeader {
  /** Of the file, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  readonly plainSizeBytes: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: Timeline;
  readonly segmentSizeBytes: number;
}

/** A file to be stored, and where it belongs. */
export interface WalObjectSource {
  readonly key: ObjectKey;
  readonly repositoryId: string;
  readonly sealer: Sealer;
  /** The archived file's name; its first eight digits are the timeline. */
  readonly name: string;
  readonly plain: Buffer;
  readonly cluster: {
    readonly systemIdentifier: SystemIdentifier;
    readonly segmentSizeBytes: number;
  };
  readonly compression: CompressionChoice;
}

/**
 * The bytes of a stored WAL file, piece by piece, so that no more than one frame is held beside the file itself.
 *
 * @throws {RangeError} for a file of more than 1 GiB.
 */
export function* encodeWalObject(source: WalObjectSource): Generator<Uint8Array, void, undefined> {
  const { plain } = source;
  if (plain.length > SEGMENT_SIZE_MAX_BYTES) {
    throw new RangeError(`${source.name} has ${plain.length} bytes, more than any WAL segment`);
  }
  const header: ObjectHeader = {
    type: "WALF",
    compression: source.compression.kind,
    repositoryId: source.repositoryId,
    key: source.key,
    fields: encodeWalFields({
      ...source.cluster,
      sha256: sha256(plain).toString("hex"),
      plainSizeBytes: plain.length,
      timeline: parseTimelineDigits(source.name.slice(0, 8)),
    }),
  };
  const { bytes, seal } = encodeObjectHeader(header, source.sealer);
  yield bytes;
  const style = { seal, compression: source.compression };
  for (let number = 0; number * FRAME_SIZE_MAX_BYTES < plain.length; number += 1) {
    const begin = number * FRAME_SIZE_MAX_BYTES;
    yield* encodeFrame("WALD", plain.subarray(begin, begin + FRAME_SIZE_MAX_BYTES), {
      style,
      number,
    });
  }
}

function encodeWalFields(fields: WalObjectHeader): Buffer {
  const bytes = Buffer.alloc(WAL_FIELDS_BYTES);
  bytes.write(fields.sha256, 0, "hex");
  bytes.writeBigUInt64LE(BigInt(fields.plainSizeBytes), 32);
  bytes.writeBigUInt64LE(fields.systemIdentifier, 40);
  bytes.writeUInt32LE(fields.timeline, 48);
  bytes.writeUInt32LE(fields.segmentSizeBytes, 52);
  return bytes;
}

/**
 * Reads the fields that a WAL object's header adds.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT` for a size that no WAL file has.
 */
export function decodeWalFields({ key, fields }: DecodedHeader): WalObjectHeader {
  const plainSizeBytes = fields.readBigUInt64LE(32);
  if (plainSizeBytes > BigInt(SEGMENT_SIZE_MAX_BYTES)) {
    throw corrupt(key, `it claims to hold ${plainSizeBytes} bytes, more than any WAL segment`);
  }
  return {
    sha256: fields.toString("hex", 0, 32),
    plainSizeBytes: Number(plainSizeBytes),
    systemIdentifier: systemIdentifier(fields.readBigUInt64LE(40)),
    timeline: timeline(fields.readUInt32LE(48)),
    segmentSizeBytes: fields.readUInt32LE(52),
  };
}

/**
 * Reads the file out of a WAL object.
 *
 * @param reader stands behind the header.
 * @returns exactly the bytes that were stored: size and SHA-256 are verified.
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export async function decodeWalBody(reader: ObjectReader, header: DecodedHeader): Promise<Buffer> {
  const { plainSizeBytes, sha256: expected } = decodeWalFields(header);
  const frames = new FrameReader(reader, header);
  const pieces: Buffer[] = [];
  for (let rest = plainSizeBytes; rest > 0;) {
    const frameSizeBytes = Math.min(rest, FRAME_SIZE_MAX_BYTES);
    const { plain, offsetBytes } = await frames.next({ WALD: frameSizeBytes });
    if (plain.length !== frameSizeBytes) {
      throw corrupt(
        header.key,
        `a frame holds ${plain.length} bytes of WAL instead of ${frameSizeBytes}`,
        {
          offsetBytes,
        },
      );
    }
    pieces.push(plain);
    rest -= plain.length;
  }
  await reader.expectEnd();
  const whole = pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
  const found = sha256(whole).toString("hex");
  if (found === expected) return whole;
  throw corrupt(header.key, `its content has SHA-256 ${found} instead of ${expected}`);
}
