// Tombstones, and the end of a backup's facts. What must be checked before: retention/perform.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { PutOutcome } from "../storage/object-store.ts";
import { removeAnnotations } from "./annotation.ts";
import { putFact, readFact } from "./fact.ts";
import { backupKey } from "./keys.ts";
import type { Repository } from "./repository.ts";

/** Why and since when a backup is hidden. */
export interface Tombstone {
  readonly reason: string;
  readonly createdAt: Temporal.Instant;
}

/** Hides a backup. Doing it again changes nothing and answers `exists`. */
export async function createTombstone(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { reason, context }: { readonly reason: string; readonly context: Context },
): Promise<PutOutcome> {
  const key = backupKey(stanza, label, "tombstone");
  const value = { reason, createdAt: context.clock.now().toString() };
  return await putFact(repository, key, { value, context });
}

/**
 * What a tombstone says; undefined when there is none.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`; the backup is hidden all the same.
 */
export function readTombstone(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<Tombstone | undefined> {
  const key = backupKey(stanza, label, "tombstone");
  return readFact(repository, key, {
    parse: (fields) => ({ reason: fields.text("reason"), createdAt: fields.instant("createdAt") }),
    context,
  });
}

/** Shows a backup again. Only whoever created the tombstone, a moment ago, may do this. */
export async function removeTombstone(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { signal }: Context,
): Promise<void> {
  await repository.store.remove(backupKey(stanza, label, "tombstone"), { signal });
}

/**
 * Removes the facts of a hidden backup. The tombstone goes last, so that whatever is left in between stays hidden, and
 * doing it again finishes.
 */
export async function removeBackupFacts(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<void> {
  await removeAnnotations(repository, stanza, label, context);
  for (const part of ["manifest", "intent", "outcome", "tombstone"] as const) {
    await repository.store.remove(backupKey(stanza, label, part), { signal: context.signal });
  }
}

/**
 * Removes what a revoked backup left, but for its outcome: as long as that is there, a process that slept through
 * everything cannot commit the label any more.
 */
export async function removeRevokedFacts(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { signal }: Context,
): Promise<void> {
  for (const part of ["manifest", "intent"] as const) {
    await repository.store.remove(backupKey(stanza, label, part), { signal });
  }
}
