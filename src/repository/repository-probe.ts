// What a place looks like before it becomes a repository: whether something else lives there already, and whether the
// store keeps the promises that coordination without locks is built on.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { listAll, listNames, type ObjectStore } from "../storage/object-store.ts";
import { KEYS_PREFIX, PROBE_PREFIX } from "./keys.ts";

/** What the trial of a store found. A store without both serves one writer only. */
export interface ProbeVerdict {
  /** A second put of a key answers that it exists, and changes nothing. */
  readonly putIfAbsent: boolean;
  /** A listing shows an object as soon as it is created, and no longer once it is removed. */
  readonly listing: boolean;
}

/** Folders of other tools that are looked into for their marks at most. */
const FOREIGN_LOOK_MAX = 20;

/**
 * Refuses a place that holds anything but what a trial, or a creation that did not come to its end, left behind.
 *
 * @throws {HindsightError} `REPOSITORY_FOREIGN`
 */
export async function refuseForeign(store: ObjectStore, { signal }: Context): Promise<void> {
  const names = await listNames(store, "", { signal });
  const strange = names.filter((name) => name !== PROBE_PREFIX && name !== KEYS_PREFIX);
  if (strange.length === 0) return;
  const mark = await findPgbackrestMark(store, strange, signal);
  if (mark !== undefined) {
    throw failure(
      "REPOSITORY_FOREIGN",
      `${store.description} holds a pgBackRest repository (${mark})`,
      {
        hint: "Hindsight never writes into it. Give `repo1-path` a place of its own.",
        context: { found: mark },
      },
    );
  }
  throw failure(
    "REPOSITORY_FOREIGN",
    `${store.description} is not empty and no repository: it holds ${strange.slice(0, 3).join(", ")}`,
    {
      hint: "Use an empty place. If this was a repository, its repository.json is lost: bring that object back.",
      context: { found: strange[0] },
    },
  );
}

async function findPgbackrestMark(
  store: ObjectStore,
  names: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const top of ["archive", "backup"]) {
    if (!names.includes(`${top}/`)) continue;
    const stanzas = await listNames(store, `${top}/`, { signal });
    for (const stanza of stanzas.slice(0, FOREIGN_LOOK_MAX)) {
      const key = `${top}/${stanza}${top}.info`;
      if (stanza.endsWith("/") && (await store.stat(key, { signal }))) return key;
    }
  }
  return undefined;
}

/** Tries the store's promises with an object of its own, and removes it. */
export async function probeStore(store: ObjectStore, context: Context): Promise<ProbeVerdict> {
  const { signal } = context;
  const key = `${PROBE_PREFIX}${context.random.bytes(16).toString("hex")}`;
  const first = Buffer.from("first", "ascii");
  try {
    await store.put(key, first, { signal });
    const second = await store.put(key, Buffer.from("second", "ascii"), { signal });
    const kept = await store.get(key, { signal });
    const isListed = await isInListing(store, key, signal);
    await store.remove(key, { signal });
    return {
      putIfAbsent: second === "exists" && kept?.equals(first) === true,
      listing: isListed && !(await isInListing(store, key, signal)),
    };
  } finally {
    await store.remove(key).catch(() => undefined);
  }
}

async function isInListing(store: ObjectStore, key: string, signal: AbortSignal): Promise<boolean> {
  for await (const object of listAll(store, PROBE_PREFIX, { signal })) {
    if (object.key === key) return true;
  }
  return false;
}
