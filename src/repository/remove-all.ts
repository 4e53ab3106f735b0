// Removes many objects. What may be removed is decided by retention/.
import type { Context } from "../base/context.ts";
import { forEachLimited } from "../base/limits.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import type { Repository } from "./repository.ts";

const CONCURRENCY_MAX = 8;

/**
 * Removes objects, several at a time. Those that are not there are no error.
 *
 * @throws {HindsightError} what the store throws; then some of them are left.
 */
export async function removeAll(
  { store }: Repository,
  keys: Iterable<ObjectKey>,
  { signal }: Context,
): Promise<void> {
  await forEachLimited(keys, CONCURRENCY_MAX, async (key) => {
    signal.throwIfAborted();
    await store.remove(key, { signal });
  });
}
