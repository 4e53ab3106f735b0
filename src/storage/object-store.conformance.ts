// What object-store.ts says in prose, as tests. Every driver and every decorator passes this suite, so nothing above
// the store needs to know which one it has. What a test cannot see from outside, that bytes survive a power loss, is
// tested where a driver does it (base/durable-file.test.ts).
//
// Listings have a file of their own, listing.conformance.ts. To add a store: call describeObjectStore in its test file
// with a function that makes an empty one.
import { describe, expect, test } from "vitest";
import {
  describeListing,
  describePaging,
  filled,
  keysOf,
  type MakeStore,
  text,
} from "./listing.conformance.ts";
import { listNames } from "./object-store.ts";

const MIB = 1024 * 1024;

/**
 * Registers the suite.
 *
 * @param makeStore an empty store for one test; it cleans up after itself, by vitest's onTestFinished where needed.
 */
export function describeObjectStore(name: string, makeStore: MakeStore): void {
  describe(`conformance of ${name}`, () => {
    describePut(makeStore);
    describeConcurrency(makeStore);
    describeGet(makeStore);
    describeAbsence(makeStore);
    describeListing(makeStore);
    describePaging(makeStore);
    describeKeys(makeStore);
    describeAbort(makeStore);
  });
}

function describePut(makeStore: MakeStore): void {
  test("put creates an object that get, stat and list see at once", async () => {
    const store = await makeStore();
    expect(await store.put("stanza/main/a", text("hello"))).toBe("created");
    expect(await store.get("stanza/main/a")).toEqual(text("hello"));
    expect(await store.stat("stanza/main/a")).toEqual({ key: "stanza/main/a", sizeBytes: 5 });
    expect(await keysOf(store)).toEqual(["stanza/main/a"]);
  });

  test("put never replaces, whatever the second content is", async () => {
    const store = await makeStore();
    await store.put("a", text("first"));
    expect(await store.put("a", text("second, and longer"))).toBe("exists");
    expect(await store.put("a", text("first"))).toBe("exists");
    expect(await store.put("a", pieces(text("third")))).toBe("exists");
    expect(await store.get("a")).toEqual(text("first"));
  });

  test("an object may be empty", async () => {
    const store = await makeStore();
    expect(await store.put("empty", new Uint8Array())).toBe("created");
    expect(await store.put("empty-stream", pieces())).toBe("created");
    expect(await store.get("empty")).toEqual(Buffer.alloc(0));
    expect(await store.stat("empty-stream")).toEqual({ key: "empty-stream", sizeBytes: 0 });
    expect(await store.put("empty", text("no longer"))).toBe("exists");
    expect(await store.get("empty")).toEqual(Buffer.alloc(0));
  });

  test("a stream of pieces becomes one object, some MiB long", async () => {
    const store = await makeStore();
    const piece = patterned(MIB / 2 + 7);
    const count = 9;
    expect(await store.put("big", pieces(...Array.from({ length: count }, () => piece)))).toBe(
      "created",
    );
    const whole = Buffer.concat(Array.from({ length: count }, () => piece));
    expect((await store.stat("big"))?.sizeBytes).toBe(whole.length);
    const stored = await store.get("big");
    expect(stored?.equals(whole)).toBe(true);
    const range = { offsetBytes: 3 * MIB + 1, lengthBytes: MIB };
    const part = await store.get("big", { range });
    expect(part?.equals(whole.subarray(3 * MIB + 1, 4 * MIB + 1))).toBe(true);
  });

  test("a content that throws midway leaves nothing, and its own error comes out", async () => {
    const store = await makeStore();
    const fault = Object.assign(new Error("source file unreadable"), { code: "EIO" });
    await expect(store.put("dir/broken", failing(fault, patterned(MIB)))).rejects.toBe(fault);
    expect(await store.get("dir/broken")).toBeUndefined();
    expect(await store.stat("dir/broken")).toBeUndefined();
    expect(await keysOf(store)).toEqual([]);
    expect(await listNames(store, ""), "not even as a prefix").toEqual([]);
    expect(await store.put("dir/broken", text("whole"))).toBe("created");
    expect(await store.get("dir/broken")).toEqual(text("whole"));
  });

  test("what was put is not the caller's memory, and what was got is the caller's own", async () => {
    const store = await makeStore();
    const source = text("original");
    await store.put("a", source);
    source.fill(0);
    const first = await store.get("a");
    expect(first).toEqual(text("original"));
    first?.fill(0);
    const part = await store.get("a", { range: { offsetBytes: 0, lengthBytes: 4 } });
    part?.fill(0);
    expect(await store.get("a")).toEqual(text("original"));
  });

  test("remove removes, twice over, and the key can be used again", async () => {
    const store = await makeStore();
    await store.put("dir/a", text("first"));
    await store.put("dir/b", text("kept"));
    await store.remove("dir/a");
    await store.remove("dir/a");
    expect(await store.get("dir/a")).toBeUndefined();
    expect(await store.stat("dir/a")).toBeUndefined();
    expect(await keysOf(store)).toEqual(["dir/b"]);
    expect(await store.put("dir/a", text("second"))).toBe("created");
    expect(await store.get("dir/a")).toEqual(text("second"));
  });

  test("nothing is left to list when the last object of a prefix is removed", async () => {
    const store = await makeStore();
    await store.put("deep/er/a", text("x"));
    await store.remove("deep/er/a");
    expect(await listNames(store, "")).toEqual([]);
    expect(await listNames(store, "deep/")).toEqual([]);
  });
}

function describeConcurrency(makeStore: MakeStore): void {
  test("of eight puts of one key one creates, and its bytes are the ones that stay", async () => {
    const store = await makeStore();
    const contents = Array.from({ length: 8 }, (_, index) => Buffer.alloc(MIB / 4, index + 1));
    const outcomes = await Promise.all(
      contents.map((content, index) =>
        store.put("race/winner", index % 2 === 0 ? content : pieces(content)),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === "created")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "exists")).toHaveLength(7);
    const winner = contents[outcomes.indexOf("created")];
    const stored = await store.get("race/winner");
    expect(winner !== undefined && stored?.equals(winner)).toBe(true);
    expect(await keysOf(store)).toEqual(["race/winner"]);
  });

  test("a reader beside a slow put sees nothing, then everything", async () => {
    const store = await makeStore();
    const gate = Promise.withResolvers<void>();
    const halfway = Promise.withResolvers<void>();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield text("first half, ");
      halfway.resolve();
      await gate.promise;
      yield text("second half");
    }
    const put = store.put("slow/a", slow());
    await halfway.promise;
    expect(await store.get("slow/a")).toBeUndefined();
    expect(await store.stat("slow/a")).toBeUndefined();
    expect(await keysOf(store)).toEqual([]);
    gate.resolve();
    expect(await put).toBe("created");
    expect(await store.get("slow/a")).toEqual(text("first half, second half"));
  });

  test("puts below one new prefix do not disturb each other", async () => {
    const store = await makeStore();
    const keys = Array.from({ length: 16 }, (_, index) => `new/prefix/${index % 4}/${index}`);
    const outcomes = await Promise.all(keys.map((key) => store.put(key, text(key))));
    expect(new Set(outcomes)).toEqual(new Set(["created"]));
    expect(await keysOf(store)).toEqual(keys.toSorted());
    for (const key of keys) expect(await store.get(key)).toEqual(text(key));
  });
}

function describeGet(makeStore: MakeStore): void {
  test("a range is half-open and is cut at the end of the object", async () => {
    const store = await makeStore();
    await store.put("digits", text("0123456789"));
    const range = async (offsetBytes: number, lengthBytes: number): Promise<string | undefined> =>
      (await store.get("digits", { range: { offsetBytes, lengthBytes } }))?.toString();
    expect(await range(0, 10)).toBe("0123456789");
    expect(await range(0, 1)).toBe("0");
    expect(await range(3, 4)).toBe("3456");
    expect(await range(9, 1)).toBe("9");
    expect(await range(7, 100), "past the end").toBe("789");
    expect(await range(10, 1), "at the end").toBe("");
    expect(await range(1000, 10), "beyond the end").toBe("");
    expect(await range(0, 0), "of no length").toBe("");
    expect(await range(5, 0), "of no length in the middle").toBe("");
  });

  test("a range of an absent object is absent, also when it has no length", async () => {
    const store = await makeStore();
    const none = { offsetBytes: 0, lengthBytes: 0 };
    expect(await store.get("absent", { range: none })).toBeUndefined();
  });

  test("a range that is none is refused", async () => {
    const store = await makeStore();
    await store.put("a", text("x"));
    for (const [offsetBytes, lengthBytes] of [
      [-1, 1],
      [0, -1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const) {
      await expect(store.get("a", { range: { offsetBytes, lengthBytes } })).rejects.toBeInstanceOf(
        RangeError,
      );
    }
  });
}

function describeAbsence(makeStore: MakeStore): void {
  test("absence is an answer, at every depth", async () => {
    const store = await makeStore();
    await store.put("a/b/object", text("x"));
    for (const key of ["absent", "a/absent", "a/b/absent", "no/such/prefix/at/all"]) {
      const found = { key, get: await store.get(key), stat: await store.stat(key) };
      expect(found).toEqual({ key, get: undefined, stat: undefined });
      await store.remove(key);
    }
    expect(await keysOf(store)).toEqual(["a/b/object"]);
  });

  test("a prefix of keys is no object, and nor is what an object would be a prefix of", async () => {
    const store = await makeStore();
    await store.put("a/b/object", text("x"));
    for (const key of ["a", "a/b", "a/b/object/more", "a/b/object/more/still"]) {
      const found = { key, get: await store.get(key), stat: await store.stat(key) };
      expect(found).toEqual({ key, get: undefined, stat: undefined });
      await store.remove(key);
    }
    expect(await store.get("a/b/object")).toEqual(text("x"));
  });

  test("an empty store has an empty listing", async () => {
    const store = await makeStore();
    const empty = { objects: [], prefixes: [], next: undefined };
    expect(await store.list("")).toEqual(empty);
    expect(await store.list("some/prefix/", { delimiter: "/" })).toEqual(empty);
  });
}

function describeKeys(makeStore: MakeStore): void {
  const invalid: readonly string[] = [
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "./a",
    ".hidden",
    "a/.hidden",
    "a b",
    "a\\b",
    "a\0b",
    "a\n",
    "schlüssel",
    "a".repeat(256),
    "a/".repeat(256) + "a",
  ];

  test.each(invalid)("key %j is refused by every method", async (key) => {
    const store = await makeStore();
    const refusal = { code: "OBJECT_KEY_INVALID" };
    await expect(store.put(key, text("x"))).rejects.toMatchObject(refusal);
    await expect(store.get(key)).rejects.toMatchObject(refusal);
    await expect(store.stat(key)).rejects.toMatchObject(refusal);
    await expect(store.remove(key)).rejects.toMatchObject(refusal);
    expect(await keysOf(store)).toEqual([]);
  });

  test.each(["/", "a//", "../", "a/../", ".", "a/.b", "ä"])(
    "prefix %j is refused",
    async (prefix) => {
      const store = await makeStore();
      await expect(store.list(prefix)).rejects.toMatchObject({ code: "OBJECT_KEY_INVALID" });
    },
  );

  test("the longest part, the longest key and every character of the alphabet are fine", async () => {
    const keys = ["a".repeat(255), `${"a/".repeat(255)}bc`, "AZaz09._-/AZaz09._-", "a..b/c."];
    const store = await filled(makeStore, keys);
    for (const key of keys) expect(await store.get(key)).toEqual(text(key));
    expect(await keysOf(store)).toEqual(keys.toSorted());
  });
}

function describeAbort(makeStore: MakeStore): void {
  const reason = new Error("the caller had enough");

  test("an aborted signal ends every method with its reason and without effect", async () => {
    const store = await makeStore();
    await store.put("kept", text("x"));
    const signal = AbortSignal.abort(reason);
    await expect(store.put("new", text("x"), { signal })).rejects.toBe(reason);
    await expect(store.get("kept", { signal })).rejects.toBe(reason);
    await expect(store.stat("kept", { signal })).rejects.toBe(reason);
    await expect(store.list("", { signal })).rejects.toBe(reason);
    await expect(store.remove("kept", { signal })).rejects.toBe(reason);
    expect(await keysOf(store)).toEqual(["kept"]);
  });

  test("an abort in the middle of a put leaves nothing and closes the source", async () => {
    const store = await makeStore();
    const controller = new AbortController();
    let closed = false;
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        yield text("first");
        controller.abort(reason);
        for (;;) yield text("more");
      } finally {
        closed = true;
      }
    }
    const put = store.put("dir/a", endless(), { signal: controller.signal });
    await expect(put).rejects.toBe(reason);
    expect(closed).toBe(true);
    expect(await store.stat("dir/a")).toBeUndefined();
    expect(await listNames(store, "")).toEqual([]);
  });
}

/** Bytes without a short period, so that a shifted or repeated piece is noticed. */
function patterned(lengthBytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: lengthBytes }, (_, index) => (index * 31) % 251));
}

async function* pieces(...contents: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* contents;
}

async function* failing(
  error: Error,
  ...contents: readonly Uint8Array[]
): AsyncGenerator<Uint8Array> {
  yield* contents;
  throw error;
}
