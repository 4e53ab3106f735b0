// Setting and releasing holds. A hold is created first and the backup is looked for after that; expire creates its
// tombstone first and looks for holds after that. So of the two that meet, at least one sees the other.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { readBackupSet } from "../repository/backup-set.ts";
import {
  createHold,
  type Hold,
  type HoldFacts,
  listHolds,
  removeHold,
} from "../repository/hold.ts";
import type { RetentionPlace } from "./survey.ts";

/**
 * Holds a backup.
 *
 * @returns the hold as it is stored.
 * @throws {HindsightError} `BACKUP_UNKNOWN` for one that is not complete or expired already; nothing is left then.
 */
export async function holdBackup(
  place: RetentionPlace,
  label: BackupLabel,
  { facts, context }: { readonly facts: HoldFacts; readonly context: Context },
): Promise<Hold> {
  const { repository, stanza } = place;
  await requireListed(place, label, context);
  const number = await createHold(repository, stanza, label, { facts, context });
  try {
    await requireListed(place, label, context);
  } catch (error) {
    await removeHold(repository, stanza, { label, number }, context);
    throw error;
  }
  return { label, number, facts };
}

async function requireListed(
  { repository, stanza }: RetentionPlace,
  label: BackupLabel,
  context: Context,
): Promise<void> {
  const set = await readBackupSet(repository, stanza, context);
  if (set.committed.includes(label)) return;
  const damage = set.damaged.find((each) => each.label === label);
  if (damage) throw damage.error;
  const isExpired = set.removed.includes(label);
  throw failure(
    "BACKUP_UNKNOWN",
    isExpired ? `backup ${label} is expired already` : `there is no complete backup ${label}`,
    { hint: "`hindsight list-backups` names those that can be held." },
  );
}

/**
 * Releases a backup from all of its holds.
 *
 * @returns the holds that there were.
 * @throws {HindsightError} `BACKUP_UNKNOWN` when the backup is not held.
 */
export async function releaseBackup(
  { repository, stanza }: RetentionPlace,
  label: BackupLabel,
  context: Context,
): Promise<readonly Hold[]> {
  const holds = await listHolds(repository, stanza, context);
  const ours = holds.filter((hold) => hold.label === label);
  if (ours.length === 0) {
    throw failure("BACKUP_UNKNOWN", `backup ${label} is not held`, {
      hint: "`hindsight hold` lists the holds.",
    });
  }
  for (const hold of ours) await removeHold(repository, stanza, hold, context);
  return ours;
}
