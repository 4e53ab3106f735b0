// The label of a backup: reserved before anything else is written, and taken out of use when the backup fails. Reserving
// names the prior backup as well, and that pins it: whoever expires backups hides one first and looks for intents then,
// while we create the intent first and look whether the prior is hidden then, so one of the two sees the other.
import { hostname } from "node:os";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import { type BackupLabel, type BackupType, nextBackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { createIntent, isRemoved, newestLabel, revokeBackup } from "../repository/backup-set.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import { choosePrior, type PriorGround } from "./prior.ts";

/** Labels tried before giving up: each try means that another host reserved the same second. */
const LABEL_ATTEMPT_MAX = 20;

/** A label that is ours, and what the backup builds on. */
export interface ReservedLabel {
  readonly label: BackupLabel;
  readonly type: BackupType;
  readonly prior: ManifestHeader | undefined;
}

/**
 * Chooses the prior backup and reserves a label.
 *
 * @param type what was asked for; without a prior backup to build on the backup becomes a full one, which is warned about.
 * @throws {HindsightError} `LOCK_HELD`, what the store throws.
 */
export async function reserveLabel(
  type: BackupType,
  ground: PriorGround,
  context: Context,
): Promise<ReservedLabel> {
  const { repository, stanza } = ground.archive;
  const passedOver = new Set<BackupLabel>();
  for (;;) {
    const prior =
      type === "full" ? undefined : await choosePrior(type, ground, passedOver, context);
    const actual = prior ? type : "full";
    // Scripts look for this line as pgBackRest prints it.
    if (actual !== type) {
      context.log.warn(`no prior backup exists, ${type} backup has been changed to full`);
    }
    const label = await reserve(ground.archive, { type: actual, prior: prior?.label }, context);
    if (!prior) return { label, type: actual, prior };
    if (!(await isRemoved(repository, stanza, prior.label, context))) {
      context.log.info(`last backup label = ${prior.label}, version = ${prior.hindsightVersion}`);
      return { label, type: actual, prior };
    }
    context.log.warn("a backup is being removed and cannot be built upon", { label: prior.label });
    passedOver.add(prior.label);
    await abandonLabel({ repository, stanza }, label, context);
  }
}

async function reserve(
  { repository, stanza }: { readonly repository: Repository; readonly stanza: StanzaName },
  { type, prior }: { readonly type: BackupType; readonly prior: BackupLabel | undefined },
  context: Context,
): Promise<BackupLabel> {
  const startedAt = context.clock.now();
  for (let attempt = 0; attempt < LABEL_ATTEMPT_MAX; attempt += 1) {
    const newest = await newestLabel(repository, stanza, context);
    const label = nextBackupLabel(type, startedAt, { newest, full: prior });
    const intent = { prior, host: hostname(), startedAt };
    if (await createIntent(repository, stanza, label, intent, context)) return label;
  }
  throw failure("LOCK_HELD", `no free backup label was found in ${LABEL_ATTEMPT_MAX} tries`, {
    hint: "Another host begins backups of this stanza all the time; stop it, then try again.",
  });
}

/** Takes a label out of use. Best effort: without an outcome the backup is not listed anyway. */
export async function abandonLabel(
  { repository, stanza }: { readonly repository: Repository; readonly stanza: StanzaName },
  label: BackupLabel,
  context: Context,
): Promise<void> {
  const patient: Context = { ...context, signal: new AbortController().signal };
  try {
    await revokeBackup(repository, stanza, label, patient);
  } catch (error) {
    context.log.warn("the unfinished backup could not be marked as revoked", {
      label,
      reason: errorMessage(error),
    });
  }
}
