// A store that cannot be written: restores open the repository through it, because sources are sacred.
import { failure } from "../model/failure.ts";
import type { ObjectKey, ObjectStore } from "./object-store.ts";

/** Passes reads on; `put` and `remove` throw `REPOSITORY_DENIED` and touch nothing. */
export function readOnly(store: ObjectStore): ObjectStore {
  const refuse = (method: string, key: ObjectKey): Promise<never> =>
    Promise.reject(
      failure("REPOSITORY_DENIED", `cannot ${method} ${key}: ${store.description} is read-only`, {
        hint: "This command only reads the repository; use one that writes.",
        context: { key },
      }),
    );
  return {
    description: `${store.description} (read-only)`,
    put: (key) => refuse("put", key),
    get: (key, options) => store.get(key, options),
    stat: (key, options) => store.stat(key, options),
    list: (prefix, options) => store.list(prefix, options),
    remove: (key) => refuse("remove", key),
  };
}
