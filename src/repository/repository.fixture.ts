// What the tests of this folder share: a repository in memory whose every byte is the same in each run, and the ways in
// which stored bytes go bad.
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { type Context, createContext } from "../base/context.ts";
import { seededRandom } from "../base/random.ts";
import { type BackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { isFailure } from "../model/failure.ts";
import { type StanzaName, stanzaName } from "../model/stanza.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
// oxlint-disable-next-line no-restricted-imports -- only tests use this file
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { crc32c } from "../codec/digest.ts";
import { createRepository, type Repository } from "./repository.ts";
import { type ClusterIdentity, createStanza } from "./stanza.ts";
import type { WalArchive } from "./wal-archive.ts";

export const STANZA: StanzaName = stanzaName("main");
export const LABEL: BackupLabel = parseBackupLabel("20261121-024000F");

/** A cluster with the smallest segments. */
export const CLUSTER: ClusterIdentity = {
  systemIdentifier: systemIdentifier(7_427_163_219_804_653_187n),
  majorVersion: 18,
  catalogVersion: 202_506_291,
  controlVersion: 1800,
  segmentSizeBytes: 1024 * 1024,
};

export interface Fixture {
  readonly store: MemoryStore;
  readonly repository: Repository;
  readonly archive: WalArchive;
  readonly context: Context;
}

/** Time stands still at 2026-11-21T02:40:00.5Z, and randomness begins at the same seed. */
export function fixedContext(): Context {
  const clock: Clock = {
    ...systemClock,
    now: () => Temporal.Instant.from("2026-11-21T02:40:00.5Z"),
  };
  return createContext({ clock, random: seededRandom(1) });
}

/** A fresh repository with one stanza. */
export async function createFixture(): Promise<Fixture> {
  const store = createMemoryStore();
  const context = fixedContext();
  const { repository } = await createRepository(store, context);
  const { record } = await createStanza(repository, STANZA, CLUSTER, context);
  return { store, repository, archive: { repository, stanza: STANZA, record }, context };
}

/** The stored bytes of an object. */
export async function storedBytes(store: MemoryStore, key: ObjectKey): Promise<Buffer> {
  const bytes = await store.get(key);
  if (!bytes) throw new Error(`${key} is not there`);
  return bytes;
}

/** Puts `bytes` in the place of an object. */
export function replaceStored(store: MemoryStore, key: ObjectKey, bytes: Uint8Array): void {
  store.tamper(key, () => bytes);
}

/** Damages to try on an object. */
export interface DamageOptions {
  /** Every bit of this many bytes, evenly spread, is flipped; all bytes when left out. */
  readonly flippedBytesCount?: number;
  /** Lengths to cut the object to, evenly spread; all shorter lengths when left out. */
  readonly cutsCount?: number;
}

/**
 * Flips bits, cuts the end and adds bytes, one at a time.
 *
 * @param read must fail with `OBJECT_CORRUPT` naming the key, whatever was done.
 * @returns what `read` did not find, which is to be nothing.
 * @throws what `read` throws in the end, when the object is whole again.
 */
export async function undetectedDamage(
  store: MemoryStore,
  key: ObjectKey,
  read: () => Promise<unknown>,
  options: DamageOptions = {},
): Promise<readonly string[]> {
  const original = await storedBytes(store, key);
  const undetected: string[] = [];
  for (const { bytes, what } of damages(original, options)) {
    replaceStored(store, key, bytes);
    const answer: unknown = await read().catch((error: unknown) => error);
    const isFound = isFailure(answer, "OBJECT_CORRUPT") && answer.context["key"] === key;
    if (!isFound) undetected.push(`${what}: ${String(answer)}`);
  }
  replaceStored(store, key, original);
  await read();
  return undetected;
}

function* damages(
  original: Buffer,
  options: DamageOptions,
): Generator<{ readonly bytes: Buffer; readonly what: string }, void, undefined> {
  for (const at of spread(original.length, options.flippedBytesCount)) {
    for (let bit = 0; bit < 8; bit += 1) {
      const bytes = Buffer.from(original);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at);
      yield { bytes, what: `bit ${bit} of byte ${at} flipped` };
    }
  }
  for (const length of spread(original.length, options.cutsCount)) {
    yield { bytes: original.subarray(0, length), what: `cut to ${length} bytes` };
  }
  for (const extra of [Buffer.alloc(1), Buffer.from("garbage"), original]) {
    yield { bytes: Buffer.concat([original, extra]), what: `${extra.length} bytes added` };
  }
}

/** Rewrites a header's bytes and makes its checksum right again, as a newer release or an attacker would. */
export function patchHeader(bytes: Buffer, patch: (header: Buffer) => void): Buffer {
  const patched = Buffer.from(bytes);
  const checksumBegin = 80 + patched.readUInt16LE(12) + patched.readUInt16LE(14);
  patch(patched.subarray(0, checksumBegin));
  patched.writeUInt32LE(crc32c(patched.subarray(0, checksumBegin)), checksumBegin);
  return patched;
}

function spread(end: number, count = end): readonly number[] {
  const steps = Math.min(count, end);
  return Array.from({ length: steps }, (_, step) => Math.floor((step * end) / steps));
}
