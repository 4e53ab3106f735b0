// `hindsight archive-get NAME FILE`: PostgreSQL's restore_command. The launcher turns the exit status into what
// PostgreSQL may conclude; here 0 is delivered, 66 is proven absent, and everything else is a failure.
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { getWalFileTo } from "../../archive/get.ts";
import type { Context } from "../../base/context.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { ALLOW_PROMOTION_FILE, WAL_SPOOL_DIRECTORY } from "../../model/recovery-target.ts";
import { timeline } from "../../model/timeline.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import type { Invocation } from "../invocation.ts";
import { openArchive, repositoryNumbers } from "../repositories.ts";

/** What the launcher takes for "proven absent". */
const EXIT_ABSENT = 66;

/** Line of postmaster.pid that holds the server's state. @source PostgreSQL src/include/utils/pidfile.h */
const PID_FILE_STATUS_LINE = 8;

/**
 * Fetches the file from the first repository that has it undamaged.
 *
 * @throws {HindsightError} when it is neither delivered nor proven absent; a repository that cannot be asked proves
 *   nothing.
 */
export async function run({ settings, words, context }: Invocation): Promise<number> {
  const [name, destination] = words;
  if (name === undefined || destination === undefined) {
    throw failure("COMMAND_ARGUMENT_INVALID", "archive-get needs a name and a file");
  }
  const { archives, failures } = await openArchives(settings, context);
  if (archives.length === 0) throw failures[0];
  const pin = settings.get("pin-timeline");
  const request = {
    name,
    destination,
    archives,
    lastSegment: settings.get("last"),
    nothingAfterLast: settings.get("nothing-after-last"),
    pinnedTimeline: pin === undefined ? undefined : timeline(pin),
    allowPromotion: pin === undefined || isPromotionAllowed(settings),
  };
  const answer = await getWalFileTo(request, context);
  if (answer === "absent" && failures.length > 0) throw failures[0];
  context.log.info("asked for WAL file", { name, answer });
  if (answer === "absent" && settings.get("spool") && name.endsWith(".history")) await dropSpool();
  return answer === "delivered" ? EXIT.done : EXIT_ABSENT;
}

/** No such timeline: PostgreSQL has chosen a number for its own and promotes. What was fetched ahead and not asked for is left. */
async function dropSpool(): Promise<void> {
  await rm(`./${WAL_SPOOL_DIRECTORY}`, { recursive: true, force: true }).catch(() => undefined);
}

async function openArchives(
  settings: Settings,
  context: Context,
): Promise<{ readonly archives: readonly WalArchive[]; readonly failures: readonly unknown[] }> {
  const archives: WalArchive[] = [];
  const failures: unknown[] = [];
  for (const number of repositoryNumbers(settings)) {
    try {
      archives.push(await openArchive(settings, number, context));
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.warn("a repository cannot be asked", {
        repository: number,
        reason: errorMessage(error),
      });
      failures.push(error);
    }
  }
  return { archives, failures };
}

/**
 * Whether recovery may go on to a new timeline. PostgreSQL runs us in its data directory: the file there says so, or,
 * with `--pin-mode=pause`, that the server took queries. Then the pause took effect, and whoever ended it meant to.
 */
function isPromotionAllowed(settings: Settings): boolean {
  if (existsSync(`./${ALLOW_PROMOTION_FILE}`)) return true;
  const mode = settings.get("pin-mode");
  return mode === "path" || (mode === "pause" && serverStatus() === "ready");
}

function serverStatus(): string | undefined {
  try {
    const lines = readFileSync("./postmaster.pid", "utf8").split("\n");
    return lines[PID_FILE_STATUS_LINE - 1]?.trim();
  } catch {
    return undefined;
  }
}
