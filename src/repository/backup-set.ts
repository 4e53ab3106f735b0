import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { Repository } from "./repository.ts";

export interface BackupIntent {
  readonly prior: BackupLabel | undefined;
  readonly host: string;
  readonly startedAt: Temporal.Instant;
}
/** Every label of a stanza by its state; each list is sorted, oldest first. */
export interface BackupSet {
  readonly committed: readonly BackupLabel[];
  readonly unfinished: readonly BackupLabel[];
  readonly revoked: readonly BackupLabel[];
  readonly removed: readonly BackupLabel[];
  readonly damaged: readonly { readonly label: BackupLabel; readonly error: HindsightError }[];
}
export function createIntent(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _facts: BackupIntent,
  _context: Context,
): Promise<boolean> {
  throw new Error("signature only");
}
export function commitBackup(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _manifestSha256: string,
  _context: Context,
): Promise<void> {
  throw new Error("signature only");
}
export function revokeBackup(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _context: Context,
): Promise<void> {
  throw new Error("signature only");
}
export function createTombstone(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _reason: string,
  _context: Context,
): Promise<void> {
  throw new Error("signature only");
}
export function readBackupSet(
  _repository: Repository,
  _stanza: StanzaName,
  _context: Context,
): Promise<BackupSet> {
  throw new Error("signature only");
}
export function listBackups(
  _repository: Repository,
  _stanza: StanzaName,
  _context: Context,
): Promise<readonly BackupLabel[]> {
  throw new Error("signature only");
}
export function newestLabel(
  _repository: Repository,
  _stanza: StanzaName,
  _context: Context,
): Promise<BackupLabel | undefined> {
  throw new Error("signature only");
}
