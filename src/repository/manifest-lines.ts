import type { BackupLabel, BackupType } from "../model/backup-label.ts";
import type { BytePath } from "../model/byte-path.ts";
import type { Lsn } from "../model/lsn.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { Timeline } from "../model/timeline.ts";
import type { FileExtents } from "./extent-map.ts";
import type { PackEntry } from "./pack-format.ts";

export interface ManifestTablespace {
  readonly oid: number;
  readonly name: string;
  /** "" for an in-place tablespace. */
  readonly location: string;
}
export interface ManifestDatabase {
  readonly oid: number;
  readonly name: string;
  readonly isTemplate: boolean;
  readonly allowConnections: boolean;
  readonly tablespace: number;
}
export interface ManifestPageErrors {
  readonly path: BytePath;
  readonly blocks: readonly number[];
}
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
  readonly firstSegment: string;
  readonly lastSegment: string;
  readonly backupLabelFile: string;
  readonly tablespaceMapFile: string | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly tablespaces: readonly ManifestTablespace[];
  readonly databases: readonly ManifestDatabase[];
  readonly packs: readonly PackEntry[];
  readonly sizeBytes: number;
  readonly fileCount: number;
  readonly repositorySizeBytes: number;
  readonly pageErrors: readonly ManifestPageErrors[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly host: string;
  readonly dataDirectory: string;
  readonly binDirectory: string | undefined;
  readonly hindsightVersion: string;
  readonly fromStandby: boolean;
}
export type ManifestEntry =
  | { readonly kind: "directory"; readonly path: BytePath; readonly mode: number }
  | { readonly kind: "link"; readonly path: BytePath; readonly target: BytePath }
  | {
      readonly kind: "file";
      readonly path: BytePath;
      readonly mode: number;
      readonly sizeBytes: number;
      readonly modifiedAt: Temporal.Instant;
      /** The content's digest as codec/content-digest.ts defines it, 64 hexadecimal digits. */
      readonly sha256: string;
      readonly extents: FileExtents;
    };
