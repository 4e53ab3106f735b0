// The meaning of a page: entries are objects and, with a delimiter, prefixes, in one sorted sequence; a page is a
// stretch of it. Drivers that hold or walk their keys in order build pages with this; an object store in the cloud
// does the same behind its API.
import type { ListPage, ObjectStat } from "./object-store.ts";

/** An object, or a prefix that stands for the objects below it. */
export type ListEntry =
  | { readonly kind: "object"; readonly name: string; readonly sizeBytes: number }
  | { readonly kind: "prefix"; readonly name: string };

/**
 * The prefix that `key` is given as, when a listing of `prefix` is delimited by slashes.
 *
 * @returns undefined for a key directly below the prefix.
 */
export function commonPrefix(key: string, prefix: string): string | undefined {
  const slash = key.indexOf("/", prefix.length);
  return slash < 0 ? undefined : key.slice(0, slash + 1);
}

/** Orders keys and prefixes byte by byte; they are ASCII, so this is the order of their UTF-16 units. */
export function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * Collects one page from entries that come in order and after the page's beginning.
 *
 * One entry more than `limitCount` is asked for: only it says whether a next page exists.
 */
export async function collectPage(
  entries: AsyncIterable<ListEntry> | Iterable<ListEntry>,
  limitCount: number,
): Promise<ListPage> {
  const objects: ObjectStat[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  for await (const entry of entries) {
    if (objects.length + prefixes.length === limitCount) return { objects, prefixes, next: last };
    if (entry.kind === "prefix") prefixes.push(entry.name);
    else objects.push({ key: entry.name, sizeBytes: entry.sizeBytes });
    last = entry.name;
  }
  return { objects, prefixes, next: undefined };
}
