// The key slots of a repository: which there are, which one a secret opens, adding and removing. A slot is a fact of its
// own, so two hosts can add slots at a time; none is ever changed. What a slot holds: key-slot.ts.
import { hostname } from "node:os";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { SecretBytes } from "../base/secret.ts";
import { SALT_BYTES, plainSealer } from "../codec/seal.ts";
import { failure, isFailure } from "../model/failure.ts";
import { listNames } from "../storage/object-store.ts";
import { putFact, readFact } from "./fact.ts";
import {
  formatSlot,
  isProven,
  type KeySlot,
  parseSlot,
  unwrapRootKey,
  wrapRootKey,
} from "./key-slot.ts";
import { isSlotName, KEYS_PREFIX, keySlotKey } from "./keys.ts";
import type { KeyPlace, OpenedKey, RepositorySecret } from "./root-key.ts";

/** A slot, or why it cannot be read. */
export type ListedSlot =
  | { readonly name: string; readonly slot: KeySlot; readonly problem?: undefined }
  | { readonly name: string; readonly slot?: undefined; readonly problem: string };

/** Slots of a repository at most: trying one may cost a second and 256 MiB. */
const SLOT_COUNT_MAX = 32;

/** All slots of the repository, by name. One that is damaged does not hide the others. */
export async function listSlots(place: KeyPlace, context: Context): Promise<readonly ListedSlot[]> {
  const { signal } = context;
  const names = (await listNames(place.store, KEYS_PREFIX, { signal })).filter(isSlotName);
  const slots: ListedSlot[] = [];
  for (const name of names.slice(0, SLOT_COUNT_MAX)) {
    try {
      const slot = await readSlot(place, name, context);
      if (slot) slots.push({ name, slot });
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT", "REPOSITORY_FORMAT_UNKNOWN")) throw error;
      slots.push({ name, problem: errorMessage(error) });
    }
  }
  return slots;
}

async function readSlot(
  place: KeyPlace,
  name: string,
  context: Context,
): Promise<KeySlot | undefined> {
  return await readFact({ ...place, sealer: plainSealer }, keySlotKey(name), {
    parse: (fields) => parseSlot(fields, name),
    context,
  });
}

/**
 * Finds the slot that the secret opens.
 *
 * @throws {HindsightError} `KEY_WRONG` when there is none; `OBJECT_MISSING`, `OBJECT_CORRUPT` when no slot can be read.
 */
export async function unlockRootKey(
  place: KeyPlace,
  secret: RepositorySecret,
  context: Context,
): Promise<OpenedKey> {
  const listed = await listSlots(place, context);
  for (const { slot } of listed) {
    context.signal.throwIfAborted();
    const rootKey = slot && (await unwrapRootKey(slot, secret, place.id));
    if (rootKey && isProven(slot, rootKey, place.id)) return { rootKey, slot: slot.name };
  }
  throw noSlotOpens(listed, secret);
}

function noSlotOpens(listed: readonly ListedSlot[], { kind }: RepositorySecret): Error {
  const [first] = listed;
  if (!first) {
    return failure("OBJECT_MISSING", "the repository is encrypted, but has no key slot", {
      hint: "Whoever has a copy of the repository has its slots, too: bring the objects below key/ back.",
    });
  }
  if (listed.every(({ slot }) => slot === undefined)) {
    return failure("OBJECT_CORRUPT", `no key slot can be read: ${first.problem}`, {
      hint: "Bring the objects below key/ back from a copy of the repository.",
    });
  }
  const what = kind === "passphrase" ? "this passphrase" : "this key file";
  return failure("KEY_WRONG", `no key slot of the repository opens with ${what}`, {
    hint: `Its slots: ${listed.map(describe).join(", ")}. Check the repo-cipher options of the configuration.`,
    context: { slots: listed.length },
  });
}

function describe({ name, slot, problem }: ListedSlot): string {
  if (!slot) return `${name} (cannot be read: ${problem})`;
  const day = slot.createdAt.toString().slice(0, "2026-11-21".length);
  return `${name} (a ${slot.kind === "passphrase" ? "passphrase" : "key file"} of ${day}, made on ${slot.host})`;
}

/**
 * Adds a slot for a secret.
 *
 * @param name undefined: one is made up, such as `passphrase-3fa90c11`.
 * @throws {HindsightError} `OBJECT_EXISTS` when there is a slot of that name, `KEY_SLOTS_FULL`.
 */
export async function addSlot(
  place: KeyPlace,
  {
    rootKey,
    secret,
    name,
  }: {
    readonly rootKey: SecretBytes;
    readonly secret: RepositorySecret;
    readonly name?: string | undefined;
  },
  context: Context,
): Promise<KeySlot> {
  const { clock, random } = context;
  await requireRoom(place, context);
  const slot = await wrapRootKey(rootKey, secret, {
    id: place.id,
    slot: {
      name: name ?? `${secret.kind}-${random.bytes(4).toString("hex")}`,
      kind: secret.kind,
      createdAt: clock.now(),
      host: hostname(),
      salt: random.bytes(SALT_BYTES),
    },
  });
  const key = keySlotKey(slot.name);
  const value = formatSlot(slot);
  const outcome = await putFact({ ...place, sealer: plainSealer }, key, { value, context });
  if (outcome === "created") return slot;
  // The answer to our own creation may have been lost once.
  const stored = await readSlot(place, slot.name, context);
  if (stored?.salt.equals(slot.salt)) return slot;
  throw failure("OBJECT_EXISTS", `there is a key slot ${slot.name} already`, {
    hint: "Choose another name.",
    context: { key },
  });
}

async function requireRoom({ store }: KeyPlace, { signal }: Context): Promise<void> {
  const names = await listNames(store, KEYS_PREFIX, { signal });
  if (names.length < SLOT_COUNT_MAX) return;
  throw failure("KEY_SLOTS_FULL", `the repository has ${names.length} key slots already`, {
    hint: "Remove one that is no longer needed: `hindsight key list` shows them.",
  });
}

/**
 * Removes a slot, or with `dryRun` only tells whether it could. The one that opened the repository stays, so there is
 * always one that opens.
 *
 * @throws {HindsightError} `KEY_IN_USE`, `KEY_SLOT_UNKNOWN`
 */
export async function removeSlot(
  place: KeyPlace,
  {
    name,
    opened,
    dryRun = false,
  }: { readonly name: string; readonly opened: OpenedKey; readonly dryRun?: boolean },
  context: Context,
): Promise<void> {
  if (name === opened.slot) {
    throw failure("KEY_IN_USE", `key slot ${name} is the one that opened the repository`, {
      hint: "Configure another key first, made with `hindsight key add`: the repository must be opened by one that stays.",
    });
  }
  const { signal } = context;
  const key = keySlotKey(name);
  if ((await place.store.stat(key, { signal })) === undefined) {
    throw failure("KEY_SLOT_UNKNOWN", `the repository has no key slot ${name}`, {
      hint: "`hindsight key list` lists them.",
    });
  }
  if (dryRun) return;
  const own = await readSlot(place, opened.slot, context);
  await place.store.remove(key, { signal });
  // Somebody may have removed ours meanwhile, with the one that is now gone.
  if (!own || (await readSlot(place, opened.slot, context))) return;
  const value = formatSlot(own);
  await putFact({ ...place, sealer: plainSealer }, keySlotKey(own.name), { value, context });
}
