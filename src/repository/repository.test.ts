import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../storage/memory.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { createRepository, openRepository } from "./repository.ts";
import {
  createFixture,
  undetectedDamage,
  fixedContext,
  patchHeader,
  replaceStored,
  storedBytes,
} from "./repository.fixture.ts";

const KEY = "repository.json";

test("golden bytes of repository.json", async () => {
  const store = createMemoryStore();
  await createRepository(store, fixedContext());
  const bytes = await storedBytes(store, KEY);
  const json =
    '{"id":"a00087fbf7479cb86dfe747d23673f27","createdAt":"2026-11-21T02:40:00.5Z",' +
    '"cipher":"none","probe":{"putIfAbsent":true,"listing":true}}';
  expect(bytes.toString("hex")).toBe(
    [
      "48534754 46414354 0100 00 00 0f00 0000", // HSGT FACT, format 1, plain, not sealed, lengths of key and fields
      "a00087fbf7479cb86dfe747d23673f27", // repository id
      "00".repeat(32 + 16), // salt and key value
      Buffer.from(KEY).toString("hex"),
      "2c0a97cf", // header checksum
      "4a534f4e 8a000000 8a000000 518616c3", // JSON, stored and plain size, checksum
      Buffer.from(json).toString("hex"),
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

test("creating twice opens what is there", async () => {
  const store = createMemoryStore();
  const first = await createRepository(store, fixedContext());
  const second = await createRepository(store, {
    ...fixedContext(),
    random: { bytes: (length) => Buffer.alloc(length, 7), integer: () => 0 },
  });
  expect(first.created).toBe(true);
  expect(second.created).toBe(false);
  expect(second.repository.id).toBe(first.repository.id);
  expect(store.keys()).toEqual([KEY]);
});

test("the record survives the way through the store", async () => {
  const { store, repository, context } = await createFixture();
  const opened = await openRepository(store, context);
  expect(opened.record).toEqual(repository.record);
  expect(opened.record.probe).toEqual({ putIfAbsent: true, listing: true });
  expect(opened.record.createdAt.toString()).toBe("2026-11-21T02:40:00.5Z");
});

test("nothing there is not the same as an empty repository", async () => {
  await expect(openRepository(createMemoryStore(), fixedContext())).rejects.toMatchObject({
    code: "REPOSITORY_MISSING",
    exitCode: 20,
  });
});

test("every damage of repository.json is found", async () => {
  const { store, context } = await createFixture();
  expect(await undetectedDamage(store, KEY, () => openRepository(store, context))).toEqual([]);
});

test("no bytes in its place open as a repository", async () => {
  const { store, context } = await createFixture();
  const head = (await storedBytes(store, KEY)).subarray(0, 80);
  const anyBytes = fc.uint8Array({ maxLength: 3000 });
  await fc.assert(
    fc.asyncProperty(anyBytes, fc.boolean(), async (bytes, beginsWell) => {
      replaceStored(store, KEY, beginsWell ? Buffer.concat([head, bytes]) : bytes);
      const error: unknown = await openRepository(store, context).catch(
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "OBJECT_CORRUPT" });
    }),
    { numRuns: 500 },
  );
});

test("a record that was copied from another repository's header is refused", async () => {
  const { store, context } = await createFixture();
  const bytes = await storedBytes(store, KEY);
  replaceStored(
    store,
    KEY,
    patchHeader(bytes, (header) => header.fill(0xab, 16, 32)),
  );
  await expect(openRepository(store, context)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
});

test.each([
  ["format", 8],
  ["compression", 10],
  ["seal", 11],
])("an unknown %s is a newer release's", async (_what, offset) => {
  const { store, context } = await createFixture();
  const bytes = await storedBytes(store, KEY);
  replaceStored(
    store,
    KEY,
    patchHeader(bytes, (header) => header.writeUInt8(99, offset)),
  );
  await expect(openRepository(store, context)).rejects.toMatchObject({
    code: "REPOSITORY_FORMAT_UNKNOWN",
    exitCode: 23,
  });
});

test.each(["archive/main/archive.info", "backup/main/backup.info"])(
  "a pgBackRest repository (%s) is refused and left alone",
  async (mark) => {
    const store = createMemoryStore();
    await store.put(mark, Buffer.from("theirs"));
    await expect(createRepository(store, fixedContext())).rejects.toMatchObject({
      code: "REPOSITORY_FOREIGN",
      exitCode: 30,
      message: expect.stringContaining(`pgBackRest repository (${mark})`) as string,
    });
    expect(store.keys()).toEqual([mark]);
  },
);

test("any other content is refused, what a trial left behind is not", async () => {
  const store = createMemoryStore();
  await store.put("probe/00112233445566778899aabbccddeeff", Buffer.from("first"));
  await expect(createRepository(store, fixedContext())).resolves.toMatchObject({ created: true });
  const foreign = createMemoryStore();
  await foreign.put("holiday/photo.jpg", Buffer.from("x"));
  await expect(createRepository(foreign, fixedContext())).rejects.toMatchObject({
    code: "REPOSITORY_FOREIGN",
    message: expect.stringContaining("holiday/") as string,
  });
});

test("a store that overwrites or lists late gets its verdict", async () => {
  const store = createMemoryStore();
  const forgetful: ObjectStore = {
    ...store,
    put: async (key, content, options) => {
      if (key.startsWith("probe/")) await store.remove(key);
      return await store.put(key, content, options);
    },
    list: async (prefix, options) =>
      prefix === "probe/"
        ? { objects: [], prefixes: [], next: undefined }
        : await store.list(prefix, options),
  };
  const { repository } = await createRepository(forgetful, fixedContext());
  expect(repository.record.probe).toEqual({ putIfAbsent: false, listing: false });
  expect(store.keys()).toEqual([KEY]);
});

test("of two that create at once, both use the same repository", async () => {
  const store = createMemoryStore();
  const results = await Promise.all(
    [1, 2, 3].map(async (fill) => {
      const random = { bytes: (length: number) => Buffer.alloc(length, fill), integer: () => 0 };
      return await createRepository(store, { ...fixedContext(), random });
    }),
  );
  expect(new Set(results.map(({ repository }) => repository.id)).size).toBe(1);
  expect(results.filter(({ created }) => created)).toHaveLength(1);
});
