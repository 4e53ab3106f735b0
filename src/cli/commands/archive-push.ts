// `hindsight archive-push PATH`: PostgreSQL's archive_command. Success means that every repository holds the file.
import { pushWalFile } from "../../archive/push.ts";
import { errorMessage } from "../../base/errors.ts";
import { EXIT, failure } from "../../model/failure.ts";
import type { Invocation } from "../invocation.ts";
import { compressionChoice, openArchive, repositoryNumbers } from "../repositories.ts";

/**
 * Pushes the file to every repository, also when one of them fails.
 *
 * @throws {HindsightError} the first failure.
 */
export async function run({ settings, words, context }: Invocation): Promise<number> {
  const [path] = words;
  if (path === undefined) throw failure("COMMAND_ARGUMENT_INVALID", "archive-push needs a path");
  const compression = compressionChoice(settings);
  const failures: unknown[] = [];
  for (const number of repositoryNumbers(settings)) {
    try {
      const archive = await openArchive(settings, number, context);
      const outcome = await pushWalFile({ path, archive, compression }, context);
      context.log.info("pushed WAL file", { path, repository: number, outcome });
    } catch (error) {
      context.signal.throwIfAborted();
      context.log.detail("push failed", { repository: number, reason: errorMessage(error) });
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return EXIT.done;
}
