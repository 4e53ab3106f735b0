import { expect, test } from "vitest";
import { createMemoryStore } from "./memory.ts";
import { describeObjectStore } from "./object-store.conformance.ts";

describeObjectStore("memory store", () => createMemoryStore());

test("tampering changes what is stored, or removes it", async () => {
  const store = createMemoryStore();
  await store.put("a", Buffer.from("abc"));
  store.tamper("a", (bytes) => bytes.subarray(0, 2));
  expect(await store.get("a")).toEqual(Buffer.from("ab"));
  store.tamper("a", () => undefined);
  expect(store.keys()).toEqual([]);
});

test("tampering with nothing is a mistake of the test", () => {
  expect(() => createMemoryStore().tamper("a", (bytes) => bytes)).toThrow("nothing to tamper");
});
