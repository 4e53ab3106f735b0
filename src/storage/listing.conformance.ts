// The part of the conformance suite about listings: order, prefixes, delimiters, pages. Registered by
// object-store.conformance.ts.
import { expect, test } from "vitest";
import { forEachLimited } from "../base/limits.ts";
import {
  LIST_PAGE_MAX,
  listAll,
  type ListOptions,
  listNames,
  type ObjectStore,
} from "./object-store.ts";

/** Many puts wait for the disk together. */
const PUT_CONCURRENCY = 32;

/** Makes an empty store for one test. */
export type MakeStore = () => ObjectStore | Promise<ObjectStore>;

/** In the order of their bytes: `-` and `.` before `/`, `/` before digits, upper before lower case, `_` between. */
const SORTED_KEYS: readonly string[] = [
  "a-b",
  "a.b",
  "a/-",
  "a/B",
  "a/_",
  "a/b/1",
  "a/b/10",
  "a/b/2",
  "a/b-c",
  "a/b.c",
  "a/b0",
  "a0",
  "aA/x",
  "b",
].toSorted((left, right) => Buffer.compare(text(left), text(right)));

/** What a listing has in it, and in which order. */
export function describeListing(makeStore: MakeStore): void {
  test("a listing is sorted by bytes, whatever the order of creation", async () => {
    const store = await filled(makeStore, SORTED_KEYS.toReversed());
    const page = await store.list("");
    expect(page.objects.map((object) => object.key)).toEqual(SORTED_KEYS);
    expect(page.prefixes).toEqual([]);
    expect(page.next).toBeUndefined();
  });

  test("a listing gives the size of each object", async () => {
    const store = await makeStore();
    await store.put("s/three", text("123"));
    await store.put("s/empty", text(""));
    expect((await store.list("s/")).objects).toEqual([
      { key: "s/empty", sizeBytes: 0 },
      { key: "s/three", sizeBytes: 3 },
    ]);
  });

  test("a prefix may end inside a part, at a slash, or at a whole key", async () => {
    const store = await filled(makeStore, SORTED_KEYS);
    for (const prefix of ["", "a", "a/", "a/b", "a/b/", "a/b/1", "a-", "b", "c", "a/b/10/"]) {
      const expected = SORTED_KEYS.filter((key) => key.startsWith(prefix));
      expect({ prefix, keys: await keysOf(store, prefix) }).toEqual({ prefix, keys: expected });
    }
  });

  test("with a delimiter each next part is given once", async () => {
    const store = await filled(makeStore, SORTED_KEYS);
    const page = async (prefix: string): Promise<readonly string[][]> => {
      const { objects, prefixes } = await store.list(prefix, { delimiter: "/" });
      return [objects.map((object) => object.key), [...prefixes]];
    };
    expect(await page("")).toEqual([
      ["a-b", "a.b", "a0", "b"],
      ["a/", "aA/"],
    ]);
    expect(await page("a")).toEqual([
      ["a-b", "a.b", "a0"],
      ["a/", "aA/"],
    ]);
    expect(await page("a/")).toEqual([
      ["a/-", "a/B", "a/_", "a/b-c", "a/b.c", "a/b0"].toSorted(),
      ["a/b/"],
    ]);
    expect(await page("a/b")).toEqual([["a/b-c", "a/b.c", "a/b0"], ["a/b/"]]);
    expect(await page("a/b/")).toEqual([["a/b/1", "a/b/10", "a/b/2"], []]);
  });

  test("listNames gives the names below a prefix", async () => {
    const store = await filled(makeStore, SORTED_KEYS);
    expect(await listNames(store, "a/")).toEqual(
      ["-", "B", "_", "b-c", "b.c", "b/", "b0"].toSorted(),
    );
  });
}

/** How a long listing comes in pages. */
export function describePaging(makeStore: MakeStore): void {
  test("pages of one and of two have every entry once and in order", async () => {
    const store = await filled(makeStore, SORTED_KEYS);
    for (const limitCount of [1, 2, 3]) {
      expect(await pagedNames(store, "", { limitCount })).toEqual(SORTED_KEYS);
      expect(await pagedNames(store, "a/", { limitCount })).toEqual(
        SORTED_KEYS.filter((key) => key.startsWith("a/")),
      );
      expect(await pagedNames(store, "", { limitCount, delimiter: "/" })).toEqual([
        "a-b",
        "a.b",
        "a/",
        "a0",
        "aA/",
        "b",
      ]);
      expect(await pagedNames(store, "a/b", { limitCount, delimiter: "/" })).toEqual([
        "a/b-c",
        "a/b.c",
        "a/b/",
        "a/b0",
      ]);
    }
  });

  test("more than a thousand keys are all there, with and without delimiter", async () => {
    const keys = Array.from({ length: LIST_PAGE_MAX + 37 }, (_, index) => {
      const digits = String(index).padStart(5, "0");
      return index < 20 ? `many/${digits}/x` : `many/${digits}`;
    });
    const store = await filled(makeStore, keys);
    expect(await keysOf(store, "many/")).toEqual(keys);
    expect(await keysOf(store)).toEqual(keys);
    const first = await store.list("many/");
    expect(first.objects.length).toBeLessThanOrEqual(LIST_PAGE_MAX);
    expect(first.next).toBeDefined();
    const names = await listNames(store, "many/");
    expect(names).toHaveLength(keys.length);
    expect(names[0]).toBe("00000/");
    expect(await pagedNames(store, "many/", { limitCount: 1000, delimiter: "/" })).toHaveLength(
      keys.length,
    );
  });

  test("a page that holds just everything is the last one", async () => {
    const store = await filled(makeStore, ["a", "b", "c/d"]);
    expect((await store.list("", { limitCount: 3 })).next).toBeUndefined();
    expect((await store.list("", { limitCount: 3, delimiter: "/" })).next).toBeUndefined();
    expect((await store.list("", { limitCount: 2 })).next).toBeDefined();
  });

  test("paging goes on in order while objects come and go", async () => {
    const store = await filled(makeStore, ["p/a", "p/c", "p/e", "p/g"]);
    const first = await store.list("p/", { limitCount: 2 });
    await store.remove("p/c");
    await store.put("p/b", text("behind the page"));
    await store.put("p/f", text("ahead of the page"));
    const rest = await store.list("p/", { after: first.next });
    expect(rest.objects.map((object) => object.key)).toEqual(["p/e", "p/f", "p/g"]);
  });

  test("a page size outside 1 to the maximum is refused", async () => {
    const store = await makeStore();
    for (const limitCount of [0, -1, 1.5, LIST_PAGE_MAX + 1]) {
      await expect(store.list("", { limitCount })).rejects.toBeInstanceOf(RangeError);
    }
  });
}

/** The bytes of a text. */
export function text(value: string): Buffer {
  return Buffer.from(value);
}

/** A store where every key holds its own name. */
export async function filled(makeStore: MakeStore, keys: readonly string[]): Promise<ObjectStore> {
  const store = await makeStore();
  await forEachLimited(keys, PUT_CONCURRENCY, async (key) => {
    await store.put(key, text(key));
  });
  return store;
}

/** Every key that begins with the prefix, page by page. */
export async function keysOf(store: ObjectStore, prefix = ""): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const object of listAll(store, prefix)) keys.push(object.key);
  return keys;
}

/** Objects and prefixes page by page, as they come; each page is in order and within its limit. */
async function pagedNames(
  store: ObjectStore,
  prefix: string,
  options: ListOptions & { readonly limitCount: number },
): Promise<readonly string[]> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(prefix, { ...options, after });
    const entries = [...page.objects.map((object) => object.key), ...page.prefixes].toSorted();
    expect(entries.length).toBeLessThanOrEqual(options.limitCount);
    names.push(...entries);
    after = page.next;
  } while (after !== undefined);
  return names;
}
