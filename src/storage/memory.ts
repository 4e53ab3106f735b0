// A store in memory that keeps the whole contract, for tests and simulations. What `put` has acknowledged is taken to
// be durable; a put whose content is still arriving has left no trace, as after a crash. Damage at rest is done on
// purpose with `tamper`; faults of single calls are the business of storage/faulty.ts.
import { assertObjectKey, assertObjectPrefix, clampRange, pageLimit } from "./arguments.ts";
import { collectPage, commonPrefix, compareNames, type ListEntry } from "./list-page.ts";
import type {
  CallOptions,
  ListOptions,
  ListPage,
  ObjectContent,
  ObjectKey,
  ObjectStore,
} from "./object-store.ts";

/** A store in memory, and the means to look behind it. */
export interface MemoryStore extends ObjectStore {
  /** Every key, sorted. */
  keys(): readonly ObjectKey[];
  /**
   * Changes the stored bytes of an object behind the store's back, or removes it when `change` gives undefined.
   *
   * @throws {Error} when there is no such object: damage that hits nothing proves nothing.
   */
  tamper(key: ObjectKey, change: (bytes: Buffer) => Uint8Array | undefined): void;
}

/** An empty store. */
export function createMemoryStore(description = "memory"): MemoryStore {
  const objects = new Map<ObjectKey, Buffer>();
  const sortedKeys = (): ObjectKey[] => [...objects.keys()].toSorted(compareNames);
  return {
    description,
    put: async (key, content, options = {}) => {
      assertObjectKey(key);
      const bytes = await collectContent(content, options);
      // No await between the question and the answer, so exactly one of several puts creates.
      if (objects.has(key)) return "exists";
      objects.set(key, bytes);
      return "created";
    },
    get: async (key, options = {}) => {
      await enter(options);
      assertObjectKey(key);
      const bytes = objects.get(key);
      if (bytes === undefined) return undefined;
      const { begin, end } = clampRange(options.range, bytes.length);
      return Buffer.from(bytes.subarray(begin, end));
    },
    stat: async (key, options = {}) => {
      await enter(options);
      assertObjectKey(key);
      const bytes = objects.get(key);
      return bytes === undefined ? undefined : { key, sizeBytes: bytes.length };
    },
    list: async (prefix, options = {}) => {
      await enter(options);
      return listKeys(prefix, options, objects, sortedKeys());
    },
    remove: async (key, options = {}) => {
      await enter(options);
      assertObjectKey(key);
      objects.delete(key);
    },
    keys: sortedKeys,
    tamper: (key, change) => {
      const bytes = objects.get(key);
      if (bytes === undefined) throw new Error(`nothing to tamper with at ${key}`);
      const changed = change(Buffer.from(bytes));
      if (changed === undefined) objects.delete(key);
      else objects.set(key, Buffer.from(changed));
    },
  };
}

/**
 * All bytes of a content in one buffer of its own.
 *
 * @throws what the content throws, or the signal's reason.
 */
export async function collectContent(
  content: ObjectContent,
  { signal }: CallOptions = {},
): Promise<Buffer> {
  signal?.throwIfAborted();
  const pieces: Buffer[] = [];
  for await (const piece of content instanceof Uint8Array ? [content] : content) {
    signal?.throwIfAborted();
    pieces.push(Buffer.from(piece));
  }
  signal?.throwIfAborted();
  return Buffer.concat(pieces);
}

/** Takes a turn of the event loop, as every real store does, so that callers cannot rely on less. */
async function enter({ signal }: CallOptions): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  signal?.throwIfAborted();
}

async function listKeys(
  prefix: string,
  options: ListOptions,
  objects: ReadonlyMap<ObjectKey, Buffer>,
  sortedKeys: readonly ObjectKey[],
): Promise<ListPage> {
  assertObjectPrefix(prefix);
  function* entries(): Generator<ListEntry> {
    let last: string | undefined;
    for (const key of sortedKeys) {
      if (!key.startsWith(prefix)) continue;
      const common = options.delimiter === undefined ? undefined : commonPrefix(key, prefix);
      const name = common ?? key;
      if (name === last || (options.after !== undefined && name <= options.after)) continue;
      last = name;
      if (common !== undefined) yield { kind: "prefix", name };
      else yield { kind: "object", name, sizeBytes: objects.get(key)?.length ?? 0 };
    }
  }
  return collectPage(entries(), pageLimit(options.limitCount));
}
