// `hindsight archive-push PATH`: PostgreSQL's archive_command. Success means that every repository holds the file. What
// follows a segment, its WAL index and the names of new relations, comes after that and never changes the outcome.
import { pushContent, type PushedFile, readPushedFile } from "../../archive/push.ts";
import type { Context } from "../../base/context.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import type { ConnectionSettings } from "../../postgres/connection.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import type { Invocation } from "../invocation.ts";
import { compressionChoice, openArchive, repositoryNumbers } from "../repositories.ts";

/** A repository that holds the file. */
interface Stored {
  readonly archive: WalArchive;
  readonly outcome: "created" | "identical";
}

/**
 * Pushes the file to every repository, also when one of them fails.
 *
 * @throws {HindsightError} the first failure.
 */
export async function run({ settings, words, context }: Invocation): Promise<number> {
  const [path] = words;
  if (path === undefined) throw failure("COMMAND_ARGUMENT_INVALID", "archive-push needs a path");
  const pushed = await readPushedFile(path, context.signal);
  const stored = await pushEverywhere(settings, { path, pushed }, context);
  // Only for a segment that is new: should indexing crash the process, PostgreSQL asks again, and must get its answer.
  const isNew = stored.some(({ outcome }) => outcome === "created");
  if (isNew && pushed.file.kind === "segment") {
    const archives = stored.map(({ archive }) => archive);
    await describeSegment(settings, { path, pushed, archives }, context);
  }
  return EXIT.done;
}

async function pushEverywhere(
  settings: Settings,
  { path, pushed }: { readonly path: string; readonly pushed: PushedFile },
  context: Context,
): Promise<readonly Stored[]> {
  const compression = compressionChoice(settings);
  const stored: Stored[] = [];
  const failures: unknown[] = [];
  for (const number of repositoryNumbers(settings)) {
    try {
      const archive = await openArchive(settings, number, context);
      const outcome = await pushContent(pushed, { archive, compression }, context);
      context.log.info("pushed WAL file", { path, repository: number, outcome });
      stored.push({ archive, outcome });
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.detail("push failed", { repository: number, reason: errorMessage(error) });
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return stored;
}

/** What makes WAL easy to search. Code for it is loaded only now, so that even a broken file of it stops nothing. */
async function describeSegment(
  settings: Settings,
  {
    path,
    pushed,
    archives,
  }: {
    readonly path: string;
    readonly pushed: PushedFile;
    readonly archives: readonly WalArchive[];
  },
  context: Context,
): Promise<void> {
  const { name } = pushed.file;
  try {
    const { changesCatalogue, indexPushedSegment } = await import("../../archive/push-index.ts");
    const segment = { path, name, bytes: pushed.bytes, archives };
    const index = await indexPushedSegment(segment, context);
    const changed = index !== undefined && changesCatalogue(index);
    await refreshCatalogues(settings, { archives, changed }, context);
  } catch (error) {
    context.log.warn("the segment is archived, but what belongs to it may be missing", {
      segment: name,
      reason: errorMessage(error),
    });
  }
}

/** Only where the server can be asked: without a configured place any other server might answer. */
async function refreshCatalogues(
  settings: Settings,
  { archives, changed }: { readonly archives: readonly WalArchive[]; readonly changed: boolean },
  context: Context,
): Promise<void> {
  const isKnown = [settings.get("pg-path"), settings.get("pg-socket-path")].some(Boolean);
  if (!isKnown) return;
  const { refreshCatalogueIfDue } = await import("../../archive/catalogue-refresh.ts");
  const findServer = async (): Promise<ConnectionSettings> => {
    const { connectionSettings } = await import("../cluster.ts");
    return await connectionSettings(settings);
  };
  const request = { findServer, destinations: archives, changed };
  for (const refresh of await refreshCatalogueIfDue(request, context)) {
    context.log.detail("catalogue after new relations", { ...refresh });
  }
}
