// Holds: facts that keep a backup, and the WAL from it on, from expiring. A hold counts by being there, whatever became of
// its content, which is for people. A backup may be held several times, each for a reason of its own.
import type { Context } from "../base/context.ts";
import { type BackupLabel } from "../model/backup-label.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listAll } from "../storage/object-store.ts";
import { putFact, readFact } from "./fact.ts";
import { holdKey, holdsPrefix, parseHoldKey } from "./keys.ts";
import type { Repository } from "./repository.ts";

/** What a hold says. */
export interface HoldFacts {
  readonly reason: string;
  /** Who set it, such as `postgres@db1`. */
  readonly by: string;
  readonly createdAt: Temporal.Instant;
}

/** One hold on a backup. `facts` are undefined when they cannot be read. */
export interface Hold {
  readonly label: BackupLabel;
  /** Counted from 1 within the label. */
  readonly number: number;
  readonly facts: HoldFacts | undefined;
}

/** Holds on one backup at most. */
const HOLD_COUNT_MAX = 1000;

/**
 * Sets a hold. Whoever does must look for the backup's tombstone afterwards, and not before: retention/hold.ts.
 *
 * @returns its number.
 * @throws {HindsightError} `LOCK_HELD` when the backup has too many holds, and what the store throws.
 */
export async function createHold(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  { facts, context }: { readonly facts: HoldFacts; readonly context: Context },
): Promise<number> {
  const value = { reason: facts.reason, by: facts.by, createdAt: facts.createdAt.toString() };
  for (let number = 1; number <= HOLD_COUNT_MAX; number += 1) {
    const key = holdKey(stanza, label, number);
    if ((await putFact(repository, key, { value, context })) === "created") return number;
  }
  throw failure("LOCK_HELD", `backup ${label} is held ${HOLD_COUNT_MAX} times already`, {
    hint: "`hindsight hold` lists the holds; release those that are not needed.",
  });
}

/** All holds of the stanza, by label and number. Only failures of the store are thrown. */
export async function listHolds(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<readonly Hold[]> {
  const holds: Hold[] = [];
  for await (const { key } of listAll(repository.store, holdsPrefix(stanza), context)) {
    const place = parseHoldKey(stanza, key);
    if (place) holds.push({ ...place, facts: await readFacts(repository, key, context) });
  }
  return holds;
}

/** Removes a hold. Removing one that is not there changes nothing. */
export async function removeHold(
  repository: Repository,
  stanza: StanzaName,
  { label, number }: Pick<Hold, "label" | "number">,
  { signal }: Context,
): Promise<void> {
  await repository.store.remove(holdKey(stanza, label, number), { signal });
}

async function readFacts(
  repository: Repository,
  key: string,
  context: Context,
): Promise<HoldFacts | undefined> {
  try {
    return await readFact(repository, key, {
      parse: (fields) => ({
        reason: fields.text("reason"),
        by: fields.text("by"),
        createdAt: fields.instant("createdAt"),
      }),
      context,
    });
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT", "REPOSITORY_FORMAT_UNKNOWN")) throw error;
    context.log.warn("a hold cannot be read, but counts", { key, reason: error.message });
    return undefined;
  }
}
