import { expect, test } from "vitest";
import { createMemoryStore } from "./memory.ts";
import { describeObjectStore } from "./object-store.conformance.ts";
import { readOnly } from "./read-only.ts";

/** The suite has to fill the store somehow: it writes to the store below and reads through the decorator. */
describeObjectStore("reads of a read-only store", () => {
  const below = createMemoryStore();
  return {
    ...readOnly(below),
    put: (key, content, options) => below.put(key, content, options),
    remove: (key, options) => below.remove(key, options),
  };
});

test("put and remove are refused and change nothing", async () => {
  const below = createMemoryStore();
  await below.put("a", Buffer.from("kept"));
  const store = readOnly(below);
  const refusal = { code: "REPOSITORY_DENIED", exitCode: 21 };
  await expect(store.put("b", Buffer.from("x"))).rejects.toMatchObject(refusal);
  await expect(store.remove("a")).rejects.toMatchObject(refusal);
  expect(below.keys()).toEqual(["a"]);
  expect(await store.get("a")).toEqual(Buffer.from("kept"));
});

test("a stream that is refused is not read", async () => {
  let read = false;
  async function* content(): AsyncGenerator<Uint8Array> {
    read = true;
    yield Buffer.from("x");
  }
  await expect(readOnly(createMemoryStore()).put("a", content())).rejects.toThrow("read-only");
  expect(read).toBe(false);
});
