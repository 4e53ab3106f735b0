// `hindsight verify`: whether what the repository holds is what was written, and what can still be restored.
import { EXIT } from "../../model/failure.ts";
import { inEachRepository } from "../each-repository.ts";
import type { Invocation } from "../invocation.ts";
import { verificationJson, verificationText } from "../render/verify-result.ts";
import { type RepositoryVerification, verifyRepository } from "../verify-run.ts";

/**
 * Prints what was found in each repository.
 *
 * @returns 22 with findings, else 31 when WAL is missing.
 * @throws {HindsightError} for the first repository that could not be verified.
 */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const { done, problems } = await inEachRepository(
    settings,
    {
      work: (archive, number) => verifyRepository(settings, { archive, number }, context),
      elsewhere: "BACKUP_UNKNOWN",
    },
    context,
  );
  if (done.length > 0) {
    const text = done.map((each) => verificationText(stanza, each)).join("\n\n");
    output.result(text, { stanza, repositories: done.map(verificationJson) });
  }
  if (problems[0]) throw problems[0];
  return exitOf(done.map(({ result }) => result));
}

function exitOf(results: readonly RepositoryVerification[]): number {
  if (results.some(({ findings }) => findings.length > 0)) return EXIT.integrity;
  const isMissing = ({ missing, windows }: RepositoryVerification): boolean =>
    (missing ?? []).length > 0 || (windows?.strandedBackups ?? []).length > 0;
  return results.some(isMissing) ? EXIT.walGap : EXIT.done;
}
