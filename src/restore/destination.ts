// The directory to restore to: what is there, and whether it may be overwritten. Only looks, never writes. The worst that
// a restore can do is to destroy the one thing that is still good, so everything unclear is refused.
import { constants } from "node:fs";
import { access, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import { readControlFile } from "../postgres/control-file.ts";
import { runningServer } from "../postgres/server.ts";
import {
  denied,
  isWithin,
  type Location,
  type Owner,
  ownerOf,
  resolveLocation,
} from "./location.ts";
import { hasMarker } from "./marker.ts";

/**
 * - `absent`, `empty`: nothing will be lost.
 * - `cluster`: a stopped PostgreSQL data directory, which will be removed.
 * - `aborted`: what an earlier restore of ours left, which will be removed.
 */
export type DestinationState = "absent" | "empty" | "cluster" | "aborted";

/** Where the data directory will lie, what lies there now, and whose it will be. */
export interface DestinationPlan extends Location {
  readonly state: DestinationState;
  /** Who the files are given to; undefined when that is who runs the restore. */
  readonly owner: Owner | undefined;
}

/** Where the user wants the data directory, and what must not be harmed by it. */
export interface DestinationRequest {
  readonly path: string;
  /** `--delta` or `--force` was given. */
  readonly overwrite: boolean;
  /** Places that the destination must not lie in, nor contain: the repository, our own state. */
  readonly protectedPaths: readonly string[];
  readonly systemIdentifier: SystemIdentifier;
}

/** An ext file system's own directory in its top directory; not content of anybody. */
export const LOST_AND_FOUND = "lost+found";

/** What a directory holds, `lost+found` left out. An absent directory holds nothing. */
export async function contentOf(path: string): Promise<readonly string[]> {
  try {
    return (await readdir(path)).filter((name) => name !== LOST_AND_FOUND);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw denied(path, error);
  }
}

/**
 * Looks at the destination.
 *
 * @throws {HindsightError} `DESTINATION_RUNNING`, `DESTINATION_UNSAFE` or `DESTINATION_DENIED`.
 */
export async function planDestination(
  request: DestinationRequest,
  context: Context,
): Promise<DestinationPlan> {
  const location = await resolveLocation(request.path);
  await refuseProtected(location, request.protectedPaths);
  await refuseNested(location);
  // First: in the directory of another user nothing more can be found out.
  const owner = await planOwner(location);
  await refuseRunning(location);
  const state = await stateOf(location, request, context);
  return { ...location, state, owner };
}

/** Refuses a place that holds, or lies in, one that must stay as it is. */
export async function refuseProtected(
  { path }: Location,
  protectedPaths: readonly string[],
): Promise<void> {
  for (const protectedPath of protectedPaths) {
    const other = (await resolveLocation(protectedPath)).path;
    if (!isWithin(other, path) && !isWithin(path, other)) continue;
    const relation = path === other ? "is" : isWithin(other, path) ? "lies in" : "contains";
    throw failure("DESTINATION_UNSAFE", `${path} ${relation} ${other}, which must stay as it is`, {
      hint: "The repository and Hindsight's own files must not be in a data directory, nor the other way round; choose another place.",
      context: { path, other },
    });
  }
}

/** Refuses when PostgreSQL runs in a directory. Checked by the plan, and again just before the first write. */
export async function refuseRunning({ path }: Pick<Location, "path">): Promise<void> {
  const server = await runningServer(path);
  if (!server) return;
  throw failure("DESTINATION_RUNNING", `PostgreSQL runs in ${path} (process ${server.pid})`, {
    hint: `Nothing was changed. Stop it first: pg_ctl -D ${path} stop -m fast; or restore elsewhere with --pg1-path.`,
    context: { pid: server.pid, port: server.port },
  });
}

/** A data directory inside another one would be backed up with it, and removed with it. */
async function refuseNested({ path }: Location): Promise<void> {
  for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) {
    if (!(await isFile(join(parent, "PG_VERSION")))) continue;
    throw failure("DESTINATION_UNSAFE", `${path} lies in the data directory ${parent}`, {
      hint: "Choose a place outside of it.",
    });
  }
}

async function stateOf(
  location: Location,
  { overwrite, systemIdentifier }: DestinationRequest,
  context: Context,
): Promise<DestinationState> {
  const { path, exists } = location;
  if (!exists) return "absent";
  const content = await contentOf(path);
  if (content.length === 0) return "empty";
  if (!overwrite) {
    throw failure("DESTINATION_UNSAFE", `${path} is not empty`, {
      hint: "Nothing was changed. With --delta everything in it is replaced, if it is a PostgreSQL data directory; or restore elsewhere with --pg1-path.",
      context: { path },
    });
  }
  if (await hasMarker(path)) return "aborted";
  if (!(await isFile(join(path, "PG_VERSION")))) {
    throw failure(
      "DESTINATION_UNSAFE",
      `${path} holds files, but is not a PostgreSQL data directory`,
      {
        hint: "Nothing was changed, in spite of --delta or --force. Check the path; if it is right, empty the directory by hand.",
        context: { path, example: content[0] },
      },
    );
  }
  await refuseForeign(path, systemIdentifier, context);
  return "cluster";
}

/** A cluster with another system identifier is somebody else's; one whose identity cannot be read is taken for broken. */
async function refuseForeign(
  path: string,
  expected: SystemIdentifier,
  context: Context,
): Promise<void> {
  const found = await readControlFile(path, context).catch(() => undefined);
  if (!found || found.control.systemIdentifier === expected) return;
  throw failure("DESTINATION_UNSAFE", `${path} holds another cluster than the backup's`, {
    hint: "Nothing was changed. Check --stanza and --pg1-path; if the other cluster is to go, remove its directory by hand.",
    context: { found: found.control.systemIdentifier, expected },
  });
}

/**
 * Root gives the files to whoever owns the place, because PostgreSQL refuses to run as root; anybody else must own the
 * place, because PostgreSQL refuses a data directory of another user.
 */
export async function planOwner(location: Location): Promise<Owner | undefined> {
  await requireWritable(location.existing);
  const owner = await ownerOf(location);
  const me = process.geteuid?.() ?? owner.uid;
  if (me !== 0) {
    if (!location.exists || owner.uid === me) return undefined;
    throw failure(
      "DESTINATION_DENIED",
      `${location.path} belongs to another user (uid ${owner.uid})`,
      {
        hint: "Nothing was written. Run the restore as that user, who is the one that PostgreSQL runs as.",
        context: { owner: owner.uid, user: me },
      },
    );
  }
  if (owner.uid !== 0) return owner;
  throw failure(
    "DESTINATION_DENIED",
    `${location.existing} belongs to root, as whom PostgreSQL does not run`,
    {
      hint: `Nothing was written. Create the place first and give it to PostgreSQL's user: install -d -m 0700 -o postgres -g postgres ${location.path}`,
    },
  );
}

async function requireWritable(path: string): Promise<void> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw denied(path, error);
  }
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EACCES") return false;
    throw error;
  }
}
