// Removes all of a stanza, in an order that never leaves a backup listed that cannot be restored: the caller has hidden
// every backup; data goes before what describes it, and the stanza's own records go last, so that it can be done again.
import type { Context } from "../base/context.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll, type ObjectKey } from "../storage/object-store.ts";
import { backupsPrefix, stanzaPrefix, stanzaRecordPrefix } from "./keys.ts";
import { removeAll } from "./remove-all.ts";
import type { Repository } from "./repository.ts";

const BATCH_COUNT = 256;

/** @returns how many objects were removed. */
export async function removeStanza(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<number> {
  const records = stanzaRecordPrefix(stanza);
  const facts = backupsPrefix(stanza);
  const isTombstone = (key: ObjectKey): boolean => key.endsWith("/tombstone");
  const isFact = (key: ObjectKey): boolean => key.startsWith(facts);
  const steps: readonly ((key: ObjectKey) => boolean)[] = [
    (key) => !key.startsWith(records) && !isFact(key),
    (key) => isFact(key) && !isTombstone(key),
    (key) => isFact(key),
    () => true,
  ];
  let count = 0;
  for (const belongs of steps) {
    let batch: ObjectKey[] = [];
    for await (const { key } of listAll(repository.store, stanzaPrefix(stanza), context)) {
      if (!belongs(key)) continue;
      batch.push(key);
      count += 1;
      if (batch.length < BATCH_COUNT) continue;
      await removeAll(repository, batch, context);
      batch = [];
    }
    await removeAll(repository, batch, context);
  }
  return count;
}
