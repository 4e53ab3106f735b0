// The seam between the repository and the world: a flat map from keys to bytes that survives crashes. Drivers
// (filesystem, memory, later S3, Azure, GCS, SFTP) implement it, decorators (retrying, logged, read-only, faulty) wrap
// it, and one conformance suite (object-store.conformance.ts) says in tests what this file says in prose.
//
// What a store must provide, and nothing more is assumed:
// - An object appears whole or not at all, and never changes afterwards.
// - `put` creates; it never replaces. Of several concurrent puts of one key exactly one answers "created".
// - After "created", and after "exists", the object survives a power loss, and every later `get`, `stat` and `list`
//   sees it.
// - `list` is complete and sorted; it fails rather than answer short. An empty answer means empty.
// - Absence is an answer (`undefined`), never an exception; not being able to tell is an exception, never absence.

/**
 * Parts of `[A-Za-z0-9._-]+` joined by `/`. No part begins with a dot (so `.` and `..` are none, and a file store may
 * keep its temporary names there) or is longer than 255 characters; the whole is at most 512.
 *
 * No key may go on past another one: where `a` is an object, `a/b` is not. Layouts keep to this; a file system cannot
 * do otherwise.
 */
export type ObjectKey = string;

/** The bytes of an object: all at once, or in order as they come. A stream can be stored only once. */
export type ObjectContent = Uint8Array | AsyncIterable<Uint8Array>;

/** An object as a listing or `stat` tells of it. */
export interface ObjectStat {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
}

/** `created`: this call made the object. `exists`: an object of that key was there, and is unchanged. */
export type PutOutcome = "created" | "exists";

/** Half-open: `lengthBytes` bytes from `offsetBytes`. */
export interface ByteRange {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** Which part of a listing is wanted. */
export interface ListOptions {
  /** Only entries that sort after this key or prefix: the `next` of the page before. */
  readonly after?: string | undefined;
  /**
   * Objects and prefixes on this page at most, 1 to {@link LIST_PAGE_MAX}, which is also the default. A store may return
   * fewer; only `next` says whether more follow.
   */
  readonly limitCount?: number | undefined;
  /** With `/`: keys that go on past the next slash after the prefix are given once, as a prefix ending in it. */
  readonly delimiter?: "/" | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One page of a listing. */
export interface ListPage {
  /** Sorted by key, byte by byte. */
  readonly objects: readonly ObjectStat[];
  /** Sorted; empty without delimiter. */
  readonly prefixes: readonly string[];
  /** Where the next page begins, or undefined when this was the last. */
  readonly next: string | undefined;
}

/** Entries of one page, as most object stores have it. */
export const LIST_PAGE_MAX = 1000;

/** What every call takes: the signal that ends its waiting. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * A durable, write-once map from keys to bytes. All methods may be called concurrently.
 *
 * Every method throws `HindsightError` and nothing else for what the world does:
 * `REPOSITORY_UNREACHABLE` (20) when the store cannot be asked, `REPOSITORY_DENIED` (21) when it refuses (permissions,
 * read-only, full), `OBJECT_KEY_INVALID` for a malformed key; or the signal's reason when aborted.
 */
export interface ObjectStore {
  /** What an operator calls it, such as `filesystem /var/lib/hindsight`. */
  readonly description: string;

  /**
   * Creates an object. Resolves when the bytes and the name are durable.
   *
   * A failure, an abort, or a content that throws leaves nothing visible under the key. Repeating a put whose answer was
   * lost may answer "exists": compare contents before calling it a success.
   */
  put(key: ObjectKey, content: ObjectContent, options?: CallOptions): Promise<PutOutcome>;

  /**
   * The bytes of an object, or of a range of it, in a buffer of the caller's own.
   *
   * @returns undefined when there is no such object. A range that reaches past the end gives what is there: fewer bytes,
   *   or none.
   */
  get(
    key: ObjectKey,
    options?: CallOptions & { readonly range?: ByteRange | undefined },
  ): Promise<Buffer | undefined>;

  /** @returns undefined when there is no such object. */
  stat(key: ObjectKey, options?: CallOptions): Promise<ObjectStat | undefined>;

  /**
   * One page of the keys that begin with `prefix`.
   *
   * @param prefix any beginning of a key, ending inside a part or at a slash; "" for everything.
   */
  list(prefix: string, options?: ListOptions): Promise<ListPage>;

  /** Removes an object, durably. Removing what is not there is no error. */
  remove(key: ObjectKey, options?: CallOptions): Promise<void>;
}

const KEY_PART = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$/;
const KEY_LENGTH_MAX = 512;

/** Whether a text can be a key: guards against traversal, hidden temporary names and surprises of any store. */
export function isObjectKey(text: string): boolean {
  return text.length <= KEY_LENGTH_MAX && text.split("/").every(isObjectKeyPart);
}

/** Whether a text can stand between two slashes of a key. */
export function isObjectKeyPart(text: string): boolean {
  return KEY_PART.test(text);
}

/** Every object below `prefix`, page by page, in key order. */
export async function* listAll(
  store: ObjectStore,
  prefix: string,
  options: CallOptions = {},
): AsyncGenerator<ObjectStat, void, undefined> {
  let after: string | undefined;
  do {
    const page: ListPage = await store.list(prefix, { ...options, after });
    yield* page.objects;
    after = page.next;
  } while (after !== undefined);
}

/** The names directly below `prefix` (which ends in a slash or is empty): objects and, with a slash, prefixes. */
export async function listNames(
  store: ObjectStore,
  prefix: string,
  options: CallOptions = {},
): Promise<readonly string[]> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page: ListPage = await store.list(prefix, { ...options, after, delimiter: "/" });
    names.push(...page.objects.map((object) => object.key), ...page.prefixes);
    after = page.next;
  } while (after !== undefined);
  return names.map((name) => name.slice(prefix.length)).toSorted();
}
