// The packs of one backup, opened when they are first needed. Only the most recent ones are kept: a backup of many
// incrementals may name very many.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { PackEntry } from "./pack-format.ts";
import { PackReader } from "./pack-reader.ts";
import type { Repository } from "./repository.ts";

/** Directories of packs in memory: about 64 bytes a blob, so some hundred kilobytes. */
const OPEN_PACK_COUNT_MAX = 128;

/** Page hashes of packs in memory: about a kilobyte a blob. */
const HASHED_PACK_COUNT_MAX = 24;

/** The page hashes of a pack's blobs. */
export type PackHashes = (blob: number) => Buffer;

/** Opens the packs of one backup when they are first asked for, and keeps the last used ones open to share. */
export class PackShelf {
  readonly #repository: Repository;
  readonly #stanza: StanzaName;
  readonly #packs: readonly PackEntry[];
  readonly #context: Context;
  readonly #open: RecentlyUsed<Promise<PackReader>> = new RecentlyUsed(OPEN_PACK_COUNT_MAX);
  readonly #hashes: RecentlyUsed<Promise<PackHashes>> = new RecentlyUsed(HASHED_PACK_COUNT_MAX);

  constructor(
    repository: Repository,
    { stanza, packs }: { readonly stanza: StanzaName; readonly packs: readonly PackEntry[] },
    context: Context,
  ) {
    this.#repository = repository;
    this.#stanza = stanza;
    this.#packs = packs;
    this.#context = context;
  }

  /**
   * The pack at a place of the manifest's table.
   *
   * @throws {HindsightError} `OBJECT_MISSING`, `OBJECT_CORRUPT`
   */
  take(index: number): Promise<PackReader> {
    return this.#open.take(index, () => this.#openPack(index));
  }

  /**
   * The page hashes of a pack, read at once.
   *
   * @throws {HindsightError} `OBJECT_MISSING`, `OBJECT_CORRUPT`
   */
  takeHashes(index: number): Promise<PackHashes> {
    return this.#hashes.take(index, async () =>
      (await this.take(index)).allPageHashes(this.#context),
    );
  }

  async #openPack(index: number): Promise<PackReader> {
    const entry = this.#packs[index];
    if (!entry) {
      throw failure("OBJECT_CORRUPT", `the manifest names pack ${index} of ${this.#packs.length}`, {
        hint: "Restore another backup with --set.",
      });
    }
    return PackReader.open(this.#repository, this.#stanza, entry, this.#context);
  }
}

/** The values that were asked for last, by number. */
class RecentlyUsed<Value> {
  readonly #countMax: number;
  /** In the order of their last use. */
  readonly #values: Map<number, Value> = new Map();

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  take(key: number, make: () => Value): Value {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    for (const [oldest] of this.#values) {
      if (this.#values.size <= this.#countMax) break;
      this.#values.delete(oldest);
    }
    return value;
  }
}
