// The lines of a manifest, as types. How they are spelt: manifest-header-line.ts and manifest-entry-line.ts.
import type { BackupLabel, BackupType } from "../model/backup-label.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { Lsn } from "../model/lsn.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { Timeline } from "../model/timeline.ts";
import type { FileExtents } from "./extent-map.ts";
import type { PackEntry } from "./pack-format.ts";

/** A tablespace as PostgreSQL knew it; the two built-in ones are left out. */
export interface ManifestTablespace {
  readonly oid: number;
  readonly name: string;
  /** "" for an in-place tablespace. */
  readonly location: string;
}

/** A database as PostgreSQL knew it. */
export interface ManifestDatabase {
  readonly oid: number;
  readonly name: string;
  readonly isTemplate: boolean;
  readonly allowConnections: boolean;
  readonly tablespace: number;
}

/** Pages that were damaged in the cluster itself; blocks are counted within the relation's fork. */
export interface ManifestPageErrors {
  readonly path: BytePath;
  readonly blocks: readonly number[];
}

/** What a backup says about itself. */
export interface ManifestHeader {
  readonly label: BackupLabel;
  readonly type: BackupType;
  readonly prior: BackupLabel | undefined;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly startTime: Temporal.Instant;
  readonly stopTime: Temporal.Instant;
  readonly timeline: Timeline;
  readonly systemIdentifier: SystemIdentifier;
  readonly majorVersion: number;
  readonly catalogVersion: number;
  readonly controlVersion: number;
  readonly segmentSizeBytes: number;
  readonly blockSizeBytes: number;
  readonly relationSegmentBlocks: number;
  readonly dataChecksums: boolean;
  /** WAL needed to be consistent, both inclusive. */
  readonly firstSegment: string;
  readonly lastSegment: string;
  /** As PostgreSQL gave it. */
  readonly backupLabelFile: string;
  readonly tablespaceMapFile: string | undefined;
  /** Recovery minima, TimeZone, locale and file places, by PostgreSQL's names. */
  readonly settings: Readonly<Record<string, string>>;
  readonly tablespaces: readonly ManifestTablespace[];
  readonly databases: readonly ManifestDatabase[];
  /** Extents name packs by their index here. */
  readonly packs: readonly PackEntry[];
  /** Sum of all files. */
  readonly sizeBytes: number;
  /** How much of it this backup stored itself; the rest is in packs of earlier ones. */
  readonly deltaSizeBytes: number;
  readonly fileCount: number;
  /** Sum of the packs that this backup added. */
  readonly repositorySizeBytes: number;
  readonly pageErrors: readonly ManifestPageErrors[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly host: string;
  readonly dataDirectory: string;
  readonly binDirectory: string | undefined;
  readonly hindsightVersion: string;
  readonly fromStandby: boolean;
  /** Why all files were compared by content, although there was a prior backup; else undefined. */
  readonly contentScan: string | undefined;
}

/** A directory, a link or a file. What lies in a tablespace has paths below the link `pg_tblspc/<oid>`. */
export type ManifestEntry =
  | { readonly kind: "directory"; readonly path: BytePath; readonly mode: number }
  | { readonly kind: "link"; readonly path: BytePath; readonly target: BytePath }
  | ManifestFile;

/** A regular file. */
export interface ManifestFile {
  readonly kind: "file";
  readonly path: BytePath;
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedAt: Temporal.Instant;
  /**
   * The content's digest as codec/content-digest.ts defines it, 64 lower-case hexadecimal digits. Undefined for a file of
   * which only some pages were read: its blobs prove each byte, and its extents say where each byte goes.
   */
  readonly sha256: string | undefined;
  readonly extents: FileExtents;
}

/** How many packs the table has, and the SHA-256 of its lines. */
export interface PackTableFacts {
  readonly count: number;
  readonly sha256: string;
}

/** What the last line counts. */
export interface ManifestCounts {
  readonly directories: number;
  readonly files: number;
  readonly links: number;
  readonly sizeBytes: number;
}
