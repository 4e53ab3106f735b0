import { expect, test } from "vitest";
import { crc32c } from "../codec/digest.ts";
import { failure, isFailure } from "../model/failure.ts";
import { faulty } from "../storage/faulty.ts";
import type { RepositorySecret } from "./root-key.ts";
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { addSlot, listSlots, removeSlot, unlockRootKey } from "./key-slots.ts";
import { createRepository, openRepository } from "./repository.ts";
import {
  fixedContext,
  patchHeader,
  replaceStored,
  storedBytes,
  undetectedDamage,
} from "./repository.fixture.ts";
import { createAccess, type OpenedKey, PLAIN_ACCESS } from "./root-key.ts";
import {
  createSealedFixture,
  KEY_FILE,
  keyFileAccess,
  PASSPHRASE,
  secretOf,
} from "./sealed.fixture.ts";

const RECORD = "repository.json";
const OTHER_FILE = Buffer.alloc(32, 9);

function slotKeys(store: MemoryStore): readonly string[] {
  return store.keys().filter((key) => key.startsWith("key/"));
}

async function openedKey(): Promise<{
  fixture: Awaited<ReturnType<typeof createSealedFixture>>;
  key: OpenedKey;
}> {
  const fixture = await createSealedFixture();
  const { key } = fixture.repository;
  if (!key) throw new Error("the repository is not encrypted");
  return { fixture, key };
}

/** The fact with another JSON of the same length, its checksum right. */
function rewriteJson(bytes: Buffer, from: string, to: string): Buffer {
  const text = bytes.toString("latin1").replace(from, to);
  const changed = Buffer.from(text, "latin1");
  const at = 80 + changed.readUInt16LE(12) + 4;
  const head = changed.subarray(at, at + 12);
  const checksum = crc32c(changed.subarray(at + 16), crc32c(head, crc32c(Buffer.alloc(4))));
  changed.writeUInt32LE(checksum, at + 12);
  return patchHeader(changed, () => undefined);
}

test("a repository opens with the secret it was created with, and with no other", async () => {
  const { store, repository, context } = await createSealedFixture();
  const again = await openRepository(store, context, keyFileAccess());
  expect([again.id, again.record]).toEqual([repository.id, repository.record]);
  await expect(openRepository(store, context, keyFileAccess(OTHER_FILE))).rejects.toMatchObject({
    code: "KEY_WRONG",
    exitCode: 26,
    hint: expect.stringMatching(/key-file-[0-9a-f]{8} \(a key file of 2026-11-21/) as string,
  });
  const byPassphrase = createAccess(() => Promise.resolve(secretOf("passphrase", KEY_FILE)));
  await expect(openRepository(store, context, byPassphrase)).rejects.toMatchObject({
    code: "KEY_WRONG",
  });
});

test("what is configured and what is there must agree", async () => {
  const { store, context } = await createSealedFixture();
  const missing = { code: "KEY_MISSING", exitCode: 26 };
  await expect(openRepository(store, context)).rejects.toMatchObject(missing);
  await expect(createRepository(store, context)).rejects.toMatchObject(missing);
  const plain = createMemoryStore();
  await createRepository(plain, context, PLAIN_ACCESS);
  const refusal = { code: "REPOSITORY_NOT_ENCRYPTED", exitCode: 2 };
  await expect(openRepository(plain, context, keyFileAccess())).rejects.toMatchObject(refusal);
  await expect(createRepository(plain, context, keyFileAccess())).rejects.toMatchObject(refusal);
});

test("with a wrong key nothing is read but the record and the slots", async () => {
  const { store, context } = await createSealedFixture();
  const read: string[] = [];
  const watched: ObjectStore = {
    ...store,
    get: (key, options) => {
      read.push(key);
      return store.get(key, options);
    },
  };
  const access = keyFileAccess(OTHER_FILE);
  await expect(openRepository(watched, context, access)).rejects.toMatchObject({
    code: "KEY_WRONG",
  });
  expect(new Set(read)).toEqual(new Set([RECORD, ...slotKeys(store)]));
});

test("a key is looked for once in a run, and the secret is wiped", async () => {
  const { store, context } = await createSealedFixture();
  const given: RepositorySecret[] = [];
  const access = createAccess(() => {
    const secret = secretOf("key-file", KEY_FILE);
    given.push(secret);
    return Promise.resolve(secret);
  });
  await openRepository(store, context, access);
  await openRepository(store, context, access);
  expect(given.map(({ bytes }) => bytes.reveal())).toEqual([Buffer.alloc(32)]);
});

test("a passphrase is a slot of its own; slots can be removed but for the one in use", async () => {
  const { fixture, key } = await openedKey();
  const { store, repository, context } = fixture;
  const secret = secretOf("passphrase", PASSPHRASE);
  const { rootKey } = key;
  const slot = await addSlot(repository, { rootKey, secret, name: "escrow" }, context);
  expect(slot.cost).toEqual({ memoryKib: 65_536, passes: 3, lanes: 4 });
  const opened = await unlockRootKey(repository, secret, context);
  expect(opened.slot).toBe("escrow");
  expect(opened.rootKey.reveal()).toEqual(rootKey.reveal());
  const same = addSlot(repository, { rootKey, secret, name: "escrow" }, context);
  await expect(same).rejects.toMatchObject({ code: "OBJECT_EXISTS" });

  const remove = (name: string, dryRun = false): Promise<void> =>
    removeSlot(repository, { name, opened, dryRun }, context);
  await expect(remove("escrow")).rejects.toMatchObject({ code: "KEY_IN_USE" });
  await expect(remove("nobody")).rejects.toMatchObject({ code: "KEY_SLOT_UNKNOWN" });
  await remove(key.slot, true);
  expect(slotKeys(store)).toHaveLength(2);
  await remove(key.slot);
  expect(slotKeys(store)).toEqual(["key/escrow"]);
  await expect(openRepository(store, context, keyFileAccess())).rejects.toMatchObject({
    code: "KEY_WRONG",
  });
});

test("two that remove each other's slot leave both", async () => {
  const { fixture, key } = await openedKey();
  const { store, repository, context } = fixture;
  const secret = secretOf("key-file", OTHER_FILE);
  await addSlot(repository, { rootKey: key.rootKey, secret, name: "second" }, context);
  const racing: ObjectStore = {
    ...store,
    remove: async (removed, options) => {
      await store.remove(`key/${key.slot}`);
      await store.remove(removed, options);
    },
  };
  await removeSlot({ store: racing, id: repository.id }, { name: "second", opened: key }, context);
  expect(slotKeys(store)).toEqual([`key/${key.slot}`]);
  await openRepository(store, context, keyFileAccess());
});

test("damage of a slot is found, and hides no other slot", async () => {
  const { fixture, key } = await openedKey();
  const { store, repository, context } = fixture;
  const path = `key/${key.slot}`;
  const read = async (): Promise<void> => {
    const [slot] = await listSlots(repository, context);
    if (slot?.problem === undefined) return;
    throw Object.assign(new Error(slot.problem), { problem: slot.problem });
  };
  const damaged = await storedBytes(store, path);
  for (let at = 0; at < damaged.length; at += 7) {
    const bytes = Buffer.from(damaged);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
    replaceStored(store, path, bytes);
    await expect(read()).rejects.toMatchObject({
      problem: expect.stringContaining(path) as string,
    });
  }
  const unreadable = openRepository(store, context, keyFileAccess());
  await expect(unreadable).rejects.toMatchObject({ code: "OBJECT_CORRUPT", exitCode: 22 });
  const secret = secretOf("key-file", OTHER_FILE);
  await addSlot(repository, { rootKey: key.rootKey, secret }, context);
  await openRepository(store, context, keyFileAccess(OTHER_FILE));
  for (const name of slotKeys(store)) await store.remove(name);
  const none = openRepository(store, context, keyFileAccess());
  await expect(none).rejects.toMatchObject({ code: "OBJECT_MISSING" });
});

test.each([
  ["another host", '"host":"', '"hosT":"'],
  ["more memory than any host has", '"memoryKib":65536', '"memoryKib":99999'],
  ["less work for whoever guesses", '"passes":3', '"passes":1'],
  ["another time", "2026-11-21T02:40:00.5Z", "2025-11-21T02:40:00.5Z"],
])("a passphrase slot that was changed does not open: %s", async (_what, from, to) => {
  const { fixture, key } = await openedKey();
  const { store, repository, context } = fixture;
  const secret = secretOf("passphrase", PASSPHRASE);
  await addSlot(repository, { rootKey: key.rootKey, secret, name: "escrow" }, context);
  const bytes = await storedBytes(store, "key/escrow");
  replaceStored(store, "key/escrow", rewriteJson(bytes, from, to));
  await expect(unlockRootKey(repository, secret, context)).rejects.toMatchObject({
    code: "KEY_WRONG",
  });
});

test("every damage of the record is found, and what only a key holder may write is proven", async () => {
  const { store, context } = await createSealedFixture();
  const read = (): Promise<unknown> => openRepository(store, context, keyFileAccess());
  const options = { flippedBytesCount: 50, cutsCount: 50 };
  expect(await undetectedDamage(store, RECORD, read, options)).toEqual([]);
  const bytes = await storedBytes(store, RECORD);
  // As good as the original, but for the proof.
  replaceStored(store, RECORD, rewriteJson(bytes, "02:40:00.5Z", "02:40:01.5Z"));
  await expect(read()).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("holder of the repository's key") as string,
  });
});

test("of two that create at once, both use the same repository and one slot is left", async () => {
  const store = createMemoryStore();
  const results = await Promise.all(
    [1, 2, 3].map(async (fill) => {
      const random = { bytes: (length: number) => Buffer.alloc(length, fill), integer: () => 0 };
      return await createRepository(store, { ...fixedContext(), random }, keyFileAccess());
    }),
  );
  expect(new Set(results.map(({ repository }) => repository.id)).size).toBe(1);
  expect(results.filter(({ created }) => created)).toHaveLength(1);
  expect(slotKeys(store)).toHaveLength(1);
});

test("whichever call fails while a repository is created, creating it again leads to one that opens", async () => {
  const context = fixedContext();
  const whole = faulty(createMemoryStore(), [], context);
  await createRepository(whole, context, keyFileAccess());
  expect(whole.calls.length).toBeGreaterThan(8);
  for (let nth = 1; nth <= whole.calls.length; nth += 1) {
    for (const when of ["before", "after"] as const) {
      const store = createMemoryStore();
      const failing = faulty(store, [{ nth, fault: { kind: "fail", when } }], context);
      const first: unknown = await createRepository(failing, context, keyFileAccess()).catch(
        (error: unknown) => error,
      );
      // Only what tidies up may fail without a word.
      const isTidying = whole.calls[nth - 1]?.method === "remove";
      expect(isTidying || isFailure(first, "REPOSITORY_UNREACHABLE"), `call ${nth}`).toBe(true);
      await createRepository(store, context, keyFileAccess());
      await openRepository(store, context, keyFileAccess());
    }
  }
});

test("a secret that cannot be read is noticed before anything is written", async () => {
  const store = createMemoryStore();
  const access = createAccess(() => Promise.reject(failure("KEY_UNAVAILABLE", "gone")));
  await expect(createRepository(store, fixedContext(), access)).rejects.toMatchObject({
    code: "KEY_UNAVAILABLE",
  });
  expect(store.keys()).toEqual([]);
});

test("a slot whose creation was answered twice is not taken for somebody else's", async () => {
  const { fixture, key } = await openedKey();
  const { store, repository, context } = fixture;
  const repeating: ObjectStore = {
    ...store,
    put: async (name, content, options) => {
      await store.put(name, content, options);
      return await store.put(name, content, options);
    },
  };
  const request = {
    rootKey: key.rootKey,
    secret: secretOf("key-file", OTHER_FILE),
    name: "second",
  };
  await addSlot({ store: repeating, id: repository.id }, request, context);
  await openRepository(store, context, keyFileAccess(OTHER_FILE));
});

test("there are never more slots than are looked at", async () => {
  const { fixture, key } = await openedKey();
  const { repository, context } = fixture;
  const { rootKey } = key;
  const secret = secretOf("key-file", OTHER_FILE);
  for (let count = 1; count < 32; count += 1)
    await addSlot(repository, { rootKey, secret }, context);
  await expect(addSlot(repository, { rootKey, secret }, context)).rejects.toMatchObject({
    code: "KEY_SLOTS_FULL",
  });
  expect(await listSlots(repository, context)).toHaveLength(32);
});
