// Headers of the backups that can be restored. Damage of one backup is no reason to hide the others: what cannot be read
// is left out with a warning, as backup-set.ts does with outcomes. Their notes are as `annotate` left them.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { isFailure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { applyAnnotations, type Notes, readAnnotations } from "./annotation.ts";
import { listBackups } from "./backup-set.ts";
import { type ManifestHeader, readManifestHeader } from "./manifest.ts";
import type { Repository } from "./repository.ts";

/**
 * Reads the headers of all backups that can be restored, oldest first.
 *
 * @throws {HindsightError} the first damage when there are backups and none can be read; what the store throws.
 */
export async function listBackupHeaders(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<readonly ManifestHeader[]> {
  const annotations = await readAnnotations(repository, stanza, context);
  const headers: ManifestHeader[] = [];
  const damages: Error[] = [];
  for (const label of await listBackups(repository, stanza, context)) {
    try {
      const header = await readManifestHeader(repository, stanza, label, context);
      headers.push(annotated(header, annotations));
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT", "OBJECT_MISSING", "REPOSITORY_FORMAT_UNKNOWN")) {
        throw error;
      }
      damages.push(error);
      context.log.warn("a backup is left out because its manifest is damaged", {
        label,
        reason: error.message,
      });
    }
  }
  if (headers.length === 0 && damages[0]) throw damages[0];
  return headers;
}

/**
 * The header of one backup, with its notes as they are now.
 *
 * @throws {HindsightError} as {@link readManifestHeader}.
 */
export async function readBackupHeader(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<ManifestHeader> {
  const header = await readManifestHeader(repository, stanza, label, context);
  return annotated(header, await readAnnotations(repository, stanza, context));
}

function annotated(
  header: ManifestHeader,
  changes: ReadonlyMap<BackupLabel, readonly Notes[]>,
): ManifestHeader {
  const annotations = applyAnnotations(header.annotations, changes.get(header.label));
  return { ...header, annotations };
}
