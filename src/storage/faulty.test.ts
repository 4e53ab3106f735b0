import { describe, expect, test } from "vitest";
import { SteppingClock } from "../base/clock.fixture.ts";
import { type Context, createContext } from "../base/context.ts";
import { seededRandom } from "../base/random.ts";
import { type FaultRule, faulty, type FaultyStore } from "./faulty.ts";
import { createMemoryStore, type MemoryStore } from "./memory.ts";
import { describeObjectStore } from "./object-store.conformance.ts";

const bytes = Buffer.from("0123456789");
const UNREACHABLE = { code: "REPOSITORY_UNREACHABLE" };

function seeded(seed: number): Context {
  return createContext({ random: seededRandom(seed) });
}

function broken(rules: readonly FaultRule[]): { store: FaultyStore; memory: MemoryStore } {
  const memory = createMemoryStore();
  return { store: faulty(memory, rules, seeded(1)), memory };
}

describeObjectStore("faulty store without a rule", () => broken([]).store);
describeObjectStore("faulty store that is only slow", () => {
  const rules: FaultRule[] = [{ times: Infinity, fault: { kind: "delay", delayMs: 1 } }];
  return faulty(createMemoryStore(), rules, createContext({ clock: new SteppingClock() }));
});

describe("which calls are hit", () => {
  test("by default the first of any kind, once", async () => {
    const { store } = broken([{ fault: { kind: "fail" } }]);
    await expect(store.get("a")).rejects.toMatchObject(UNREACHABLE);
    expect(await store.get("a")).toBeUndefined();
  });

  test("the nth of one method, for a number of times", async () => {
    const { store } = broken([{ method: "stat", nth: 2, times: 2, fault: { kind: "fail" } }]);
    await store.get("a");
    await store.stat("a");
    await expect(store.stat("a")).rejects.toMatchObject(UNREACHABLE);
    await store.get("a");
    await expect(store.stat("a")).rejects.toMatchObject(UNREACHABLE);
    await store.stat("a");
    expect(store.calls.map((call) => `${call.method} ${call.fault ?? "-"}`)).toEqual([
      "get -",
      "stat -",
      "stat fail",
      "get -",
      "stat fail",
      "stat -",
    ]);
  });

  test("by key or prefix, for ever", async () => {
    const { store } = broken([{ key: /\.history$/, times: Infinity, fault: { kind: "fail" } }]);
    await store.get("archive/000000010000000000000001");
    for (let count = 0; count < 5; count += 1) {
      await expect(store.get("archive/00000002.history")).rejects.toMatchObject(UNREACHABLE);
    }
    await store.list("archive/");
  });

  test("by chance, the same for the same seed", async () => {
    const rules: FaultRule[] = [{ times: Infinity, probability: 0.5, fault: { kind: "fail" } }];
    const run = async (seed: number): Promise<string> => {
      const store = faulty(createMemoryStore(), rules, seeded(seed));
      for (let count = 0; count < 64; count += 1) await store.stat("a").catch(() => undefined);
      return store.calls.map((call) => (call.fault ? "x" : ".")).join("");
    };
    expect(await run(1)).toBe(await run(1));
    expect(await run(1)).not.toBe(await run(2));
    expect(await run(1)).toMatch(/x.*\..*x/);
  });

  test("new rules count anew; the calls are kept", async () => {
    const { store } = broken([]);
    await store.stat("a");
    store.setRules([{ fault: { kind: "fail", code: "REPOSITORY_DENIED" } }]);
    await expect(store.stat("a")).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
    store.setRules([]);
    await store.stat("a");
    expect(store.calls).toHaveLength(3);
  });
});

describe("what happens to them", () => {
  test("a failure before the effect leaves none, one after it leaves all of it", async () => {
    const { store, memory } = broken([
      { method: "put", nth: 1, fault: { kind: "fail" } },
      { method: "put", nth: 1, fault: { kind: "fail", when: "after" } },
    ]);
    await expect(store.put("a", bytes)).rejects.toMatchObject(UNREACHABLE);
    expect(memory.keys()).toEqual([]);
    await expect(store.put("a", bytes)).rejects.toMatchObject(UNREACHABLE);
    expect(memory.keys()).toEqual(["a"]);
    store.setRules([{ method: "remove", fault: { kind: "fail", when: "after" } }]);
    await expect(store.remove("a")).rejects.toMatchObject(UNREACHABLE);
    expect(memory.keys()).toEqual([]);
  });

  test("one bit flips in what is answered, not in what is stored", async () => {
    const { store, memory } = broken([{ method: "get", fault: { kind: "flipBit", bit: 9 } }]);
    await store.put("a", bytes);
    expect((await store.get("a"))?.toString()).toBe("0323456789");
    expect(await memory.get("a")).toEqual(bytes);
    expect(await store.get("a")).toEqual(bytes);
  });

  test("one bit flips in what is stored, and the source is left alone", async () => {
    const { store, memory } = broken([{ method: "put", fault: { kind: "flipBit" } }]);
    const source = Buffer.from(bytes);
    await store.put("a", source);
    const stored = (await memory.get("a")) ?? Buffer.alloc(0);
    const flipped = stored.reduce((sum, byte, at) => sum + bitCount(byte ^ (bytes[at] ?? 0)), 0);
    expect(flipped).toBe(1);
    expect(source).toEqual(bytes);
  });

  test("bytes end early, as far as told or by chance", async () => {
    const { store, memory } = broken([
      { method: "get", fault: { kind: "truncate", lengthBytes: 4 } },
      { method: "put", nth: 2, fault: { kind: "truncate" } },
    ]);
    await store.put("a", bytes);
    expect((await store.get("a"))?.toString()).toBe("0123");
    async function* content(): AsyncGenerator<Uint8Array> {
      yield bytes;
      yield bytes;
    }
    await store.put("b", content());
    expect((await memory.stat("b"))?.sizeBytes).toBeLessThan(20);
  });

  test("what is there is said to be absent", async () => {
    const { store } = broken([{ nth: 2, times: Infinity, fault: { kind: "absent" } }]);
    await store.put("a", bytes);
    expect(await store.get("a")).toBeUndefined();
    expect(await store.stat("a")).toBeUndefined();
    expect(await store.list("")).toEqual({ objects: [], prefixes: [], next: undefined });
  });

  test("a listing falls short without saying so", async () => {
    const { store } = broken([{ method: "list", times: 2, fault: { kind: "shortList" } }]);
    for (const key of ["a", "b", "c", "d"]) await store.put(key, bytes);
    const page = await store.list("");
    expect(page.objects.map((object) => object.key)).toEqual(["a", "b"]);
    expect(page.next).toBeUndefined();
    expect((await store.list("", { limitCount: 3 })).objects.map((object) => object.key)).toEqual([
      "a",
    ]);
    expect((await store.list("")).objects).toHaveLength(4);
  });

  test("a call takes its time, by the clock that was handed in", async () => {
    const clock = new SteppingClock();
    const rules: FaultRule[] = [{ fault: { kind: "delay", delayMs: 5000 } }];
    const store = faulty(createMemoryStore(), rules, createContext({ clock }));
    expect(await store.put("a", bytes)).toBe("created");
    expect(clock.delaysMs).toEqual([5000]);
  });
});

test("failing each call in turn covers a whole operation", async () => {
  const operation = async (store: FaultyStore): Promise<void> => {
    await store.put("a", bytes);
    await store.get("a");
    await store.list("");
  };
  const { store: probe } = broken([]);
  await operation(probe);
  for (let nth = 1; nth <= probe.calls.length; nth += 1) {
    const { store } = broken([{ nth, fault: { kind: "fail" } }]);
    await expect(operation(store)).rejects.toMatchObject(UNREACHABLE);
    expect(store.calls).toHaveLength(nth);
  }
});

function bitCount(byte: number): number {
  return byte.toString(2).replaceAll("0", "").length;
}
