// The catalogue snapshot of a backup: it names what the backup's files and the WAL after them only number. It must be
// read between start and stop of backup mode. One read before the start could call a table's old file by its name; a
// restore of single tables would then take the new file for nobody's. A backup is complete without one.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { CatalogueSnapshot } from "../model/catalogue.ts";
import { formatLsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import { readCatalogue } from "../postgres/catalogue.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { putCatalogue } from "../repository/catalogue.ts";
import type { Repository } from "../repository/repository.ts";

/** All databases together may take so long: backup mode lasts until they are read. */
const CATALOGUE_TIMEOUT_MS = 300_000;

/** Whose catalogue, and where it goes. */
export interface CatalogueRequest {
  readonly connection: ConnectionSettings;
  readonly repository: Repository;
  readonly stanza: StanzaName;
}

/**
 * Reads the cluster's catalogues and stores them. That it fails, or that a database is left out, is a warning.
 *
 * @throws nothing but the reason of the context's signal.
 */
export async function storeCatalogue(request: CatalogueRequest, context: Context): Promise<void> {
  const { connection, repository, stanza } = request;
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(CATALOGUE_TIMEOUT_MS)]);
  const limited = { ...context, signal };
  try {
    const snapshot = await readCatalogue(connection, limited);
    warnAboutUnread(snapshot, context);
    const outcome = await putCatalogue(repository, stanza, { snapshot, context: limited });
    context.log.detail("stored the catalogue", { lsn: formatLsn(snapshot.lsn), outcome });
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.warn("the catalogue could not be stored; the backup is complete without it", {
      reason: errorMessage(error),
    });
  }
}

/** A database that lets nobody in, such as template0, is no surprise. */
function warnAboutUnread(snapshot: CatalogueSnapshot, context: Context): void {
  const unread = snapshot.databases.filter(
    ({ allowConnections, relations }) => allowConnections && !relations,
  );
  if (unread.length === 0) return;
  const databases = unread.map(({ name }) => name).join(", ");
  context.log.warn("the names of some databases' tables are not in the catalogue", { databases });
}
