// Which packs are stored, by their names. What one holds: pack-reader.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll } from "../storage/object-store.ts";
import { packKey, packsPrefix, parsePackKey } from "./keys.ts";
import { removeAll } from "./remove-all.ts";
import type { Repository } from "./repository.ts";

/** A pack that is stored. */
export interface StoredPack {
  readonly label: BackupLabel;
  readonly number: number;
  readonly sizeBytes: number;
}

/** Every pack of the stanza, by label and number. */
export async function* listPacks(
  repository: Repository,
  stanza: StanzaName,
  { signal }: Context,
): AsyncGenerator<StoredPack, void, undefined> {
  for await (const { key, sizeBytes } of listAll(repository.store, packsPrefix(stanza), {
    signal,
  })) {
    const pack = parsePackKey(stanza, key);
    if (pack) yield { ...pack, sizeBytes };
  }
}

/** Removes packs. */
export async function removePacks(
  repository: Repository,
  stanza: StanzaName,
  { packs, context }: { readonly packs: readonly StoredPack[]; readonly context: Context },
): Promise<void> {
  const keys = packs.map(({ label, number }) => packKey(stanza, label, number));
  await removeAll(repository, keys, context);
}
