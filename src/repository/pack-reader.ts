// Reads blobs out of a pack. Opening a pack reads and checks its two ends: header, footer and directory. Each blob is
// then one ranged read, checked three times over: stored bytes by checksum, size, and plaintext by SHA-256.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import { KIB } from "../base/limits.ts";
import { crc32c, PAGE_HASH_BYTES } from "../codec/digest.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { packKey } from "./keys.ts";
import { type DecodedHeader, decodeObjectHeader, HEADER_SIZE_MAX_BYTES } from "./object-header.ts";
import {
  decodeDirectory,
  decodeFooter,
  decodePackFields,
  DIRECTORY_ENTRY_BYTES,
  FOOTER_BYTES,
  PACK_FIELDS_BYTES,
  type PackEntry,
  type PlacedEntry,
} from "./pack-format.ts";
import { damagedBlob, type PackedBlob, unpackBlob } from "./packed-blob.ts";
import type { Repository } from "./repository.ts";

/** Beyond footer and directory, what sealing may have added. */
const TAIL_SLACK_BYTES: number = 4 * KIB;

interface OpenedPack {
  readonly repository: Repository;
  readonly context: Context;
  readonly header: DecodedHeader;
  readonly pageSizeBytes: number;
  readonly directory: readonly PlacedEntry[];
}

/** An open pack. Holds its directory, 64 bytes a blob, and no other resource: it needs no closing. */
export class PackReader {
  readonly blobCount: number;
  readonly #pack: OpenedPack;
  readonly #key: ObjectKey;

  private constructor(pack: OpenedPack) {
    this.#pack = pack;
    this.#key = pack.header.key;
    this.blobCount = pack.directory.length;
  }

  /**
   * @param entry as the manifest names the pack; size and number of blobs must fit.
   * @throws {HindsightError} `OBJECT_MISSING`, `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
   */
  static async open(
    repository: Repository,
    stanza: StanzaName,
    entry: PackEntry,
    context: Context,
  ): Promise<PackReader> {
    const key = packKey(stanza, entry.label, entry.number);
    const source = { repository, key, sizeBytes: entry.sizeBytes, context };
    const header = decodeObjectHeader(await readRange(source, 0, HEADER_SIZE_MAX_BYTES), {
      type: "PACK",
      key,
      repositoryId: repository.id,
      fieldsSizeBytes: PACK_FIELDS_BYTES,
      sealer: repository.sealer,
    });
    const pageSizeBytes = decodePackFields(header.fields, key);
    const tail = await readTail(source, entry.blobCount);
    const footer = decodeFooter(tail.subarray(-FOOTER_BYTES), { ...entry, key });
    if (footer.headerChecksum !== header.checksum) {
      throw corrupt(key, "its header and its footer do not belong together");
    }
    const stored = await readDirectory(source, footer, tail);
    if (crc32c(stored) !== footer.directoryChecksum) {
      throw corrupt(key, "its directory does not match its checksum", {
        offsetBytes: footer.directoryOffsetBytes,
      });
    }
    const place = { footer, headerSizeBytes: header.sizeBytes, key };
    const directory = parseStored(key, () => {
      const plain = header.seal.open(stored, { kind: "directory", number: 0 });
      return decodeDirectory(Buffer.from(plain), place);
    });
    return new PackReader({ repository, context, header, pageSizeBytes, directory });
  }

  /** @throws {HindsightError} `OBJECT_CORRUPT` when the pack has no such blob: a manifest named it. */
  blobPlainSize(blob: number): number {
    return this.#entry(blob).plainSizeBytes;
  }

  /** The SHA-256 of a blob's plaintext: 32 bytes. @throws {HindsightError} `OBJECT_CORRUPT` */
  blobSha256(blob: number): Buffer {
    return this.#entry(blob).sha256;
  }

  /**
   * The plaintext of one blob, in a buffer of the caller's own.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`
   */
  async readBlob(blob: number, context: Context): Promise<Buffer> {
    return unpackBlob(await this.readPacked(blob, context));
  }

  /**
   * One blob as it is stored, in a buffer of the caller's own; {@link unpackBlob} does the rest, in whichever thread.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`
   */
  async readPacked(blob: number, context: Context): Promise<PackedBlob> {
    const entry = this.#entry(blob);
    const origin = { key: this.#key, blob, offsetBytes: entry.offsetBytes };
    const stored = await this.#read(entry.offsetBytes, entry.storedSizeBytes, context);
    if (crc32c(stored) !== entry.checksum) throw damagedBlob(origin, "does not match its checksum");
    return {
      packed: this.#unseal(stored, origin),
      compression: entry.compression,
      plainSizeBytes: entry.plainSizeBytes,
      sha256: entry.sha256,
      origin,
    };
  }

  /**
   * The hashes of a blob's pages, 8 bytes each, as codec/digest.ts makes them.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`
   */
  async pageHashes(blob: number, context: Context = this.#pack.context): Promise<Buffer> {
    const entry = this.#entry(blob);
    const stored = await this.#read(entry.hashesOffsetBytes, entry.hashesSizeBytes, context);
    return this.#decodeHashes(blob, stored);
  }

  /**
   * A source of {@link pageHashes} for whoever asks for most of the pack's blobs: they lie together, and are read at once.
   *
   * @throws {HindsightError} `OBJECT_CORRUPT`, `OBJECT_MISSING`
   */
  async allPageHashes(context: Context): Promise<(blob: number) => Buffer> {
    const { directory } = this.#pack;
    const begin = directory[0]?.hashesOffsetBytes ?? 0;
    const lengthBytes = directory.reduce((sum, entry) => sum + entry.hashesSizeBytes, 0);
    const all = await this.#read(begin, lengthBytes, context);
    return (blob) => {
      const { hashesOffsetBytes, hashesSizeBytes } = this.#entry(blob);
      const at = hashesOffsetBytes - begin;
      return this.#decodeHashes(blob, all.subarray(at, at + hashesSizeBytes));
    };
  }

  /** The size of the pages that {@link pageHashes} is about. */
  get pageSizeBytes(): number {
    return this.#pack.pageSizeBytes;
  }

  #unseal(stored: Buffer, origin: PackedBlob["origin"]): Uint8Array {
    try {
      return this.#pack.header.seal.open(stored, { kind: "blob", number: origin.blob });
    } catch (cause) {
      throw damagedBlob(origin, errorMessage(cause), cause);
    }
  }

  #decodeHashes(blob: number, stored: Buffer): Buffer {
    const entry = this.#entry(blob);
    const offsetBytes = entry.hashesOffsetBytes;
    if (crc32c(stored) !== entry.hashesChecksum) {
      throw corrupt(this.#key, `the page hashes of blob ${blob} do not match their checksum`, {
        offsetBytes,
      });
    }
    const hashes = parseStored(this.#key, () =>
      Buffer.from(this.#pack.header.seal.open(stored, { kind: "hashes", number: blob })),
    );
    const pageCount = Math.ceil(entry.plainSizeBytes / this.#pack.pageSizeBytes);
    if (hashes.length === pageCount * PAGE_HASH_BYTES) return hashes;
    throw corrupt(this.#key, `blob ${blob} has page hashes for another number of pages`, {
      offsetBytes,
    });
  }

  #entry(blob: number): PlacedEntry {
    const entry = this.#pack.directory[blob];
    if (entry) return entry;
    throw corrupt(this.#key, `blob ${blob} was asked for, but it has only ${this.blobCount}`);
  }

  async #read(offsetBytes: number, lengthBytes: number, context: Context): Promise<Buffer> {
    const { repository } = this.#pack;
    const source = { repository, key: this.#key, context };
    const bytes = await readRange(source, offsetBytes, lengthBytes);
    if (bytes.length === lengthBytes) return bytes;
    throw corrupt(this.#key, "the object ends too early", {
      offsetBytes: offsetBytes + bytes.length,
    });
  }
}

interface PackSource {
  readonly repository: Repository;
  readonly key: ObjectKey;
  readonly context: Context;
}

/** What a manifest names must be there. */
async function readRange(
  { repository, key, context }: PackSource,
  offsetBytes: number,
  lengthBytes: number,
): Promise<Buffer> {
  const range = { offsetBytes, lengthBytes };
  const bytes = await repository.store.get(key, { range, signal: context.signal });
  if (bytes) return bytes;
  throw failure("OBJECT_MISSING", `${key} is not in the repository, but a backup needs it`, {
    hint: "Use another backup (--set) or another repository.",
    context: { key },
  });
}

/** The end of the object, most likely with its whole directory. Asks for a byte too many, to notice a longer object. */
async function readTail(
  source: PackSource & { readonly sizeBytes: number },
  blobCount: number,
): Promise<Buffer> {
  const { key, sizeBytes } = source;
  const likelyBytes = blobCount * DIRECTORY_ENTRY_BYTES + FOOTER_BYTES + TAIL_SLACK_BYTES;
  const lengthBytes = Math.min(sizeBytes, likelyBytes);
  const tail = await readRange(source, sizeBytes - lengthBytes, lengthBytes + 1);
  if (tail.length === lengthBytes && lengthBytes >= FOOTER_BYTES) return tail;
  const how = tail.length > lengthBytes ? "longer" : "shorter";
  throw corrupt(key, `the object is ${how} than the ${sizeBytes} bytes it was written with`);
}

async function readDirectory(
  source: PackSource & { readonly sizeBytes: number },
  footer: { readonly directoryOffsetBytes: number; readonly directorySizeBytes: number },
  tail: Buffer,
): Promise<Buffer> {
  const begin = footer.directoryOffsetBytes - (source.sizeBytes - tail.length);
  if (begin >= 0) return tail.subarray(begin, begin + footer.directorySizeBytes);
  return await readRange(source, footer.directoryOffsetBytes, footer.directorySizeBytes);
}
