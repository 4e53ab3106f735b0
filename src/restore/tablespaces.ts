// Where each tablespace goes. Links in pg_tblspc of a backup point at production's own directories; a copy that wrote
// there would destroy production's data. So a tablespace goes back to where it was only when the copy replaces the
// cluster it came from, or when nobody is there.
import { join } from "node:path";
import { failure } from "../model/failure.ts";
import { isTablespaceVersion } from "../postgres/data-directory/tablespace.ts";
import type { ManifestTablespace } from "../repository/manifest-lines.ts";
import { contentOf, type DestinationPlan, planOwner, refuseProtected } from "./destination.ts";
import { isWithin, type Location, type Owner, resolveLocation } from "./location.ts";
import { mayOverwrite, refuseNesting } from "./own-place.ts";

/** By name or OID, and for all others. */
export interface TablespaceMapping {
  readonly byName: ReadonlyMap<string, string>;
  /** Directory in which the others get one of their own, named after them. */
  readonly all: string | undefined;
}

/** Where one linked tablespace will lie, and what is there now. */
export interface TablespacePlan extends Location {
  readonly oid: number;
  readonly name: string;
  /** Where it was when it was backed up. */
  readonly original: string;
  /** Directories of this major version that exist there and will be removed; mostly none or one. */
  readonly removed: readonly string[];
  readonly owner: Owner | undefined;
}

/** The tablespaces that were backed up, where the user wants them, and what must not be harmed by it. */
export interface TablespaceRequest {
  /** Linked tablespaces of the backup: OID and the location they had. */
  readonly locations: ReadonlyMap<number, { readonly location: string }>;
  readonly names: readonly ManifestTablespace[];
  readonly mapping: TablespaceMapping;
  readonly destination: DestinationPlan;
  /** The data directory that was backed up. */
  readonly recordedDirectory: string;
  /** PostgreSQL's; only directories of this version, `PG_18_202506291`, are ever written to a location. */
  readonly majorVersion: number;
  readonly overwrite: boolean;
  readonly protectedPaths: readonly string[];
}

/**
 * Decides and checks every location.
 *
 * @throws {HindsightError} `DESTINATION_UNSAFE` for a location that is in use, nested, not absolute, or production's;
 *   `CONFIG_OPTION_INVALID` for a mapping of a tablespace that the backup has not.
 */
export async function planTablespaces(
  request: TablespaceRequest,
): Promise<readonly TablespacePlan[]> {
  const names = new Map(request.names.map(({ oid, name }) => [oid, name]));
  const known = [...request.locations].map(([oid, { location }]) => ({
    oid,
    name: names.get(oid) ?? String(oid),
    original: location,
  }));
  refuseUnknownNames(request.mapping, known);
  const plans: TablespacePlan[] = [];
  for (const tablespace of known) {
    const plan = await planTablespace(tablespace, request);
    refuseOverlap(plan, plans);
    plans.push(plan);
  }
  return plans;
}

async function planTablespace(
  { oid, name, original }: Pick<TablespacePlan, "oid" | "name" | "original">,
  request: TablespaceRequest,
): Promise<TablespacePlan> {
  const { mapping, destination, majorVersion } = request;
  const mapped =
    mapping.byName.get(name) ??
    mapping.byName.get(String(oid)) ??
    (mapping.all === undefined ? undefined : join(mapping.all, name));
  const location = await resolveLocation(mapped ?? original);
  refuseNesting(
    {
      what: `the location of tablespace "${name}"`,
      path: location.path,
      hint: `Map it to a place of its own: --tablespace-map=${name}=/another/directory.`,
    },
    destination,
  );
  await refuseProtected(location, request.protectedPaths);
  // Also when it is empty: the tablespace of a running cluster in which nothing was created yet looks like that.
  const removed = (await contentOf(location.path)).filter((entry) =>
    isTablespaceVersion(entry, majorVersion),
  );
  if (removed.length > 0 && !(await mayOverwrite(`pg_tblspc/${oid}`, location, request))) {
    throw inUse({ name, isMapped: mapped !== undefined, removed }, location, request);
  }
  return { ...location, oid, name, original, removed, owner: await planOwner(location) };
}

function inUse(
  { name, isMapped, removed }: { name: string; isMapped: boolean; removed: readonly string[] },
  { path }: Location,
  { destination, recordedDirectory }: TablespaceRequest,
): Error {
  const isClone = destination.path !== recordedDirectory && destination.given !== recordedDirectory;
  const clone =
    isClone && !isMapped ? `, which may be in use by the cluster in ${recordedDirectory}` : "";
  return failure(
    "DESTINATION_UNSAFE",
    `tablespace "${name}" would be restored to ${path}, where ${removed.join(", ")} exists${clone}`,
    {
      hint: `Nothing was changed. Map the tablespace elsewhere: --tablespace-map=${name}=/another/directory, or --tablespace-map-all=/directory; if the place is really free, empty it by hand.`,
      context: { tablespace: name, path },
    },
  );
}

function refuseOverlap(plan: TablespacePlan, others: readonly TablespacePlan[]): void {
  const other = others.find(({ path }) => isWithin(path, plan.path) || isWithin(plan.path, path));
  if (!other) return;
  throw failure(
    "DESTINATION_UNSAFE",
    `tablespaces "${other.name}" and "${plan.name}" would share ${isWithin(other.path, plan.path) ? other.path : plan.path}`,
    { hint: "Map each tablespace to a directory of its own with --tablespace-map." },
  );
}

function refuseUnknownNames(
  { byName }: TablespaceMapping,
  known: readonly Pick<TablespacePlan, "oid" | "name">[],
): void {
  for (const key of byName.keys()) {
    if (known.some(({ oid, name }) => name === key || String(oid) === key)) continue;
    const list = known.map(({ name }) => name).join(", ");
    throw failure(
      "CONFIG_OPTION_INVALID",
      `--tablespace-map names "${key}", which the backup has not`,
      {
        hint:
          known.length === 0
            ? "The backup has no tablespaces outside of its data directory."
            : `Its tablespaces: ${list}.`,
      },
    );
  }
}
