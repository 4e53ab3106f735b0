// The catalogue that a backup's files are named by. It must have been read while the files were copied (rules.md B2): an
// older or a younger one may give a file to a table that it does not belong to.
import type { Context } from "../base/context.ts";
import type { CatalogueSnapshot } from "../model/catalogue.ts";
import { failure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listCatalogues, readCatalogue } from "../repository/catalogue.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";

/**
 * The catalogue of a backup. A database that was read after the backup's stop counts as not read.
 *
 * @throws {HindsightError} `PART_IMPOSSIBLE` when there is none; what reading it throws.
 */
export async function backupCatalogue(
  { repository, stanza }: { readonly repository: Repository; readonly stanza: StanzaName },
  { label, timeline, startLsn, stopLsn }: ManifestHeader,
  context: Context,
): Promise<CatalogueSnapshot> {
  const isMeanwhile = (lsn: Lsn): boolean => startLsn <= lsn && lsn <= stopLsn;
  const places = (await listCatalogues(repository, stanza, context)).filter(
    (place) => place.timeline === timeline && isMeanwhile(place.lsn),
  );
  for (const place of places) {
    const snapshot = await readCatalogue(repository, stanza, { place, context });
    if (!snapshot) continue;
    const databases = snapshot.databases.map((database) =>
      database.lsn !== undefined && isMeanwhile(database.lsn)
        ? database
        : { ...database, relations: undefined },
    );
    return { ...snapshot, databases };
  }
  throw failure("PART_IMPOSSIBLE", `backup ${label} has no catalogue that names its tables`, {
    hint: "It could not be read when the backup was taken. Use another backup (--set), or restore the whole cluster.",
  });
}
