// Several repositories that hold the same archive, asked one after the other. What one cannot deliver, because it is away
// or damaged, another may; but that something is absent only all of them together can say. Damage is reported before an
// outage, because a standby may wait out an outage, and not damage.
import type { Context } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import { isFailure } from "../model/failure.ts";
import type { WalArchive } from "../repository/wal-archive.ts";

/**
 * The first answer that is not undefined, or undefined when every archive answered so. An archive that fails is passed
 * over with a warning; if no other one has an answer, its error is thrown, damage before everything else.
 *
 * @throws {HindsightError} what an archive threw; the signal's reason.
 */
export async function firstAnswer<Answer>(
  archives: readonly WalArchive[],
  context: Context,
  ask: (archive: WalArchive) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const errors: unknown[] = [];
  for (const archive of archives) {
    try {
      const answer = await ask(archive);
      if (answer !== undefined) return answer;
    } catch (error) {
      if (context.signal.aborted || !(error instanceof HindsightError)) throw error;
      context.log.warn("archive could not deliver", {
        repository: archive.repository.store.description,
        code: error.code,
        error: error.message,
      });
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors.find(isDamage) ?? errors[0];
  return undefined;
}

function isDamage(error: unknown): boolean {
  return !isFailure(error, "REPOSITORY_UNREACHABLE", "REPOSITORY_DENIED", "REPOSITORY_MISSING");
}
