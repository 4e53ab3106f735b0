import { expect, test } from "vitest";
import { hiding } from "./hiding.ts";
import { createMemoryStore } from "./memory.ts";
import { listAll } from "./object-store.ts";

test("what is hidden is not there, the rest is, and nothing can be written", async () => {
  const store = createMemoryStore();
  for (const key of ["a/1", "a/2", "b/1"]) await store.put(key, Buffer.from(key));
  const view = hiding(store, (key) => key.endsWith("/1"));
  expect((await Array.fromAsync(listAll(view, ""))).map(({ key }) => key)).toEqual(["a/2"]);
  expect(await view.get("a/1")).toBeUndefined();
  expect(await view.stat("b/1")).toBeUndefined();
  expect((await view.get("a/2"))?.toString()).toBe("a/2");
  await expect(view.put("c/2", Buffer.alloc(1))).rejects.toMatchObject({
    code: "REPOSITORY_DENIED",
  });
  await expect(view.remove("a/2")).rejects.toMatchObject({ code: "REPOSITORY_DENIED" });
  expect(store.keys()).toHaveLength(3);
});
