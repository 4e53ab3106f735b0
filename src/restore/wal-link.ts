// pg_wal outside of the data directory: the one link beside tablespaces that a backup has. Whatever else was a link is
// stored as what it led to.
import type { BytePath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { contentOf, planOwner, refuseProtected } from "./destination.ts";
import { isWithin, type Location, type Owner, resolveLocation } from "./location.ts";
import { mayOverwrite, refuseNesting, type Replacement } from "./own-place.ts";

/** The directory that may be a link. */
export const WAL_DIRECTORY = "pg_wal";

/** `--link-all` and `--link-map`. */
export interface LinkMapping {
  /** Whether a link leads again where it led when it was backed up. */
  readonly all: boolean;
  readonly byName: ReadonlyMap<string, string>;
}

/** Where pg_wal will lie. */
export interface WalLinkPlan extends Location {
  /** Whether what is there is removed: it is the WAL of the cluster that is replaced. */
  readonly isFilled: boolean;
  readonly owner: Owner | undefined;
}

/** What a plan of the link is made from. */
export interface WalLinkRequest extends Replacement {
  readonly mapping: LinkMapping;
  /** Links of the backup other than tablespaces, and where they led. */
  readonly links: ReadonlyMap<BytePath, string>;
  /** Locations of tablespaces, which must not be shared. */
  readonly taken: readonly string[];
  readonly protectedPaths: readonly string[];
}

/**
 * Decides and checks where pg_wal goes.
 *
 * @returns undefined when it is a directory of the data directory.
 * @throws {HindsightError} `CONFIG_OPTION_INVALID` for a mapping of anything else; `DESTINATION_UNSAFE`,
 *   `DESTINATION_DENIED` for a place that cannot be had.
 */
export async function planWalLink(request: WalLinkRequest): Promise<WalLinkPlan | undefined> {
  const { mapping, links, destination, protectedPaths } = request;
  refuseOthers(mapping);
  const original = mapping.all ? links.get(WAL_DIRECTORY as BytePath) : undefined;
  const target = mapping.byName.get(WAL_DIRECTORY) ?? original;
  if (target === undefined) return undefined;
  const location = await resolveLocation(target);
  const hint = "Choose a place of its own: --link-map=pg_wal=/another/directory.";
  refuseNesting({ what: "the place of pg_wal", path: location.path, hint }, destination);
  await refuseProtected(location, protectedPaths);
  const other = request.taken.find(
    (path) => isWithin(path, location.path) || isWithin(location.path, path),
  );
  if (other !== undefined) {
    throw failure("DESTINATION_UNSAFE", `pg_wal and a tablespace would share ${other}`, { hint });
  }
  const isFilled = (await contentOf(location.path)).length > 0;
  if (isFilled && !(await mayOverwrite(WAL_DIRECTORY, location, request))) {
    throw failure(
      "DESTINATION_UNSAFE",
      `pg_wal would be restored to ${location.path}, which is not empty and not the pg_wal of ${destination.path}`,
      { hint: `Nothing was changed. It may be in use by another cluster. ${hint}` },
    );
  }
  return { ...location, isFilled, owner: await planOwner(location) };
}

function refuseOthers({ byName }: LinkMapping): void {
  for (const name of byName.keys()) {
    if (name === WAL_DIRECTORY) continue;
    throw failure(
      "CONFIG_OPTION_INVALID",
      `--link-map names "${name}"; only pg_wal can be mapped`,
      {
        hint: "What any other link led to is stored in the backup and restored in the place of the link.",
      },
    );
  }
}
