import { describe, expect, test } from "vitest";
import { SteppingClock } from "../base/clock.fixture.ts";
import { type Context, createContext } from "../base/context.ts";
import { seededRandom } from "../base/random.ts";
import { type FaultRule, faulty, type FaultyStore } from "./faulty.ts";
import { createMemoryStore } from "./memory.ts";
import { describeObjectStore } from "./object-store.conformance.ts";
import { retrying, STORE_RETRY_POLICY } from "./retrying.ts";

/** A context whose clock does not wait but writes down how long it was asked to. */
function impatient(): { readonly context: Context; readonly delaysMs: readonly number[] } {
  const clock = new SteppingClock();
  return { context: createContext({ clock, random: seededRandom(1) }), delaysMs: clock.delaysMs };
}

function stacked(rules: readonly FaultRule[]) {
  const { context, delaysMs } = impatient();
  const memory = createMemoryStore();
  const below: FaultyStore = faulty(memory, rules, context);
  return { memory, below, delaysMs, store: retrying(below, context) };
}

const bytes = Buffer.from("bytes");

describeObjectStore("retrying store", () => retrying(createMemoryStore(), impatient().context));

describeObjectStore("retrying store over one that at times cannot be reached", () => {
  const rules: FaultRule[] = (["get", "stat", "list", "remove"] as const).map((method) => ({
    method,
    times: Infinity,
    probability: 0.1,
    fault: { kind: "fail" },
  }));
  return stacked(rules).store;
});

describe("a call that fails for a while", () => {
  test("is repeated, with growing delays, until it succeeds", async () => {
    const { store, below, delaysMs } = stacked([{ times: 3, fault: { kind: "fail" } }]);
    expect(await store.put("a", bytes)).toBe("created");
    expect(below.calls.map((call) => call.fault)).toEqual(["fail", "fail", "fail", undefined]);
    expect(delaysMs).toEqual([200, 400, 800]);
  });

  test("fails with its last error when it does not pass", async () => {
    const { store, below } = stacked([{ times: Infinity, fault: { kind: "fail" } }]);
    await expect(store.list("")).rejects.toMatchObject({ code: "REPOSITORY_UNREACHABLE" });
    expect(below.calls).toHaveLength(STORE_RETRY_POLICY.attemptCountMax);
  });

  test("is not repeated when it was refused", async () => {
    const { store, below } = stacked([{ fault: { kind: "fail", code: "REPOSITORY_DENIED" } }]);
    await expect(store.put("a", bytes)).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
    expect(below.calls).toHaveLength(1);
  });

  test("is not repeated when the caller gives up", async () => {
    const { store, below } = stacked([{ times: Infinity, fault: { kind: "fail" } }]);
    const signal = AbortSignal.abort(new Error("gave up"));
    await expect(store.get("a", { signal })).rejects.toThrow("gave up");
    expect(below.calls).toEqual([]);
  });
});

test("a put whose answer was lost answers that the object exists", async () => {
  const { store, memory } = stacked([{ method: "put", fault: { kind: "fail", when: "after" } }]);
  expect(await store.put("a", bytes)).toBe("exists");
  expect(await memory.get("a")).toEqual(bytes);
});

test("a put of a stream is tried once: the stream cannot be read again", async () => {
  const { store, below } = stacked([{ method: "put", fault: { kind: "fail" } }]);
  async function* content(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  await expect(store.put("a", content())).rejects.toMatchObject({ code: "REPOSITORY_UNREACHABLE" });
  expect(below.calls).toHaveLength(1);
});
