// Deletes a stanza with all its backups. Refused while anything is held or unfinished; every backup is hidden before the
// first byte goes, and holds are looked for again after that, as in perform.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { createTombstone, removeTombstone } from "../repository/backup-removal.ts";
import { type BackupSet, readBackupSet, revokeBackup } from "../repository/backup-set.ts";
import { type Hold, listHolds } from "../repository/hold.ts";
import { removeStanza } from "../repository/stanza-removal.ts";
import { describeHold } from "./choose-backups.ts";
import type { RetentionPlace } from "./survey.ts";

/** What a deletion comes to. */
export interface StanzaDeletion {
  readonly backups: readonly BackupLabel[];
  readonly unfinished: readonly BackupLabel[];
}

/**
 * Looks what would be deleted.
 *
 * @param options `force`: whether unfinished backups are given up.
 * @throws {HindsightError} `BACKUP_HELD`; `LOCK_HELD` for unfinished backups without `force`.
 */
export async function planStanzaDeletion(
  { repository, stanza }: RetentionPlace,
  { force }: { readonly force: boolean },
  context: Context,
): Promise<StanzaDeletion> {
  const [hold] = await listHolds(repository, stanza, context);
  if (hold) throw held(hold);
  const set = await readBackupSet(repository, stanza, context);
  const [running] = set.unfinished;
  if (running !== undefined && !force) {
    throw failure("LOCK_HELD", `backup ${running} is not finished`, {
      hint: "Wait for its end; --force gives it up.",
    });
  }
  return { backups: listedLabels(set), unfinished: set.unfinished };
}

/**
 * Deletes the stanza. It can be done again when it was interrupted.
 *
 * @returns how many objects were removed.
 * @throws {HindsightError} as {@link planStanzaDeletion}; nothing was deleted then.
 */
export async function deleteStanza(
  place: RetentionPlace,
  options: { readonly force: boolean },
  context: Context,
): Promise<StanzaDeletion & { readonly objectCount: number }> {
  const { repository, stanza } = place;
  const plan = await planStanzaDeletion(place, options, context);
  for (const label of plan.unfinished) await revokeBackup(repository, stanza, label, context);
  const reason = "the stanza is deleted";
  const created: BackupLabel[] = [];
  for (const label of plan.backups.toReversed()) {
    const outcome = await createTombstone(repository, stanza, label, { reason, context });
    if (outcome === "created") created.push(label);
  }
  const [hold] = await listHolds(repository, stanza, context);
  if (hold) {
    for (const label of created) await removeTombstone(repository, stanza, label, context);
    throw held(hold);
  }
  return { ...plan, objectCount: await removeStanza(repository, stanza, context) };
}

function listedLabels({ committed, damaged }: BackupSet): readonly BackupLabel[] {
  return [...committed, ...damaged.map(({ label }) => label)];
}

function held(hold: Hold): Error {
  return failure("BACKUP_HELD", `backup ${hold.label} cannot go: ${describeHold(hold)}`, {
    hint: `\`hindsight hold --set=${hold.label} --release\` releases it. Nothing was deleted.`,
    context: { label: hold.label, hold: hold.number },
  });
}
