// Writes blobs into packs. Each pack is one put that runs while blobs are appended: bytes flow through a channel of
// bounded size, so a slow store makes append wait instead of filling memory. Several writers work side by side without
// a lock, because each fills packs of its own. The bytes: pack-format.ts.
import { createHash, type Hash } from "node:crypto";
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { PutOutcome } from "../storage/object-store.ts";
import { encodeBlob, type EncodedBlob } from "./blob.ts";
import { ByteChannel } from "./byte-channel.ts";
import { packKey } from "./keys.ts";
import { type EncodedHeader, encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import {
  type DirectoryEntry,
  encodeDirectory,
  encodeFooter,
  encodePackFields,
  PACK_BLOB_COUNT_MAX,
  PACK_NUMBER_END,
  type PackEntry,
} from "./pack-format.ts";
import type { Repository } from "./repository.ts";

export type { PackEntry } from "./pack-format.ts";

/** Where a blob is: `pack` is the pack's number within its label, `blob` its place in the pack. */
export interface BlobRef {
  readonly pack: number;
  readonly blob: number;
}

/** What a writer needs to know. */
export interface PackWriterOptions {
  readonly stanza: StanzaName;
  readonly label: BackupLabel;
  /** Hands out numbers that no other writer of the label gets, from 0. */
  readonly nextPackNumber: () => number | Promise<number>;
  readonly compression: CompressionChoice;
  /** Bytes that share a page hash: the cluster's block size. */
  readonly pageSizeBytes: number;
}

/** A pack that has reached this size is finished, and the next blob begins another. */
const PACK_SIZE_TARGET_BYTES: number = 64 * MIB;

/** Page hashes stay in memory until their pack ends; of zeros, which take no room in it, there could be very many. */
const PAGE_HASHES_SIZE_TARGET_BYTES: number = 4 * MIB;

/** Bytes of one pack that wait for the store. */
const QUEUE_SIZE_MAX_BYTES = 4 * MIB;

/**
 * Fills packs, one after the other. Calls must not overlap: await each `append` before the next.
 *
 * Dispose it in every case. Without `finish` the pack that is being written leaves nothing visible; packs that were
 * finished before stay as litter of a label that nobody committed.
 */
export class PackWriter implements AsyncDisposable {
  readonly #repository: Repository;
  readonly #options: PackWriterOptions;
  readonly #context: Context;
  readonly #abort = new AbortController();
  readonly #finished: PackEntry[] = [];
  #open: OpenPack | undefined;
  /** The pack before the open one, whose last bytes are still on their way. */
  #closing: Promise<Settled<PackEntry>> | undefined;

  constructor(repository: Repository, options: PackWriterOptions, context: Context) {
    this.#repository = repository;
    this.#options = options;
    this.#context = {
      ...context,
      signal: AbortSignal.any([context.signal, this.#abort.signal]),
    };
  }

  /**
   * Encodes a chunk and appends it.
   *
   * @param plain 1 byte to 1 MiB; not kept.
   * @returns where the blob will be; it is durable once {@link finish} has resolved.
   * @throws {HindsightError} what the store throws, or `OBJECT_EXISTS` when the pack's number was used before.
   */
  async append(plain: Uint8Array): Promise<BlobRef> {
    return await this.appendEncoded(encodeBlob(plain, this.#options));
  }

  /** {@link append} for a chunk that a worker encoded, with the page size of this writer. Keeps its bytes. */
  async appendEncoded(encoded: EncodedBlob): Promise<BlobRef> {
    this.#context.signal.throwIfAborted();
    this.#open ??= await this.#begin();
    const pack = this.#open;
    const ref = await pack.append(encoded);
    if (pack.isFull) await this.#close(pack);
    return ref;
  }

  /** Finishes the last pack. Resolves when all packs are durable, to their entries in the order they were written. */
  async finish(): Promise<readonly PackEntry[]> {
    if (this.#open) await this.#close(this.#open);
    await this.#awaitClosing();
    return this.#finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new Error("the pack writer was disposed before it was finished"));
    await this.#open?.discard(this.#abort.signal.reason);
    await this.#closing;
    this.#open = undefined;
    this.#closing = undefined;
  }

  async #begin(): Promise<OpenPack> {
    const { stanza, label, nextPackNumber, compression, pageSizeBytes } = this.#options;
    const number = await nextPackNumber();
    if (!Number.isInteger(number) || number < 0 || number >= PACK_NUMBER_END) {
      throw new RangeError(`not a pack number: ${number}`);
    }
    const header: ObjectHeader = {
      type: "PACK",
      compression: compression.kind,
      repositoryId: this.#repository.id,
      key: packKey(stanza, label, number),
      fields: encodePackFields(pageSizeBytes),
    };
    return await OpenPack.begin({ label, number, header }, this.#repository, this.#context);
  }

  /** Lets a pack end in the background, so that the next one can be filled meanwhile; at most one does so. */
  async #close(pack: OpenPack): Promise<void> {
    await this.#awaitClosing();
    this.#closing = settle(pack.finish());
    this.#open = undefined;
  }

  async #awaitClosing(): Promise<void> {
    if (!this.#closing) return;
    const closed = await this.#closing;
    this.#closing = undefined;
    if ("error" in closed) throw closed.error;
    this.#finished.push(closed.value);
  }
}

interface PackIdentity {
  readonly label: BackupLabel;
  readonly number: number;
  readonly header: ObjectHeader;
}

/** One pack while it is written. */
class OpenPack {
  readonly #identity: PackIdentity;
  readonly #header: EncodedHeader;
  readonly #channel = new ByteChannel(QUEUE_SIZE_MAX_BYTES);
  readonly #hash: Hash = createHash("sha256");
  readonly #directory: DirectoryEntry[] = [];
  readonly #pageHashes: Uint8Array[] = [];
  #pageHashesBytes = 0;
  readonly #put: Promise<Settled<PutOutcome>>;
  #sizeBytes = 0;

  private constructor(identity: PackIdentity, repository: Repository, { signal }: Context) {
    this.#identity = identity;
    this.#header = encodeObjectHeader(identity.header, repository.sealer);
    const put = repository.store.put(identity.header.key, this.#channel, { signal });
    // A store that fails or already has the key may never read the rest: then nobody may wait for it to.
    this.#put = settle(put).finally(() => this.#channel.close());
  }

  static async begin(
    identity: PackIdentity,
    repository: Repository,
    context: Context,
  ): Promise<OpenPack> {
    const pack = new OpenPack(identity, repository, context);
    await pack.#write(pack.#header.bytes);
    return pack;
  }

  get isFull(): boolean {
    return (
      this.#sizeBytes >= PACK_SIZE_TARGET_BYTES ||
      this.#pageHashesBytes >= PAGE_HASHES_SIZE_TARGET_BYTES ||
      this.#directory.length >= PACK_BLOB_COUNT_MAX
    );
  }

  async append(encoded: EncodedBlob): Promise<BlobRef> {
    const blob = this.#directory.length;
    const { seal } = this.#header;
    const stored = seal.seal(encoded.stored, { kind: "blob", number: blob });
    const hashes = seal.seal(encoded.pageHashes, { kind: "hashes", number: blob });
    this.#directory.push({
      offsetBytes: this.#sizeBytes,
      storedSizeBytes: stored.length,
      plainSizeBytes: encoded.plainSizeBytes,
      compression: encoded.compression,
      checksum: crc32c(stored),
      sha256: Buffer.from(encoded.sha256),
      hashesSizeBytes: hashes.length,
      hashesChecksum: crc32c(hashes),
    });
    this.#pageHashes.push(hashes);
    this.#pageHashesBytes += hashes.length;
    await this.#write(stored);
    return { pack: this.#identity.number, blob };
  }

  async finish(): Promise<PackEntry> {
    const hashesOffsetBytes = this.#sizeBytes;
    await this.#write(Buffer.concat(this.#pageHashes));
    const directoryOffsetBytes = this.#sizeBytes;
    const plain = encodeDirectory(this.#directory);
    const directory = this.#header.seal.seal(plain, { kind: "directory", number: 0 });
    await this.#write(directory);
    const footer = {
      hashesOffsetBytes,
      directoryOffsetBytes,
      directorySizeBytes: directory.length,
      blobCount: this.#directory.length,
      directoryChecksum: crc32c(directory),
      headerChecksum: this.#header.checksum,
    };
    await this.#write(encodeFooter(footer));
    this.#channel.end();
    await this.#requireCreated();
    const { label, number } = this.#identity;
    const sha256 = this.#hash.digest("hex");
    return { label, number, sizeBytes: this.#sizeBytes, sha256, blobCount: footer.blobCount };
  }

  async discard(reason: unknown): Promise<void> {
    this.#channel.fail(reason);
    await this.#put;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.length;
    await this.#channel.push(bytes);
    if (this.#channel.isClosed) await this.#requireCreated();
  }

  /** Waits for the put's answer; anything but success is thrown. */
  async #requireCreated(): Promise<void> {
    const put = await this.#put;
    if ("error" in put) throw put.error;
    if (put.value === "created") return;
    throw failure("OBJECT_EXISTS", `${this.#identity.header.key} exists already`, {
      hint: "Another process writes packs of the same backup. Take the backup again: it gets a label of its own.",
      context: { key: this.#identity.header.key },
    });
  }
}

/** A promise's result as a value: a failure that nobody awaits yet must not end the process. */
type Settled<Value> = { readonly value: Value } | { readonly error: unknown };

async function settle<Value>(promise: Promise<Value>): Promise<Settled<Value>> {
  try {
    return { value: await promise };
  } catch (error) {
    return { error };
  }
}
