// What the tests of this folder share: a repository in memory with backups and WAL of a made-up cluster, and a directory
// to restore into that belongs to somebody who may run PostgreSQL.
import { chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Context, createContext } from "../base/context.ts";
import { crc32c } from "../codec/digest.ts";
import { type BackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { type BytePath, comparePath, textPath } from "../model/byte-path.ts";
import { parseLsn } from "../model/lsn.ts";
import { historyFileName, timeline } from "../model/timeline.ts";
import { formatSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { commitBackup, createIntent } from "../repository/backup-set.ts";
import type { Extent } from "../repository/extent-map.ts";
import { type ManifestEntry, type ManifestHeader, writeManifest } from "../repository/manifest.ts";
import { PackWriter } from "../repository/pack-writer.ts";
import { CLUSTER, createFixture, type Fixture } from "../repository/repository.fixture.ts";
import { putWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { contentDigest } from "./content-proof.ts";
import type { RestoreRequest } from "./plan.ts";

const NO_COMPRESSION = { compression: { kind: "none", level: 0 } } as const;
const SEGMENT_BYTES = CLUSTER.segmentSizeBytes;

/** A user who is not root, for tests that run as root. */
export const SOMEBODY = { uid: 65_534, gid: 65_534 };

/** A piece of a file's content: bytes that get a blob of their own, a hole, or bytes of a blob made before. */
export type ContentPart =
  | { readonly bytes: Buffer }
  | { readonly holeBytes: number }
  | { readonly blob: number; readonly offsetBytes: number; readonly lengthBytes: number };

/** An entry of a backup to be made; files are given by their content. */
export type SourceEntry =
  | Exclude<ManifestEntry, { kind: "file" }>
  | {
      readonly kind: "file";
      readonly path: BytePath;
      readonly parts: readonly ContentPart[];
      readonly mode?: number;
      /** What the manifest shall say instead of the truth. */
      readonly claimedSha256?: string;
    };

export interface BackupParts {
  readonly label?: string;
  readonly timeline?: number;
  readonly start?: string;
  readonly stop?: string;
  readonly stopTime?: string;
  readonly entries?: readonly SourceEntry[];
  readonly header?: Partial<ManifestHeader>;
}

/** A file of text, or of bytes, in one blob. */
export function sourceFile(path: string, content: string | Buffer, mode = 0o600): SourceEntry {
  const bytes = Buffer.from(content);
  return { kind: "file", path: textPath(path), parts: bytes.length === 0 ? [] : [{ bytes }], mode };
}

export function sourceDirectory(path: string, mode = 0o700): SourceEntry {
  return { kind: "directory", path: textPath(path), mode };
}

/** A pg_control that PostgreSQL 18 of the made-up cluster could have written. */
export function controlFileBytes(identifier: bigint = CLUSTER.systemIdentifier): Buffer {
  const bytes = Buffer.alloc(8192);
  bytes.writeBigUInt64LE(identifier, 0);
  bytes.writeUInt32LE(1800, 8);
  bytes.writeUInt32LE(CLUSTER.catalogVersion, 12);
  bytes.writeBigUInt64LE(0x300028n, 32);
  bytes.writeUInt32LE(1, 48);
  bytes.writeInt32LE(1, 172);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 292)), 292);
  return bytes;
}

/** The least that is a data directory. */
export const SMALL_CLUSTER: readonly SourceEntry[] = [
  sourceDirectory(""),
  sourceFile("PG_VERSION", "18\n"),
  sourceDirectory("global"),
  sourceFile("global/pg_control", controlFileBytes()),
  sourceDirectory("pg_tblspc"),
  sourceDirectory("pg_wal"),
  sourceFile("postgresql.auto.conf", "work_mem = '4MB'\nrestore_command = 'old'\n"),
];

/** A repository with a stanza, and a directory that goes away with it. */
export class Site implements AsyncDisposable {
  readonly store: Fixture["store"];
  readonly archive: WalArchive;
  readonly directory: string;
  readonly context: Context;

  private constructor({ store, archive }: Fixture, directory: string) {
    this.store = store;
    this.archive = archive;
    this.directory = directory;
    this.context = createContext();
  }

  static async create(): Promise<Site> {
    const fixture = await createFixture();
    const directory = await mkdtemp(join(tmpdir(), "restore-"));
    if (process.geteuid?.() === 0) await chown(directory, SOMEBODY.uid, SOMEBODY.gid);
    return new Site(fixture, directory);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file, with its directories, as the owner of the site's directory. */
  async write(name: string, content: string | Buffer): Promise<void> {
    const path = this.path(name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, content);
    if (process.geteuid?.() !== 0) return;
    for (let step = path; step !== this.directory; step = dirname(step)) {
      await chown(step, SOMEBODY.uid, SOMEBODY.gid);
    }
  }

  /** Stores segments of one timeline by their last hexadecimal digits: `["3", "4", "1A"]`. */
  async storeWal(segments: readonly string[], timelineId = 1): Promise<void> {
    for (const digits of segments) {
      const place = { timeline: timeline(timelineId), number: BigInt(`0x${digits}`) };
      const name = formatSegmentName(place, SEGMENT_BYTES);
      await putWalFile(
        this.archive,
        name,
        Buffer.alloc(SEGMENT_BYTES),
        NO_COMPRESSION,
        this.context,
      );
    }
  }

  /** Stores a history file; `lines` as PostgreSQL writes them. */
  async storeHistory(id: number, lines: readonly string[]): Promise<void> {
    const name = historyFileName(timeline(id));
    const content = Buffer.from(`${lines.join("\n")}\n`);
    await putWalFile(this.archive, name, content, NO_COMPRESSION, this.context);
  }

  /** Stores a complete backup. */
  async backUp(parts: BackupParts = {}): Promise<BackupLabel> {
    const { repository, stanza } = this.archive;
    const label = parseBackupLabel(parts.label ?? "20261121-024000F");
    const facts = { prior: undefined, host: "db1", startedAt: this.context.clock.now() };
    await createIntent(repository, stanza, label, facts, this.context);
    const { entries, header } = await this.#storeFiles(label, parts);
    const written = await writeManifest(
      repository,
      stanza,
      header,
      entries,
      NO_COMPRESSION,
      this.context,
    );
    await commitBackup(repository, stanza, label, written.sha256, this.context);
    return label;
  }

  /** A request for a restore into `to` below the site's directory; every part can be replaced. */
  request(parts: Partial<RestoreRequest> = {}): RestoreRequest {
    return {
      ...this.archive,
      type: "default",
      target: { kind: "default" },
      targetAction: "promote",
      timeline: undefined,
      set: undefined,
      destination: this.path("to"),
      overwrite: false,
      delta: false,
      archiveMode: "preserve",
      recoveryOptions: new Map(),
      tablespaces: { byName: new Map(), all: undefined },
      links: { byName: new Map(), all: false },
      restoreCommand: (flags) => ["archive-get", ...flags, "%f", '"%p"'].join(" "),
      interlock: "none",
      processMax: 2,
      protectedPaths: [],
      resolve: undefined,
      ...parts,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #storeFiles(
    label: BackupLabel,
    parts: BackupParts,
  ): Promise<{ entries: readonly ManifestEntry[]; header: ManifestHeader }> {
    let nextPack = 0;
    await using packs = new PackWriter(
      this.archive.repository,
      {
        stanza: this.archive.stanza,
        label,
        nextPackNumber: () => nextPack++,
        pageSizeBytes: 8192,
        ...NO_COMPRESSION,
      },
      this.context,
    );
    const blobs: Buffer[] = [];
    const entries: ManifestEntry[] = [];
    for (const source of parts.entries ?? SMALL_CLUSTER) {
      entries.push(source.kind === "file" ? await storeFile(source, { packs, blobs }) : source);
    }
    const sorted = entries.toSorted((left, right) => comparePath(left.path, right.path));
    const files = sorted.filter((entry) => entry.kind === "file");
    const header = buildHeader(label, parts, {
      packs: await packs.finish(),
      fileCount: files.length,
      sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    });
    return { entries: sorted, header };
  }
}

async function storeFile(
  source: Extract<SourceEntry, { kind: "file" }>,
  { packs, blobs }: { packs: PackWriter; blobs: Buffer[] },
): Promise<ManifestEntry> {
  const extents: Extent[] = [];
  const contents: Buffer[] = [];
  for (const part of source.parts) {
    const fileOffsetBytes = contents.reduce((sum, bytes) => sum + bytes.length, 0);
    if ("holeBytes" in part) {
      extents.push({ fileOffsetBytes, lengthBytes: part.holeBytes, source: undefined });
      contents.push(Buffer.alloc(part.holeBytes));
      continue;
    }
    const isNew = "bytes" in part;
    const { pack, blob } = isNew ? await packs.append(part.bytes) : { pack: 0, blob: part.blob };
    if (isNew) blobs.push(part.bytes);
    const blobOffsetBytes = isNew ? 0 : part.offsetBytes;
    const lengthBytes = isNew ? part.bytes.length : part.lengthBytes;
    extents.push({ fileOffsetBytes, lengthBytes, source: { pack, blob, blobOffsetBytes } });
    contents.push(
      (blobs[blob] ?? Buffer.alloc(0)).subarray(blobOffsetBytes, blobOffsetBytes + lengthBytes),
    );
  }
  const content = Buffer.concat(contents);
  return {
    kind: "file",
    path: source.path,
    mode: source.mode ?? 0o600,
    sizeBytes: content.length,
    modifiedAt: Temporal.Instant.from("2026-11-20T10:00:00Z"),
    sha256: source.claimedSha256 ?? contentDigest(content),
    extents,
  };
}

function buildHeader(
  label: BackupLabel,
  parts: BackupParts,
  facts: Pick<ManifestHeader, "packs" | "fileCount" | "sizeBytes">,
): ManifestHeader {
  const id = timeline(parts.timeline ?? 1);
  const { start = "0/300028", stop = "0/300100", stopTime = "2026-11-21T02:41:00Z" } = parts;
  const segment = (lsn: string): string => {
    const number = segmentNumberAt(parseLsn(lsn), SEGMENT_BYTES);
    return formatSegmentName({ timeline: id, number }, SEGMENT_BYTES);
  };
  return {
    ...CLUSTER,
    ...facts,
    label,
    type: "full",
    prior: undefined,
    startLsn: parseLsn(start),
    stopLsn: parseLsn(stop),
    startTime: Temporal.Instant.from(stopTime).subtract({ seconds: 10 }),
    stopTime: Temporal.Instant.from(stopTime),
    timeline: id,
    blockSizeBytes: 8192,
    relationSegmentBlocks: 131_072,
    dataChecksums: true,
    firstSegment: segment(start),
    lastSegment: segment(stop),
    backupLabelFile: "START WAL LOCATION: 0/300028 (file 000000010000000000000003)\n",
    tablespaceMapFile: undefined,
    settings: { TimeZone: "Europe/Paris" },
    tablespaces: [],
    databases: [],
    deltaSizeBytes: facts.sizeBytes,
    repositorySizeBytes: facts.sizeBytes,
    pageErrors: [],
    annotations: {},
    host: "db1",
    dataDirectory: "/var/lib/postgresql/18/main",
    binDirectory: undefined,
    hindsightVersion: "0.1.0",
    fromStandby: false,
    contentScan: undefined,
    ...parts.header,
  };
}
