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

/** Opens the packs of one backup when they are first asked for, and keeps the last used ones open to share. */
export class PackShelf {
  readonly #repository: Repository;
  readonly #stanza: StanzaName;
  readonly #packs: readonly PackEntry[];
  readonly #context: Context;
  /** In the order of their last use. */
  readonly #open: Map<number, Promise<PackReader>> = new Map();

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
    const reader = this.#open.get(index) ?? this.#openPack(index);
    this.#open.delete(index);
    this.#open.set(index, reader);
    for (const [oldest] of this.#open) {
      if (this.#open.size <= OPEN_PACK_COUNT_MAX) break;
      this.#open.delete(oldest);
    }
    return reader;
  }

  #openPack(index: number): Promise<PackReader> {
    const entry = this.#packs[index];
    if (!entry) {
      throw failure("OBJECT_CORRUPT", `the manifest names pack ${index} of ${this.#packs.length}`, {
        hint: "Restore another backup with --set.",
      });
    }
    return PackReader.open(this.#repository, this.#stanza, entry, this.#context);
  }
}
