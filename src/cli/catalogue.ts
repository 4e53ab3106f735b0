// Backups as users name them and as info, list-backups and show-backup show them.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import { formatInstant } from "../model/timestamp.ts";
import { listBackups, readBackupSet } from "../repository/backup-set.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import type { JsonValue } from "./render/json.ts";
import { roundSeconds } from "./render/units.ts";

/**
 * The label that a user wrote: a label, or `latest`/`last`, `oldest`/`first`.
 *
 * @throws {HindsightError} `BACKUP_LABEL_INVALID`, `BACKUP_UNKNOWN`, `OBJECT_CORRUPT` when its outcome is damaged.
 */
export async function resolveLabel(
  text: string,
  { repository, stanza }: { readonly repository: Repository; readonly stanza: StanzaName },
  context: Context,
): Promise<BackupLabel> {
  const labels = await listBackups(repository, stanza, context);
  const named = ["latest", "last"].includes(text)
    ? labels.at(-1)
    : ["oldest", "first"].includes(text)
      ? labels[0]
      : labels.find((label) => label === parseBackupLabel(text));
  if (named !== undefined) return named;
  const { damaged } = await readBackupSet(repository, stanza, context);
  const damage = damaged.find(({ label }) => label === text);
  if (damage) throw damage.error;
  throw failure("BACKUP_UNKNOWN", `stanza ${stanza} has no complete backup "${text}"`, {
    hint:
      labels.length === 0
        ? "It has no complete backup at all: run `hindsight backup`."
        : `It has ${labels.join(", ")}.`,
  });
}

/** The keys that cli.md fixes for a backup. */
export function backupJson(header: ManifestHeader, seconds?: number): Record<string, JsonValue> {
  return {
    label: header.label,
    type: header.type,
    prior: header.prior ?? null,
    startLsn: formatLsn(header.startLsn),
    stopLsn: formatLsn(header.stopLsn),
    startTime: formatInstant(header.startTime),
    stopTime: formatInstant(header.stopTime),
    size: header.sizeBytes,
    delta: header.deltaSizeBytes,
    repositorySize: setSizeBytes(header),
    repositoryDelta: header.repositorySizeBytes,
    seconds: roundSeconds(seconds ?? elapsedSeconds(header)),
    contentScan: header.contentScan ?? null,
  };
}

/** Everything in the repository that a restore of the backup may need; for a full one that is its own. */
export function setSizeBytes({ packs }: ManifestHeader): number {
  return packs.reduce((sum, pack) => sum + pack.sizeBytes, 0);
}

/** The backups in whose packs a backup has content, oldest first; without itself. */
export function references({ packs, label }: ManifestHeader): readonly BackupLabel[] {
  const labels = new Set(packs.map((pack) => pack.label));
  labels.delete(label);
  return [...labels].toSorted();
}

/** By the server's clock, from start to stop. */
function elapsedSeconds({ startTime, stopTime }: ManifestHeader): number {
  return (stopTime.epochMilliseconds - startTime.epochMilliseconds) / 1000;
}
