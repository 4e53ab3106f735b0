// Notes on backups that were changed after the backup: small facts, each on top of the ones before. A manifest never
// changes, so what a reader sees is its own notes with these on top.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll, type ObjectKey } from "../storage/object-store.ts";
import { putFact, readFact } from "./fact.ts";
import { annotationKey, annotationsPrefix, parseAnnotationKey } from "./keys.ts";
import { removeAll } from "./remove-all.ts";
import type { Repository } from "./repository.ts";

/** Notes by their names. An empty text takes a note away. */
export type Notes = Readonly<Record<string, string>>;

/** Changes of the notes of one backup at most. */
const CHANGE_COUNT_MAX = 10_000;

/**
 * Adds a change of a backup's notes; two at once both count, in either order.
 *
 * @throws {HindsightError} what the store throws; `LOCK_HELD` after ten thousand changes.
 */
export async function addAnnotation(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { notes, context }: { readonly notes: Notes; readonly context: Context },
): Promise<void> {
  const value = { notes: { ...notes }, createdAt: context.clock.now().toString() };
  const { length } = await Array.fromAsync(listChanges(repository, stanza, label, context));
  for (let number = length + 1; number <= CHANGE_COUNT_MAX; number += 1) {
    const key = annotationKey(stanza, label, number);
    if ((await putFact(repository, key, { value, context })) === "created") return;
  }
  throw failure("LOCK_HELD", `the notes of backup ${label} were changed too often`, {
    hint: "Notes are for people; keep what changes all the time elsewhere.",
  });
}

/** All changes of the stanza, by backup, in the order in which they count. Damaged ones are left out with a warning. */
export async function readAnnotations(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<ReadonlyMap<BackupLabel, readonly Notes[]>> {
  const keys = new Map<BackupLabel, { key: ObjectKey; number: number }[]>();
  for await (const { key } of listAll(repository.store, annotationsPrefix(stanza), context)) {
    const place = parseAnnotationKey(stanza, key);
    if (!place) continue;
    keys.set(place.label, [...(keys.get(place.label) ?? []), { key, number: place.number }]);
  }
  const changes = new Map<BackupLabel, readonly Notes[]>();
  for (const [label, places] of keys) {
    const ordered = places.toSorted((left, right) => left.number - right.number);
    const notes: Notes[] = [];
    for (const { key } of ordered) notes.push(await readNotes(repository, key, context));
    changes.set(label, notes);
  }
  return changes;
}

/** A backup's notes as they are now. */
export function applyAnnotations(own: Notes, changes: readonly Notes[] = []): Notes {
  const notes = new Map([own, ...changes].flatMap((each) => Object.entries(each)));
  return Object.fromEntries([...notes].filter(([, text]) => text !== ""));
}

/** Removes all changes of a backup's notes, with the backup. */
export async function removeAnnotations(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<void> {
  const keys = await Array.fromAsync(listChanges(repository, stanza, label, context));
  await removeAll(repository, keys, context);
}

async function* listChanges(
  { store }: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { signal }: Context,
): AsyncGenerator<ObjectKey, void, undefined> {
  const prefix = `${annotationsPrefix(stanza)}${label}/`;
  for await (const { key } of listAll(store, prefix, { signal })) yield key;
}

async function readNotes(repository: Repository, key: ObjectKey, context: Context): Promise<Notes> {
  try {
    const parsed = await readFact(repository, key, {
      parse: (fields) => ({
        notes: fields.textMap("notes"),
        createdAt: fields.instant("createdAt"),
      }),
      context,
    });
    return parsed?.notes ?? {};
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT", "REPOSITORY_FORMAT_UNKNOWN")) throw error;
    context.log.warn("a change of a backup's notes cannot be read", { key, reason: error.message });
    return {};
  }
}
