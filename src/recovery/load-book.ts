// Fills a book with the catalogue snapshots that lie on the path of a timeline.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import { isFailure } from "../model/failure.ts";
import type { CataloguePlace } from "../model/catalogue.ts";
import { isOnPath } from "../model/timeline.ts";
import { listCatalogues, readCatalogue } from "../repository/catalogue.ts";
import { RelationBook } from "./relation-book.ts";
import type { ArchivePath } from "./target-path.ts";

/** More are read only in part: the first, the last, and these many evenly between. */
const SNAPSHOT_COUNT_MAX = 64;

/**
 * Reads the names that are known. A damaged snapshot is passed over: names are a convenience, and others know most of
 * them too.
 *
 * @throws {HindsightError} what the store throws.
 */
export async function loadBook(
  { archive, history }: ArchivePath,
  context: Context,
): Promise<RelationBook> {
  const { repository, stanza } = archive;
  const book = new RelationBook();
  const all = await listCatalogues(repository, stanza, context);
  const places = all
    .filter(({ timeline, lsn }) => isOnPath(history, timeline, lsn))
    .toSorted((left, right) => (left.lsn < right.lsn ? -1 : 1));
  for (const place of thinOut(places)) {
    try {
      const snapshot = await readCatalogue(repository, stanza, { place, context });
      if (snapshot) book.addSnapshot(snapshot);
    } catch (error) {
      if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
      context.log.warn("a catalogue is damaged and its names are not used", {
        reason: errorMessage(error),
      });
    }
  }
  return book;
}

function thinOut(places: readonly CataloguePlace[]): readonly CataloguePlace[] {
  if (places.length <= SNAPSHOT_COUNT_MAX) return places;
  const step = (places.length - 1) / (SNAPSHOT_COUNT_MAX - 1);
  return Array.from({ length: SNAPSHOT_COUNT_MAX }, (_, n) => places[Math.round(n * step)]).filter(
    (place) => place !== undefined,
  );
}
