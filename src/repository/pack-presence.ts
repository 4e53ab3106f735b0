// Whether the packs that a backup names are there, by listings with sizes: one listing for each backup that wrote some, not
// a question for each pack. Their content is the business of whoever reads it.
import type { Context } from "../base/context.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll } from "../storage/object-store.ts";
import { packKey } from "./keys.ts";
import type { PackEntry } from "./pack-format.ts";
import type { Repository } from "./repository.ts";

/**
 * Looks for packs that are missing or have another size.
 *
 * @returns what is wrong with the first such pack; undefined when all are there.
 */
export async function findMissingPack(
  repository: Repository,
  stanza: StanzaName,
  packs: readonly PackEntry[],
  { signal }: Context,
): Promise<string | undefined> {
  const sizes = new Map<string, number>();
  for (const label of new Set(packs.map((pack) => pack.label))) {
    const prefix = packKey(stanza, label, 0).replace(/[0-9]+$/, "");
    for await (const { key, sizeBytes } of listAll(repository.store, prefix, { signal })) {
      sizes.set(key, sizeBytes);
    }
  }
  for (const { label, number, sizeBytes } of packs) {
    const key = packKey(stanza, label, number);
    const found = sizes.get(key);
    if (found === undefined) return `${key} is not in the repository`;
    if (found !== sizeBytes) return `${key} has ${found} bytes instead of ${sizeBytes}`;
  }
  return undefined;
}
