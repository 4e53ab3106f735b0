// What the tests of this folder share: a repository in memory whose every byte is the same in each run, and the ways in
// which stored bytes go bad.
import { expect } from "vitest";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";
import { type Context, createContext } from "../base/context.ts";
import { seededRandom } from "../base/random.ts";
import { type BackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { type StanzaName, stanzaName } from "../model/stanza.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
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
 * Flips bits, cuts the end and adds bytes, one at a time, and expects each to be found.
 *
 * @param read must fail with `OBJECT_CORRUPT` naming the key, whatever was done.
 */
export async function expectDamageFound(
  store: MemoryStore,
  key: ObjectKey,
  read: () => Promise<unknown>,
  options: DamageOptions = {},
): Promise<void> {
  const original = await storedBytes(store, key);
  const expectFound = async (damaged: Uint8Array, what: string): Promise<void> => {
    replaceStored(store, key, damaged);
    const error: unknown = await read().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error, what).toMatchObject({ code: "OBJECT_CORRUPT", exitCode: 22, context: { key } });
  };
  for (const at of spread(original.length, options.flippedBytesCount)) {
    for (let bit = 0; bit < 8; bit += 1) {
      const damaged = Buffer.from(original);
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at);
      await expectFound(damaged, `bit ${bit} of byte ${at} flipped`);
    }
  }
  for (const length of spread(original.length, options.cutsCount)) {
    await expectFound(original.subarray(0, length), `cut to ${length} bytes`);
  }
  for (const extra of [Buffer.alloc(1), Buffer.from("garbage"), original]) {
    await expectFound(Buffer.concat([original, extra]), `${extra.length} bytes added`);
  }
  replaceStored(store, key, original);
  await read();
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
