// A store seen without some of its objects, for asking what would be if they were not there. It cannot be written.
import type { ListPage, ObjectKey, ObjectStore } from "./object-store.ts";
import { readOnly } from "./read-only.ts";

/** @param isHidden whether the object of a key is to be left out. */
export function hiding(store: ObjectStore, isHidden: (key: ObjectKey) => boolean): ObjectStore {
  return {
    ...readOnly(store),
    description: store.description,
    get: async (key, options) => (isHidden(key) ? undefined : store.get(key, options)),
    stat: async (key, options) => (isHidden(key) ? undefined : store.stat(key, options)),
    list: async (prefix, options): Promise<ListPage> => {
      const page = await store.list(prefix, options);
      return { ...page, objects: page.objects.filter(({ key }) => !isHidden(key)) };
    },
  };
}
