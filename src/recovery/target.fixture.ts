// For the tests of targets: an archive in memory, filled from a WalBuilder, and backups that are nothing but a header.
import { createContext } from "../base/context.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { type Lsn, lsn } from "../model/lsn.ts";
import { stanzaName } from "../model/stanza.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { timeline } from "../model/timeline.ts";
import { formatSegmentName } from "../model/wal-segment.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { createRepository } from "../repository/repository.ts";
import { type ClusterIdentity, createStanza } from "../repository/stanza.ts";
import { putWalFile, type WalArchive } from "../repository/wal-archive.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { SEGMENT_SIZE, SYSTEM_IDENTIFIER, type WalBuilder } from "../wal/wal.fixture.ts";

const CONTEXT = createContext();

/** The name of a segment, on a timeline. */
export function nameOf(number: bigint, id = 1): string {
  return formatSegmentName({ timeline: timeline(id), number }, SEGMENT_SIZE);
}

/** An archive in an empty store that holds these files; of the WalBuilder's cluster unless told otherwise. */
export async function archiveIn(
  store: ObjectStore,
  files: Iterable<readonly [string, Buffer]>,
  cluster: Partial<ClusterIdentity> = {},
): Promise<WalArchive> {
  const { repository } = await createRepository(store, CONTEXT);
  const stanza = stanzaName("main");
  const facts = {
    systemIdentifier: systemIdentifier(SYSTEM_IDENTIFIER),
    majorVersion: 18,
    catalogVersion: 202506291,
    controlVersion: 1800,
    segmentSizeBytes: SEGMENT_SIZE,
    ...cluster,
  };
  const { record } = await createStanza(repository, stanza, facts, CONTEXT);
  const archive: WalArchive = { repository, stanza, record };
  const compression = { kind: "none", level: 0 } as const;
  for (const [name, bytes] of files) {
    await putWalFile(archive, name, bytes, { compression }, CONTEXT);
  }
  return archive;
}

/** The segments that were written, under the names of a timeline. */
export function filesOf(builder: WalBuilder, id = 1): [string, Buffer][] {
  return [...builder.segments()].map(([number, bytes]) => [nameOf(number, id), bytes]);
}

/** A backup that began and ended at these positions and minutes of the first hour of 2025. */
export function backupAt(begin: Lsn, end: Lsn, minutes: readonly [number, number]): ManifestHeader {
  const instant = (minute: number): Temporal.Instant =>
    Temporal.Instant.from("2025-01-01T00:00:00Z").add({ minutes: minute });
  const stamp = String(minutes[0]).padStart(2, "0");
  return {
    label: parseBackupLabel(`20250101-00${stamp}00F`),
    type: "full",
    prior: undefined,
    startLsn: begin,
    stopLsn: end,
    startTime: instant(minutes[0]),
    stopTime: instant(minutes[1]),
    timeline: timeline(1),
    systemIdentifier: systemIdentifier(SYSTEM_IDENTIFIER),
    majorVersion: 18,
    catalogVersion: 202506291,
    controlVersion: 1800,
    segmentSizeBytes: SEGMENT_SIZE,
    blockSizeBytes: 8192,
    relationSegmentBlocks: 131_072,
    dataChecksums: true,
    firstSegment: nameOf(begin / BigInt(SEGMENT_SIZE)),
    lastSegment: nameOf(lsn(end - 1n) / BigInt(SEGMENT_SIZE)),
    backupLabelFile: "",
    tablespaceMapFile: undefined,
    settings: { TimeZone: "UTC" },
    tablespaces: [],
    databases: [],
    packs: [],
    sizeBytes: 0,
    fileCount: 0,
    deltaSizeBytes: 0,
    repositorySizeBytes: 0,
    pageErrors: [],
    annotations: {},
    host: "host",
    dataDirectory: "/data",
    binDirectory: undefined,
    hindsightVersion: "0.1.0",
    fromStandby: false,
    contentScan: undefined,
  };
}
