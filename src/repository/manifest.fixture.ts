// A manifest with one of everything, for the tests of manifests.
import type { CompressionChoice } from "../codec/compress.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { bytePath, type BytePath, textPath } from "../model/byte-path.ts";
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import { commitBackup } from "./backup-set.ts";
import {
  type ManifestEntry,
  type ManifestFile,
  type ManifestHeader,
  readManifest,
  writeManifest,
} from "./manifest.ts";
import { CLUSTER, type Fixture, LABEL, STANZA } from "./repository.fixture.ts";

interface Compressed {
  readonly compression: CompressionChoice;
}

export const MANIFEST_KEY = "stanza/main/backup/20261121-024000F/manifest";
export const NONE: Compressed = { compression: { kind: "none", level: 0 } };
export const ZSTD: Compressed = { compression: { kind: "zstd", level: 3 } };
const INSTANT: Temporal.Instant = Temporal.Instant.from("2026-11-21T02:40:00.123456789Z");
export const HASH: string = "ab".repeat(32);

export const HEADER: ManifestHeader = {
  ...CLUSTER,
  label: LABEL,
  type: "full",
  prior: undefined,
  startLsn: lsn(0x2000028n),
  stopLsn: lsn(0x1_0200_0100n),
  startTime: INSTANT,
  stopTime: INSTANT.add({ seconds: 5 }),
  timeline: timeline(1),
  blockSizeBytes: 8192,
  relationSegmentBlocks: 131_072,
  dataChecksums: true,
  firstSegment: "000000010000000000000020",
  lastSegment: "000000010000000000000021",
  backupLabelFile: "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n",
  tablespaceMapFile: "16400 /srv/täble space\n",
  settings: { max_connections: "100", TimeZone: "Europe/Paris" },
  tablespaces: [{ oid: 16_400, name: "fast", location: "/srv/täble space" }],
  databases: [
    { oid: 5, name: "postgres", isTemplate: false, allowConnections: true, tablespace: 1663 },
  ],
  packs: [
    { label: LABEL, number: 0, sizeBytes: 1000, sha256: HASH, blobCount: 10 },
    {
      label: parseBackupLabel("20261120-024000F"),
      number: 3,
      sizeBytes: 70_000_000,
      sha256: HASH,
      blobCount: 64,
    },
  ],
  sizeBytes: 8192 + 5,
  deltaSizeBytes: 8192,
  fileCount: 2,
  repositorySizeBytes: 1000,
  pageErrors: [{ path: textPath("base/5/16384"), blocks: [3, 17] }],
  annotations: { reason: "before the upgrade" },
  host: "db1",
  dataDirectory: "/var/lib/postgresql/18/main",
  binDirectory: undefined,
  hindsightVersion: "0.1.0",
  fromStandby: false,
  contentScan: undefined,
};

export function directory(path: string): ManifestEntry {
  return { kind: "directory", path: textPath(path), mode: 0o700 };
}

export function file(path: BytePath, parts: Partial<ManifestFile> = {}): ManifestFile {
  const source = { pack: 0, blob: 0, blobOffsetBytes: 0 };
  return {
    kind: "file",
    path,
    mode: 0o600,
    sizeBytes: 5,
    modifiedAt: INSTANT,
    sha256: HASH,
    extents: [{ fileOffsetBytes: 0, lengthBytes: 5, source }],
    ...parts,
  };
}

export const ENTRIES: readonly ManifestEntry[] = [
  directory(""),
  file(textPath("PG_VERSION")),
  directory("base"),
  directory("base/5"),
  file(textPath("base/5/16384"), {
    sizeBytes: 8192 + 5,
    extents: [
      { fileOffsetBytes: 0, lengthBytes: 8192, source: undefined },
      {
        fileOffsetBytes: 8192,
        lengthBytes: 5,
        source: { pack: 1, blob: 63, blobOffsetBytes: 4096 },
      },
    ],
  }),
  file(textPath("base/5/16385"), {
    sha256: undefined,
    extents: { pack: 1, blob: 2, uses: [0, 1] },
  }),
  file(textPath("base/5/é")),
  file(bytePath(Buffer.from("base/5/\xff\x01", "latin1")), { sizeBytes: 0, extents: [] }),
  directory("pg_tblspc"),
  { kind: "link", path: textPath("pg_tblspc/16400"), target: textPath("/srv/täble space") },
  directory("pg_tblspc/16400/PG_18_202506291"),
  file(textPath("postgresql.auto.conf")),
];

export async function writeEntries(
  { repository, context }: Fixture,
  entries: readonly ManifestEntry[],
  {
    header = HEADER,
    compression = NONE,
  }: { header?: ManifestHeader; compression?: Compressed } = {},
): Promise<void> {
  const manifest = await writeManifest(repository, STANZA, header, entries, compression, context);
  await commitBackup(repository, STANZA, LABEL, manifest.sha256, context);
}

export async function readEntries({
  repository,
  context,
}: Fixture): Promise<{ header: ManifestHeader; entries: ManifestEntry[] }> {
  const manifest = await readManifest(repository, STANZA, LABEL, context);
  const entries: ManifestEntry[] = [];
  for await (const entry of manifest.entries) entries.push(entry);
  return { header: manifest.header, entries };
}
