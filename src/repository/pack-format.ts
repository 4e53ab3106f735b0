import type { BackupLabel } from "../model/backup-label.ts";

export interface PackEntry {
  readonly label: BackupLabel;
  readonly number: number;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly blobCount: number;
}
