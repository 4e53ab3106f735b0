// For the tests of this folder: archives, and files as PostgreSQL would archive them, as far as push and get
// look at them (a segment is its first page header and a pattern).
import { createContext } from "../base/context.ts";
import { formatLsn, lsn } from "../model/lsn.ts";
import { stanzaName } from "../model/stanza.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import { formatSegmentName, parseSegmentName } from "../model/wal-segment.ts";
import { createRepository } from "../repository/repository.ts";
import { type ClusterIdentity, createStanza } from "../repository/stanza.ts";
import { putWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { faulty, type FaultyStore } from "../storage/faulty.ts";
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import type { ObjectStore } from "../storage/object-store.ts";

export const SEGMENT_SIZE: number = 1024 * 1024;

const MAGIC_OF_18 = 0xd118;

export const CLUSTER: ClusterIdentity = {
  systemIdentifier: systemIdentifier("7440000000000000001"),
  majorVersion: 18,
  catalogVersion: 202506291,
  controlVersion: 1800,
  segmentSizeBytes: SEGMENT_SIZE,
};

/** An empty archive of {@link CLUSTER} in a new repository in that store. */
export async function makeArchive(place: ObjectStore): Promise<WalArchive> {
  const context = createContext();
  const { repository } = await createRepository(place, context);
  const stanza = stanzaName("main");
  const { record } = await createStanza(repository, stanza, CLUSTER, context);
  return { repository, stanza, record };
}

/** An archive in memory whose store can be told to fail. */
export interface TestArchive {
  readonly archive: WalArchive;
  readonly memory: MemoryStore;
  /** Stands before the memory; without rules at first. */
  readonly faults: FaultyStore;
}

export async function makeTestArchive(): Promise<TestArchive> {
  const memory = createMemoryStore();
  const faults = faulty(memory, [], createContext());
  return { archive: await makeArchive(faults), memory, faults };
}

/** `segmentName(2, 7)`: a name on timeline 2, of the segment number 7. */
export function segmentName(id: number, number: number): string {
  return formatSegmentName({ timeline: timeline(id), number: BigInt(number) }, SEGMENT_SIZE);
}

/** A segment with a right header for its name; `change` sets what a test needs otherwise. */
export function segmentBytes(
  name: string,
  change: Partial<{
    systemIdentifier: bigint;
    magic: number;
    segmentSizeBytes: number;
    fill: number;
  }> = {},
): Buffer {
  const sizeBytes = change.segmentSizeBytes ?? SEGMENT_SIZE;
  const { timeline: id, number } = parseSegmentName(name.slice(0, 24), sizeBytes);
  const bytes = Buffer.alloc(sizeBytes, change.fill ?? Number(number % 256n));
  bytes.fill(0, 0, 40);
  bytes.writeUInt16LE(change.magic ?? MAGIC_OF_18, 0);
  bytes.writeUInt16LE(0x0002, 2);
  bytes.writeUInt32LE(id, 4);
  bytes.writeBigUInt64LE(number * BigInt(sizeBytes), 8);
  bytes.writeBigUInt64LE(change.systemIdentifier ?? CLUSTER.systemIdentifier, 24);
  bytes.writeUInt32LE(sizeBytes, 32);
  bytes.writeUInt32LE(8192, 36);
  return bytes;
}

/** A history file: `historyBytes([1, "0/500028"], [2, "0/900000"])`. */
export function historyBytes(...switches: readonly (readonly [number, string])[]): Buffer {
  return Buffer.from(
    switches.map(([id, at]) => `${id}\t${at}\tno recovery target specified\n`).join(""),
  );
}

/** A .backup file of a backup that began in that segment. */
export function backupBytes(name: string): Buffer {
  return Buffer.from(
    `START WAL LOCATION: 0/500028 (file ${name.slice(0, 24)})\nSTOP WAL LOCATION: 0/500138 (file ${name.slice(0, 24)})\n`,
  );
}

/** Stores segments (by their names) and other files (name and bytes). */
export async function store(
  { archive }: { readonly archive: WalArchive },
  ...files: readonly (string | readonly [string, Buffer])[]
): Promise<void> {
  for (const file of files) {
    const [name, bytes] = typeof file === "string" ? [file, segmentBytes(file)] : file;
    await putWalFile(
      archive,
      name,
      bytes,
      { compression: { kind: "none", level: 0 } },
      createContext(),
    );
  }
}

/** The LSN of a byte of a segment, in PostgreSQL's notation. */
export function lsnIn(number: number, offsetBytes = 0x28): string {
  return formatLsn(lsn(BigInt(number) * BigInt(SEGMENT_SIZE) + BigInt(offsetBytes)));
}
