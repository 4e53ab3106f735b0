import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { createLog, type LogFields } from "../base/log.ts";
import { faulty } from "./faulty.ts";
import { logged } from "./logged.ts";
import { createMemoryStore } from "./memory.ts";
import { describeObjectStore } from "./object-store.conformance.ts";
import type { ObjectStore } from "./object-store.ts";

type Line = readonly [level: string, message: string, fields: LogFields];

function observed(store: ObjectStore): { readonly store: ObjectStore; readonly lines: Line[] } {
  const lines: Line[] = [];
  const log = createLog("debug", (level, message, { elapsedMs, ...fields }) => {
    expect(elapsedMs).toBeTypeOf("number");
    lines.push([level, message, fields]);
  });
  return { store: logged(store, createContext({ log })), lines };
}

describeObjectStore("logged store", () => observed(createMemoryStore()).store);

test("every call becomes one line with what was asked and answered, never with content", async () => {
  const { store, lines } = observed(createMemoryStore());
  await store.put("a", Buffer.from("12345"));
  await store.get("a", { range: { offsetBytes: 1, lengthBytes: 2 } });
  await store.stat("b");
  await store.list("", { delimiter: "/" });
  await store.remove("a");
  expect(lines).toEqual([
    ["debug", "store call", { method: "put", key: "a", outcome: "created" }],
    [
      "debug",
      "store call",
      { method: "get", key: "a", offsetBytes: 1, lengthBytes: 2, sizeBytes: 2 },
    ],
    ["debug", "store call", { method: "stat", key: "b", sizeBytes: undefined }],
    [
      "debug",
      "store call",
      { method: "list", prefix: "", after: undefined, objectCount: 1, prefixCount: 0 },
    ],
    ["debug", "store call", { method: "remove", key: "a" }],
  ]);
});

test("a failure is written down and passed on unchanged", async () => {
  const broken = faulty(createMemoryStore(), [{ fault: { kind: "fail" } }], createContext());
  const { store, lines } = observed(broken);
  await expect(store.get("a")).rejects.toMatchObject({ code: "REPOSITORY_UNREACHABLE" });
  expect(lines).toEqual([
    ["debug", "store call failed", { method: "get", key: "a", error: "injected fault: get a" }],
  ]);
});
