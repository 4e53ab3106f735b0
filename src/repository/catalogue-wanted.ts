// That a catalogue snapshot is wanted: relations were made or dropped, and whoever was to take a snapshot could not. It is
// a fact of its own, so that the next command that archives WAL knows of it, and is removed once there is a snapshot.
import type { Context } from "../base/context.ts";
import type { StanzaName } from "../model/stanza.ts";
import { parseInstant } from "../model/timestamp.ts";
import { putFact, readFact } from "./fact.ts";
import { catalogueWantedKey } from "./keys.ts";
import type { Repository } from "./repository.ts";
import type { JsonFields } from "./strict-json.ts";

/**
 * When it was tried last to take the snapshot that is wanted.
 *
 * @returns undefined when none is wanted.
 * @throws {HindsightError} `OBJECT_CORRUPT`, and what the store throws.
 */
export function catalogueWantedSince(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<Temporal.Instant | undefined> {
  const parse = (fields: JsonFields): Temporal.Instant => parseInstant(fields.text("triedAt"));
  return readFact(repository, catalogueWantedKey(stanza), { parse, context });
}

/** Notes that a snapshot is wanted and that it was tried now to take one. */
export async function wantCatalogue(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<void> {
  await forgetCatalogueWanted(repository, stanza, context);
  const value = { triedAt: context.clock.now().toString() };
  await putFact(repository, catalogueWantedKey(stanza), { value, context });
}

/** To be called when there is a snapshot. */
export async function forgetCatalogueWanted(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<void> {
  await repository.store.remove(catalogueWantedKey(stanza), { signal: context.signal });
}
