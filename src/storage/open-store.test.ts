import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createContext } from "../base/context.ts";
import { describeObjectStore } from "./object-store.conformance.ts";
import { makeStorePlace, openStore } from "./open-store.ts";

async function makeDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "open-store-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

describeObjectStore("posix store, as a command opens it", async () =>
  openStore({ type: "posix", path: await makeDirectory() }, createContext()),
);

test("the place of a new repository is made with its parents, and only then can be used", async () => {
  const path = join(await makeDirectory(), "one/two");
  const settings = { type: "posix", path } as const;
  const store = openStore(settings, createContext());
  await expect(store.put("a", Buffer.from("x"))).rejects.toMatchObject({
    code: "REPOSITORY_UNREACHABLE",
  });
  await makeStorePlace(settings);
  await makeStorePlace(settings);
  expect((await stat(path)).mode & 0o777).toBe(0o700);
  expect(await store.put("a", Buffer.from("x"))).toBe("created");
});

test("a place that cannot be made says so", async () => {
  const directory = await makeDirectory();
  await writeFile(join(directory, "file"), "x");
  await expect(
    makeStorePlace({ type: "posix", path: join(directory, "file/below") }),
  ).rejects.toMatchObject({ code: "REPOSITORY_UNREACHABLE" });
});
